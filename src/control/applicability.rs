//! Which targets a control or a request is about: PostgreSQL versions and platforms.

use super::TargetFacts;

/// Whether something is about a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applicability {
    /// It is.
    Applies,
    /// It is not.
    DoesNotApply,
    /// The target could not be asked what it is.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    AtLeast,
    Above,
    AtMost,
    Below,
    Exactly,
}

/// Conditions on a target; all must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applies {
    versions: Vec<(Comparison, u32)>,
    platforms: Vec<String>,
}

/// The platforms that a server can be recognised as.
pub(super) const PLATFORMS: &[&str] = &["self-managed", "rds", "aurora", "cloud-sql", "azure"];

impl Applies {
    /// Parses `>=13, <16` and a list of platforms.
    ///
    /// # Errors
    /// What is wrong with either.
    pub fn parse(versions: Option<&str>, platforms: &[String]) -> Result<Self, String> {
        let mut parsed = Self {
            versions: Vec::new(),
            platforms: platforms.to_vec(),
        };
        for part in versions
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let (comparison, number) = [
                (">=", Comparison::AtLeast),
                ("<=", Comparison::AtMost),
                (">", Comparison::Above),
                ("<", Comparison::Below),
                ("=", Comparison::Exactly),
            ]
            .into_iter()
            .find_map(|(sign, comparison)| part.strip_prefix(sign).map(|rest| (comparison, rest.trim())))
            .ok_or_else(|| format!("`{part}` is not a version condition; write `>=13` or `>=13, <16`"))?;
            let major = number
                .parse()
                .map_err(|_| format!("`{number}` is not a major version; write a number such as 16"))?;
            parsed.versions.push((comparison, major));
        }
        if let Some(unknown) = platforms
            .iter()
            .find(|platform| !PLATFORMS.contains(&platform.as_str()))
        {
            return Err(format!(
                "`{unknown}` is not a platform; use one of {}",
                PLATFORMS.join(", ")
            ));
        }
        Ok(parsed)
    }

    /// Whether all conditions hold for this target.
    pub fn holds(&self, facts: &TargetFacts) -> Applicability {
        let version = if self.versions.is_empty() {
            Applicability::Applies
        } else {
            facts.major.map_or(Applicability::Unknown, |major| {
                let all = self.versions.iter().all(|(comparison, wanted)| match comparison {
                    Comparison::AtLeast => major >= *wanted,
                    Comparison::Above => major > *wanted,
                    Comparison::AtMost => major <= *wanted,
                    Comparison::Below => major < *wanted,
                    Comparison::Exactly => major == *wanted,
                });
                if all {
                    Applicability::Applies
                } else {
                    Applicability::DoesNotApply
                }
            })
        };
        let platform = if self.platforms.is_empty() {
            Applicability::Applies
        } else {
            facts
                .platform
                .as_ref()
                .map_or(Applicability::Unknown, |platform| {
                    if self.platforms.contains(platform) {
                        Applicability::Applies
                    } else {
                        Applicability::DoesNotApply
                    }
                })
        };
        match (version, platform) {
            (Applicability::DoesNotApply, _) | (_, Applicability::DoesNotApply) => {
                Applicability::DoesNotApply
            }
            (Applicability::Applies, Applicability::Applies) => Applicability::Applies,
            _ => Applicability::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(versions: &str, major: Option<u32>) -> Applicability {
        Applies::parse(Some(versions), &[]).unwrap().holds(&TargetFacts {
            major,
            platform: None,
        })
    }

    #[test]
    fn versions_bound_from_both_sides() {
        assert_eq!(holds(">=13, <16", Some(13)), Applicability::Applies);
        assert_eq!(holds(">=13, <16", Some(15)), Applicability::Applies);
        assert_eq!(holds(">=13, <16", Some(16)), Applicability::DoesNotApply);
        assert_eq!(holds("=18", Some(17)), Applicability::DoesNotApply);
        assert_eq!(holds(">=13", None), Applicability::Unknown);
        assert_eq!(holds("", None), Applicability::Applies);
    }

    #[test]
    fn nonsense_is_refused_with_a_fix() {
        assert!(
            Applies::parse(Some("13+"), &[])
                .unwrap_err()
                .contains("write `>=13`")
        );
        assert!(
            Applies::parse(Some(">=x"), &[])
                .unwrap_err()
                .contains("write a number")
        );
        assert!(
            Applies::parse(None, &["heroku".into()])
                .unwrap_err()
                .contains("self-managed")
        );
    }
}
