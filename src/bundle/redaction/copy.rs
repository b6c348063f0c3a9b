//! Writes a copy of a bundle, folder and archive, without some files and with some of its own.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::bundle::archive::{Member, Positions, directory};
use crate::bundle::reader::IntactBundle;
use crate::bundle::seal::{SealError, SealOptions};
use crate::bundle::staging::{Planned, Staged, Target, create, make_folders};
use crate::bundle::store::{Entry, Store};
use crate::parallel;

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
    let made = Staged::make(out_dir, id, |staged| {
        write_files(store, id, &files, staged, options)
    });
    made.map(|((), paths)| paths)
}

fn write_files(
    store: &Store,
    id: &str,
    files: &[(&str, u64, Origin<'_>)],
    staged: &Staged,
    options: &SealOptions<'_>,
) -> Result<(), SealError> {
    let (staged_folder, staged_archive) = (staged.folder(), staged.archive());
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
    target.finish(&directory(id, &members, &positions), positions.directory)
}

fn open<'a>(store: &'a Store, entry: &Entry) -> Result<impl Read + use<'a>, SealError> {
    let unreadable = |source: io::Error| SealError::Read {
        path: PathBuf::from(&entry.path),
        source,
    };
    store.section(entry).map_err(unreadable)
}
