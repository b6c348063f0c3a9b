//! What its owner wants withheld, as a YAML file says it.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Spanned;

use super::Pattern;
use crate::control::Expression;
use crate::file::read_capped;
use crate::folder::FolderError;
use crate::yaml::{self, Place, Problems};

/// Larger than anything that people write by hand.
const LIMIT: u64 = 1 << 20;

/// What a redacted copy withholds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RedactionRules")]
pub struct RawRules {
    /// The rules; what any of them names is withheld, and what is made from it goes too.
    #[schemars(with = "Vec<RawRule>")]
    pub withhold: Vec<Spanned<RawRule>>,
}

/// One rule: whole files, or evidence with its rows and fields.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    /// Paths in the bundle: `*` for anything but `/`, `**` for anything, `?` for one character.
    #[serde(default)]
    pub files: Option<String>,
    /// Names of evidence, in the same way.
    #[serde(default)]
    pub evidence: Option<String>,
    /// Ids of targets, in the same way; all when absent.
    #[serde(default)]
    pub target: Option<String>,
    /// CEL over `row`: the rows; all when absent. The expression itself stays with you.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub rows: Option<Spanned<String>>,
    /// The fields of those rows; the rows as a whole when absent.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub fields: Vec<Spanned<String>>,
    /// Why. It stands in the signed redaction statement, so write nothing into it that is withheld.
    #[schemars(with = "String")]
    pub reason: Spanned<String>,
    /// Withhold files that have no salt (controls, attestations, documents), although whoever guesses their content
    /// can see by their digest that the guess is right.
    #[serde(default)]
    pub guessable: Option<Accepted>,
    /// Go on although withheld values stand in files that are kept.
    #[serde(default)]
    pub copies: Option<Accepted>,
}

/// The one way to accept a risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Accepted {
    /// It is accepted.
    Accepted,
}

/// Rules as they are applied.
#[derive(Debug)]
pub struct Rules {
    /// The file as the user knows it.
    pub file: String,
    /// In the file's order.
    pub rules: Vec<Rule>,
}

/// A rule as it is applied.
#[derive(Debug)]
pub struct Rule {
    /// Where it stands.
    pub place: Place,
    /// Why.
    pub reason: String,
    /// What it names.
    pub scope: Scope,
    /// Whether files without a salt may be withheld.
    pub guessable: bool,
    /// Whether withheld values may stand elsewhere.
    pub copies: bool,
}

/// What a rule names.
#[derive(Debug)]
pub enum Scope {
    /// Whole files.
    Files(Pattern),
    /// Rows and fields of populations.
    Evidence {
        /// Which evidence.
        evidence: Pattern,
        /// Of which targets.
        target: Option<Pattern>,
        /// Which rows.
        rows: Option<Expression>,
        /// Which fields of them.
        fields: Vec<Spanned<String>>,
    },
}

impl Rules {
    /// Reads a file of rules.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn load(path: &Path) -> Result<Self, FolderError> {
        let bytes = read_capped(path, LIMIT).map_err(FolderError::unreadable(path))?;
        Self::parse(&path.display().to_string(), &bytes).map_err(FolderError::Problems)
    }

    /// Parses rules.
    ///
    /// # Errors
    /// Every problem, with its place.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Problems> {
        let raw: RawRules = yaml::parse(file, bytes)?;
        let mut problems = Vec::new();
        let mut rules = Vec::new();
        for rule in raw.withhold {
            let place = Place::of(&rule);
            let rule = rule.value;
            if rule.reason.value.trim().is_empty() {
                let help = "say why, for whoever receives the copy";
                problems.push(Place::of(&rule.reason).problem(file, "`reason` is empty", help));
            }
            let narrowed = rule.target.is_some() || rule.rows.is_some() || !rule.fields.is_empty();
            let scope = match (rule.files, rule.evidence) {
                (Some(files), None) if !narrowed => Scope::Files(Pattern::new(&files)),
                (None, Some(evidence)) => Scope::Evidence {
                    evidence: Pattern::new(&evidence),
                    target: rule.target.as_deref().map(Pattern::new),
                    rows: rule.rows.map(|rows| {
                        let place = Place::of(&rows);
                        Expression::new(rows.value, place)
                    }),
                    fields: rule.fields,
                },
                _ => {
                    let message =
                        "a rule names either `files`, or `evidence` with `target`, `rows` and `fields`";
                    problems.push(place.problem(
                        file,
                        message,
                        "make two rules of it, or leave one of them out",
                    ));
                    continue;
                }
            };
            if let Scope::Evidence { rows: Some(rows), .. } = &scope
                && let Err(error) = rows.compile()
            {
                problems.push(rows.place.problem(file, error.to_string(), ""));
            }
            rules.push(Rule {
                place,
                reason: rule.reason.value,
                scope,
                guessable: rule.guessable.is_some(),
                copies: rule.copies.is_some(),
            });
        }
        if rules.is_empty() && problems.is_empty() {
            let help = "add `- files: …` or `- evidence: …`";
            problems.push(yaml::place(bytes, "/withhold").problem(file, "`withhold` is empty", help));
        }
        if problems.is_empty() {
            Ok(Self {
                file: file.to_owned(),
                rules,
            })
        } else {
            problems.sort();
            Err(Problems(problems))
        }
    }
}

impl Rule {
    /// Where its expression stands.
    pub(super) fn rows_place(&self) -> Place {
        match &self.scope {
            Scope::Evidence { rows: Some(rows), .. } => rows.place,
            _ => self.place,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> String {
        match Rules::parse("r.yaml", text.as_bytes()) {
            Ok(_) => String::new(),
            Err(problems) => problems.to_string(),
        }
    }

    #[test]
    fn rules_are_strict_and_errors_have_their_place() {
        assert_eq!(
            problems(
                "withhold:\n- evidence: hba\n  rows: row.user_name == \"a\"\n  fields: [raw]\n  reason: names\n"
            ),
            ""
        );
        for (text, expected) in [
            ("withhold: []\n", "r.yaml:1:"),
            ("withhold:\n- files: a\n", "r.yaml:2:3"),
            ("withhold:\n- files: a\n  reason: ' '\n", "r.yaml:3:11"),
            (
                "withhold:\n- files: a\n  evidence: b\n  reason: x\n",
                "r.yaml:2:3",
            ),
            (
                "withhold:\n- files: a\n  rows: 'true'\n  reason: x\n",
                "r.yaml:2:3",
            ),
            (
                "withhold:\n- evidence: a\n  rows: row.\n  reason: x\n",
                "r.yaml:3:9",
            ),
            (
                "withhold:\n- evidense: a\n  reason: x\n",
                "did you mean `evidence`",
            ),
            (
                "withhold:\n- files: a\n  reason: x\n  guessable: yes\n",
                "r.yaml:4:14",
            ),
        ] {
            let found = problems(text);
            assert!(found.contains(expected), "{text}\n{found}");
        }
    }
}
