//! Reading a bundle's files, possible only once its integrity holds.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use thiserror::Error;

use super::chain::{self, Leaves};
use super::digest::Digest;
use super::failure::Failure;
use super::integrity;
use super::layout::{COMMITMENTS, REVIEWS, SIGNATURES, SIGSTORE_SUFFIX, STATEMENT};
use super::limits::Limits;
use super::manifest::Manifest;
use super::statement::Statement;
use super::store::Store;
use super::{commitment, commitment_list};
use crate::parallel;
use crate::sign::Envelope;

/// Why a bundle cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    #[error("cannot open bundle `{}`: {source}", path.display())]
    Open { path: PathBuf, source: std::io::Error },
    #[error("bundle `{}` is damaged and was not read: {}", path.display(), describe(failures))]
    Damaged { path: PathBuf, failures: Vec<Failure> },
    #[error("the bundle has no file `{}`", path.escape_default())]
    NoSuchFile { path: String },
    #[error("`{path}` is listed in the bundle, and missing")]
    Absent { path: String },
    #[error("`{path}` cannot be read any more: {reason}")]
    Changed { path: String, reason: String },
}

fn describe(failures: &[Failure]) -> String {
    let one = |failure: &Failure| match &failure.path {
        Some(path) => format!("`{path}`: {} ({})", failure.message, failure.code),
        None => format!("{} ({})", failure.message, failure.code),
    };
    let more = failures.len().saturating_sub(3);
    let shown = failures.iter().take(3).map(one).collect::<Vec<_>>().join("; ");
    if more > 0 {
        format!("{shown}; and {more} more")
    } else {
        shown
    }
}

/// A bundle that is open but may not be read yet.
pub struct BundleReader {
    path: PathBuf,
    store: Store,
    limits: Limits,
}

/// A bundle whose statement, manifest and files agree. Who made it is another question: see [`super::verify()`].
pub struct IntactBundle {
    path: PathBuf,
    store: Store,
    manifest: Manifest,
    statement: Statement,
    statement_sha256: Digest,
    limits: Limits,
}

impl BundleReader {
    /// Opens a folder or archive strictly.
    ///
    /// # Errors
    /// [`ReadError::Open`], or [`ReadError::Damaged`] when it is not laid out as a bundle.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, ReadError> {
        let store = Store::open(path, limits)
            .map_err(|source| ReadError::Open {
                path: path.to_owned(),
                source,
            })?
            .map_err(|failures| ReadError::Damaged {
                path: path.to_owned(),
                failures,
            })?;
        Ok(Self {
            path: path.to_owned(),
            store,
            limits: *limits,
        })
    }

    /// What the bundle says of itself, before anything of it is checked.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] when it is no statement of ours.
    pub fn stated(&self) -> Result<Statement, ReadError> {
        self.read_statement().map(|(_, statement)| statement)
    }

    fn read_statement(&self) -> Result<(Vec<u8>, Statement), ReadError> {
        let read = self.store.read(STATEMENT, self.limits.held_bytes);
        let parsed = read.and_then(|bytes| Ok((integrity::parse_statement(&bytes)?, bytes)));
        match parsed {
            Ok((statement, bytes)) => Ok((bytes, statement)),
            Err(failure) => Err(ReadError::Damaged {
                path: self.path.clone(),
                failures: vec![failure],
            }),
        }
    }

    /// Checks steps 8, 9 and 10 of verification: everything but trust.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] with everything that is wrong.
    pub fn check_integrity(self) -> Result<IntactBundle, ReadError> {
        let path = self.path.clone();
        if let Some(copy) = integrity::redaction(&self.store) {
            return Err(ReadError::Damaged {
                path,
                failures: vec![copy],
            });
        }
        let bundle = self.check_listing()?;
        let cancel = AtomicBool::new(false);
        let checked =
            integrity::check_files(&bundle.store, &bundle.manifest, parallel::threads(None), &cancel);
        let absent = |path: &String| Failure::at("file.absent", path, "it is missing");
        let mut failures = checked.failures;
        failures.extend(checked.absent.iter().map(absent));
        if failures.is_empty() {
            Ok(bundle)
        } else {
            Err(ReadError::Damaged { path, failures })
        }
    }

    /// Checks steps 8 and 9 alone, for a bundle that was verified: its files are held against the manifest one by one,
    /// as each is read, and one that is withheld is missed only then.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] with everything that is wrong.
    pub fn check_listing(self) -> Result<IntactBundle, ReadError> {
        let (bytes, statement) = self.read_statement()?;
        let Self { path, store, limits } = self;
        let damaged = |failures| ReadError::Damaged {
            path: path.clone(),
            failures,
        };
        let (manifest, text) = integrity::check_manifest(&store, &statement, &limits).map_err(damaged)?;
        let failures = integrity::check_tree(&statement, &text);
        if failures.is_empty() {
            Ok(IntactBundle {
                path,
                store,
                manifest,
                statement,
                statement_sha256: Digest::of(&bytes),
                limits,
            })
        } else {
            Err(damaged(failures))
        }
    }
}

impl IntactBundle {
    /// The listed files, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.manifest.lines.iter().map(|line| line.path.as_str())
    }

    /// The digest that the manifest lists for a file.
    pub fn digest(&self, path: &str) -> Option<Digest> {
        self.manifest.find(path)
    }

    /// The series up to this bundle: a line for each, as in `chain/leaves.txt`, its own last.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] when the statement says otherwise.
    pub fn history(&self) -> Result<Vec<u8>, ReadError> {
        let damaged = |failures| ReadError::Damaged {
            path: self.path.clone(),
            failures,
        };
        let bytes = integrity::read_leaves(&self.store, &self.manifest, &self.limits);
        let bytes = bytes.map_err(|one| damaged(vec![one]))?;
        let stated = &self.statement.predicate;
        let failures = chain::check_against_leaves(&stated.chain, &stated.bundle_id, &bytes);
        if !failures.is_empty() {
            return Err(damaged(failures));
        }
        let leaves = Leaves::parse(&bytes).map_err(|one| damaged(vec![one]))?;
        Ok(leaves
            .followed_by(self.statement_sha256, &stated.bundle_id)
            .to_bytes())
    }

    /// The bytes of a listed file, hashed again as they are read.
    ///
    /// # Errors
    /// [`ReadError::NoSuchFile`], or [`ReadError::Changed`] when it changed since the check.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, ReadError> {
        let listed = self.manifest.find(path).ok_or_else(|| ReadError::NoSuchFile {
            path: path.to_owned(),
        })?;
        let changed = |reason: String| ReadError::Changed {
            path: path.to_owned(),
            reason,
        };
        if self.store.find(path).is_none() {
            return Err(ReadError::Absent {
                path: path.to_owned(),
            });
        }
        let bytes = self
            .store
            .read(path, self.limits.file_bytes)
            .map_err(|failure| changed(failure.message))?;
        if Digest::of(&bytes) == listed {
            Ok(bytes)
        } else {
            Err(changed("it changed after it was checked".to_owned()))
        }
    }

    /// The envelopes of its signatures and reviews, by path; nobody has verified them.
    ///
    /// # Errors
    /// [`ReadError::Changed`] when one cannot be read.
    pub fn envelopes(&self) -> Result<Vec<(String, Envelope)>, ReadError> {
        let files = self.store.entries().iter().map(|entry| &entry.path);
        files
            .filter(|path| path.starts_with(SIGNATURES) || path.starts_with(REVIEWS))
            .filter(|path| path.ends_with(SIGSTORE_SUFFIX))
            .map(|path| {
                let failed = |reason: String| ReadError::Changed {
                    path: path.clone(),
                    reason,
                };
                let bytes = self.store.read(path, self.limits.held_bytes);
                let bytes = bytes.map_err(|failure| failed(failure.message))?;
                let envelope = Envelope::from_sigstore_json(&bytes);
                envelope
                    .map(|envelope| (path.clone(), envelope))
                    .map_err(|error| failed(error.to_string()))
            })
            .collect()
    }

    /// The files as they lie there.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The records whose rows are not those that the bundle commits to, and commitments to what is no record.
    pub fn broken_commitments(&self) -> Vec<String> {
        let Ok(bytes) = self.read(COMMITMENTS) else {
            return Vec::new();
        };
        let Ok(commitments) = commitment_list::parse(&bytes) else {
            return vec![COMMITMENTS.to_owned()];
        };
        let broken = commitments.lines.into_iter().filter(|line| {
            let bytes = self.read(&line.path).unwrap_or_default();
            commitment::root(&line.path, &bytes) != Some(line.sha256)
        });
        broken.map(|line| line.path).collect()
    }

    /// What the bundle says of itself; nobody has verified who says it.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The bundle's identity: the SHA-256 of its statement.
    pub fn statement_sha256(&self) -> Digest {
        self.statement_sha256
    }
}
