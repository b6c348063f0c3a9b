//! Files as they lie on disk: read without being led astray, put in place without replacing anything.

use std::fs::File;
use std::io::{Error, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

/// Why a path stays out: links may not lead out of a folder any more than `..` may.
pub const LINK_LEADS_OUT: &str = "a link leads out of the folder";

/// The real path of something inside a folder whose real path is `root`.
///
/// # Errors
/// Why there is none.
pub fn inside(path: &Path, root: &Path) -> Result<PathBuf, String> {
    match path.canonicalize() {
        Err(_) => Err("there is no such file".to_owned()),
        Ok(real) if real.starts_with(root) => Ok(real),
        Ok(_) => Err(LINK_LEADS_OUT.to_owned()),
    }
}

/// Whether a path, as it is written, leads nowhere but further down.
pub fn leads_down(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        && path.components().next().is_some()
}

/// Opens a regular file, whatever a path has become meanwhile: neither waits for a pipe nor follows a late link.
///
/// # Errors
/// What the system says; [`ErrorKind::Other`] when it is something else than a regular file.
pub fn open_regular(path: &Path) -> std::io::Result<(File, u64)> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = File::options()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        Ok((file, metadata.len()))
    } else {
        Err(Error::other("it is not a regular file"))
    }
}

/// Reads a whole regular file of at most `limit` bytes.
///
/// # Errors
/// As [`open_regular`]; [`ErrorKind::FileTooLarge`] when there is more.
pub fn read_capped(path: &Path, limit: u64) -> std::io::Result<Vec<u8>> {
    let (file, _) = open_regular(path)?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let message = format!("it is larger than {limit} bytes");
        return Err(Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// Gives a file or folder its final name, unless something has it.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`]; else what the system says.
pub fn rename_new(from: &Path, to: &Path) -> std::io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // The file system cannot do both at once.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if to.symlink_metadata().is_ok() => {
            Err(ErrorKind::AlreadyExists.into())
        }
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => std::fs::rename(from, to),
        Err(error) => Err(error.into()),
    }
}
