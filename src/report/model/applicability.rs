//! The statement of applicability: which control applies where, and why not elsewhere.

use std::collections::BTreeMap;

use serde::Serialize;

use super::slug;
use crate::assessment::{Assessment, TargetRecord};
use crate::control::{Catalog, Control};
use crate::finding::Status;

/// Controls of which the same is said on the same servers.
#[derive(Serialize)]
pub(super) struct ApplicabilityView {
    control: String,
    /// Where its findings are, if it has some.
    anchor: Option<String>,
    title: String,
    /// Whether people decided that it does not apply.
    decided: bool,
    applies: bool,
    /// The servers, where not the same is said of all of them.
    targets: Vec<String>,
    reason: String,
    decided_by: Option<String>,
    decided_at: Option<String>,
}

/// What is said of a control on a target.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Said {
    decided: bool,
    applies: bool,
    reason: String,
    decided_by: Option<String>,
    decided_at: Option<String>,
}

impl ApplicabilityView {
    /// Whether people decided that it does not apply.
    pub(super) fn is_decided(&self) -> bool {
        self.decided
    }
}

/// Every control of the catalog, in its order.
pub(super) fn statement(
    assessment: &Assessment,
    targets: &[&TargetRecord],
    catalog: &Catalog,
) -> Vec<ApplicabilityView> {
    let mut views = Vec::new();
    for control in &catalog.controls {
        let mut groups: BTreeMap<Said, Vec<String>> = BTreeMap::new();
        for target in targets {
            let said = said(assessment, target, control);
            groups.entry(said).or_default().push(target.summary.id.clone());
        }
        let split = groups.len() > 1;
        for (said, ids) in groups {
            views.push(ApplicabilityView {
                control: control.id.clone(),
                anchor: targets
                    .iter()
                    .any(|target| finding_status(target, control).is_some())
                    .then(|| format!("control-{}", slug(&control.id))),
                title: control.title.clone(),
                decided: said.decided,
                applies: said.applies,
                targets: if split { ids } else { Vec::new() },
                reason: said.reason,
                decided_by: said.decided_by,
                decided_at: said.decided_at,
            });
        }
    }
    views
}

fn finding_status(target: &TargetRecord, control: &Control) -> Option<(Status, String)> {
    let own = |finding: &&crate::finding::Finding| finding.control == control.id;
    let finding = target.findings.iter().find(own)?;
    Some((finding.status, finding.reason.clone()))
}

fn said(assessment: &Assessment, target: &TargetRecord, control: &Control) -> Said {
    let profile = assessment.profile_of(target);
    let by_tool = |applies: bool, reason: String| Said {
        decided: false,
        applies,
        reason,
        decided_by: None,
        decided_at: None,
    };
    if let Some(exclusion) = profile.excluded.get(&control.id) {
        return Said {
            decided: true,
            applies: false,
            reason: exclusion.reason.clone(),
            decided_by: exclusion.decided_by.clone(),
            decided_at: exclusion.decided_at.map(|day| day.to_string()),
        };
    }
    if !profile.covers(control) {
        return by_tool(false, "the profile does not select it".to_owned());
    }
    match finding_status(target, control) {
        Some((Status::NotApplicable, reason)) => by_tool(false, reason),
        _ => by_tool(true, "the profile selects it".to_owned()),
    }
}
