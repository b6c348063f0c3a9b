//! Keeps the checkpoint: what was verified becomes what the next bundle must continue.

use std::path::Path;

use super::problem::Kind;
use super::report::Report;
use crate::cli::Stop;
use crate::sign::TrustPolicy;

/// Writes the new checkpoint into the policy, unless something is missing or does not verify: then the report says why.
pub(super) fn remember(report: &mut Report, path: &Path, policy: TrustPolicy) -> Result<(), Stop> {
    let [series] = report.series.as_slice() else {
        let names: Vec<&str> = report.series.iter().map(|series| series.name.as_str()).collect();
        return Err(Stop::usage(format!(
            "a policy remembers one series, and here are {}; choose one with --series",
            names.join(", ")
        )));
    };
    let refused = report.problems().any(|problem| {
        let missing = problem.kind == Kind::Unseen && REFUSED.contains(&problem.code);
        problem.kind == Kind::Failure || missing
    });
    if refused {
        report.remembered = Some(false);
        return Ok(());
    }
    let policy = TrustPolicy {
        series: Some(series.checkpoint.clone()),
        ..policy
    };
    replace(path, &policy)?;
    report.remembered = Some(true);
    Ok(())
}

/// What is not here was not verified, so that no checkpoint may cover it.
const REFUSED: [&str; 2] = ["chain.skipped", "series.behind"];

/// Writes beside the policy, then gives it the policy's name: an interruption leaves the earlier one.
fn replace(path: &Path, policy: &TrustPolicy) -> Result<(), Stop> {
    let failed = |error: std::io::Error| Stop::failed(format!("cannot write `{}`: {error}", path.display()));
    // A link stays one: what it leads to is replaced.
    let path = path.canonicalize().map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let staging = tempfile::Builder::new()
        .prefix(".pgdossier-")
        .tempdir_in(folder)
        .map_err(failed)?;
    let written = staging.path().join("policy.json");
    policy.write(&written).map_err(Stop::failed)?;
    let permissions = path.metadata().map_err(failed)?.permissions();
    std::fs::set_permissions(&written, permissions).map_err(failed)?;
    std::fs::rename(&written, &path).map_err(failed)
}
