//! Writes files into a hidden folder and archive beside the final ones, and gives them their names at the end.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use super::SealError;
use super::archive::{self, Member};
use super::contents::Source;
use super::digest::{Fingerprint, Fingerprinter};
use super::json::check_record;
use super::layout::is_record;
use super::limits::Limits;
use crate::file::rename_new;

/// A file of the bundle with its place in the archive.
pub(super) struct Planned<'a> {
    pub(super) path: &'a str,
    /// Absent for what is known only once all files are hashed.
    pub(super) source: Option<&'a Source>,
    pub(super) size: u64,
    /// Where its header and its bytes begin in the archive.
    pub(super) header: u64,
    pub(super) data: u64,
}

/// A folder and an archive that nobody sees yet; what is not published goes away with this.
pub(super) struct Staged {
    hidden: TempDir,
    id: String,
}

impl Staged {
    /// Has `write` make the bundle `id` in `out_dir`, which is made if missing: both folder and archive, or neither,
    /// and never over something that exists.
    pub(super) fn make<T>(
        out_dir: &Path,
        id: &str,
        write: impl FnOnce(&Self) -> Result<T, SealError>,
    ) -> Result<(T, [PathBuf; 2]), SealError> {
        let final_paths = [out_dir.join(id), out_dir.join(format!("{id}.zip"))];
        if let Some(existing) = final_paths.iter().find(|path| path.symlink_metadata().is_ok()) {
            return Err(SealError::Exists(existing.clone()));
        }
        let made_out_dir = !out_dir.exists();
        std::fs::create_dir_all(out_dir).map_err(|source| write_error(out_dir, source))?;
        let made = Self::make_hidden(out_dir, id, &final_paths, write);
        if made.is_err() && made_out_dir {
            // Empty again, and not there before; failing to remove it hides nothing.
            let _ = std::fs::remove_dir(out_dir);
        }
        made.map(|made| (made, final_paths))
    }

    fn make_hidden<T>(
        out_dir: &Path,
        id: &str,
        final_paths: &[PathBuf; 2],
        write: impl FnOnce(&Self) -> Result<T, SealError>,
    ) -> Result<T, SealError> {
        let hidden = tempfile::Builder::new()
            .prefix(&format!(".{id}.partial-"))
            .tempdir_in(out_dir)
            .map_err(|source| write_error(out_dir, source))?;
        let staged = Self {
            hidden,
            id: id.to_owned(),
        };
        let made = write(&staged)?;
        staged.publish(final_paths)?;
        Ok(made)
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.hidden.path().join(&self.id)
    }

    pub(super) fn archive(&self) -> PathBuf {
        self.hidden.path().join(format!("{}.zip", self.id))
    }

    fn publish(&self, [folder, archive]: &[PathBuf; 2]) -> Result<(), SealError> {
        publish(&self.folder(), folder)?;
        publish(&self.archive(), archive).inspect_err(|_| {
            // Back into the hidden folder, which is removed as a whole.
            let _ = std::fs::rename(folder, self.folder());
        })
    }
}

/// Where the files are written: into a folder and an archive at once.
pub(super) struct Target<'a> {
    pub(super) id: &'a str,
    pub(super) folder: &'a Path,
    pub(super) zip: File,
    pub(super) zip_path: &'a Path,
    pub(super) cancel: &'a AtomicBool,
}

impl Target<'_> {
    /// Writes one file to both places while hashing it.
    pub(super) fn write(
        &self,
        planned: &Planned<'_>,
        source: &Source,
        buffer: &mut [u8],
    ) -> Result<Fingerprint, SealError> {
        let print = match source {
            Source::Bytes(bytes) => {
                self.copy_in(bytes.as_slice(), Path::new(planned.path), planned, buffer)?
            }
            Source::File { from, .. } => {
                let file = File::open(from).map_err(|source| SealError::Read {
                    path: from.clone(),
                    source,
                })?;
                self.copy_in(file, from, planned, buffer)?
            }
        };
        if let Source::File { from, sha256, size } = source
            && (print.sha256, print.size) != (*sha256, *size)
        {
            return Err(SealError::Changed(from.clone()));
        }
        if is_record(planned.path) && planned.source.is_some() {
            check(planned.path, source, &self.folder.join(planned.path))?;
        }
        Ok(print)
    }

    /// Writes what `from` gives to both places while hashing it.
    pub(super) fn copy_in(
        &self,
        from: impl Read,
        from_path: &Path,
        planned: &Planned<'_>,
        buffer: &mut [u8],
    ) -> Result<Fingerprint, SealError> {
        let to = self.folder.join(planned.path);
        let print = self.copy(from, from_path, &to, planned, buffer)?;
        if print.size != planned.size {
            // The signer broke its promise of a fixed length; the archive's layout would be wrong.
            let source = io::Error::other("its size differs from the planned one");
            return Err(write_error(&to, source));
        }
        let member = Member {
            path: planned.path.to_owned(),
            size: print.size,
            crc32: print.crc32,
        };
        self.zip
            .write_all_at(&archive::local_header(self.id, &member), planned.header)
            .map_err(|source| write_error(self.zip_path, source))?;
        Ok(print)
    }

    /// Writes what follows the last file in the archive, unless it is too late for that.
    pub(super) fn finish(&self, directory: &[u8], position: u64) -> Result<(), SealError> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(SealError::Cancelled);
        }
        self.zip
            .write_all_at(directory, position)
            .map_err(|source| write_error(self.zip_path, source))
    }

    fn copy(
        &self,
        mut from: impl Read,
        from_path: &Path,
        to: &Path,
        planned: &Planned<'_>,
        buffer: &mut [u8],
    ) -> Result<Fingerprint, SealError> {
        let file = create(to, false)?;
        let mut fingerprinter = Fingerprinter::new();
        let mut position = 0_u64;
        loop {
            if self.cancel.load(Ordering::Relaxed) {
                return Err(SealError::Cancelled);
            }
            let length = match from.read(buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Err(SealError::Read {
                        path: from_path.to_owned(),
                        source,
                    });
                }
            };
            let piece = buffer.get(..length).unwrap_or_default();
            if piece.is_empty() {
                return Ok(fingerprinter.finish());
            }
            if position + length as u64 > planned.size {
                return Err(SealError::Changed(from_path.to_owned()));
            }
            fingerprinter.update(piece);
            file.write_all_at(piece, position)
                .map_err(|source| write_error(to, source))?;
            self.zip
                .write_all_at(piece, planned.data + position)
                .map_err(|source| write_error(self.zip_path, source))?;
            position += length as u64;
        }
    }
}

/// Refuses a record that verification would refuse. Bytes are at hand; of a file the copy is read, since that is what
/// was hashed.
fn check(path: &str, source: &Source, copy: &Path) -> Result<(), SealError> {
    let limit = Limits::default().line_bytes;
    let checked = match source {
        Source::Bytes(bytes) => check_record(path, bytes.as_slice(), limit),
        Source::File { .. } => {
            let file = File::open(copy).map_err(|source| SealError::Read {
                path: copy.to_owned(),
                source,
            })?;
            check_record(path, file, limit)
        }
    };
    checked.map_err(|reason| SealError::Record {
        path: path.to_owned(),
        reason,
    })
}

pub(super) fn create(path: &Path, readable: bool) -> Result<File, SealError> {
    let file = OpenOptions::new()
        .write(true)
        .read(readable)
        .create_new(true)
        .mode(0o644)
        .open(path)
        .map_err(|source| write_error(path, source))?;
    // The umask may have taken bits away.
    file.set_permissions(Permissions::from_mode(0o644))
        .map_err(|source| write_error(path, source))?;
    Ok(file)
}

pub(super) fn make_folders<'a>(root: &Path, paths: impl Iterator<Item = &'a str>) -> Result<(), SealError> {
    let mut folders: Vec<PathBuf> = paths
        .filter_map(|path| root.join(path).parent().map(Path::to_owned))
        .collect();
    folders.sort();
    folders.dedup();
    for folder in folders {
        let missing: Vec<&Path> = folder.ancestors().take_while(|one| !one.exists()).collect();
        for one in missing.into_iter().rev() {
            DirBuilder::new()
                .mode(0o755)
                .create(one)
                .map_err(|source| write_error(one, source))?;
            std::fs::set_permissions(one, Permissions::from_mode(0o755))
                .map_err(|source| write_error(one, source))?;
        }
    }
    Ok(())
}

/// Gives a finished file or folder its final name, unless something has it.
fn publish(from: &Path, to: &Path) -> Result<(), SealError> {
    rename_new(from, to).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => SealError::Exists(to.to_owned()),
        _ => write_error(to, error),
    })
}

pub(super) fn write_error(path: &Path, source: io::Error) -> SealError {
    SealError::Write {
        path: path.to_owned(),
        source,
    }
}
