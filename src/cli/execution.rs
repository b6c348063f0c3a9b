//! One assessment from targets to bundle: the one place that chains all stages.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};

use super::Stop;
use super::attested::{judge_signatures, read_statements};
use super::output::Output;
use super::waivers::Loaded;
use crate::assessment::{
    Assessment, Definitions, Operator, Period, Summary, TargetRecord, TargetSummary, Tool,
};
use crate::attestation::Attested;
use crate::bundle::{self, Contents, Description, Digest, SealError, SealOptions, Sealed};
use crate::collect::{self, AttestedFolder, Collected, Collecting, Document, Keep, Limits};
use crate::control::Catalog;
use crate::evaluate::{Evaluating, evaluate, waive};
use crate::evidence::sha256_hex;
use crate::finding::Tally;
use crate::profile::Profile;
use crate::record;
use crate::reperform;
use crate::report::{self, Templates};
use crate::salt::Seed;
use crate::sign::{Signer, TrustPolicy};
use crate::target::{ConnectionSettings, Environment, Inventory, Target, slug};

/// Targets that are asked at the same time.
const TARGETS_AT_ONCE: usize = 8;

/// Everything that one assessment needs, except the key.
#[derive(Clone, Copy)]
pub(super) struct Execution<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) profile: &'a Profile,
    pub(super) inventory: &'a Inventory,
    pub(super) environment: &'a Environment,
    pub(super) attestations: Option<&'a Path>,
    pub(super) attestor_policy: Option<&'a TrustPolicy>,
    pub(super) templates: &'a Templates,
    pub(super) organisation: &'a str,
    pub(super) series: &'a str,
    pub(super) previous: Option<&'a Path>,
    pub(super) period: &'a Period,
    pub(super) as_of: DateTime<Utc>,
    pub(super) role: &'a str,
    pub(super) out: &'a Path,
    pub(super) limits: Limits,
}

/// What came of it.
pub(super) struct Outcome {
    pub(super) assessment: Assessment,
    pub(super) sealed: Sealed,
}

/// Runs an assessment. The key is loaded, expressions are compiled and the program is hashed while servers answer.
pub(super) fn execute(
    execution: Execution<'_>,
    waivers: Option<Loaded>,
    load_key: impl FnOnce() -> Result<Box<dyn Signer + Send>, Stop> + Send,
    cancel: &AtomicBool,
    output: &Output,
) -> Result<Outcome, Stop> {
    let id = bundle_id(&execution);
    refuse_existing(execution.out, &id)?;
    let profiles = profiles(&execution, output)?;
    // Its copies of documents have to live until they are sealed.
    let folder = read_attested(&execution, output)?;
    let seed = Seed::random().map_err(Stop::failed)?;
    let (attested, documents) = (&folder.attested, &folder.documents);
    let (collected, key, binary_sha256) = thread::scope(|scope| {
        let compiling = scope.spawn(|| execution.catalog.compile());
        let loading = scope.spawn(load_key);
        let hashing = scope.spawn(own_digest);
        let collected = collect_all(
            &execution,
            &profiles,
            (attested, documents),
            &seed,
            cancel,
            output,
        );
        let joined = "a part of the program panicked; this is a defect, please report it";
        compiling
            .join()
            .map_err(|_| Stop::failed(joined))?
            .map_err(Stop::usage)?;
        let key = loading.join().map_err(|_| Stop::failed(joined))??;
        let binary = hashing.join().map_err(|_| Stop::failed(joined))?;
        Ok::<_, Stop>((collected?, key, binary))
    })?;
    let mut assessment = judge(&execution, &id, collected, profiles, binary_sha256);
    let waivers = waivers.map(|loaded| {
        let sealer = key.public_key().keyid();
        loaded.check(execution.catalog, execution.as_of, Some(sealer))
    });
    assessment.waivers = waivers
        .as_ref()
        .map(|waivers| waive(waivers, execution.as_of, &mut assessment.targets));
    let files = waivers.map_or_else(BTreeMap::new, |waivers| waivers.files);
    let contents = contents(&execution, &mut assessment, files, (attested, documents), &seed)?;
    let description = Description {
        id,
        series: execution.series.to_owned(),
        organisation: execution.organisation.to_owned(),
        period: execution.period.label.clone(),
        as_of: execution.as_of,
        tool: bundle::Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: None,
        },
    };
    let options = SealOptions {
        cancel,
        threads: None,
    };
    let sealed = bundle::seal(
        contents,
        &description,
        execution.previous,
        key.as_ref(),
        execution.role,
        execution.out,
        &options,
    )
    .map_err(|error| match error {
        SealError::Exists(_) | SealError::Role(_) | SealError::Id(_) => Stop::usage(error),
        _ => Stop::failed(error),
    })?;
    Ok(Outcome { assessment, sealed })
}

/// `2026-Q4-acme-20261123T090000Z`: sorts by period, and is a folder's name everywhere.
fn bundle_id(execution: &Execution<'_>) -> String {
    let organisation: String = slug(execution.organisation)
        .to_lowercase()
        .chars()
        .take(24)
        .collect();
    let period: String = slug(&execution.period.label).chars().take(21).collect();
    format!(
        "{period}-{}-{}",
        organisation.trim_matches(['-', '.']),
        execution.as_of.format("%Y%m%dT%H%M%SZ")
    )
}

/// Before anything is asked: a bundle is never overwritten.
fn refuse_existing(out: &Path, id: &str) -> Result<(), Stop> {
    for path in [out.join(id), out.join(format!("{id}.zip"))] {
        if path.exists() {
            return Err(Stop::usage(SealError::Exists(path)));
        }
    }
    Ok(())
}

fn read_attested(execution: &Execution<'_>, output: &Output) -> Result<AttestedFolder, Stop> {
    let Some(path) = execution.attestations else {
        return Ok(AttestedFolder::default());
    };
    let mut folder = read_statements(path, Keep::Copies)?;
    judge_signatures(
        &mut folder.attested,
        execution.catalog,
        execution.attestor_policy,
        execution.as_of,
    );
    for (control, id) in folder.attested.controls() {
        if execution.catalog.control(control).is_none() {
            output.warning(&format!(
                "attestations/{id}.yaml names the control `{control}`, which the catalog lacks"
            ));
        }
    }
    Ok(folder)
}

/// A flag that Ctrl-C, and an order to end, set from now on.
pub(super) fn interruption() -> Result<Arc<AtomicBool>, Stop> {
    let flag = Arc::new(AtomicBool::new(false));
    let setter = Arc::clone(&flag);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Stop::failed)?;
    thread::spawn(move || {
        runtime.block_on(async move {
            ended().await;
            setter.store(true, Ordering::SeqCst);
        })
    });
    Ok(flag)
}

/// Returns when the process is asked to end.
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// The profile of each target by its id, where its tags make it differ. Tags that no target has are told.
fn profiles(execution: &Execution<'_>, output: &Output) -> Result<BTreeMap<String, Profile>, Stop> {
    let targets = &execution.inventory.targets;
    for tag in execution.profile.tags() {
        if !targets
            .iter()
            .any(|target| target.tags.iter().any(|own| own == tag))
        {
            output.warning(&format!(
                "the profile `{}` says something of the tag `{tag}`, which no target has",
                execution.profile.name
            ));
        }
    }
    let mut profiles = BTreeMap::new();
    for target in targets {
        let own = execution
            .profile
            .for_tags(&target.tags)
            .map_err(|problems| Stop::usage(format!("target `{}`: {problems}", target.id)))?;
        if !own.says_the_same(execution.profile) {
            profiles.insert(target.id.clone(), own);
        }
    }
    Ok(profiles)
}

fn collect_all(
    execution: &Execution<'_>,
    profiles: &BTreeMap<String, Profile>,
    (attested, documents): (&Attested, &BTreeMap<String, Document>),
    seed: &Seed,
    cancel: &AtomicBool,
    output: &Output,
) -> Result<Vec<Collected>, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Stop::failed)?;
    let shared = Collecting {
        catalog: execution.catalog,
        profile: execution.profile,
        attested,
        documents,
        as_of: execution.as_of,
        period: execution.period,
        limits: execution.limits,
        seed,
    };
    let targets = &execution.inventory.targets;
    let bar = progress(targets.len());
    let work = async {
        let asking = targets.iter().enumerate().map(|(index, target)| {
            let shared = &shared;
            let bar = &bar;
            async move {
                let own = Collecting {
                    profile: profiles.get(&target.id).unwrap_or(shared.profile),
                    ..*shared
                };
                let collected = collect_one(target, execution.environment, &own).await;
                bar.inc(1);
                (index, collected)
            }
        });
        let mut done: Vec<_> = futures_util::stream::iter(asking)
            .buffer_unordered(TARGETS_AT_ONCE)
            .collect()
            .await;
        done.sort_by_key(|(index, _)| *index);
        done.into_iter()
            .map(|(_, collected)| collected)
            .collect::<Vec<_>>()
    };
    let interrupted = async {
        while !cancel.load(Ordering::SeqCst) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let collected = runtime.block_on(async {
        tokio::select! {
            collected = work => Ok(collected),
            () = interrupted => Err(Stop::failed("interrupted; nothing was written")),
        }
    });
    bar.finish_and_clear();
    let collected = collected?;
    for (target, collected) in targets.iter().zip(&collected) {
        for warning in &collected.warnings {
            output.warning(&format!("{}: {warning}", target.id));
        }
        if let Some(failure) = &collected.failure {
            output.warning(&format!("{}: not assessed: {failure}", target.id));
        }
    }
    Ok(collected)
}

async fn collect_one(target: &Target, environment: &Environment, shared: &Collecting<'_>) -> Collected {
    match ConnectionSettings::resolve(&target.connection, environment) {
        Ok(settings) => collect::collect(target, &settings, shared).await,
        // Checked before; here only if a file that the connection string names changed meanwhile.
        Err(error) => Collected::failed(error.to_string()),
    }
}

fn progress(targets: usize) -> ProgressBar {
    let bar = ProgressBar::new(targets as u64);
    if let Ok(style) =
        ProgressStyle::with_template("{spinner} asked {pos} of {len} servers {wide_bar} {elapsed}")
    {
        bar.set_style(style);
    }
    bar
}

/// Judges every target and sums up.
fn judge(
    execution: &Execution<'_>,
    id: &str,
    collected: Vec<Collected>,
    mut profiles: BTreeMap<String, Profile>,
    binary_sha256: Option<String>,
) -> Assessment {
    let targets: Vec<TargetRecord> = execution
        .inventory
        .targets
        .iter()
        .zip(collected)
        .map(|(target, collected)| {
            let profile = profiles.remove(&target.id);
            let findings = evaluate(Evaluating {
                catalog: execution.catalog,
                profile: profile.as_ref().unwrap_or(execution.profile),
                facts: &collect::facts(collected.server.as_ref()),
                failure: collected.failure.as_deref(),
                evidence: &collected.evidence,
                assignments: &collected.assignments,
            });
            let connection = ConnectionSettings::resolve(&target.connection, execution.environment)
                .map(|settings| settings.describe())
                .unwrap_or_default();
            TargetRecord {
                summary: TargetSummary {
                    id: target.id.clone(),
                    connection,
                    tags: target.tags.clone(),
                    site: target.site.clone(),
                    server: collected.server,
                    failure: collected.failure,
                    warnings: collected.warnings,
                    tally: Tally::of(&findings),
                },
                evidence: collected.evidence,
                findings,
                profile,
            }
        })
        .collect();
    let tally = targets
        .iter()
        .fold(Tally::default(), |sum, target| sum.plus(target.summary.tally));
    Assessment {
        summary: Summary {
            format: record::FORMAT.to_owned(),
            id: id.to_owned(),
            organisation: execution.organisation.to_owned(),
            period: execution.period.clone(),
            as_of: execution.as_of,
            tool: Tool {
                name: env!("CARGO_PKG_NAME").to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                binary_sha256,
            },
            operator: operator(execution.environment),
            definitions: Definitions {
                catalog_sha256: execution.catalog.digest(),
                controls: execution.profile.controls.len(),
                profile: execution.profile.name.clone(),
                templates_sha256: execution.templates.digest(),
            },
            targets: targets.iter().map(|target| target.summary.clone()).collect(),
            tally,
        },
        targets,
        profile: execution.profile.clone(),
        waivers: None,
    }
}

fn operator(environment: &Environment) -> Operator {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Operator {
        user: environment.user.clone().unwrap_or_default(),
        host: host.trim().to_owned(),
    }
}

fn own_digest() -> Option<String> {
    let bytes = std::fs::read(std::env::current_exe().ok()?).ok()?;
    Some(sha256_hex(&bytes))
}

/// Everything that goes into the bundle, but what sealing makes itself.
fn contents(
    execution: &Execution<'_>,
    assessment: &mut Assessment,
    waivers: BTreeMap<String, Vec<u8>>,
    (attested, documents): (&Attested, &BTreeMap<String, Document>),
    seed: &Seed,
) -> Result<Contents, Stop> {
    let mut contents = Contents::new();
    let rendered =
        report::render(assessment, execution.catalog, execution.templates).map_err(Stop::failed)?;
    let kit = reperform::files(assessment);
    // Whatever is made from evidence has a salt, or its digest would give away what a redacted copy withholds.
    let made = kit
        .into_iter()
        .chain(report_files(rendered))
        .map(|(path, bytes)| {
            let salted = seed.append(&path, bytes);
            (path, salted)
        });
    let files = record::files(assessment, seed)
        .into_iter()
        .chain(execution.catalog.files.clone())
        .chain(attested.files.clone())
        .chain(waivers)
        .chain(made);
    for (path, bytes) in files {
        contents.insert(&path, bytes).map_err(Stop::failed)?;
    }
    let mut seen = std::collections::BTreeSet::new();
    for document in documents.values() {
        let Document::Present { attachment, source } = document else {
            continue;
        };
        if !seen.insert(&attachment.path) {
            continue;
        }
        let sha256 = attachment.sha256.parse::<Digest>().map_err(Stop::failed)?;
        contents
            .insert_file(&attachment.path, source.clone(), sha256, attachment.size)
            .map_err(Stop::failed)?;
    }
    Ok(contents)
}

/// The report's files by path.
pub(super) fn report_files(report: report::Report) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::from([
        ("report/index.html".to_owned(), report.html.into_bytes()),
        ("report/report.md".to_owned(), report.markdown.into_bytes()),
    ]);
    for (target, html) in report.targets {
        files.insert(format!("report/targets/{target}.html"), html.into_bytes());
    }
    files
}
