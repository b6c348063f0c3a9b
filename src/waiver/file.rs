//! A waiver as its YAML file writes it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Spanned;

use super::{CompensatingControl, Risk, Signature, Waiver, Words};
use crate::attestation::{Day, Person};
use crate::control::Expression;
use crate::yaml::{self, Place, Problem};

/// A waiver as its YAML file writes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Waiver")]
pub struct RawWaiver {
    /// The control whose exceptions are waived.
    #[schemars(with = "String")]
    pub control: Spanned<String>,
    /// The targets on which they are; all when absent.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>")]
    pub targets: Option<Spanned<Vec<String>>>,
    /// Targets with one of these tags only; any when absent.
    #[serde(default)]
    pub tags: Vec<String>,
    /// CEL over `row` and `params`: true for the rows that are waived. All exceptions of the control, those to come
    /// included, when absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub rows: Option<Spanned<String>>,
    /// Why the exceptions are accepted.
    #[schemars(with = "String")]
    pub reason: Spanned<String>,
    /// What is done instead.
    #[serde(default)]
    #[schemars(with = "Option<CompensatingControl>")]
    pub compensating_control: Option<Spanned<CompensatingControl>>,
    /// Who asked for it.
    pub requested_by: Person,
    /// Who approved it: somebody else.
    #[schemars(with = "Person")]
    pub approved_by: Spanned<Person>,
    /// Where the decision is tracked.
    #[serde(default)]
    pub ticket: Option<String>,
    /// The risk without and with what is done instead.
    #[schemars(with = "Risk")]
    pub risk: Spanned<Risk>,
    /// The first day on which it counts.
    pub approved_at: Day,
    /// The last day on which it counts: later than that, somebody has to decide again.
    #[schemars(with = "Day")]
    pub expires_at: Spanned<Day>,
}

/// The waiver in this file; every problem is added to the others.
pub(super) fn parse(file: &str, bytes: &[u8], problems: &mut Vec<Problem>) -> Option<Waiver> {
    let raw: RawWaiver = match yaml::parse(file, bytes) {
        Ok(raw) => raw,
        Err(found) => {
            problems.extend(found.0);
            return None;
        }
    };
    let before = problems.len();
    check(&raw, file, problems);
    let rows = raw.rows.map(|rows| {
        let place = Place::of(&rows);
        Expression::new(rows.value, place)
    });
    if let Some(rows) = &rows
        && let Err(error) = rows.compile()
    {
        let help = "write an expression on the row, such as `row.role_name == \"app\"`";
        problems.push(rows.place.problem(file, format!("`rows`: {error}"), help));
    }
    let line = rows
        .as_ref()
        .map_or(Place::of(&raw.control).line, |rows| rows.place.line);
    (problems.len() == before).then(|| Waiver {
        file: file.to_owned(),
        line,
        control_place: Place::of(&raw.control),
        control: raw.control.value,
        targets: raw.targets.map(|targets| targets.value),
        tags: raw.tags,
        rows,
        words: Words {
            reason: raw.reason.value,
            compensating_control: raw.compensating_control.map(|spanned| spanned.value),
            requested_by: raw.requested_by,
            approved_by: raw.approved_by.value,
            ticket: raw.ticket,
            risk: raw.risk.value,
            approved_at: raw.approved_at,
            expires_at: raw.expires_at.value,
        },
        signature: Signature::Absent,
    })
}

fn check(raw: &RawWaiver, file: &str, problems: &mut Vec<Problem>) {
    if raw.reason.value.trim().is_empty() {
        let help = "say why the exceptions are accepted: reports show it";
        problems.push(Place::of(&raw.reason).problem(file, "the reason is empty", help));
    }
    if let Some(worksheet) = &raw.compensating_control
        && let Some(blank) = worksheet.value.blank()
    {
        let message = format!("`{blank}` of the compensating control is empty");
        let help = "say it, or leave the compensating control out: then nothing is done instead";
        problems.push(Place::of(worksheet).problem(file, message, help));
    }
    if let Some(targets) = &raw.targets
        && targets.value.is_empty()
    {
        let help = "name targets, or remove the line: then it is about all of them";
        problems.push(Place::of(targets).problem(file, "it names no target", help));
    }
    let approver = Place::of(&raw.approved_by);
    let blank = |person: &Person| person.name.trim().is_empty();
    if blank(&raw.approved_by.value) || blank(&raw.requested_by) {
        problems.push(approver.problem(file, "a person has no name", "name who asked and who approved"));
    } else if raw.requested_by.is_named_like(&raw.approved_by.value) {
        let message = "who approved it is who asked for it";
        problems.push(approver.problem(file, message, "have somebody else approve it"));
    }
    // The gravest severity is the least value.
    if raw.risk.value.after < raw.risk.value.before {
        let message = "the risk is greater after than before";
        problems.push(Place::of(&raw.risk).problem(file, message, "correct `before` or `after`"));
    }
    if raw.expires_at.value < raw.approved_at {
        let message = format!(
            "it expires on {} and begins on {}",
            raw.expires_at.value, raw.approved_at
        );
        let help = "correct `expires_at` or `approved_at`";
        problems.push(Place::of(&raw.expires_at).problem(file, message, help));
    }
}

impl CompensatingControl {
    /// The first field that says nothing.
    fn blank(&self) -> Option<&'static str> {
        let said = [
            ("constraints", &self.constraints),
            ("objective", &self.objective),
            ("risk", &self.risk),
            ("measures", &self.measures),
            ("validation", &self.validation),
            ("maintenance", &self.maintenance),
        ];
        let blank = said.into_iter().find(|(_, text)| text.trim().is_empty());
        blank.map(|(name, _)| name)
    }
}
