//! Writes a copy of a bundle, folder and archive, without some files and with some of its own.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use crate::bundle::archive::{Member, Positions, directory};
use crate::bundle::parallel;
use crate::bundle::reader::IntactBundle;
use crate::bundle::seal::{SealError, SealOptions};
use crate::bundle::staging::{Planned, Target, create, make_folders, publish, write_error};
use crate::bundle::store::{Entry, Store};

/// Where a file's bytes come from.
enum Origin<'a> {
    Kept(&'a Entry),
    Added(&'a [u8]),
}

/// Writes the copy as `<id>/` and `<id>.zip` in `out_dir`, both or neither.
pub(super) fn write(
    bundle: &IntactBundle,
    id: &str,
    absent: &BTreeSet<&str>,
    added: &[(String, Vec<u8>)],
    out_dir: &Path,
    options: &SealOptions<'_>,
) -> Result<[PathBuf; 2], SealError> {
    let final_paths = [out_dir.join(id), out_dir.join(format!("{id}.zip"))];
    if let Some(existing) = final_paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(SealError::Exists(existing.clone()));
    }
    let made_out_dir = !out_dir.exists();
    std::fs::create_dir_all(out_dir).map_err(|source| write_error(out_dir, source))?;
    let store = bundle.store();
    let kept = store
        .entries()
        .iter()
        .filter(|entry| !absent.contains(entry.path.as_str()));
    let mut files: Vec<(&str, u64, Origin<'_>)> = kept
        .map(|entry| (entry.path.as_str(), entry.size, Origin::Kept(entry)))
        .collect();
    files.extend(
        added
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes.len() as u64, Origin::Added(bytes))),
    );
    files.sort_by_key(|(path, ..)| *path);
    let written = write_files(store, id, &files, out_dir, &final_paths, options);
    if written.is_err() && made_out_dir {
        // Empty again, and not there before; failing to remove it hides nothing.
        let _ = std::fs::remove_dir(out_dir);
    }
    written.map(|()| final_paths)
}

fn write_files(
    store: &Store,
    id: &str,
    files: &[(&str, u64, Origin<'_>)],
    out_dir: &Path,
    [folder, archive]: &[PathBuf; 2],
    options: &SealOptions<'_>,
) -> Result<(), SealError> {
    let staging = tempfile::Builder::new()
        .prefix(&format!(".{id}.partial-"))
        .tempdir_in(out_dir)
        .map_err(|source| write_error(out_dir, source))?;
    let (staged_folder, staged_archive) = (staging.path().join(id), staging.path().join(format!("{id}.zip")));
    let target = Target {
        id,
        zip: create(&staged_archive, true)?,
        zip_path: &staged_archive,
        folder: &staged_folder,
        cancel: options.cancel,
    };
    make_folders(&staged_folder, files.iter().map(|(path, ..)| *path))?;
    let positions = Positions::of(id, files.iter().map(|(path, size, _)| (*path, *size)));
    let jobs: Vec<_> = files.iter().zip(&positions.members).collect();
    let written = parallel::map(
        parallel::threads(options.threads),
        &jobs,
        |((_, size, _), _)| *size,
        |((path, size, origin), (header, data)), buffer| {
            let planned = Planned {
                path,
                source: None,
                size: *size,
                header: *header,
                data: *data,
            };
            let name = Path::new(path);
            let print = match origin {
                Origin::Kept(entry) => target.copy_in(open(store, entry)?, name, &planned, buffer),
                Origin::Added(bytes) => target.copy_in(*bytes, name, &planned, buffer),
            }?;
            Ok(Member {
                path: (*path).to_owned(),
                size: print.size,
                crc32: print.crc32,
            })
        },
    );
    let members = written.into_iter().collect::<Result<Vec<_>, SealError>>()?;
    target.write_directory(&directory(id, &members, &positions), positions.directory)?;
    if options.cancel.load(Ordering::Relaxed) {
        return Err(SealError::Cancelled);
    }
    publish(&staged_folder, folder)?;
    if let Err(error) = publish(&staged_archive, archive) {
        // Back into the staging folder, which is removed as a whole.
        let _ = std::fs::rename(folder, &staged_folder);
        return Err(error);
    }
    Ok(())
}

fn open<'a>(store: &'a Store, entry: &Entry) -> Result<impl Read + use<'a>, SealError> {
    let unreadable = |source: io::Error| SealError::Read {
        path: PathBuf::from(&entry.path),
        source,
    };
    store.section(entry).map_err(unreadable)
}
