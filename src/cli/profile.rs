//! `pgdossier profile`: which profiles there are, what one comes to, and where each value comes from.

use clap::Subcommand;
use serde_json::{Value, json};

use super::arguments::CatalogArguments;
use super::output::Output;
use super::workspace::{WorkspaceArguments, load_profile};
use super::{Exit, Stop};
use crate::control::{Catalog, Control};
use crate::profile::{Origin, Profile, ProfileError};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// List the shipped profiles.
    List {
        #[command(flatten)]
        catalog: CatalogArguments,
    },
    /// Show what a profile comes to: controls, severities, parameters, and where each is written.
    Show {
        /// A shipped profile or a YAML file; the workspace's, or baseline, when absent.
        #[arg(value_name = "NAME|FILE")]
        profile: Option<String>,
        #[command(flatten)]
        workspace: WorkspaceArguments,
        /// A tag of the target that it is for; several when given again.
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
        #[command(flatten)]
        catalog: CatalogArguments,
    },
}

pub(super) fn run(verb: &Verb, output: &Output) -> Result<Exit, Stop> {
    match verb {
        Verb::List { catalog } => list(&catalog.load()?, output),
        Verb::Show {
            profile,
            workspace,
            tags,
            catalog,
        } => {
            let catalog = catalog.load()?;
            let workspace = workspace.load()?;
            let profile = load_profile(profile.as_deref(), workspace.as_ref(), &catalog)?;
            show(&profile, tags, &catalog, output)
        }
    }
}

/// The shipped profile of this name, or the one in this file.
pub(super) fn load(name: &str, catalog: &Catalog) -> Result<Profile, Stop> {
    Profile::named(name, catalog).map_err(stop)
}

/// Why a profile could not be loaded, as a run ends with it.
pub(super) fn stop(error: ProfileError) -> Stop {
    match error {
        ProfileError::Unreadable { .. } => Stop::failed(error),
        ProfileError::Unknown { .. } | ProfileError::Problems(_) => Stop::usage(error),
    }
}

fn list(catalog: &Catalog, output: &Output) -> Result<Exit, Stop> {
    let mut rows = Vec::new();
    for (name, raw) in &catalog.profiles {
        let controls = load(name, catalog)?.controls.len();
        rows.push(json!({"name": name, "title": raw.title, "controls": controls}));
    }
    output.result(&rows, || {
        let line = |row: &Value| {
            let text = |key: &str| {
                row.get(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let controls = row.get("controls").and_then(Value::as_u64).unwrap_or_default();
            format!("{:<20} {controls:>4} controls  {}", text("name"), text("title"))
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    Ok(Exit::Good)
}

fn show(whole: &Profile, tags: &[String], catalog: &Catalog, output: &Output) -> Result<Exit, Stop> {
    let profile = whole.for_tags(tags).map_err(Stop::usage)?;
    let known: Vec<&str> = whole.tags().collect();
    for tag in tags.iter().filter(|tag| !known.contains(&tag.as_str())) {
        output.warning(&format!("the profile says nothing of the tag `{tag}`"));
    }
    let controls: Vec<Value> = catalog
        .controls
        .iter()
        .filter(|control| profile.covers(control))
        .map(|control| entry(control, &profile))
        .collect();
    let json = json!({"name": profile.name, "tags": tags, "known_tags": known, "controls": controls});
    output.result(&json, || text(&profile, tags, &known, &controls));
    Ok(Exit::Good)
}

/// What the profile says of a control. What no file sets is as the control's own file has it.
fn entry(control: &Control, profile: &Profile) -> Value {
    let from = |origin: Option<&Origin>| origin.map_or_else(|| control.file.clone(), Origin::to_string);
    let origins = &profile.origins;
    let parameters: serde_json::Map<String, Value> = profile
        .parameters_for(control)
        .into_iter()
        .map(|(name, value)| {
            let origin = from(origins.parameter(&control.id, &name));
            let own = json!({"value": value, "from": origin});
            (name, own)
        })
        .collect();
    json!({
        "id": control.id,
        "applies": profile.judges(control),
        "from": from(origins.control(&control.id)),
        "excluded": profile.excluded.get(&control.id),
        "severity": {"value": profile.severity_for(control), "from": from(origins.severity(&control.id))},
        "parameters": parameters,
    })
}

fn text(profile: &Profile, tags: &[String], known: &[&str], controls: &[Value]) -> String {
    let word = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    };
    let mut text = format!("profile {}", profile.name);
    if !tags.is_empty() {
        text.push_str(&format!(", for a target with the tags {}", tags.join(", ")));
    } else if !known.is_empty() {
        text.push_str(&format!(", which differs for the tags {}", known.join(", ")));
    }
    text.push_str("\n\n");
    for control in controls {
        let id = word(control.get("id"));
        if let Some(exclusion) = profile.excluded.get(&id) {
            let (from, why) = (word(control.get("from")), exclusion.sentence());
            text.push_str(&format!("{id}: does not apply ({from})\n    {why}\n"));
            continue;
        }
        text.push_str(&format!("{id}: applies ({})\n", word(control.get("from"))));
        let valued = |name: &str, pair: Option<&Value>| {
            let (value, from) = (
                pair.and_then(|pair| pair.get("value")),
                pair.and_then(|pair| pair.get("from")),
            );
            format!("    {name} = {} ({})\n", word(value), word(from))
        };
        text.push_str(&valued("severity", control.get("severity")));
        let parameters = control.get("parameters").and_then(Value::as_object);
        for (name, pair) in parameters.into_iter().flatten() {
            text.push_str(&valued(name, Some(pair)));
        }
    }
    text
}
