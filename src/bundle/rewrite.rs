//! Puts files that the manifest leaves out into a finished bundle: a folder, or an archive in its one form.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::archive::{Member, Positions, directory, local_header};
use super::digest::Fingerprinter;
use super::layout::is_unlisted;
use super::limits::Limits;
use super::store::{Entry, Store};

/// Why a bundle is as it was.
#[derive(Debug, Error)]
pub enum RewriteError {
    #[error("cannot change bundle `{}`: {reason}", path.display())]
    Unfit { path: PathBuf, reason: String },
    #[error("cannot write bundle `{}`: {source}; it is as it was", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Adds or replaces files that the manifest does not list, in a folder or an archive. Each change appears whole; of an
/// archive, all of them at once.
///
/// # Errors
/// [`RewriteError`].
pub fn put_unlisted(path: &Path, files: &[(String, Vec<u8>)]) -> Result<(), RewriteError> {
    let unfit = |reason: String| RewriteError::Unfit {
        path: path.to_owned(),
        reason,
    };
    if let Some((listed, _)) = files.iter().find(|(name, _)| !is_unlisted(name)) {
        return Err(unfit(format!("the manifest lists `{listed}`")));
    }
    let failed = |source: io::Error| RewriteError::Write {
        path: path.to_owned(),
        source,
    };
    let store = Store::open(path, &Limits::default())
        .map_err(failed)?
        .map_err(|failures| {
            unfit(
                failures
                    .first()
                    .map_or_else(String::new, |one| one.message.clone()),
            )
        })?;
    let place = path.canonicalize().map_err(failed)?;
    match &store.top {
        None => put_in_folder(&place, files),
        Some(top) => put_in_archive(&store, top, &place, files),
    }
    .map_err(failed)
}

/// Files are written beside the folder, since a half-written one in it would be part of it; and so would be an empty
/// folder, so that a new one appears with its file.
fn put_in_folder(folder: &Path, files: &[(String, Vec<u8>)]) -> io::Result<()> {
    for (name, bytes) in files {
        let to = folder.join(name);
        let mut file = beside(folder)?;
        file.write_all(bytes)?;
        match (to.parent(), to.file_name()) {
            (Some(parent), Some(name)) if !parent.exists() => {
                let new = tempfile::Builder::new()
                    .prefix(".pgdossier-")
                    .permissions(Permissions::from_mode(0o755))
                    .tempdir_in(folder.parent().unwrap_or(Path::new("/")))?;
                publish(file, &new.path().join(name))?;
                std::fs::rename(new.keep(), parent)?;
            }
            _ => publish(file, &to)?,
        }
    }
    Ok(())
}

/// Where a member's bytes come from.
enum From<'a> {
    Old(&'a Entry),
    New(&'a [u8]),
}

fn put_in_archive(store: &Store, top: &str, archive: &Path, files: &[(String, Vec<u8>)]) -> io::Result<()> {
    let new = |name: &str| files.iter().find(|(path, _)| path == name);
    let kept = store.entries().iter().filter(|entry| new(&entry.path).is_none());
    let mut sources: Vec<(&str, From<'_>)> = kept
        .map(|entry| (entry.path.as_str(), From::Old(entry)))
        .chain(
            files
                .iter()
                .map(|(path, bytes)| (path.as_str(), From::New(bytes))),
        )
        .collect();
    sources.sort_by_key(|(path, _)| *path);
    let members: Vec<Member> = sources.iter().map(|(path, from)| member(path, from)).collect();
    let sizes = members.iter().map(|member| (member.path.as_str(), member.size));
    let positions = Positions::of(top, sizes);
    let file = beside(archive)?;
    let zip = file.as_file();
    for ((member, (header, data)), (_, from)) in members.iter().zip(&positions.members).zip(&sources) {
        zip.write_all_at(&local_header(top, member), *header)?;
        match from {
            From::New(bytes) => zip.write_all_at(bytes, *data)?,
            From::Old(entry) => copy(store, entry, zip, *data)?,
        }
    }
    zip.write_all_at(&directory(top, &members, &positions), positions.directory)?;
    publish(file, archive)
}

fn member(path: &str, from: &From<'_>) -> Member {
    let (size, crc32) = match from {
        From::Old(entry) => (entry.size, Store::stated_crc32(entry).unwrap_or_default()),
        From::New(bytes) => {
            let mut print = Fingerprinter::new();
            print.update(bytes);
            let print = print.finish();
            (print.size, print.crc32)
        }
    };
    Member {
        path: path.to_owned(),
        size,
        crc32,
    }
}

fn copy(store: &Store, entry: &Entry, to: &File, mut position: u64) -> io::Result<()> {
    let mut section = store.section(entry)?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let length = section.read(&mut buffer)?;
        let piece = buffer.get(..length).unwrap_or_default();
        if piece.is_empty() {
            return Ok(());
        }
        to.write_all_at(piece, position)?;
        position += length as u64;
    }
}

/// A hidden file on the same file system, which goes away unless it is published.
fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    tempfile::Builder::new().prefix(".pgdossier-").tempfile_in(parent)
}

fn publish(file: tempfile::NamedTempFile, to: &Path) -> io::Result<()> {
    file.as_file().set_permissions(Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(to).map_err(|error| error.error)?;
    Ok(())
}
