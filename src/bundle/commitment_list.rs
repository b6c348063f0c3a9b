//! `commitments.txt`: the roots over the rows of records, in the form of a manifest.

use super::digest::Digest;
use super::failure::Failure;
use super::layout::COMMITMENTS;
use super::limits::Limits;
use super::manifest::Manifest;
use super::store::Store;

/// The roots by path, once the file is known to be the listed one.
pub(super) fn read(store: &Store, manifest: &Manifest, limits: &Limits) -> Result<Manifest, Failure> {
    let absent = || {
        let message = "the commitments to rows are missing, so nothing can be shown in part";
        Failure::at("commitment.absent", COMMITMENTS, message)
    };
    let listed = manifest.find(COMMITMENTS).ok_or_else(absent)?;
    store.find(COMMITMENTS).ok_or_else(absent)?;
    let bytes = store.read(COMMITMENTS, limits.held_bytes)?;
    if Digest::of(&bytes) != listed {
        let message = "its SHA-256 is not the one in the manifest";
        return Err(Failure::at("file.changed", COMMITMENTS, message));
    }
    parse(&bytes)
}

/// The roots by path.
pub(super) fn parse(bytes: &[u8]) -> Result<Manifest, Failure> {
    Manifest::parse(bytes).map_err(|failure| Failure::at("commitment.format", COMMITMENTS, failure.message))
}
