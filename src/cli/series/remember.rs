//! Keeps the checkpoint: what was verified becomes what the next bundle must continue.

use std::path::Path;

use super::problem::Kind;
use super::report::Report;
use crate::cli::Stop;
use crate::cli::trust::replace;
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
