//! Folders of small files that people write: read whole, and nothing through a link that leads out of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::signature::{SIGNATURE_SUFFIX, SignedKind};
use crate::yaml::{Place, Problem, Problems};

/// Larger than anything that people write by hand.
const LIMIT: u64 = 1 << 20;

/// Why a folder could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder, or a file in it, could not be read.
    #[error("cannot read `{path}`: {source}; check that it exists and that you may read it")]
    Unreadable {
        /// The folder or file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Files are wrong.
    #[error("{0}")]
    Problems(Problems),
}

impl FolderError {
    /// That this folder or file could not be read.
    pub fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Unreadable { path, source }
    }
}

/// Files by their path in a bundle, and what is wrong with them as files.
pub type Found = (BTreeMap<String, Vec<u8>>, Vec<Problem>);

/// The YAML files of a folder and the signatures beside them, named as a bundle names files of this kind.
///
/// # Errors
/// [`FolderError::Unreadable`].
pub fn read(folder: &Path, kind: SignedKind) -> Result<Found, FolderError> {
    let root = folder.canonicalize().map_err(FolderError::unreadable(folder))?;
    let (mut files, mut problems) = (BTreeMap::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(FolderError::unreadable(folder))? {
        let path = entry.map_err(FolderError::unreadable(folder))?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !is_yaml(&name) && !name.ends_with(SIGNATURE_SUFFIX) {
            continue;
        }
        let file = format!("{}{name}", kind.folder());
        match read_small(&path, &root) {
            Ok(bytes) => {
                files.insert(file, bytes);
            }
            Err(Refusal::Unreadable(error)) => return Err(FolderError::unreadable(&path)(error)),
            Err(Refusal::Wrong(message, help)) => {
                problems.push(Place::default().problem(&file, message, help));
            }
        }
    }
    Ok((files, problems))
}

enum Refusal {
    Unreadable(std::io::Error),
    Wrong(String, &'static str),
}

fn read_small(path: &Path, root: &Path) -> Result<Vec<u8>, Refusal> {
    let itself = "put the file itself into the folder";
    let real = inside(path, root).map_err(|reason| Refusal::Wrong(reason, itself))?;
    let (opened, size) = open_regular(&real).map_err(|error| match error.kind() {
        std::io::ErrorKind::Other => Refusal::Wrong(error.to_string(), itself),
        _ => Refusal::Unreadable(error),
    })?;
    let mut bytes = Vec::new();
    opened
        .take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(Refusal::Unreadable)?;
    let size = size.max(bytes.len() as u64);
    if size > LIMIT {
        return Err(Refusal::Wrong(
            format!("it has {size} bytes, and no more than {LIMIT} are read"),
            "keep long texts in a document and refer to it",
        ));
    }
    Ok(bytes)
}

/// The real path of something inside a folder; links may not lead out of it.
///
/// # Errors
/// Why it is not inside, in words.
pub fn inside(path: &Path, root: &Path) -> Result<PathBuf, String> {
    match path.canonicalize() {
        Err(_) => Err("there is no such file".to_owned()),
        Ok(real) if real.starts_with(root) => Ok(real),
        Ok(_) => Err("a link leads out of the folder".to_owned()),
    }
}

/// Opens a regular file, whatever a path has become meanwhile: neither waits for a pipe nor follows a late link.
///
/// # Errors
/// What the system said; [`std::io::ErrorKind::Other`] when it is no regular file.
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
        Err(std::io::Error::other("it is not a regular file"))
    }
}

/// Problems, with their files as the user named the folder, in order.
pub fn as_named(problems: Vec<Problem>, folder: &Path, kind: SignedKind) -> Problems {
    let mut problems: Vec<Problem> = problems
        .into_iter()
        .map(|problem| Problem {
            file: match problem.file.strip_prefix(kind.folder()) {
                Some(name) => folder.join(name).display().to_string(),
                None => problem.file,
            },
            ..problem
        })
        .collect();
    problems.sort();
    Problems(problems)
}

/// Whether a file is to be read as YAML, by its name.
pub fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// Whether a text can be the stem of a file's name, here and in a bundle.
pub fn is_stem(text: &str) -> bool {
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    plain && !text.is_empty() && text.len() <= 100 && !text.starts_with('.') && !text.ends_with('.')
}
