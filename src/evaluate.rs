//! Judges evidence: a pure function of rows. No input or output, no clock.

mod complementary;
mod waive;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

pub use waive::waive;

use crate::control::{Applicability, Catalog, Control, TargetFacts, WhenEmpty};
use crate::evidence::Evidence;
use crate::finding::{Exception, Finding, Status};
use crate::parallel;
use crate::profile::Profile;

/// Everything that one target is judged by.
#[derive(Clone, Copy)]
pub struct Evaluating<'a> {
    /// The controls.
    pub catalog: &'a Catalog,
    /// Their parameters.
    pub profile: &'a Profile,
    /// What is known of the target.
    pub facts: &'a TargetFacts,
    /// Why the target could not be asked.
    pub failure: Option<&'a str>,
    /// Evidence by name.
    pub evidence: &'a BTreeMap<String, Evidence>,
    /// Control to the name of its evidence.
    pub assignments: &'a BTreeMap<String, String>,
}

/// What one control's rows came to.
struct Verdict {
    status: Status,
    reason: String,
    examined: usize,
    exceptions: Vec<Exception>,
    missing: Vec<String>,
}

impl Verdict {
    fn without_rows(status: Status, reason: String) -> Self {
        Self {
            status,
            reason,
            examined: 0,
            exceptions: Vec::new(),
            missing: Vec::new(),
        }
    }
}

/// One finding for each control, in the catalog's order. First the controls that depend on no other; then those whose
/// rows leave something to other controls.
pub fn evaluate(context: Evaluating<'_>) -> Vec<Finding> {
    let all = context.catalog.controls.iter().enumerate();
    let (waiting, first): (Vec<_>, Vec<_>) = all
        .filter(|(_, control)| context.profile.covers(control))
        .partition(|(_, control)| evidence_of(control, context).is_some_and(complementary::waits));
    let mut findings = judge_all(&first, context, &|control| {
        finding(control, evidence_of(control, context), context)
    });
    let resolved = judge_all(&waiting, context, &|control| {
        let evidence = evidence_of(control, context);
        let resolved = evidence.map(|evidence| complementary::resolve(evidence, &findings));
        finding(control, resolved.as_ref(), context)
    });
    findings.extend(resolved);
    findings.sort_by_key(|(index, _)| *index);
    findings.into_iter().map(|(_, finding)| finding).collect()
}

fn evidence_of<'a>(control: &Control, context: Evaluating<'a>) -> Option<&'a Evidence> {
    let name = context.assignments.get(&control.id)?;
    context.evidence.get(name)
}

/// Judges controls on all cores: none of them depends on another. Those with the most rows come first.
fn judge_all(
    controls: &[(usize, &Control)],
    context: Evaluating<'_>,
    judge: &(impl Fn(&Control) -> Finding + Sync),
) -> Vec<(usize, Finding)> {
    let rows = |control| evidence_of(control, context).map_or(0, |evidence| evidence.table.rows.len());
    parallel::map(
        parallel::threads(None),
        controls,
        |(_, control)| rows(control) as u64,
        |(index, control), _| (*index, judge(control)),
    )
}

fn finding(control: &Control, evidence: Option<&Evidence>, context: Evaluating<'_>) -> Finding {
    let parameters = context.profile.parameters_for(control);
    let verdict = judge(control, evidence, &parameters, context);
    Finding {
        control: control.id.clone(),
        title: control.title.clone(),
        section: control.section.clone(),
        severity: context.profile.severity_for(control),
        status: verdict.status,
        reason: verdict.reason,
        decided_by: control.decided_by(),
        evidence: evidence.map(|evidence| evidence.provenance.name.clone()),
        evidence_sha256: evidence.map(|evidence| evidence.provenance.sha256.clone()),
        population: evidence.map_or(0, |evidence| evidence.table.rows.len()),
        examined: verdict.examined,
        exceptions: verdict.exceptions,
        waived: Vec::new(),
        missing: verdict.missing,
        parameters,
    }
}

fn judge(
    control: &Control,
    evidence: Option<&Evidence>,
    parameters: &Map<String, Value>,
    context: Evaluating<'_>,
) -> Verdict {
    if let Some(exclusion) = context.profile.excluded.get(&control.id) {
        let reason = format!("excluded by the profile: {}", exclusion.sentence());
        return Verdict::without_rows(Status::NotApplicable, reason);
    }
    match control.applies.holds(context.facts) {
        Applicability::DoesNotApply => {
            return Verdict::without_rows(
                Status::NotApplicable,
                "the control is not about this version or platform".to_owned(),
            );
        }
        Applicability::Unknown => {
            let reason = context.failure.unwrap_or("the server did not say what it is");
            return Verdict::without_rows(Status::NotEvaluated, reason.to_owned());
        }
        Applicability::Applies => {}
    }
    let Some(evidence) = evidence else {
        let reason = context
            .failure
            .unwrap_or("no evidence of this control is about this version or platform");
        return Verdict::without_rows(Status::NotEvaluated, reason.to_owned());
    };
    if let Some(failure) = &evidence.provenance.failure {
        return Verdict::without_rows(Status::NotEvaluated, failure.clone());
    }
    examine(control, evidence, parameters)
}

/// Holds every row against the expectation.
fn examine(control: &Control, evidence: &Evidence, parameters: &Map<String, Value>) -> Verdict {
    let not_evaluated = |reason: String| Verdict::without_rows(Status::NotEvaluated, reason);
    let mut filter = match control
        .filter
        .as_ref()
        .map(|filter| filter.evaluator(parameters))
        .transpose()
    {
        Ok(filter) => filter,
        Err(error) => return not_evaluated(format!("`where` failed: {error}")),
    };
    let mut expect = match control.expect.evaluator(parameters) {
        Ok(expect) => expect,
        Err(error) => return not_evaluated(format!("`expect` failed: {error}")),
    };
    let (mut examined, mut exceptions, mut unseen) = (0, Vec::new(), BTreeSet::new());
    for (index, row) in evidence.table.rows.iter().enumerate() {
        let wanted = filter.as_mut().map_or(Ok(true), |filter| filter.holds(row));
        // A row that says that it could not be seen is neither good nor bad.
        if let Some(need) = row.get("unseen").and_then(Value::as_str) {
            if !matches!(wanted, Ok(false)) {
                unseen.insert(need);
            }
            continue;
        }
        match wanted {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => return not_evaluated(format!("`where` failed on row {}: {error}", index + 1)),
        }
        examined += 1;
        match expect.holds(row) {
            Ok(true) => {}
            Ok(false) => exceptions.push((index, row)),
            Err(error) => return not_evaluated(format!("`expect` failed on row {}: {error}", index + 1)),
        }
    }
    let exceptions = exceptions
        .into_iter()
        .map(|(index, row)| Exception {
            line: index + 1,
            // A row that the template cannot put into words is still an exception: show it as it is.
            text: control
                .exception
                .render(row, parameters)
                .unwrap_or_else(|_| Value::Object(row.clone()).to_string()),
        })
        .collect();
    conclude(control, evidence, examined, exceptions, &unseen)
}

fn conclude(
    control: &Control,
    evidence: &Evidence,
    examined: usize,
    exceptions: Vec<Exception>,
    unseen: &BTreeSet<&str>,
) -> Verdict {
    let used = control.columns_used(&evidence.table.columns);
    let visibility = &evidence.provenance.visibility;
    let mut lacking: Vec<_> = visibility.missing_for(&used).collect();
    let of_rows = visibility
        .requirements
        .iter()
        .filter(|requirement| unseen.contains(requirement.need.as_str()));
    for requirement in of_rows {
        if !lacking.contains(&requirement) {
            lacking.push(requirement);
        }
    }
    let missing = lacking
        .iter()
        .map(|requirement| requirement.remedy.clone())
        .collect();
    let needs = lacking
        .iter()
        .map(|requirement| requirement.need.as_str())
        .collect::<Vec<_>>()
        .join("; ");
    let verdict = |status, reason, exceptions| Verdict {
        status,
        reason,
        examined,
        exceptions,
        missing,
    };
    if !exceptions.is_empty() {
        let also = if needs.is_empty() {
            String::new()
        } else {
            format!("; there may be more, for the answer is incomplete; missing: {needs}")
        };
        let reason = format!(
            "{} of {examined} rows do not meet the expectation{also}",
            exceptions.len()
        );
        return verdict(Status::NotSatisfied, reason, exceptions);
    }
    if !needs.is_empty() || !unseen.is_empty() {
        let needs = if needs.is_empty() {
            unseen.iter().copied().collect::<Vec<_>>().join("; ")
        } else {
            needs
        };
        return verdict(
            Status::NotEvaluated,
            format!("not everything could be seen; missing: {needs}"),
            exceptions,
        );
    }
    if examined == 0 {
        let seen = match evidence.table.rows.len() {
            0 => "the population is empty".to_owned(),
            count => format!("none of the {count} rows is what the control is about"),
        };
        let (status, meaning) = match control.when_empty {
            WhenEmpty::Satisfied => (Status::Satisfied, "which is as it should be"),
            WhenEmpty::NotSatisfied => (Status::NotSatisfied, "and something has to be there"),
            WhenEmpty::NotApplicable => (Status::NotApplicable, "so the control is not about this target"),
        };
        return verdict(status, format!("{seen}, {meaning}"), exceptions);
    }
    let reason = match examined {
        1 => "the one row examined meets the expectation".to_owned(),
        count => format!("all {count} rows examined meet the expectation"),
    };
    verdict(Status::Satisfied, reason, exceptions)
}
