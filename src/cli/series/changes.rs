//! What differs between one bundle and the next: guide, controls, profile, program, keys, targets.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::entry::Entry;
use crate::bundle::Digest;

/// What differs between two bundles that follow each other.
#[derive(Debug, Serialize)]
pub(super) struct Changes {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) changes: Vec<Change>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    /// `guide`, `controls-added`, `controls-removed`, `controls-changed`, `queries`, `profile`, `templates`, `tool`,
    /// `key`, `organisation`, `targets-added`, `targets-removed`.
    pub(super) what: &'static str,
    /// Names of what was added, removed or changed, or the value before and after.
    pub(super) detail: Vec<String>,
}

pub(super) fn between(from: &Entry, to: &Entry) -> Changes {
    let mut changes = Vec::new();
    let mut add = |what, detail: Vec<String>| {
        if !detail.is_empty() {
            changes.push(Change { what, detail });
        }
    };
    let differing = |folder: &str| -> Vec<String> {
        let part = |entry: &Entry| -> BTreeMap<String, Digest> {
            let files = entry.controls.iter().filter(|(path, _)| path.starts_with(folder));
            files.map(|(path, digest)| (path.clone(), *digest)).collect()
        };
        differences(&part(from), &part(to))
    };
    add("guide", differing("controls/guide.yaml"));
    let (before, after) = (controls(from), controls(to));
    let names = |one: &BTreeMap<&str, _>, other: &BTreeMap<&str, _>| -> Vec<String> {
        let only = one.keys().filter(|id| !other.contains_key(*id));
        only.map(|id| (*id).to_owned()).collect()
    };
    add("controls-added", names(&after, &before));
    add("controls-removed", names(&before, &after));
    let changed = before
        .iter()
        .filter(|(id, file)| after.get(*id).is_some_and(|other| other != *file));
    add(
        "controls-changed",
        changed.map(|(id, _)| (*id).to_owned()).collect(),
    );
    add("queries", differing("controls/queries/"));
    add("profile", profile(from, to));
    let pair = |before: String, after: String| {
        if before == after {
            Vec::new()
        } else {
            vec![before, after]
        }
    };
    let templates = |entry: &Entry| {
        let summary = entry.summary.as_ref();
        summary
            .map(|summary| summary.definitions.templates_sha256.clone())
            .unwrap_or_default()
    };
    if from.summary.is_some() && to.summary.is_some() {
        add("templates", pair(templates(from), templates(to)));
    }
    add("tool", pair(tool(from), tool(to)));
    let key = |entry: &Entry| {
        format!(
            "{} as {}",
            entry.predicate.signer.keyid, entry.predicate.signer.role
        )
    };
    add("key", pair(key(from), key(to)));
    let organisation = |entry: &Entry| entry.predicate.organisation.clone();
    add("organisation", pair(organisation(from), organisation(to)));
    if let (Some(before), Some(after)) = (targets(from), targets(to)) {
        add("targets-added", after.difference(&before).cloned().collect());
        add("targets-removed", before.difference(&after).cloned().collect());
    }
    Changes {
        from: from.id().to_owned(),
        to: to.id().to_owned(),
        changes,
    }
}

fn differences(before: &BTreeMap<String, Digest>, after: &BTreeMap<String, Digest>) -> Vec<String> {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differing = paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path));
    differing.cloned().collect()
}

/// The controls by id, each with its file and digest: one that was moved to another section was changed too.
fn controls(entry: &Entry) -> BTreeMap<&str, (&str, Digest)> {
    let files = entry.controls.iter().filter(|(path, _)| {
        let other = [
            "controls/queries/",
            "controls/profiles/",
            "controls/frameworks/",
            "controls/guide.yaml",
        ];
        !other.iter().any(|start| path.starts_with(start))
    });
    files
        .filter_map(|(path, digest)| {
            let (folder, name) = path.rsplit_once('/')?;
            Some((name.strip_suffix(".yaml")?, (folder, *digest)))
        })
        .collect()
}

fn profile(from: &Entry, to: &Entry) -> Vec<String> {
    if from.profile == to.profile {
        return Vec::new();
    }
    let name = |entry: &Entry| {
        let summary = entry.summary.as_ref();
        summary.map_or_else(
            || "unknown".to_owned(),
            |summary| summary.definitions.profile.clone(),
        )
    };
    let (before, after) = (name(from), name(to));
    if before == after {
        vec![format!("{after}, with other selections or parameters")]
    } else {
        vec![before, after]
    }
}

/// Name, version and, where they are known, commit and digest.
fn tool(entry: &Entry) -> String {
    let tool = &entry.predicate.tool;
    let binary = entry
        .summary
        .as_ref()
        .and_then(|summary| summary.tool.binary_sha256.as_deref());
    let known = [tool.commit.as_deref(), binary].into_iter().flatten();
    [tool.name.as_str(), tool.version.as_str()]
        .into_iter()
        .chain(known)
        .collect::<Vec<_>>()
        .join(" ")
}

fn targets(entry: &Entry) -> Option<BTreeSet<String>> {
    let summary = entry.summary.as_ref()?;
    Some(summary.targets.iter().map(|target| target.id.clone()).collect())
}
