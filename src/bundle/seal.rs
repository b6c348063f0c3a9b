//! Makes the signed folder and archive, both or neither, from files read once.

use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use thiserror::Error;

use super::archive::{self, Member, Positions};
use super::chain::Leaves;
use super::contents::{Contents, Source};
use super::digest::Digest;
use super::layout::{
    COMMITMENTS, HAND_CHECK, LEAVES, MANIFEST, SIGSTORE_SUFFIX, SSHSIG_SUFFIX, STATEMENT, is_role,
    signature_stem,
};
use super::limits::Limits;
use super::manifest::{Line, Manifest};
use super::merkle::tree_head_of_lines;
use super::path::{MAX_ID, PathProblem, is_bundle_id};
use super::reader::{BundleReader, ReadError};
use super::staging::{Planned, Staged, Target, create, make_folders, write_error};
use super::statement::{Description, ManifestTree, Predicate, StatedSigner, Statement};
use super::{commitment, hand_check};
use crate::parallel;
use crate::sign::{Envelope, SSH_NAMESPACE, SignError, Signer, SshSignature, sign_checked};

/// How to seal.
#[derive(Debug, Clone, Copy)]
pub struct SealOptions<'a> {
    /// Set by another thread to stop; everything written so far is removed.
    pub cancel: &'a AtomicBool,
    /// Number of threads; all cores when absent.
    pub threads: Option<NonZeroUsize>,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The bundle's folder.
    pub folder: PathBuf,
    /// The same as one ZIP.
    pub archive: PathBuf,
    /// The bundle's identity.
    pub statement_sha256: Digest,
    /// Number of files that the manifest lists.
    pub files: u64,
    /// Size of all files together in bytes.
    pub bytes: u64,
}

/// Why nothing was sealed. Whatever it is, the output folder is as it was.
#[derive(Debug, Error)]
pub enum SealError {
    #[error("{0}; choose another name for it")]
    Path(PathProblem),
    #[error("path `{path}` is made by sealing and cannot be brought; choose another name for it")]
    Reserved { path: String },
    #[error("bundle id `{}` is not one name of A-Z a-z 0-9 . _ - with at most {MAX_ID} characters", .0.escape_default())]
    Id(String),
    #[error("role `{}` is not made of at most 32 lowercase letters, digits and inner hyphens", .0.escape_default())]
    Role(String),
    #[error("`{}` exists already and bundles are never overwritten; choose another bundle id or output folder", .0.display())]
    Exists(PathBuf),
    #[error("the previous bundle cannot be continued: {0}")]
    Previous(#[from] ReadError),
    #[error("bundle `{id}` cannot follow the previous bundle: {reason}")]
    Chain { id: String, reason: String },
    #[error("record `{path}` is not strict JSON: {reason}")]
    Record { path: String, reason: String },
    #[error("`{}` changed after it was examined; collect it again", .0.display())]
    Changed(PathBuf),
    #[error("cannot read `{}`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write `{}`: {source}; nothing was kept", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("sealing was interrupted; nothing was kept")]
    Cancelled,
}

/// Seals `contents` in `out_dir` (made if missing) as `<id>/` and `<id>.zip`, signed by `signer` in `role`.
/// `previous` is the bundle, folder or archive, that this one follows in its series.
///
/// # Errors
/// A [`SealError`]; nothing is left behind.
pub fn seal(
    mut contents: Contents,
    description: &Description,
    previous: Option<&Path>,
    signer: &dyn Signer,
    role: &str,
    out_dir: &Path,
    options: &SealOptions<'_>,
) -> Result<Sealed, SealError> {
    let id = description.id.as_str();
    if !is_bundle_id(id) {
        return Err(SealError::Id(id.to_owned()));
    }
    if !is_role(role) {
        return Err(SealError::Role(role.to_owned()));
    }
    let leaves = earlier_bundles(description, previous)?;
    let stem = signature_stem(role, signer.public_key().short_keyid());
    contents.add_made(LEAVES, Source::Bytes(leaves.to_bytes()))?;
    contents.add_made(
        HAND_CHECK,
        Source::Bytes(hand_check::text(id, &stem, SSH_NAMESPACE, signer.scheme()).into_bytes()),
    )?;
    add_commitments(&mut contents, options)?;
    let draft = Draft {
        description,
        leaves: &leaves,
        signer,
        role,
        stem: &stem,
    };

    let made = Staged::make(out_dir, id, |staged| write(&contents, &draft, staged, options));
    let (written, [folder, archive]) = made?;
    Ok(Sealed {
        folder,
        archive,
        statement_sha256: written.statement_sha256,
        files: written.files,
        bytes: written.bytes,
    })
}

/// Adds the roots over the rows of those records that have a salt.
fn add_commitments(contents: &mut Contents, options: &SealOptions<'_>) -> Result<(), SealError> {
    let files = contents.sources().iter();
    let files = files.filter_map(|(path, source)| match source {
        Source::Bytes(bytes) => Some((path.as_str(), bytes.as_slice())),
        Source::File { .. } => None,
    });
    let lines: Vec<Line> = commitment::roots(files, parallel::threads(options.threads))
        .into_iter()
        .map(|(path, sha256)| Line {
            path: path.to_owned(),
            sha256,
        })
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    contents.add_made(COMMITMENTS, Source::Bytes(Manifest { lines }.to_bytes()))
}

fn earlier_bundles(description: &Description, previous: Option<&Path>) -> Result<Leaves, SealError> {
    let Some(path) = previous else {
        return Ok(Leaves::default());
    };
    let cannot = |reason: String| SealError::Chain {
        id: description.id.clone(),
        reason,
    };
    let bundle = BundleReader::open(path, &Limits::default())?.check_integrity()?;
    let stated = &bundle.statement().predicate;
    if stated.chain.series != description.series {
        return Err(cannot(format!(
            "that one is of series `{}`, this one of series `{}`",
            stated.chain.series.escape_default(),
            description.series.escape_default()
        )));
    }
    let leaves = Leaves::parse(&bundle.read(LEAVES)?).map_err(|failure| cannot(failure.message))?;
    let leaves = leaves.followed_by(bundle.statement_sha256(), &stated.bundle_id);
    if leaves.contains(&description.id) {
        return Err(cannot("its series has a bundle of that id already".to_owned()));
    }
    Ok(leaves)
}

/// Everything that makes the statement and its signatures, but for the files' digests.
struct Draft<'a> {
    description: &'a Description,
    leaves: &'a Leaves,
    signer: &'a dyn Signer,
    role: &'a str,
    stem: &'a str,
}

impl Draft<'_> {
    fn statement(&self, manifest: &[u8]) -> Vec<u8> {
        let tree = tree_head_of_lines(manifest);
        let about = self.description;
        let predicate = Predicate {
            bundle_id: about.id.clone(),
            organisation: about.organisation.clone(),
            period: about.period.clone(),
            as_of: about.as_of,
            tool: about.tool.clone(),
            manifest: ManifestTree {
                size: tree.size,
                root: tree.root,
            },
            signer: StatedSigner {
                keyid: self.signer.public_key().keyid().to_owned(),
                role: self.role.to_owned(),
            },
            chain: self.leaves.chain(&about.series),
        };
        Statement::new(Digest::of(manifest), predicate).to_bytes()
    }

    /// The four files that the manifest does not list, sorted by path.
    fn unlisted(&self, manifest: Vec<u8>, sign: bool) -> Result<Vec<(String, Vec<u8>)>, SealError> {
        let statement = self.statement(&manifest);
        let keyid = self.signer.public_key().keyid().to_owned();
        let mut envelope = Envelope {
            signature: vec![0; self.signer.public_key().signature_length()],
            payload: statement.clone(),
            keyid,
            token: None,
        };
        let ssh = if sign {
            envelope.signature = sign_checked(self.signer, &envelope.signed_bytes())?;
            SshSignature::sign(self.signer, &statement)?
        } else {
            SshSignature::unsigned(self.signer.public_key())
        };
        Ok(vec![
            (MANIFEST.to_owned(), manifest),
            (
                format!("{}{SIGSTORE_SUFFIX}", self.stem),
                envelope.to_sigstore_json(),
            ),
            (
                format!("{}{SSHSIG_SUFFIX}", self.stem),
                ssh.to_armor().into_bytes(),
            ),
            (STATEMENT.to_owned(), statement),
        ])
    }
}

/// What is known of a bundle once it is written.
struct Written {
    statement_sha256: Digest,
    files: u64,
    bytes: u64,
}

fn write(
    contents: &Contents,
    draft: &Draft<'_>,
    staged: &Staged,
    options: &SealOptions<'_>,
) -> Result<Written, SealError> {
    let id = draft.description.id.as_str();
    let (staged_folder, staged_archive) = (staged.folder(), staged.archive());
    let target = Target {
        id,
        zip: create(&staged_archive, true)?,
        zip_path: &staged_archive,
        folder: &staged_folder,
        cancel: options.cancel,
    };

    // Digests have one length, so a manifest of placeholders tells where everything will be.
    let placeholder = |path: &String| Line {
        path: path.clone(),
        sha256: Digest::PLACEHOLDER,
    };
    let manifest = Manifest {
        lines: contents.sources().keys().map(placeholder).collect(),
    }
    .to_bytes();
    let sizes = draft.unlisted(manifest, false)?;
    let mut planned: Vec<Planned<'_>> = contents
        .sources()
        .iter()
        .map(|(path, source)| (path.as_str(), Some(source), source.size()))
        .chain(
            sizes
                .iter()
                .map(|(path, bytes)| (path.as_str(), None, bytes.len() as u64)),
        )
        .map(|(path, source, size)| Planned {
            path,
            source,
            size,
            header: 0,
            data: 0,
        })
        .collect();
    planned.sort_by(|a, b| a.path.cmp(b.path));
    let positions = Positions::of(id, planned.iter().map(|one| (one.path, one.size)));
    for (one, (header, data)) in planned.iter_mut().zip(&positions.members) {
        (one.header, one.data) = (*header, *data);
    }
    make_folders(&staged_folder, planned.iter().map(|one| one.path))?;

    let written = parallel::map(
        parallel::threads(options.threads),
        &planned,
        |one| one.size,
        |one, buffer| match one.source {
            Some(source) => target.write(one, source, buffer).map(Some),
            None => Ok(None),
        },
    );
    let written = written.into_iter().collect::<Result<Vec<_>, _>>()?;
    let lines = planned.iter().zip(&written).filter_map(|(one, print)| {
        print.map(|print| Line {
            path: one.path.to_owned(),
            sha256: print.sha256,
        })
    });
    let manifest = Manifest {
        lines: lines.collect(),
    };
    let unlisted = draft.unlisted(manifest.to_bytes(), true)?;

    let mut members = Vec::with_capacity(planned.len());
    let mut buffer = vec![0; 64 << 10];
    for (one, print) in planned.iter().zip(written) {
        let print = match (print, unlisted.iter().find(|(path, _)| path == one.path)) {
            (Some(print), _) => print,
            (None, Some((_, bytes))) => target.write(one, &Source::Bytes(bytes.clone()), &mut buffer)?,
            (None, None) => {
                return Err(write_error(
                    Path::new(one.path),
                    io::Error::from(io::ErrorKind::NotFound),
                ));
            }
        };
        members.push(Member {
            path: one.path.to_owned(),
            size: print.size,
            crc32: print.crc32,
        });
    }
    target.finish(&archive::directory(id, &members, &positions), positions.directory)?;
    let statement = unlisted.iter().find(|(path, _)| path == STATEMENT);
    Ok(Written {
        statement_sha256: Digest::of(statement.map(|(_, bytes)| bytes.as_slice()).unwrap_or_default()),
        files: manifest.lines.len() as u64,
        bytes: members.iter().map(|member| member.size).sum(),
    })
}
