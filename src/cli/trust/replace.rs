//! Changing a policy's file.

use std::path::Path;

use crate::cli::Stop;
use crate::sign::TrustPolicy;

/// Writes beside the policy, then gives it the policy's name: an interruption leaves the earlier one.
pub(in crate::cli) fn replace(path: &Path, policy: &TrustPolicy) -> Result<(), Stop> {
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
