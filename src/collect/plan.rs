//! What has to be collected for one target: each distinct evidence once, and which control gets which.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::{Collector, collector};
use crate::control::{Applicability, Catalog, TargetFacts};
use crate::profile::Profile;

/// What a collector without arguments is given.
static NO_ARGUMENTS: LazyLock<Value> = LazyLock::new(|| Value::Object(serde_json::Map::new()));

/// One evidence to collect.
#[derive(Clone, Copy)]
pub struct PlannedEvidence<'a> {
    /// Who collects it.
    pub collector: &'static dyn Collector,
    /// With which arguments.
    pub arguments: &'a Value,
    /// The control that asks for it (the first, where several share it).
    pub control: &'a str,
}

/// What has to be collected for one target.
pub struct Plan<'a> {
    /// Evidence by name.
    pub evidence: BTreeMap<String, PlannedEvidence<'a>>,
    /// Control to the name of its evidence; controls that are not about the target are absent.
    pub assignments: BTreeMap<String, String>,
}

impl<'a> Plan<'a> {
    /// The plan for a target of which these facts are known. Where the server could not be asked, only what comes from
    /// files is planned with certainty; the rest is planned too, so that each control's finding can say why it is
    /// missing.
    pub fn new(catalog: &'a Catalog, profile: &Profile, facts: &TargetFacts) -> Self {
        let mut plan = Self {
            evidence: BTreeMap::new(),
            assignments: BTreeMap::new(),
        };
        for control in &catalog.controls {
            if !profile.judges(control) || control.applies.holds(facts) == Applicability::DoesNotApply {
                continue;
            }
            let Some(request) = control.request_for(facts) else {
                continue;
            };
            let Some(collector) = collector(&request.collector) else {
                continue;
            };
            let name = collector.evidence_name(&request.arguments, &control.id);
            plan.assignments.insert(control.id.clone(), name.clone());
            plan.evidence.entry(name).or_insert(PlannedEvidence {
                collector,
                arguments: &request.arguments,
                control: &control.id,
            });
        }
        plan.add_inputs();
        plan
    }

    /// What collectors compare with is collected too, also where no control asks for it.
    fn add_inputs(&mut self) {
        let wanted: Vec<(&'static str, &'a str)> = self
            .evidence
            .values()
            .flat_map(|planned| {
                planned
                    .collector
                    .inputs()
                    .iter()
                    .map(|name| (*name, planned.control))
            })
            .collect();
        for (name, control) in wanted {
            if let Some(collector) = collector(name) {
                self.evidence.entry(name.to_owned()).or_insert(PlannedEvidence {
                    collector,
                    arguments: &NO_ARGUMENTS,
                    control,
                });
            }
        }
    }
}
