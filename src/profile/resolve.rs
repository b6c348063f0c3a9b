//! What a profile's file comes to with a catalog.

use std::collections::BTreeSet;

use super::overlay::{Overlay, Source};
use super::raw::{RawProfile, Selection};
use super::{BASELINE, Profile};
use crate::control::Catalog;
use crate::yaml::{Place, Problem};

/// What a profile comes to with this catalog, or every problem.
pub(super) fn resolve(raw: &RawProfile, file: &str, catalog: &Catalog) -> Result<Profile, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut profile = start(raw, file, catalog, &mut problems);
    profile.name = raw.name.value.clone();
    let source = Source { file, tag: None };
    Overlay::parse(&raw.changes(), &source, catalog, &mut problems).lay_over(&mut profile);
    for (tag, changes) in &raw.tags {
        let source = Source { file, tag: Some(tag) };
        let overlay = Overlay::parse(changes, &source, catalog, &mut problems);
        profile.tags.entry(tag.clone()).or_default().extend(overlay);
    }
    if problems.is_empty() {
        Ok(profile)
    } else {
        Err(problems)
    }
}

/// What a profile begins with: its selection, or its base.
fn start(raw: &RawProfile, file: &str, catalog: &Catalog, problems: &mut Vec<Problem>) -> Profile {
    if let Some(selection) = &raw.select {
        let place = Place::of(selection);
        if raw.base.is_some() {
            problems.push(place.problem(file, "both `base` and `select` are given", "keep one of them"));
        }
        if let Some(framework) = &selection.value.framework
            && !catalog.frameworks.contains_key(framework)
        {
            let known: Vec<&str> = catalog.frameworks.keys().map(String::as_str).collect();
            let help = format!("there are {}", known.join(", "));
            problems.push(place.problem(file, format!("there is no framework `{framework}`"), help));
        }
        let mut profile = Profile {
            controls: selection.value.choose(catalog),
            ..Profile::default()
        };
        let origin = Source { file, tag: None }.origin(place);
        for id in &profile.controls {
            profile.origins.set_control(id, &origin);
        }
        return profile;
    }
    let (name, place) = match &raw.base {
        Some(base) => (base.value.as_str(), Place::of(base)),
        None => (BASELINE, Place::of(&raw.name)),
    };
    // A base that has a base of its own is resolved first; a circle would never end.
    let circle = raw.base.is_some()
        && catalog
            .profiles
            .get(name)
            .is_some_and(|base| circles(base, catalog));
    let based = match (name, catalog.profiles.get(name)) {
        _ if circle => Err(format!("the profile `{name}` is its own base")),
        (BASELINE, _) => Profile::baseline(catalog).map_err(|error| error.to_string()),
        _ => Profile::shipped(name, catalog).map_err(|error| error.to_string()),
    };
    based.unwrap_or_else(|message| {
        problems.push(place.problem(file, message, "name a shipped profile"));
        Profile::default()
    })
}

/// Whether following bases from here comes back.
fn circles(first: &RawProfile, catalog: &Catalog) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = Some(first);
    while let Some(profile) = next {
        if !seen.insert(&profile.name.value) {
            return true;
        }
        next = profile
            .base
            .as_ref()
            .and_then(|base| catalog.profiles.get(&base.value));
    }
    false
}

impl Selection {
    /// The controls that are chosen.
    pub(super) fn choose(&self, catalog: &Catalog) -> BTreeSet<String> {
        let framework = self
            .framework
            .as_ref()
            .and_then(|name| catalog.frameworks.get(name));
        let chosen = catalog.controls.iter().filter(|control| {
            self.level.is_none_or(|level| control.level <= level)
                && (self.framework.is_none()
                    || framework
                        .is_some_and(|framework| control.references.contains_key(&framework.references)))
        });
        chosen.map(|control| control.id.clone()).collect()
    }
}
