//! Secret files on disk: private from the first byte, never overwritten, refused when others can read them.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::SignError;

/// Larger than any key, passphrase or policy; guards against reading a device or a dump.
const SIZE_LIMIT: u64 = 1 << 20;
const PRIVATE_MODE: u32 = 0o600;
const PUBLIC_MODE: u32 = 0o644;

/// Writes `pem` to a new file with mode 0600: complete under its name or not there at all.
///
/// # Errors
/// [`SignError::Exists`] when `path` exists (it stays untouched), [`SignError::File`] when it cannot be written.
pub fn write_private_key(path: &Path, pem: &str) -> Result<(), SignError> {
    write_new(path, pem.as_bytes(), PRIVATE_MODE)
}

/// The same for a file that everybody may read.
pub(super) fn write_public(path: &Path, bytes: &[u8]) -> Result<(), SignError> {
    write_new(path, bytes, PUBLIC_MODE)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), SignError> {
    let failed = |source| SignError::file("write", path, source);
    let mut file = tempfile::Builder::new()
        .prefix(".pgdossier-")
        .permissions(std::fs::Permissions::from_mode(mode))
        .tempfile_in(parent(path))
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    // The umask may have taken bits away.
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(mode))
        .map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path)
        .map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => SignError::Exists {
                path: path.to_owned(),
            },
            _ => failed(error.error),
        })?;
    Ok(())
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Reads a secret, refusing a regular file that its group or others may read or write.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, SignError> {
    let file = open(path)?;
    let metadata = file
        .metadata()
        .map_err(|source| SignError::file("read", path, source))?;
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        return Err(SignError::LooseMode {
            path: path.to_owned(),
            mode: metadata.mode() & 0o7777,
        });
    }
    read_capped(file, path)
}

/// Reads a whole public file of at most 1 MiB.
pub(super) fn read_small(path: &Path) -> Result<Vec<u8>, SignError> {
    read_capped(open(path)?, path).map(|bytes| bytes.to_vec())
}

fn open(path: &Path) -> Result<File, SignError> {
    let failed = |source| SignError::file("open", path, source);
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(SignError::NotAFile {
            path: path.to_owned(),
        });
    }
    Ok(file)
}

fn read_capped(file: File, path: &Path) -> Result<Zeroizing<Vec<u8>>, SignError> {
    // Reserved in full, so that growing never leaves copies of a secret behind.
    let capacity = file
        .metadata()
        .map_or(0, |metadata| metadata.len().min(SIZE_LIMIT))
        + 4096;
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(capacity).unwrap_or(4096)));
    file.take(SIZE_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| SignError::file("read", path, source))?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(SignError::TooLarge {
            what: format!("`{}`", path.display()),
            limit: SIZE_LIMIT,
        });
    }
    Ok(bytes)
}
