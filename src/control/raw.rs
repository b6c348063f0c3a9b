//! A control as its YAML file writes it, and the parsing of it into what it means.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_yaml::Spanned;

use super::{Applies, Control, ExceptionTemplate, Expression, Guide, Level, Request, Severity, WhenEmpty};
use crate::attestation::{Question, QuestionKind};
use crate::yaml::{Place, Problem};

/// A control: one requirement on a PostgreSQL server, and how its evidence is judged.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Control")]
pub struct RawControl {
    /// Stable id: lower case, words joined by hyphens, equal to the file's stem.
    #[schemars(with = "String")]
    pub id: Spanned<String>,
    /// One line that states the requirement.
    #[schemars(with = "String")]
    pub title: Spanned<String>,
    /// The section of `guide.yaml` that it answers; also the folder that the file lies in.
    #[schemars(with = "String")]
    pub section: Spanned<String>,
    /// How much an exception matters.
    pub severity: Severity,
    /// Who is expected to meet it: `baseline` (every server, the default) or `strict`.
    #[serde(default)]
    pub level: Level,
    /// Why it is required.
    pub rationale: String,
    /// What to do about an exception.
    pub remediation: String,
    /// Framework and its version (`cis-postgresql-17@1.1.0`) to the numbers there.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Vec<String>>")]
    pub references: BTreeMap<String, Spanned<Vec<String>>>,
    /// The targets that it is about; all when absent.
    #[serde(default)]
    #[schemars(with = "Option<RawApplies>")]
    pub applies: Option<Spanned<RawApplies>>,
    /// Parameters with their defaults; a profile overrides them.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// What whoever attests to it has to answer; statements keep the answers under `answers`.
    #[serde(default)]
    #[schemars(with = "Vec<Question>")]
    pub questions: Vec<Spanned<Question>>,
    /// What to collect: the first entry whose `when` holds is used.
    pub evidence: Vec<RawRequest>,
    /// The population in words: all rows that are examined.
    pub population: String,
    /// CEL over `row` and `params`: which rows the expectation is about; all when absent.
    #[serde(default, rename = "where")]
    #[schemars(with = "Option<String>")]
    pub filter: Option<Spanned<String>>,
    /// CEL over `row` and `params`: true for a good row.
    #[schemars(with = "String")]
    pub expect: Spanned<String>,
    /// A template over `row` that states an exception in words.
    #[schemars(with = "String")]
    pub exception: Spanned<String>,
    /// What it means that no row is left to examine.
    pub when_empty: WhenEmpty,
    /// At least one row that meets the expectation and one that does not.
    #[schemars(with = "Vec<Example>")]
    pub examples: Spanned<Vec<Example>>,
}

/// Conditions on a target; all must hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawApplies {
    /// Major versions: `>=13` or `>=13, <16`.
    #[serde(default)]
    pub postgres: Option<String>,
    /// Platforms: `self-managed`, `rds`, `aurora`, `cloud-sql`, `azure`.
    #[serde(default)]
    pub platforms: Vec<String>,
}

/// What to collect.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRequest {
    /// The collector's name.
    #[schemars(with = "String")]
    pub collector: Spanned<String>,
    /// The targets for which this is the right request; all when absent.
    #[serde(default)]
    pub when: Option<RawApplies>,
    /// The collector's arguments.
    #[serde(default)]
    pub with: Map<String, Value>,
}

/// A row and whether it meets the expectation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What the row shows.
    pub note: String,
    /// The row; only the columns that matter.
    pub row: Map<String, Value>,
    /// Whether the row meets the expectation.
    pub meets: bool,
}

impl RawControl {
    /// Everything that can be known of one control without its neighbours, with all problems at once.
    ///
    /// # Errors
    /// Every problem, in no particular order.
    pub fn parse(self, file: &str, guide: &Guide) -> Result<Control, Vec<Problem>> {
        let mut problems = Vec::new();
        self.check_names(file, guide, &mut problems);
        self.check_references(file, &mut problems);
        self.check_examples(file, &mut problems);
        self.check_questions(file, &mut problems);
        let applies = self.applies.as_ref().map_or_else(Applies::default, |applies| {
            parse_applies(file, Place::of(applies), Some(&applies.value), &mut problems)
        });
        let mut evidence = Vec::new();
        for request in self.evidence {
            let place = Place::of(&request.collector);
            evidence.push(Request {
                when: parse_applies(file, place, request.when.as_ref(), &mut problems),
                collector: request.collector.value,
                arguments: Value::Object(request.with),
                place,
            });
        }
        if evidence.is_empty() {
            let help = "name a collector: `pgdossier controls lint` lists them";
            problems.push(Place::of(&self.id).problem(file, "`evidence` is empty", help));
        }
        let exception = ExceptionTemplate::parse(&self.exception.value).map_err(|message| {
            problems.push(Place::of(&self.exception).problem(file, message, "write `{{ row.column }}`"));
        });
        let (Ok(exception), true) = (exception, problems.is_empty()) else {
            return Err(problems);
        };
        Ok(Control {
            filter: self.filter.map(|filter| {
                let place = Place::of(&filter);
                Expression::new(filter.value, place)
            }),
            expect: {
                let place = Place::of(&self.expect);
                Expression::new(self.expect.value, place)
            },
            id: self.id.value,
            title: self.title.value,
            section: self.section.value,
            severity: self.severity,
            level: self.level,
            rationale: self.rationale,
            remediation: self.remediation,
            references: self
                .references
                .into_iter()
                .map(|(name, list)| (name, list.value))
                .collect(),
            applies,
            parameters: self.parameters,
            questions: self
                .questions
                .into_iter()
                .map(|question| question.value)
                .collect(),
            evidence,
            population: self.population,
            exception,
            when_empty: self.when_empty,
            examples: self.examples.value,
            file: file.to_owned(),
        })
    }

    fn check_names(&self, file: &str, guide: &Guide, problems: &mut Vec<Problem>) {
        let (id, section) = (&self.id.value, &self.section.value);
        let at_id = Place::of(&self.id);
        if !is_id(id) {
            problems.push(at_id.problem(
                file,
                format!("`{id}` is not an id"),
                "use lower-case letters, digits and hyphens, such as `hba-no-trust`",
            ));
        }
        let path = std::path::Path::new(file);
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        if stem != id {
            problems.push(at_id.problem(
                file,
                format!("the id is `{id}` and the file is `{stem}.yaml`"),
                format!("rename the file to `{id}.yaml`, or the id to `{stem}`"),
            ));
        }
        let at_section = Place::of(&self.section);
        if guide.section(section).is_none() {
            problems.push(
                at_section.problem(
                    file,
                    format!("the guide has no section `{section}`"),
                    guide
                        .nearest(section)
                        .map_or_else(String::new, |near| format!("did you mean `{near}`?")),
                ),
            );
        } else if path.parent() != Some(&std::path::Path::new("controls").join(section)) {
            problems.push(at_section.problem(
                file,
                format!("the section is `{section}`, and the file lies elsewhere"),
                format!("move the file to `controls/{section}/{id}.yaml`"),
            ));
        }
        if self.title.value.trim().is_empty() || self.title.value.contains('\n') {
            problems.push(Place::of(&self.title).problem(file, "the title must be one line of text", ""));
        }
    }

    fn check_references(&self, file: &str, problems: &mut Vec<Problem>) {
        for (name, numbers) in &self.references {
            let versioned = name
                .split_once('@')
                .is_some_and(|(framework, version)| is_id(framework) && !version.is_empty());
            if !versioned {
                problems.push(Place::of(numbers).problem(
                    file,
                    format!("the reference `{name}` does not name a framework and its version"),
                    "write `framework@version`, such as `cis-postgresql-17@1.1.0`: numbers change between versions",
                ));
            }
            if numbers.value.is_empty() {
                problems.push(Place::of(numbers).problem(
                    file,
                    format!("the reference `{name}` lists nothing"),
                    "remove it, or name the numbers",
                ));
            }
        }
    }

    fn check_questions(&self, file: &str, problems: &mut Vec<Problem>) {
        let mut seen = BTreeSet::new();
        for question in &self.questions {
            let (place, question) = (Place::of(question), &question.value);
            let mut wrong =
                |message: String, help: &str| problems.push(place.problem(file, message, help.to_owned()));
            if !is_id(&question.id.replace('_', "-")) {
                let message = format!("`{}` cannot be the id of a question", question.id);
                wrong(message, "use lower-case letters, digits and underscores");
            }
            if !seen.insert(&question.id) {
                let message = format!("the question `{}` is asked twice", question.id);
                wrong(message, "rename or remove one of the two");
            }
            if question.expects.is_some() && question.kind != QuestionKind::YesNo {
                let message = format!("`expects` of `{}` has no meaning", question.id);
                wrong(message, "only a `yes-no` question expects an answer");
            }
        }
        let attested = self
            .evidence
            .iter()
            .any(|request| request.collector.value == "attestation");
        if let (Some(first), false) = (self.questions.first(), attested) {
            let message = "nobody is asked these questions";
            let help = "only a control with the collector `attestation` has questions";
            problems.push(Place::of(first).problem(file, message, help));
        }
    }

    fn check_examples(&self, file: &str, problems: &mut Vec<Problem>) {
        for meets in [true, false] {
            if !self.examples.value.iter().any(|example| example.meets == meets) {
                problems.push(Place::of(&self.examples).problem(
                    file,
                    format!("no example has `meets: {meets}`"),
                    "give at least one good and one bad row",
                ));
            }
        }
    }
}

fn parse_applies(file: &str, place: Place, raw: Option<&RawApplies>, problems: &mut Vec<Problem>) -> Applies {
    let Some(raw) = raw else { return Applies::default() };
    Applies::parse(raw.postgres.as_deref(), &raw.platforms).unwrap_or_else(|message| {
        problems.push(place.problem(file, message, ""));
        Applies::default()
    })
}

/// Whether a text is an id: lower-case letters, digits and single hyphens, a letter first.
pub(super) fn is_id(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
