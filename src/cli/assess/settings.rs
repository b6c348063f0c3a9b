//! What an assessment is made with: flags, else the workspace, else what goes without saying.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::Arguments;
use crate::assessment::Period;
use crate::bundle::{PreviousError, newest_of_series};
use crate::cli::Stop;
use crate::cli::arguments::{KeyArguments, clock};
use crate::cli::output::Output;
use crate::cli::waivers::RuleArguments;
use crate::sign::{KeyReference, TrustPolicy};
use crate::workspace::{KeySource, Workspace};

/// Where bundles go outside of a workspace.
const OUT: &str = "bundles";
const ROLE: &str = "assessor";

/// Everything that flags and a workspace decide, but for the profile and the targets.
pub(super) struct Settings {
    pub(super) organisation: String,
    pub(super) series: String,
    pub(super) period: Period,
    pub(super) as_of: DateTime<Utc>,
    pub(super) attestations: Option<PathBuf>,
    pub(super) attestor_policy: Option<TrustPolicy>,
    pub(super) waivers: Option<PathBuf>,
    pub(super) waiver_rules: RuleArguments,
    pub(super) key: KeyArguments,
    pub(super) role: String,
    pub(super) out: PathBuf,
    pub(super) previous: Option<PathBuf>,
}

impl Settings {
    pub(super) fn new(
        arguments: &Arguments,
        workspace: Option<&Workspace>,
        output: &Output,
    ) -> Result<Self, Stop> {
        let organisation = arguments.organisation.clone();
        let organisation = organisation.or(workspace.map(|workspace| workspace.organisation.clone()));
        let organisation = organisation.ok_or_else(|| missing("whose servers they are", "--organisation"))?;
        let series = match (&arguments.series, &arguments.organisation, workspace) {
            (Some(series), _, _) => series.clone(),
            (None, None, Some(workspace)) => workspace.series.clone(),
            _ => organisation.clone(),
        };
        let as_of = clock(arguments.as_of)?;
        let period = match &arguments.period {
            Some(period) => period.clone(),
            None => Period::quarter_of(as_of.date_naive()).map_err(Stop::usage)?,
        };
        let attestations = arguments.attestations.clone();
        let attestations = attestations.or(workspace.and_then(|workspace| workspace.attestations.clone()));
        let (waivers, waiver_rules) = waivers(arguments, workspace)?;
        let out = arguments.out.clone();
        let out = out.or(workspace.map(|workspace| workspace.out.clone()));
        let out = out.unwrap_or_else(|| PathBuf::from(OUT));
        let role = arguments.role.clone();
        let role = role.or(workspace.and_then(|workspace| workspace.role.clone()));
        Ok(Self {
            previous: previous(arguments, workspace, &out, &series, output)?,
            attestor_policy: attestor_policy(arguments, workspace, attestations.as_deref())?,
            key: key(arguments, workspace)?,
            role: role.unwrap_or_else(|| ROLE.to_owned()),
            organisation,
            series,
            period,
            as_of,
            attestations,
            waivers,
            waiver_rules,
            out,
        })
    }
}

fn missing(what: &str, flag: &str) -> Stop {
    Stop::usage(format!(
        "it is not said {what}: give {flag}, or run in a workspace (`pgdossier init` makes one)"
    ))
}

/// The key, with what opens it. What the workspace says of its own key is about no other.
fn key(arguments: &Arguments, workspace: Option<&Workspace>) -> Result<KeyArguments, Stop> {
    let mut opening = arguments.opening.clone();
    if let Some(key) = arguments.key.clone() {
        return Ok(KeyArguments { key, opening });
    }
    let own = workspace.and_then(|workspace| Some((workspace, workspace.key.as_ref()?)));
    let (workspace, key) = own.ok_or_else(|| missing("which key signs", "--key"))?;
    opening.passphrase_file = opening.passphrase_file.or(workspace.passphrase_file.clone());
    opening.public_key = opening.public_key.or(workspace.public_key.clone());
    let key = match key {
        KeySource::File(path) => KeyReference::File(path.clone()),
        KeySource::Held(text) => text
            .parse()
            .map_err(|reason| Stop::usage(format!("`key` in pgdossier.yaml: {reason}")))?,
    };
    Ok(KeyArguments { key, opening })
}

fn attestor_policy(
    arguments: &Arguments,
    workspace: Option<&Workspace>,
    attestations: Option<&Path>,
) -> Result<Option<TrustPolicy>, Stop> {
    if arguments.attestor_policy.is_some() && attestations.is_none() {
        return Err(Stop::usage(
            "--attestor-policy is about attestations: name their folder with --attestations",
        ));
    }
    let given = arguments.attestor_policy.as_deref();
    let policy = given.or(workspace.and_then(Workspace::trust));
    policy.map(TrustPolicy::load).transpose().map_err(Stop::usage)
}

/// The bundle to continue: the one given; in a workspace the newest of the series where bundles go.
fn previous(
    arguments: &Arguments,
    workspace: Option<&Workspace>,
    out: &Path,
    series: &str,
    output: &Output,
) -> Result<Option<PathBuf>, Stop> {
    if arguments.previous.is_some() || workspace.is_none() {
        return Ok(arguments.previous.clone());
    }
    let newest = newest_of_series(out, series).map_err(|error| match error {
        PreviousError::Forked { .. } => Stop::usage(error),
        _ => Stop::failed(error),
    })?;
    if let Some(newest) = &newest {
        output.note(&format!("continuing the series after {}", newest.display()));
    }
    Ok(newest)
}

/// The folder of waivers, and what they are held to.
fn waivers(
    arguments: &Arguments,
    workspace: Option<&Workspace>,
) -> Result<(Option<PathBuf>, RuleArguments), Stop> {
    let folder = arguments.waivers.clone();
    let folder = folder.or(workspace.and_then(|workspace| workspace.waivers.clone()));
    let mut rules = arguments.waiver_rules.clone();
    let needs = [
        ("--waiver-policy", rules.waiver_policy.is_some()),
        ("--accept-waived", arguments.accept_waived),
    ];
    if let Some((flag, _)) = needs.iter().find(|(_, given)| *given && folder.is_none()) {
        return Err(Stop::usage(format!("{flag} needs --waivers")));
    }
    let policy = workspace.and_then(|workspace| workspace.waiver_policy.clone());
    rules.waiver_policy = rules.waiver_policy.or(policy.filter(|_| folder.is_some()));
    Ok((folder, rules))
}
