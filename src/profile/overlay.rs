//! What a profile, or a tag in it, changes: checked against the catalog, and laid over what was before.

use std::collections::BTreeMap;

use serde_json::Value;

use super::raw::{RawExclusion, RawTagged};
use super::{Exclusion, Origin, Profile};
use crate::control::{Catalog, Control, Severity};
use crate::yaml::{Place, Problem, distance};

/// Changes, each with the place where it is written.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Overlay {
    include: BTreeMap<String, Origin>,
    exclude: BTreeMap<String, (Exclusion, Origin)>,
    parameters: BTreeMap<(String, String), (Value, Origin)>,
    severity: BTreeMap<String, (Severity, Origin)>,
}

/// Where changes are written.
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    pub(super) tag: Option<&'a str>,
}

impl Source<'_> {
    pub(super) fn origin(&self, place: Place) -> Origin {
        Origin {
            file: self.file.to_owned(),
            line: place.line,
            column: place.column,
            tag: self.tag.map(str::to_owned),
        }
    }
}

impl Overlay {
    /// The changes that are written here, with every problem that they have.
    pub(super) fn parse(
        raw: &RawTagged,
        source: &Source<'_>,
        catalog: &Catalog,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut overlay = Self::default();
        let file = source.file;
        for id in &raw.include {
            let place = Place::of(id);
            known(&id.value, place, file, catalog, problems);
            if raw.exclude.contains_key(&id.value) {
                let message = format!("`{}` is both included and excluded", id.value);
                problems.push(place.problem(file, message, "keep one of them"));
            }
            overlay.include.insert(id.value.clone(), source.origin(place));
        }
        for (id, raw) in &raw.exclude {
            let place = Place::of(raw);
            known(id, place, file, catalog, problems);
            let exclusion = Exclusion::from(&raw.value);
            if exclusion.reason.trim().is_empty() {
                let message = format!("`{id}` is excluded without a reason");
                problems.push(place.problem(file, message, "say why it does not apply: reports show it"));
            }
            overlay
                .exclude
                .insert(id.clone(), (exclusion, source.origin(place)));
        }
        for (id, parameters) in &raw.parameters {
            let place = Place::of(parameters);
            let Some(control) = known(id, place, file, catalog, problems) else {
                continue;
            };
            for (name, value) in &parameters.value {
                if let Some((message, help)) = wrong_parameter(control, name, value) {
                    problems.push(place.problem(file, message, help));
                }
                overlay
                    .parameters
                    .insert((id.clone(), name.clone()), (value.clone(), source.origin(place)));
            }
        }
        for (id, severity) in &raw.severity {
            let place = Place::of(severity);
            known(id, place, file, catalog, problems);
            overlay
                .severity
                .insert(id.clone(), (severity.value, source.origin(place)));
        }
        overlay
    }

    /// Puts these changes over a profile's.
    pub(super) fn lay_over(&self, profile: &mut Profile) {
        for (id, origin) in &self.include {
            profile.controls.insert(id.clone());
            profile.excluded.remove(id);
            profile.origins.set_control(id, origin);
        }
        for (id, (exclusion, origin)) in &self.exclude {
            profile.controls.insert(id.clone());
            profile.excluded.insert(id.clone(), exclusion.clone());
            profile.origins.set_control(id, origin);
        }
        for ((id, name), (value, origin)) in &self.parameters {
            let own = profile.parameters.entry(id.clone()).or_default();
            own.insert(name.clone(), value.clone());
            profile.origins.set_parameter(id, name, origin);
        }
        for (id, (severity, origin)) in &self.severity {
            profile.severity.insert(id.clone(), *severity);
            profile.origins.set_severity(id, origin);
        }
    }

    /// Puts later changes over these.
    pub(super) fn extend(&mut self, later: Self) {
        for id in later.include.keys() {
            self.exclude.remove(id);
        }
        for id in later.exclude.keys() {
            self.include.remove(id);
        }
        self.include.extend(later.include);
        self.exclude.extend(later.exclude);
        self.parameters.extend(later.parameters);
        self.severity.extend(later.severity);
    }

    /// What both change, and differently: which of them should count?
    pub(super) fn conflicts(&self, other: &Self) -> Vec<(String, Origin, Origin)> {
        let mut found = Vec::new();
        let mut note = |what: String, own: &Origin, others: &Origin| {
            found.push((what, own.clone(), others.clone()));
        };
        for (id, own) in &self.include {
            if let Some((_, others)) = other.exclude.get(id) {
                note(format!("`{id}` is included and excluded"), own, others);
            }
        }
        for (id, (exclusion, own)) in &self.exclude {
            if let Some(others) = other.include.get(id) {
                note(format!("`{id}` is excluded and included"), own, others);
            }
            if let Some((reason, others)) = other.exclude.get(id)
                && reason != exclusion
            {
                note(format!("`{id}` is excluded for two reasons"), own, others);
            }
        }
        for (key, (value, own)) in &self.parameters {
            if let Some((different, others)) = other.parameters.get(key)
                && different != value
            {
                note(format!("`{}` of `{}` has two values", key.1, key.0), own, others);
            }
        }
        for (id, (severity, own)) in &self.severity {
            if let Some((different, others)) = other.severity.get(id)
                && different != severity
            {
                note(format!("`{id}` has two severities"), own, others);
            }
        }
        found
    }
}

impl From<&RawExclusion> for Exclusion {
    fn from(raw: &RawExclusion) -> Self {
        match raw {
            RawExclusion::Reason(reason) => Self {
                reason: reason.clone(),
                decided_by: None,
                decided_at: None,
            },
            RawExclusion::Decided(decision) => Self {
                reason: decision.reason.clone(),
                decided_by: decision.decided_by.clone(),
                decided_at: decision.decided_at,
            },
        }
    }
}

/// The control of this id, or the problem that there is none.
fn known<'a>(
    id: &str,
    place: Place,
    file: &str,
    catalog: &'a Catalog,
    problems: &mut Vec<Problem>,
) -> Option<&'a Control> {
    let control = catalog.control(id);
    if control.is_none() {
        let near = catalog
            .controls
            .iter()
            .map(|control| &control.id)
            .min_by_key(|known| distance(known, id));
        let help = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
        problems.push(place.problem(file, format!("there is no control `{id}`"), help));
    }
    control
}

fn wrong_parameter(control: &Control, name: &str, value: &Value) -> Option<(String, String)> {
    let Some(default) = control.parameters.get(name) else {
        let known: Vec<&str> = control.parameters.keys().map(String::as_str).collect();
        let help = if known.is_empty() {
            "it has none".to_owned()
        } else {
            format!("it has {}", known.join(", "))
        };
        return Some((format!("`{}` has no parameter `{name}`", control.id), help));
    };
    let same = std::mem::discriminant(default) == std::mem::discriminant(value);
    (!same).then(|| {
        let message = format!("`{name}` of `{}` has the wrong type", control.id);
        (message, format!("write a value like the default, {default}"))
    })
}
