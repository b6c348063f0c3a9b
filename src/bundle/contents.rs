//! What is to be sealed: paths with bytes, or with files to copy.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::SealError;
use super::digest::Digest;
use super::layout::is_made_by_sealing;
use super::path::PathSet;

/// The files of a bundle to be, by path.
#[derive(Debug, Default)]
pub struct Contents {
    paths: PathSet,
    sources: BTreeMap<String, Source>,
}

/// Where a file's bytes come from.
#[derive(Debug)]
pub(crate) enum Source {
    Bytes(Vec<u8>),
    /// Copied in pieces, so of any size; it must still be what it was.
    File {
        from: PathBuf,
        sha256: Digest,
        size: u64,
    },
}

impl Source {
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { size, .. } => *size,
        }
    }
}

impl Contents {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file with these bytes.
    ///
    /// # Errors
    /// [`SealError::Path`] or [`SealError::Reserved`].
    pub fn insert(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), SealError> {
        self.add(path, Source::Bytes(bytes))
    }

    /// Adds a copy of the file `from`, which must have this digest and size in bytes when it is sealed.
    ///
    /// # Errors
    /// [`SealError::Path`] or [`SealError::Reserved`].
    pub fn insert_file(
        &mut self,
        path: &str,
        from: PathBuf,
        sha256: Digest,
        size: u64,
    ) -> Result<(), SealError> {
        self.add(path, Source::File { from, sha256, size })
    }

    fn add(&mut self, path: &str, source: Source) -> Result<(), SealError> {
        if is_made_by_sealing(path) {
            return Err(SealError::Reserved {
                path: path.to_owned(),
            });
        }
        self.add_made(path, source)
    }

    /// Adds a file that sealing makes itself.
    pub(crate) fn add_made(&mut self, path: &str, source: Source) -> Result<(), SealError> {
        self.paths.insert(path).map_err(SealError::Path)?;
        self.sources.insert(path.to_owned(), source);
        Ok(())
    }

    pub(crate) fn sources(&self) -> &BTreeMap<String, Source> {
        &self.sources
    }
}
