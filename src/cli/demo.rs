//! `pgdossier demo`: two throwaway servers, one weak and one hardened, assessed as one.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::Days;
use clap::Args;

use super::arguments::clock;
use super::execution::{Execution, Outcome, execute, interruption};
use super::output::Output;
use super::{Exit, Stop, assess, grants};
use crate::assessment::Period;
use crate::bundle::{self, VerifyOptions};
use crate::collect::Limits;
use crate::control::Catalog;
use crate::demo::{AUDITOR, Servers, write_statements};
use crate::host::HostAccess;
use crate::profile::Profile;
use crate::report::Templates;
use crate::sign::{Signer as _, SigningKey, TrustPolicy};
use crate::target::{Environment, Inventory, Target};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where to leave the bundle and the trust policy.
    #[arg(long, value_name = "DIR", default_value = "demo")]
    out: PathBuf,
}

/// Says that a folder is a demo's own, so that a demo never replaces a policy that matters.
const MARK: &str = ".made-by-pgdossier-demo";

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let cancel = interruption()?;
    let as_of = clock(None)?;
    let policy_path = prepare(&arguments.out)?;
    let catalog = Catalog::embedded().map_err(Stop::failed)?;
    output.note("starting two PostgreSQL servers of its own, one weak and one hardened");
    let servers = Servers::start(&grants::script(&catalog, AUDITOR)).map_err(Stop::failed)?;
    interrupted(&cancel)?;
    let statements = tempfile::tempdir().map_err(Stop::failed)?;
    write_statements(statements.path(), as_of).map_err(Stop::failed)?;
    let inventory = Inventory {
        targets: servers
            .inventory()
            .into_iter()
            .map(|(id, connection)| Target {
                id: id.to_owned(),
                connection,
                tags: Vec::new(),
                site: None,
                // What the machine of whoever tries it looks like is no part of the demonstration.
                host: HostAccess::None,
            })
            .collect(),
    };
    let key = SigningKey::generate().map_err(Stop::failed)?;
    let public = key.public_key().clone();
    let environment = Environment {
        variables: Default::default(),
        ..Environment::from_process()
    };
    let templates = Templates::embedded();
    let profile = Profile::baseline(&catalog).map_err(Stop::failed)?;
    let period = Period::quarter_of(as_of.date_naive()).map_err(Stop::failed)?;
    output.note("assessing both");
    let outcome = execute(
        Execution {
            catalog: &catalog,
            profile: &profile,
            inventory: &inventory,
            environment: &environment,
            attestations: Some(statements.path()),
            attestor_policy: None,
            templates: &templates,
            organisation: "Example AG",
            series: "Example AG demo",
            previous: None,
            period: &period,
            as_of,
            role: "assessor",
            out: &arguments.out.join("bundles"),
            limits: Limits::default(),
        },
        None,
        || Ok(Box::new(key)),
        &cancel,
        output,
    )?;
    servers.stop().map_err(Stop::failed)?;
    let until = as_of.checked_add_days(Days::new(365)).unwrap_or(as_of);
    let policy = TrustPolicy::single(&public, "pgdossier demo", "assessor", as_of, until);
    policy.write(&policy_path).map_err(Stop::failed)?;
    verify(&outcome, &policy, &cancel, output)?;
    assess::show(&outcome, output);
    output.note(&format!(
        "verify it yourself: pgdossier verify {} --trust {}",
        outcome.sealed.archive.display(),
        policy_path.display()
    ));
    Ok(Exit::Good)
}

/// Makes the folder ready; the policy of an earlier demo goes, for its key is gone too.
fn prepare(out: &Path) -> Result<PathBuf, Stop> {
    let failed =
        |error: std::io::Error| Stop::failed(format!("cannot write to `{}`: {error}", out.display()));
    let policy = out.join("trust-policy.json");
    let mark = out.join(MARK);
    if policy.exists() && !mark.exists() {
        return Err(Stop::usage(format!(
            "`{}` is there and no demo made it; choose another folder with --out",
            policy.display()
        )));
    }
    std::fs::create_dir_all(out.join("bundles")).map_err(failed)?;
    std::fs::write(&mark, "").map_err(failed)?;
    match std::fs::remove_file(&policy) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(policy),
    }
}

fn interrupted(cancel: &AtomicBool) -> Result<(), Stop> {
    if cancel.load(Ordering::SeqCst) {
        Err(Stop::failed("interrupted; nothing was written"))
    } else {
        Ok(())
    }
}

fn verify(outcome: &Outcome, policy: &TrustPolicy, cancel: &AtomicBool, output: &Output) -> Result<(), Stop> {
    let options = VerifyOptions {
        now: outcome.assessment.summary.as_of,
        allow_withheld: false,
        limits: bundle::Limits::default(),
        threads: None,
        cancel,
    };
    let verification = bundle::verify(&outcome.sealed.archive, policy, &options).map_err(Stop::failed)?;
    if verification.verdict != bundle::Verdict::Valid {
        return Err(Stop {
            exit: Exit::Invalid,
            message: verification.to_string(),
        });
    }
    output.note("sealed, signed and verified");
    Ok(())
}
