//! `pgdossier sample`: rows of a control's population, chosen so that anybody who has the bundle chooses the same.

mod choice;
mod population;
mod worksheet;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use self::choice::{BY_HAND, Item, METHOD, choose};
use self::population::{Population, Subject};
use super::arguments::{clock, open_bundle, parse_time};
use super::attested::{Existing, put_file};
use super::output::Output;
use super::{Exit, Stop};
use crate::bundle::{self, BundleReader, IntactBundle, Limits, Verdict, VerifyOptions};
use crate::escape;
use crate::sign::TrustPolicy;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The bundle: its folder or its ZIP.
    bundle: PathBuf,
    /// The control whose population is sampled.
    #[arg(long, value_name = "ID")]
    control: String,
    /// How many rows.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    size: u32,
    /// Any text; the same seed chooses the same rows. Choose it after the bundle was sealed, and not for its effect.
    #[arg(long, value_name = "TEXT")]
    seed: String,
    /// Only rows of this target; of all targets when absent.
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// Your trust policy; without one nobody is asked who sealed the bundle.
    #[arg(long, alias = "policy", value_name = "FILE")]
    trust: Option<PathBuf>,
    /// The time at which keys must be valid: 2026-11-23 or RFC 3339; now when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<DateTime<Utc>>,
    /// Accept that listed files are absent, and say which rows cannot be chosen for it.
    #[arg(long, requires = "trust")]
    allow_withheld: bool,
    /// Where to put the list (CSV) and the worksheet (Markdown).
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// What came of it, with all that is needed to do it again.
#[derive(Debug, Serialize)]
struct Sample<'a> {
    /// Version of this JSON.
    version: u32,
    bundle_id: &'a str,
    statement_sha256: String,
    verified: bool,
    control: &'a str,
    seed: &'a str,
    asked: u32,
    method: &'a str,
    by_hand: &'a str,
    /// Rows that could be chosen.
    population: usize,
    subjects: &'a [Subject],
    items: &'a [Item],
    files: [PathBuf; 2],
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    if arguments.seed.is_empty() || arguments.seed.contains('\n') {
        return Err(Stop::usage(
            "the seed is one line of text, for instance the date and your initials",
        ));
    }
    let bundle = match &arguments.trust {
        None => open_bundle(&arguments.bundle)?,
        Some(trust) => verified(arguments, trust)?,
    };
    let population = Population::read(&bundle, &arguments.control, arguments.target.as_deref())?;
    let identity = bundle.statement_sha256().to_string();
    let items = choose(&population, &arguments.seed, &identity, arguments.size);
    let files = ["csv", "md"].map(|extension| {
        let name = format!("sample-{}.{extension}", arguments.control);
        arguments.out.join(name)
    });
    let sample = Sample {
        version: 1,
        bundle_id: &bundle.statement().predicate.bundle_id,
        statement_sha256: identity,
        verified: arguments.trust.is_some(),
        control: &arguments.control,
        seed: &arguments.seed,
        asked: arguments.size,
        method: METHOD,
        by_hand: BY_HAND,
        population: population.rows.len(),
        subjects: &population.subjects,
        items: &items,
        files,
    };
    write(&sample, &population, &bundle)?;
    output.result(&sample, || text(&sample));
    if arguments.trust.is_none() {
        output.note("who sealed the bundle was not checked: use --trust");
    }
    let hidden = population
        .subjects
        .iter()
        .any(|subject| !subject.hidden.is_empty());
    Ok(if hidden { Exit::NotEvaluated } else { Exit::Good })
}

fn verified(arguments: &Arguments, trust: &Path) -> Result<IntactBundle, Stop> {
    let policy = TrustPolicy::load(trust).map_err(Stop::usage)?;
    let cancel = AtomicBool::new(false);
    let options = VerifyOptions {
        now: clock(arguments.as_of)?,
        allow_withheld: arguments.allow_withheld,
        limits: Limits::default(),
        threads: None,
        cancel: &cancel,
    };
    let verification = bundle::verify(&arguments.bundle, &policy, &options).map_err(Stop::failed)?;
    let invalid = |message: String| Stop {
        exit: Exit::Invalid,
        message,
    };
    if verification.verdict == Verdict::Invalid {
        return Err(invalid(format!(
            "nothing is sampled from a bundle that does not verify\n{verification}"
        )));
    }
    let bundle = BundleReader::open(&arguments.bundle, &Limits::default())
        .and_then(BundleReader::check_listing)
        .map_err(|error| invalid(error.to_string()))?;
    if verification.statement_sha256 != Some(bundle.statement_sha256().to_string()) {
        return Err(invalid("the bundle changed while it was verified".to_owned()));
    }
    Ok(bundle)
}

fn write(sample: &Sample<'_>, population: &Population, bundle: &IntactBundle) -> Result<(), Stop> {
    let [csv, markdown] = &sample.files;
    for path in [csv, markdown] {
        if path.exists() {
            return Err(Stop::usage(format!(
                "`{}` exists already, and somebody may have written into it; choose another folder with --out",
                path.display()
            )));
        }
    }
    if let Some(folder) = csv.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| Stop::failed(format!("cannot make `{}`: {error}", folder.display())))?;
    }
    put_file(csv, worksheet::csv(sample, population).as_bytes(), Existing::Kept)?;
    put_file(
        markdown,
        worksheet::markdown(sample, population, bundle).as_bytes(),
        Existing::Kept,
    )
}

fn text(sample: &Sample<'_>) -> String {
    let mut text = format!(
        "{} of {} rows of `{}` chosen with the seed `{}`{}\n",
        sample.items.len(),
        sample.population,
        sample.control,
        sample.seed,
        whole(sample)
    );
    for item in sample.items {
        text.push_str(&format!(
            "{:>4}  {} line {}  {}\n",
            item.rank, item.file, item.line, item.judged
        ));
    }
    for subject in sample.subjects {
        for hidden in &subject.hidden {
            let line = format!("not in the population: {}: {hidden}", subject.target);
            text.push_str(&escape::terminal(&line));
            text.push('\n');
        }
    }
    let [csv, markdown] = &sample.files;
    text.push_str(&format!(
        "list       {}\nworksheet  {}\n",
        csv.display(),
        markdown.display()
    ));
    text
}

/// What a reader must know of the sample's size.
fn whole(sample: &Sample<'_>) -> &'static str {
    match sample.population {
        0 => ": the population is empty",
        count if count <= sample.asked as usize => ": the whole population",
        _ => "",
    }
}
