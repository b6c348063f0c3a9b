//! A folder of attestations: its files parsed, its signatures kept, and the documents that they refer to hashed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ring::digest;
use tempfile::TempDir;

use super::parse::parse;
use crate::assessment::Attachment;
use crate::attestation::Attested;
use crate::file::leads_down;
use crate::folder::{self, FolderError, inside, open_regular};
use crate::signature::SignedKind;

/// Larger than any report or log that belongs into a bundle.
const DOCUMENT_LIMIT: u64 = 100 << 20;

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

/// Everything attested in a folder, with the documents that it refers to.
///
/// # Errors
/// [`FolderError::Unreadable`]; [`FolderError::Problems`] with every problem of every file.
pub fn read_folder(folder: &Path, keep: Keep) -> Result<AttestedFolder, FolderError> {
    let root = folder.canonicalize().map_err(FolderError::unreadable(folder))?;
    let (files, mut problems) = folder::read(folder, SignedKind::Attestation)?;
    let attested = match parse(files) {
        Ok(attested) if problems.is_empty() => attested,
        parsed => {
            problems.extend(parsed.err().unwrap_or_default().0);
            let problems = folder::as_named(problems, folder, SignedKind::Attestation);
            return Err(FolderError::Problems(problems));
        }
    };
    let names: BTreeSet<&str> = attested.documents().map(|one| one.file.as_str()).collect();
    let copies = (keep == Keep::Copies && !names.is_empty())
        .then(tempfile::tempdir)
        .transpose()
        .map_err(FolderError::unreadable(&std::env::temp_dir()))?;
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
    if size == 0 {
        return Err(other("it is empty"));
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
