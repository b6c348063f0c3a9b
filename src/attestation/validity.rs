//! What a statement is worth on a day, and which days of a period it covers.

use super::Day;

/// The days that decide over a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first day on which it counts.
    pub from: Day,
    /// The last one.
    pub until: Day,
    /// The first day on which another took its place.
    pub superseded_from: Option<Day>,
    /// The day on which it was withdrawn.
    pub revoked_at: Option<Day>,
}

/// What a statement is worth on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It counts.
    Valid,
    /// It will count.
    NotYetValid,
    /// It counted.
    Expired,
    /// It was withdrawn.
    Revoked,
    /// Another took its place, so nothing depends on it.
    Superseded,
}

impl State {
    /// The word for it, as rows and reports write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::NotYetValid => "not-yet-valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Superseded => "superseded",
        }
    }
}

impl Validity {
    /// Its state on a day. Once another has taken its place, nothing else about it matters.
    pub fn state(&self, today: Day) -> State {
        let reached = |day: Option<Day>| day.is_some_and(|day| day <= today);
        if reached(self.superseded_from) {
            State::Superseded
        } else if reached(self.revoked_at) {
            State::Revoked
        } else if today < self.from {
            State::NotYetValid
        } else if today > self.until {
            State::Expired
        } else {
            State::Valid
        }
    }

    /// The last day on which it counts, all told.
    pub fn last_day(&self) -> Day {
        let ended = [self.superseded_from, self.revoked_at].into_iter().flatten();
        ended.map(Day::previous).fold(self.until, Day::min)
    }
}

/// How many days from `from` to `to` lie outside `covered`, first and last days included.
pub fn days_outside((from, to): (Day, Day), (covered_from, covered_to): (Day, Day)) -> i64 {
    let all = to.days_since(from) + 1;
    let covered = to.min(covered_to).days_since(from.max(covered_from)) + 1;
    all - covered.clamp(0, all.max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn validity(from: &str, until: &str, superseded: Option<&str>, revoked: Option<&str>) -> Validity {
        Validity {
            from: day(from),
            until: day(until),
            superseded_from: superseded.map(day),
            revoked_at: revoked.map(day),
        }
    }

    #[test]
    fn the_state_turns_on_each_boundary() {
        use State::{Expired, NotYetValid, Revoked, Superseded, Valid};
        let plain = validity("2026-02-01", "2026-02-28", None, None);
        let leap = validity("2024-02-29", "2024-02-29", None, None);
        let replaced = validity("2026-01-01", "2026-12-31", Some("2026-07-01"), None);
        let withdrawn = validity("2026-01-01", "2026-12-31", None, Some("2026-11-10"));
        let both = validity("2026-01-01", "2026-12-31", Some("2026-07-01"), Some("2026-05-01"));
        let before_it_began = validity("2026-06-01", "2026-12-31", None, Some("2026-05-01"));
        for (validity, today, state) in [
            (plain, "2026-01-31", NotYetValid),
            (plain, "2026-02-01", Valid),
            (plain, "2026-02-28", Valid),
            (plain, "2026-03-01", Expired),
            (leap, "2024-02-28", NotYetValid),
            (leap, "2024-02-29", Valid),
            (leap, "2024-03-01", Expired),
            (replaced, "2026-06-30", Valid),
            (replaced, "2026-07-01", Superseded),
            (replaced, "2027-01-01", Superseded),
            (withdrawn, "2026-11-09", Valid),
            (withdrawn, "2026-11-10", Revoked),
            (withdrawn, "2027-01-01", Revoked),
            (both, "2026-04-30", Valid),
            (both, "2026-05-01", Revoked),
            (both, "2026-07-01", Superseded),
            (before_it_began, "2026-05-15", Revoked),
        ] {
            assert_eq!(validity.state(day(today)), state, "{validity:?} on {today}");
        }
    }

    #[test]
    fn days_outside_are_counted_with_both_ends() {
        for (period, covered, outside) in [
            (("2026-10-01", "2026-12-31"), ("2026-01-01", "2026-12-31"), 0),
            (("2026-10-01", "2026-12-31"), ("2026-10-02", "2026-12-30"), 2),
            (("2026-10-01", "2026-12-31"), ("2025-01-01", "2026-09-30"), 92),
            (("2026-10-01", "2026-12-31"), ("2027-01-01", "2027-12-31"), 92),
            (("2024-02-01", "2024-02-29"), ("2024-02-01", "2024-02-28"), 1),
            (("2026-11-15", "2027-01-14"), ("2026-10-01", "2026-12-31"), 14),
        ] {
            let span = |(from, to): (&str, &str)| (day(from), day(to));
            assert_eq!(
                days_outside(span(period), span(covered)),
                outside,
                "{period:?} {covered:?}"
            );
        }
    }
}
