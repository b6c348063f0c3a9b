//! `pgdossier assess`: collect, judge, render, seal and sign.

mod settings;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;
use serde_json::json;

use self::settings::Settings;
use super::arguments::{CatalogArguments, OpeningArguments, parse_time};
use super::execution::{Execution, Outcome, execute, interruption};
use super::output::Output;
use super::waivers::{Loaded, RuleArguments};
use super::workspace::{WorkspaceArguments, load_profile};
use super::{Exit, Stop};
use crate::assessment::{Assessment, Period, TargetRecord};
use crate::collect::Limits;
use crate::control::Catalog;
use crate::finding::Score;
use crate::host::HostAccess;
use crate::report::Templates;
use crate::sign::KeyReference;
use crate::target::{ConnectionSettings, Environment, Inventory, InventoryError};
use crate::waiver::WaiverRecord;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Connection strings as libpq takes them: URIs or `keyword=value`. Keep passwords in a password file. In a
    /// workspace, its inventory when absent.
    #[arg(value_name = "CONNECTION", conflicts_with = "inventory")]
    connections: Vec<String>,
    #[command(flatten)]
    workspace: WorkspaceArguments,
    /// A YAML file that lists the targets.
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    /// How the host of a server is reached, where the inventory does not say: auto (here, if the server runs here),
    /// local, ssh:DESTINATION or none.
    #[arg(long, value_name = "ACCESS", default_value = "auto")]
    host_access: String,
    /// Put commands on that host that need root behind `sudo -n`.
    #[arg(long)]
    host_sudo: bool,
    /// What it is for: 2026-Q4, 2026-11, 2026 or 2026-10-01/2026-12-31; the quarter of the assessment's clock when
    /// absent.
    #[arg(long, value_parser = Period::parse)]
    period: Option<Period>,
    /// Whose servers they are.
    #[arg(long)]
    organisation: Option<String>,
    /// A folder of attestations and certificates with their documents.
    #[arg(long, value_name = "DIR")]
    attestations: Option<PathBuf>,
    /// A trust policy that says whose signatures of attestations count, and for which controls.
    #[arg(long, value_name = "FILE")]
    attestor_policy: Option<PathBuf>,
    /// A folder of waivers: exceptions that somebody accepts for a time. None of them changes a status.
    #[arg(long, value_name = "DIR")]
    waivers: Option<PathBuf>,
    #[command(flatten)]
    waiver_rules: RuleArguments,
    /// Exit as if exceptions that are waived were none. What is reported stays the same.
    #[arg(long)]
    accept_waived: bool,
    /// The private key that signs the bundle: a file (see `pgdossier keys new`), ssh-agent:SHA256:… or
    /// ssh-agent:COMMENT, pkcs11:… (a URI of RFC 7512), or command:PROGRAM with its arguments.
    #[arg(long, value_name = "KEY")]
    key: Option<KeyReference>,
    #[command(flatten)]
    opening: OpeningArguments,
    /// What the signer signs as; `assessor` when absent.
    #[arg(long)]
    role: Option<String>,
    /// Where to put the bundle: a folder and a ZIP; `bundles` when absent.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The chain of bundles that this one belongs to; the organisation when absent.
    #[arg(long)]
    series: Option<String>,
    /// The bundle that this one follows in its series; in a workspace, the newest of the series where bundles go.
    #[arg(long, value_name = "BUNDLE")]
    previous: Option<PathBuf>,
    /// Which controls apply and their parameters: a shipped profile (baseline, strict, cis-postgresql-17, stig, …) or
    /// a YAML file; baseline when absent.
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
    #[command(flatten)]
    catalog: CatalogArguments,
    /// Use the templates in this folder instead of those in the program.
    #[arg(long, value_name = "DIR")]
    templates: Option<PathBuf>,
    /// The assessment's clock: a day or RFC 3339; SOURCE_DATE_EPOCH, or now, when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<DateTime<Utc>>,
    /// Time limit for one statement, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    statement_timeout: u64,
    /// Time limit for waiting on a lock, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    lock_timeout: u64,
    /// Connections to one server at a time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    connections_per_server: u8,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let catalog = arguments.catalog.load()?;
    if catalog.controls.is_empty() {
        return Err(Stop::usage(
            "the catalog has no control, so nothing would be assessed; check --controls",
        ));
    }
    let workspace = arguments.workspace.load()?;
    let workspace = workspace.as_ref();
    let profile = load_profile(arguments.profile.as_deref(), workspace, &catalog)?;
    if !catalog.controls.iter().any(|control| profile.judges(control)) {
        return Err(Stop::usage(format!(
            "no control applies under the profile `{}`, so nothing would be assessed",
            profile.name
        )));
    }
    let environment = Environment::from_process();
    let inventory = targets(arguments, workspace, &environment)?;
    let settings = Settings::new(arguments, workspace, output)?;
    let waivers = load_waivers(&settings, &catalog, output)?;
    let templates = match &arguments.templates {
        None => Templates::embedded(),
        Some(folder) => Templates::from_folder(folder).map_err(Stop::usage)?,
    };
    let load_key = || settings.key.load();
    // Asking for a passphrase comes before anything else is shown; a passphrase that is at hand is used while the
    // servers are asked.
    let key = if settings.key.may_ask() {
        Some(load_key()?)
    } else {
        None
    };
    let cancel = interruption()?;
    let outcome = execute(
        Execution {
            catalog: &catalog,
            profile: &profile,
            inventory: &inventory,
            environment: &environment,
            attestations: settings.attestations.as_deref(),
            attestor_policy: settings.attestor_policy.as_ref(),
            templates: &templates,
            organisation: &settings.organisation,
            series: &settings.series,
            previous: settings.previous.as_deref(),
            period: &settings.period,
            as_of: settings.as_of,
            role: &settings.role,
            out: &settings.out,
            limits: Limits {
                statement: std::time::Duration::from_secs(arguments.statement_timeout),
                lock: std::time::Duration::from_secs(arguments.lock_timeout),
                connections: usize::from(arguments.connections_per_server),
            },
        },
        waivers,
        move || key.map_or_else(load_key, Ok),
        &cancel,
        output,
    )?;
    show(&outcome, output);
    let exit = exit_for(&outcome.assessment, arguments.accept_waived);
    // The process ends here: taking a large estate's rows apart one by one would only make people wait.
    std::mem::forget(outcome);
    Ok(exit)
}

fn load_waivers(settings: &Settings, catalog: &Catalog, output: &Output) -> Result<Option<Loaded>, Stop> {
    let Some(folder) = &settings.waivers else {
        return Ok(None);
    };
    let loaded = settings.waiver_rules.load(folder)?;
    for waiver in &loaded.waivers.list {
        if catalog.control(&waiver.control).is_none() {
            let (place, control) = (waiver.place(), &waiver.control);
            output.warning(&format!(
                "{place} names the control `{control}`, which the catalog lacks"
            ));
        }
    }
    for file in &loaded.waivers.lonely {
        output.warning(&format!(
            "{file} is the signature of no waiver that is there, and is left out"
        ));
    }
    Ok(Some(loaded))
}

fn targets(
    arguments: &Arguments,
    workspace: Option<&Workspace>,
    environment: &Environment,
) -> Result<Inventory, Stop> {
    let host = HostAccess::parse(&arguments.host_access, arguments.host_sudo)
        .map_err(|message| Stop::usage(format!("--host-access: {message}")))?;
    let own = workspace.filter(|_| arguments.connections.is_empty());
    let file = arguments.inventory.as_deref();
    let mut inventory = match file.or(own.and_then(Workspace::inventory)) {
        Some(path) => Inventory::load(path).map_err(|error| match error {
            InventoryError::Unreadable { .. } => Stop::failed(error),
            InventoryError::Problems(_) => Stop::usage(error),
        })?,
        None if arguments.connections.is_empty() => {
            return Err(Stop::usage(
                "it is not said which servers to assess: give a connection string or --inventory, or run in a \
                 workspace (`pgdossier init` makes one)",
            ));
        }
        None => inventory_of(&arguments.connections, environment),
    };
    for target in &mut inventory.targets {
        if target.host == HostAccess::Automatic {
            target.host = host.clone();
        }
        ConnectionSettings::resolve(&target.connection, environment)
            .map_err(|error| Stop::usage(format!("target `{}`: {error}", target.id)))?;
    }
    Ok(inventory)
}

/// Targets for connection strings, named after where they lead.
pub(super) fn inventory_of(connections: &[String], environment: &Environment) -> Inventory {
    Inventory::from_connections(connections, |connection| {
        ConnectionSettings::resolve(connection, environment)
            .map(|settings| format!("{}-{}", settings.place(), settings.database()))
            .unwrap_or_default()
    })
}

/// 3 outranks 4. By the raw status, unless whoever runs it says that what is waived is no reason to stop.
fn exit_for(assessment: &Assessment, accept_waived: bool) -> Exit {
    let tally = &assessment.summary.tally;
    let score = TargetRecord::score_of(&assessment.targets);
    let exceptions = match accept_waived {
        true => tally.not_satisfied - score.waived.min(tally.not_satisfied),
        false => tally.not_satisfied,
    };
    match exceptions {
        0 if tally.not_evaluated > 0 => Exit::NotEvaluated,
        0 => Exit::Good,
        _ => Exit::Exceptions,
    }
}

/// The result: a table of targets and where the bundle lies.
pub(super) fn show(outcome: &Outcome, output: &Output) {
    let summary = &outcome.assessment.summary;
    let sealed = &outcome.sealed;
    let report = sealed.folder.join("report").join("index.html");
    let score = TargetRecord::score_of(&outcome.assessment.targets);
    for waiver in outcome
        .assessment
        .waivers
        .iter()
        .flat_map(|record| &record.waivers)
    {
        if let Some(trouble) = waiver.trouble() {
            output.warning(&format!("{}: {trouble}", waiver.place()));
        }
    }
    let json = json!({
        "bundle_id": summary.id, "folder": sealed.folder, "archive": sealed.archive, "report": report,
        "statement_sha256": sealed.statement_sha256.to_string(), "tally": summary.tally,
        "targets": summary.targets, "score": score, "waivers": outcome.assessment.waivers,
    });
    output.result(&json, || {
        let width = summary
            .targets
            .iter()
            .map(|target| target.id.chars().count())
            .max()
            .unwrap_or(0)
            .max(6);
        let mut text = format!(
            "{} {}, as of {}\n\n{:<width$}  {:>9}  {:>13}  {:>13}  {:>14}\n",
            summary.organisation,
            summary.period.label,
            summary.as_of.format("%Y-%m-%d %H:%M:%S UTC"),
            "target",
            "satisfied",
            "not satisfied",
            "not evaluated",
            "not applicable",
        );
        for target in &summary.targets {
            let tally = &target.tally;
            text.push_str(&format!(
                "{:<width$}  {:>9}  {:>13}  {:>13}  {:>14}\n",
                target.id, tally.satisfied, tally.not_satisfied, tally.not_evaluated, tally.not_applicable
            ));
        }
        text.push_str(&scores(&score, outcome.assessment.waivers.as_ref()));
        text.push_str(&format!(
            "\nreport   {}\nbundle   {}\narchive  {}\n",
            report.display(),
            sealed.folder.display(),
            sealed.archive.display()
        ));
        text
    });
}

/// The score as it is, how much of it rests on people's word, and what it would be with waivers.
fn scores(score: &Score, record: Option<&WaiverRecord>) -> String {
    let percent =
        |percent: Option<usize>| percent.map_or("none".to_owned(), |percent| format!("{percent} %"));
    let mut text = format!(
        "\nscore    {} as it is ({} satisfied, {} of them by people's word)",
        percent(score.raw()),
        score.satisfied,
        score.attested
    );
    if let Some(record) = record {
        let troubled = record.waivers.iter().filter(|waiver| waiver.trouble().is_some());
        text.push_str(&format!(
            "\n         {} with waivers ({} waived in full; {} of {} waivers need somebody)",
            percent(score.with_waivers()),
            score.waived,
            troubled.count(),
            record.waivers.len()
        ));
    }
    text.push('\n');
    text
}
