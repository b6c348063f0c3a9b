//! Whether a waiver counts at a point in time.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Rules, Signature, Waiver, Words};
use crate::attestation::Day;

/// Whether a waiver counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It does.
    Valid,
    /// It was approved later.
    NotYetValid,
    /// It has ended.
    Expired,
    /// It lasts longer than is allowed.
    TooLong,
    /// A signature is not what it should be.
    Refused,
    /// It lacks signatures that are demanded.
    Unsigned,
}

impl State {
    /// The word for it, as it is written everywhere.
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::NotYetValid => "not-yet-valid",
            Self::Expired => "expired",
            Self::TooLong => "too-long",
            Self::Refused => "refused",
            Self::Unsigned => "unsigned",
        }
    }

    /// Why a waiver in this state does not count.
    pub fn trouble(self, words: &Words, signature: &Signature) -> Option<String> {
        let Words {
            approved_at,
            expires_at,
            ..
        } = words;
        Some(match self {
            Self::Valid => return None,
            Self::NotYetValid => format!("it counts from {approved_at} on"),
            Self::Expired => format!("it counted until {expires_at}"),
            Self::TooLong => "it lasts longer than is allowed".to_owned(),
            Self::Refused => match signature {
                Signature::Refused { reason } => reason.clone(),
                _ => "its signature is refused".to_owned(),
            },
            Self::Unsigned => "it lacks a signature that is demanded".to_owned(),
        })
    }
}

impl Waiver {
    /// Whether it counts at this time: on all days (UTC) from its approval to its end.
    pub fn state(&self, as_of: DateTime<Utc>, rules: &Rules) -> State {
        let today = Day::of(as_of);
        let Words {
            approved_at,
            expires_at,
            ..
        } = &self.words;
        let owners = match &self.signature {
            Signature::Accepted { owners } => owners.len(),
            _ => 0,
        };
        if today < *approved_at {
            State::NotYetValid
        } else if today > *expires_at {
            State::Expired
        } else if expires_at.days_since(*approved_at) > i64::from(rules.longest) {
            State::TooLong
        } else if matches!(self.signature, Signature::Refused { .. }) {
            State::Refused
        } else if owners < rules.signatures {
            State::Unsigned
        } else {
            State::Valid
        }
    }

    /// Days that are left at this time.
    pub fn days_left(&self, as_of: DateTime<Utc>) -> i64 {
        self.words.expires_at.days_since(Day::of(as_of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waiver::file;

    fn waiver(from: &str, to: &str) -> Waiver {
        let text = format!(
            "control: c\nreason: r\nrequested_by: {{ name: A }}\napproved_by: {{ name: B }}\n\
             risk: {{ before: high, after: low }}\napproved_at: {from}\nexpires_at: {to}\n"
        );
        let mut problems = Vec::new();
        let parsed = file::parse("waivers/x.yaml", text.as_bytes(), &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        parsed.unwrap()
    }

    #[test]
    fn the_state_turns_on_the_boundary_days_and_seconds() {
        let rules = Rules::default();
        for (from, to, as_of, expected, left) in [
            (
                "2026-02-01",
                "2026-02-28",
                "2026-01-31T23:59:59Z",
                State::NotYetValid,
                28,
            ),
            (
                "2026-02-01",
                "2026-02-28",
                "2026-02-01T00:00:00Z",
                State::Valid,
                27,
            ),
            (
                "2026-02-01",
                "2026-02-28",
                "2026-02-28T23:59:59Z",
                State::Valid,
                0,
            ),
            (
                "2026-02-01",
                "2026-02-28",
                "2026-03-01T00:00:00Z",
                State::Expired,
                -1,
            ),
            // A leap day is a day, and the year around it may last 366.
            (
                "2024-02-01",
                "2024-02-29",
                "2024-02-29T23:59:59Z",
                State::Valid,
                0,
            ),
            (
                "2024-02-01",
                "2024-02-29",
                "2024-03-01T00:00:00Z",
                State::Expired,
                -1,
            ),
            (
                "2023-03-01",
                "2024-03-01",
                "2024-02-29T12:00:00Z",
                State::Valid,
                1,
            ),
            (
                "2025-03-01",
                "2026-03-02",
                "2025-03-01T00:00:00Z",
                State::Valid,
                366,
            ),
            (
                "2025-03-01",
                "2026-03-03",
                "2025-03-01T00:00:00Z",
                State::TooLong,
                367,
            ),
            // Across the turn of a quarter, and of a year.
            (
                "2026-09-30",
                "2026-10-01",
                "2026-10-01T00:00:00Z",
                State::Valid,
                0,
            ),
            (
                "2026-12-31",
                "2027-01-01",
                "2027-01-01T23:59:59Z",
                State::Valid,
                0,
            ),
            // The clock is UTC, whatever offset it was given with.
            (
                "2026-02-01",
                "2026-02-28",
                "2026-03-01T00:30:00+01:00",
                State::Valid,
                0,
            ),
            (
                "2026-02-01",
                "2026-02-28",
                "2026-02-28T23:30:00-01:00",
                State::Expired,
                -1,
            ),
        ] {
            let waiver = waiver(from, to);
            let as_of = as_of.parse().unwrap();
            assert_eq!(waiver.state(as_of, &rules), expected, "{from} {to} {as_of}");
            assert_eq!(waiver.days_left(as_of), left, "{from} {to} {as_of}");
        }
    }

    #[test]
    fn signatures_count_only_when_a_policy_accepts_them() {
        let as_of = "2026-02-10T00:00:00Z".parse().unwrap();
        let mut waiver = waiver("2026-02-01", "2026-02-28");
        let demanded = |signatures| Rules {
            signatures,
            ..Rules::default()
        };
        for (signature, free, one, two) in [
            (Signature::Absent, State::Valid, State::Unsigned, State::Unsigned),
            (
                Signature::Unchecked {
                    keys: vec!["k".into()],
                },
                State::Valid,
                State::Unsigned,
                State::Unsigned,
            ),
            (
                Signature::Accepted {
                    owners: vec!["Ann".into()],
                },
                State::Valid,
                State::Valid,
                State::Unsigned,
            ),
            (
                Signature::Refused { reason: "r".into() },
                State::Refused,
                State::Refused,
                State::Refused,
            ),
        ] {
            waiver.signature = signature;
            assert_eq!(waiver.state(as_of, &demanded(0)), free);
            assert_eq!(waiver.state(as_of, &demanded(1)), one);
            assert_eq!(waiver.state(as_of, &demanded(2)), two);
        }
    }
}
