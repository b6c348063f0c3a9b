//! Folders of attestations as verbs read them, with their signatures judged.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::Stop;
use crate::attestation::Attested;
use crate::collect::{self, AttestedFolder, Keep};
use crate::control::Catalog;
use crate::evidence::sha256_hex;
use crate::folder::FolderError;
use crate::sign::{Envelope, Judging, TrustPolicy, judge_signature};
use crate::signature::{SIGNATURE_SUFFIX, SignatureFact, SignedKind, statement_of};

/// Everything attested in a folder; files that are wrong are told all at once.
pub(super) fn read_statements(folder: &Path, keep: Keep) -> Result<AttestedFolder, Stop> {
    collect::read_attestations(folder, keep).map_err(folder_stop)
}

/// How a folder that could not be used ends a run.
pub(super) fn folder_stop(error: FolderError) -> Stop {
    match error {
        FolderError::Unreadable { .. } => Stop::failed(error),
        FolderError::Problems(_) => Stop::usage(error),
    }
}

/// Judges the signatures beside the statements. What is no signature at all is said to be invalid, and left out of what
/// goes into a bundle, whose records have to be well formed.
pub(super) fn judge_signatures(
    attested: &mut Attested,
    catalog: &Catalog,
    policy: Option<&TrustPolicy>,
    now: DateTime<Utc>,
) {
    let files: Vec<String> = attested.files.keys().cloned().collect();
    for file in files.iter().filter(|file| file.ends_with(SIGNATURE_SUFFIX)) {
        let Some(bytes) = attested.files.get(file).cloned() else {
            continue;
        };
        if let Some((id, fact)) = judge_one(attested, catalog, file, &bytes, policy, now) {
            attested.signatures.entry(id).or_default().push(fact);
        }
        if Envelope::from_sigstore_json(&bytes).is_err() {
            attested.files.remove(file);
        }
    }
}

fn judge_one(
    attested: &Attested,
    catalog: &Catalog,
    file: &str,
    bytes: &[u8],
    policy: Option<&TrustPolicy>,
    now: DateTime<Utc>,
) -> Option<(String, SignatureFact)> {
    let name = file.strip_prefix("attestations/")?;
    let id = statement_of(name)?;
    let statement = attested.statement(id)?;
    let (statement_name, digest) = statement_file(attested, id)?;
    let controls: Vec<(String, String)> = statement
        .controls()
        .iter()
        .map(|named| {
            let section = catalog.control(named).map(|control| control.section.clone());
            (named.clone(), section.unwrap_or_default())
        })
        .collect();
    let judging = Judging {
        kind: SignedKind::Attestation,
        policy,
        now,
        controls: &controls,
    };
    let fact = judge_signature(name, bytes, (&statement_name, &digest), judging);
    Some((id.to_owned(), fact))
}

/// Name (without the folder) and digest of a statement's file.
pub(super) fn statement_file(attested: &Attested, id: &str) -> Option<(String, String)> {
    ["yaml", "yml"].into_iter().find_map(|extension| {
        let name = format!("{id}.{extension}");
        let bytes = attested.files.get(&format!("attestations/{name}"))?;
        Some((name, sha256_hex(bytes)))
    })
}

/// What becomes of a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    /// It stays, and nothing is written.
    Kept,
    /// It goes.
    Replaced,
}

/// Writes a file that everybody may read: complete under its name, or not at all.
pub(super) fn put_file(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), Stop> {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |error: std::io::Error| Stop::failed(format!("cannot write `{}`: {error}", path.display()));
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .prefix(".pgdossier-")
        .permissions(std::fs::Permissions::from_mode(0o644))
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    let put = match existing {
        Existing::Replaced => file.persist(path),
        Existing::Kept => file.persist_noclobber(path),
    };
    match put {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Err(Stop::usage(format!(
            "`{}` exists already, and is not overwritten; choose another name with --id",
            path.display()
        ))),
        Err(error) => Err(failed(error.error)),
    }
}
