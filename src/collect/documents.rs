//! A folder of attestations: its files parsed, its signatures kept, and the documents that they refer to hashed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ring::digest;
use tempfile::TempDir;

use super::parse::{is_id, parse};
use crate::assessment::Attachment;
use crate::attestation::{Attested, SIGNATURE_SUFFIX};
use crate::file::{inside, leads_down, open_regular};
use crate::yaml::{Place, Problem, Problems};

/// Larger than anything that people write by hand.
const STATEMENT_LIMIT: u64 = 1 << 20;
/// Larger than any report or log that belongs into a bundle.
const DOCUMENT_LIMIT: u64 = 100 << 20;

/// Why attestations could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// A folder or file.
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

/// A document that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// It is there.
    Present {
        /// As it goes into the bundle.
        attachment: Attachment,
        /// Where these very bytes are.
        source: PathBuf,
    },
    /// It is not, or is nothing that can be attached.
    Missing(String),
}

/// Whether documents are only hashed, or copied as they are, so that what is hashed is what will be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Their digests.
    Digests,
    /// Their bytes too.
    Copies,
}

/// A folder of attestations that was read.
#[derive(Debug, Default)]
pub struct AttestedFolder {
    /// Everything attested.
    pub attested: Attested,
    /// The documents, by the path that a file refers to them with.
    pub documents: BTreeMap<String, Document>,
    copies: Option<TempDir>,
}

impl AttestedFolder {
    /// Whether documents lie in a folder of copies, which goes with this.
    pub fn has_copies(&self) -> bool {
        self.copies.is_some()
    }
}

/// Files by their path in a bundle.
type Files = BTreeMap<String, Vec<u8>>;

/// Everything attested in a folder, with the documents that it refers to.
///
/// # Errors
/// [`DocumentError::Unreadable`]; [`DocumentError::Problems`] with every problem of every file.
pub fn read_folder(folder: &Path, keep: Keep) -> Result<AttestedFolder, DocumentError> {
    let unreadable = |path: &Path| {
        let path = path.display().to_string();
        move |source| DocumentError::Unreadable { path, source }
    };
    let root = folder.canonicalize().map_err(unreadable(folder))?;
    let (files, mut problems) = read_files(folder, &root)?;
    let shown = |problem: Problem| Problem {
        file: match problem.file.strip_prefix("attestations/") {
            Some(name) => folder.join(name).display().to_string(),
            None => problem.file,
        },
        ..problem
    };
    let attested = match parse(files) {
        Ok(attested) if problems.is_empty() => attested,
        parsed => {
            problems.extend(parsed.err().unwrap_or_default().0);
            problems.sort();
            let problems = problems.into_iter().map(shown).collect();
            return Err(DocumentError::Problems(Problems(problems)));
        }
    };
    let names: BTreeSet<&str> = attested.documents().map(|one| one.file.as_str()).collect();
    let copies = (keep == Keep::Copies && !names.is_empty())
        .then(tempfile::tempdir)
        .transpose()
        .map_err(unreadable(&std::env::temp_dir()))?;
    let into = copies.as_ref().map(TempDir::path);
    let documents = names
        .into_iter()
        .map(|name| (name.to_owned(), look(&root, name, into)))
        .collect();
    Ok(AttestedFolder {
        attested,
        documents,
        copies,
    })
}

/// The statements and signatures of a folder: `attestations/…` to bytes, and what is wrong with the files as files.
fn read_files(folder: &Path, root: &Path) -> Result<(Files, Vec<Problem>), DocumentError> {
    let unreadable = |path: &Path| {
        let path = path.display().to_string();
        move |source| DocumentError::Unreadable { path, source }
    };
    let (mut files, mut problems) = (BTreeMap::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_statement = name.ends_with(".yaml") || name.ends_with(".yml");
        if !is_statement && !name.ends_with(SIGNATURE_SUFFIX) {
            continue;
        }
        let file = format!("attestations/{name}");
        let mut wrong =
            |message: String, help: &str| problems.push(Place::default().problem(&file, message, help));
        match inside(&path, root) {
            Err(reason) => wrong(reason, "put the file itself into the folder"),
            Ok(real) => match open_regular(&real) {
                Err(error) if error.kind() == std::io::ErrorKind::Other => {
                    wrong(error.to_string(), "put the file itself into the folder");
                }
                Err(error) => return Err(unreadable(&path)(error)),
                Ok((opened, size)) if size <= STATEMENT_LIMIT => {
                    let mut bytes = Vec::new();
                    opened
                        .take(STATEMENT_LIMIT + 1)
                        .read_to_end(&mut bytes)
                        .map_err(unreadable(&path))?;
                    files.insert(file, bytes);
                }
                Ok((_, size)) => wrong(
                    format!("it has {size} bytes, and no more than {STATEMENT_LIMIT} are read"),
                    "keep long texts in a document and refer to it",
                ),
            },
        }
    }
    Ok((files, problems))
}

/// Looks for a document inside the folder, and copies it where it is to be kept.
fn look(root: &Path, name: &str, copies: Option<&Path>) -> Document {
    let relative = Path::new(name);
    if !leads_down(relative) {
        return Document::Missing("its path leads out of the folder".to_owned());
    }
    let found = inside(&root.join(relative), root)
        .and_then(|real| attach(&real, name, copies).map_err(|error| error.to_string()));
    match found {
        Ok((attachment, source)) => Document::Present { attachment, source },
        Err(reason) => Document::Missing(reason),
    }
}

fn attach(path: &Path, name: &str, copies: Option<&Path>) -> std::io::Result<(Attachment, PathBuf)> {
    let other = |message: &str| std::io::Error::other(message.to_owned());
    let (mut file, stated) = open_regular(path)?;
    if stated > DOCUMENT_LIMIT {
        let message = format!("it has {stated} bytes, and no more than {DOCUMENT_LIMIT} are attached");
        return Err(other(&message));
    }
    let before = file.metadata()?;
    let mut copy = copies.map(tempfile::NamedTempFile::new_in).transpose()?;
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer)?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else {
            break;
        };
        context.update(piece);
        if let Some(copy) = &mut copy {
            copy.write_all(piece)?;
        }
        size += count as u64;
        if size > DOCUMENT_LIMIT {
            return Err(other("it grew while it was read"));
        }
    }
    let after = file.metadata()?;
    let stamp = |metadata: &std::fs::Metadata| {
        (
            metadata.len(),
            metadata.mtime(),
            metadata.mtime_nsec(),
            metadata.ctime(),
            metadata.ctime_nsec(),
        )
    };
    if size != stated || stamp(&before) != stamp(&after) {
        return Err(other("it changed while it was read"));
    }
    let sha256 = hex::encode(context.finish());
    let source = match copy {
        Some(copy) => copy.keep().map_err(|error| error.error)?.1,
        None => path.to_owned(),
    };
    let attachment = Attachment {
        path: format!("attachments/{sha256}.{}", extension(name)),
        name: name.to_owned(),
        sha256,
        size,
    };
    Ok((attachment, source))
}

fn extension(name: &str) -> String {
    Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str())
        .filter(|extension| {
            (1..=8).contains(&extension.len()) && extension.chars().all(|c| c.is_ascii_alphanumeric())
        })
        .unwrap_or("bin")
        .to_lowercase()
}

/// Whether a name can be that of a statement; used before a file is written.
pub fn is_statement_id(text: &str) -> bool {
    is_id(text)
}
