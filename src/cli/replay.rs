//! `pgdossier replay`: judge a bundle's evidence again, without a database.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::arguments::{open_bundle, read_records};
use super::output::Output;
use super::waivers::Loaded;
use super::{Exit, Stop};
use crate::assessment::{Assessment, Period, TargetRecord};
use crate::bundle::IntactBundle;
use crate::collect::{self, Deriving, Plan};
use crate::control::Catalog;
use crate::escape;
use crate::evaluate::{Evaluating, evaluate, waive};
use crate::evidence::{Evidence, Table};
use crate::finding::{Finding, Tally};
use crate::profile::Profile;
use crate::record;
use crate::reperform;
use crate::salt::salted_like;
use crate::waiver::WaiverRecord;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The bundle: its folder or its ZIP.
    bundle: PathBuf,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let bundle = open_bundle(&arguments.bundle)?;
    let (catalog, mut assessment) = read_records(&bundle)?;
    catalog.compile().map_err(|problems| Stop {
        exit: Exit::Invalid,
        message: problems.to_string(),
    })?;
    let mut differing = Vec::new();
    let (mut populations, mut findings) = (0, 0);
    for target in &assessment.targets {
        for (name, evidence) in &target.evidence {
            populations += 1;
            if let Err(reason) = derive_again(evidence, target, &assessment, &catalog) {
                differing.push(format!(
                    "{}: {reason}",
                    record::evidence_path(&target.summary.id, name)
                ));
            }
        }
    }
    let (kits, unread) = kits(&bundle, &assessment);
    let waivers = judge_all_again(&bundle, &catalog, &mut assessment)?;
    for target in &assessment.targets {
        findings += target.findings.len();
        let path = record::findings_path(&target.summary.id);
        if !is_sealed(&bundle, &path, record::to_json(&target.findings)) {
            differing.push(format!("{path}: the findings differ"));
        }
    }
    if let Some(waivers) = waivers
        && !is_sealed(&bundle, record::WAIVERS, record::to_json(&waivers))
    {
        differing.push(format!("{}: what became of the waivers differs", record::WAIVERS));
    }
    differing.extend(differing_head(&bundle, &assessment, &catalog));
    differing.extend(kits.iter().map(|path| format!("{path}: the script differs")));
    let broken = bundle.broken_commitments().into_iter();
    differing.extend(broken.map(|path| format!("{path}: its rows are not those that the bundle commits to")));
    let json = json!({"identical": differing.is_empty() && unread.is_empty(), "populations": populations, "findings": findings,
                      "differing": differing, "not_compared": unread});
    output.result(&json, || {
        if differing.is_empty() {
            format!("{populations} populations derived and {findings} findings judged again, each identical with the sealed ones")
        } else {
            let lines = differing.iter().map(|line| escape::terminal(line));
            lines.collect::<Vec<_>>().join("\n")
        }
    });
    for path in &unread {
        output.note(&format!(
            "{path} is of another format, and was not made again: do not run it unless you have read all of it"
        ));
    }
    output.note("who sealed the bundle was not checked: use `pgdossier verify`");
    Ok(if !differing.is_empty() {
        Exit::Invalid
    } else if unread.is_empty() {
        Exit::Good
    } else {
        Exit::NotEvaluated
    })
}

/// The re-performance scripts that do not follow from the records, and those of another format, which can't be made again
/// here.
fn kits(bundle: &IntactBundle, assessment: &Assessment) -> (Vec<String>, Vec<String>) {
    let sealed: Vec<&str> = bundle
        .paths()
        .filter(|path| path.starts_with(reperform::FOLDER))
        .collect();
    let first_line = format!("{}\n", reperform::FORMAT);
    let (known, unread): (Vec<&str>, Vec<&str>) = sealed.into_iter().partition(|path| {
        let bytes = bundle.read(path).unwrap_or_default();
        bytes.starts_with(first_line.as_bytes())
    });
    let again = reperform::files(assessment);
    let missing = again.keys().map(String::as_str);
    // A bundle without any kit is of a version that made none.
    let missing = missing.filter(|path| !known.is_empty() && !unread.contains(path));
    let paths: BTreeSet<&str> = known.iter().copied().chain(missing).collect();
    let differs = |path: &&str| match again.get(*path) {
        Some(again) => !is_sealed(bundle, path, again.clone()),
        None => true,
    };
    let owned = |paths: Vec<&str>| paths.into_iter().map(str::to_owned).collect();
    (owned(paths.into_iter().filter(differs).collect()), owned(unread))
}

/// What the head of the assessment, which reports repeat, says otherwise than the findings, the catalog and the statement.
fn differing_head(bundle: &IntactBundle, assessment: &Assessment, catalog: &Catalog) -> Vec<String> {
    let (head, stated) = (&assessment.summary, &bundle.statement().predicate);
    let mut sum = Tally::default();
    let mut differing = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            differing.push(format!("{}: {what}", record::SUMMARY));
        }
    };
    for target in &assessment.targets {
        let tally = Tally::of(&target.findings);
        sum = sum.plus(tally);
        let id = &target.summary.id;
        check(
            target.summary.tally == tally,
            &format!("the numbers of findings of `{id}` differ"),
        );
    }
    check(head.tally == sum, "the numbers of findings differ");
    for (holds, what) in [
        (head.id == stated.bundle_id, "the bundle's id"),
        (head.organisation == stated.organisation, "the organisation"),
        (head.period.label == stated.period, "the period"),
        (
            Period::parse(&stated.period).as_ref() == Ok(&head.period),
            "the days of the period",
        ),
        (head.as_of == stated.as_of, "the assessment's time"),
        (
            head.definitions.catalog_sha256 == catalog.digest(),
            "the catalog's digest",
        ),
        (
            head.definitions.profile == assessment.profile.name,
            "the profile's name",
        ),
    ] {
        check(holds, &format!("{what} is not what the bundle says elsewhere"));
    }
    let listed: BTreeSet<&str> = head.targets.iter().map(|target| target.id.as_str()).collect();
    let folders = bundle
        .paths()
        .filter_map(|path| path.strip_prefix("targets/")?.split_once('/'));
    let folders: BTreeSet<&str> = folders.map(|(target, _)| target).collect();
    for target in folders.difference(&listed) {
        check(false, &format!("target `{target}` is not in it, and has files"));
    }
    check(listed.len() == head.targets.len(), "a target is in it twice");
    differing
}

/// Derives a population from its raw tables again. One that was given by the source itself has only its digest.
fn derive_again(
    evidence: &Evidence,
    target: &TargetRecord,
    assessment: &Assessment,
    catalog: &Catalog,
) -> Result<(), String> {
    let provenance = &evidence.provenance;
    if evidence.digest() != provenance.sha256 {
        return Err("the rows are not those that the provenance names".to_owned());
    }
    if provenance.failure.is_some() || evidence.raw.is_empty() {
        return Ok(());
    }
    let collector = collect::collector(&provenance.collector)
        .ok_or_else(|| format!("this program has no collector `{}`", provenance.collector))?;
    if collector.version() != provenance.collector_version {
        return Err(format!(
            "it was collected by another version of `{}`",
            provenance.collector
        ));
    }
    let context = Deriving {
        arguments: &provenance.arguments,
        catalog,
        as_of: assessment.summary.as_of,
        period: &assessment.summary.period,
        site: target.summary.site.as_deref(),
        inputs: &target.evidence,
    };
    match collector.derive(&evidence.raw, &context) {
        Ok(table) if same_rows(&table, evidence) => Ok(()),
        Ok(_) => Err("the population derived again differs".to_owned()),
        Err(_) if !provenance.visibility.complete && evidence.table.rows.is_empty() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether a file made again is the sealed one, with whose salt it is written.
fn is_sealed(bundle: &IntactBundle, path: &str, again: Vec<u8>) -> bool {
    let sealed = bundle.read(path).unwrap_or_default();
    salted_like(path, again, &sealed) == sealed
}

/// Whether a table, written, is what was sealed but for the salt.
fn same_rows(table: &Table, evidence: &Evidence) -> bool {
    let derived = table.to_ndjson();
    match &evidence.written.population {
        Some(sealed) => salted_like("a.ndjson", derived, sealed) == *sealed,
        None => derived == evidence.table.to_ndjson(),
    }
}

/// Judges all targets again, in their place, and lays the waivers beside their findings, from what the bundle holds alone.
fn judge_all_again(
    bundle: &IntactBundle,
    catalog: &Catalog,
    assessment: &mut Assessment,
) -> Result<Option<WaiverRecord>, Stop> {
    let again: Vec<Vec<Finding>> = assessment
        .targets
        .iter()
        .map(|target| judge_again(target, catalog, assessment.profile_of(target)))
        .collect();
    for (target, findings) in assessment.targets.iter_mut().zip(again) {
        target.findings = findings;
    }
    let as_of = assessment.summary.as_of;
    let waivers = Loaded::from_bundle(bundle, assessment.waivers.as_ref())?.map(|loaded| {
        let sealer = &bundle.statement().predicate.signer.keyid;
        let waivers = loaded.check(catalog, as_of, Some(sealer));
        waive(&waivers, as_of, &mut assessment.targets)
    });
    Ok(waivers)
}

fn judge_again(target: &TargetRecord, catalog: &Catalog, profile: &Profile) -> Vec<Finding> {
    let facts = collect::facts(target.summary.server.as_ref());
    let plan = Plan::new(catalog, profile, &facts);
    evaluate(Evaluating {
        catalog,
        profile,
        facts: &facts,
        failure: target.summary.failure.as_deref(),
        evidence: &target.evidence,
        assignments: &plan.assignments,
    })
}
