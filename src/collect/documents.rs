//! Attestation files and the documents that they refer to: found, parsed, hashed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use ring::digest;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::assessment::Attachment;
use crate::attestation::{Attestation, Attested, Certificate};
use crate::yaml::{self, Place, Problem, Problems};

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
        /// Where it is.
        source: PathBuf,
    },
    /// It is not, or is nothing that can be attached.
    Missing(String),
}

/// Only enough of a file to know what it is.
#[derive(Deserialize, JsonSchema)]
struct Kind {
    kind: String,
}

/// Everything attested in a folder, with the documents that it refers to.
///
/// # Errors
/// [`DocumentError::Unreadable`]; [`DocumentError::Problems`] with every problem of every file.
pub fn read_folder(folder: &Path) -> Result<(Attested, BTreeMap<String, Document>), DocumentError> {
    let unreadable = |path: &Path| {
        let path = path.display().to_string();
        move |source| DocumentError::Unreadable { path, source }
    };
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
        {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            files.insert(
                format!("attestations/{name}"),
                std::fs::read(&path).map_err(unreadable(&path))?,
            );
        }
    }
    let attested = parse(files).map_err(DocumentError::Problems)?;
    let documents = attested
        .documents()
        .map(|reference| (reference.file.clone(), look(folder, &reference.file)))
        .collect();
    Ok((attested, documents))
}

/// Everything attested in these files (`attestations/<id>.yaml` to bytes).
///
/// # Errors
/// Every problem of every file.
pub fn parse(files: BTreeMap<String, Vec<u8>>) -> Result<Attested, Problems> {
    let mut attested = Attested::default();
    let mut problems = Vec::new();
    for (file, bytes) in &files {
        let id = Path::new(file)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let taken = match yaml::parse::<Kind>(file, bytes) {
            Ok(kind) if kind.kind == "attestation" => yaml::parse::<Attestation>(file, bytes).map(|parsed| {
                check_attestation(file, &parsed, &mut problems);
                attested.attestations.insert(id.clone(), parsed);
            }),
            Ok(kind) if kind.kind == "certificate" => yaml::parse::<Certificate>(file, bytes).map(|parsed| {
                check_certificate(file, &parsed, &mut problems);
                attested.certificates.insert(id.clone(), parsed);
            }),
            Ok(kind) => Err(Problems(vec![Place { line: 1, column: 1 }.problem(
                file,
                format!("the kind `{}` is not known", kind.kind),
                "write `kind: attestation` or `kind: certificate`",
            )])),
            Err(problems) => Err(problems),
        };
        if let Err(found) = taken {
            problems.extend(found.0);
        }
        if !is_id(&id) {
            problems.push(Place::default().problem(
                file,
                format!("`{id}` cannot be an id"),
                "name the file with letters, digits, hyphens, dots and underscores only",
            ));
        }
    }
    attested.files = files;
    if problems.is_empty() {
        Ok(attested)
    } else {
        Err(Problems(problems))
    }
}

fn check_attestation(file: &str, attestation: &Attestation, problems: &mut Vec<Problem>) {
    let from = attestation.valid_from.unwrap_or(attestation.performed_at);
    if attestation.expires_at < from {
        let message = format!("it expires on {} and begins on {from}", attestation.expires_at);
        problems.push(Place::default().problem(file, message, "correct `expires_at` or `valid_from`"));
    }
    if attestation
        .reviewer
        .as_ref()
        .is_some_and(|reviewer| reviewer.name == attestation.performed_by.name)
    {
        let message = "the reviewer is the performer";
        problems.push(Place::default().problem(file, message, "have somebody else review it"));
    }
}

fn check_certificate(file: &str, certificate: &Certificate, problems: &mut Vec<Problem>) {
    if certificate.period.to < certificate.period.from {
        let message = format!(
            "its period ends on {} and begins on {}",
            certificate.period.to, certificate.period.from
        );
        problems.push(Place::default().problem(file, message, "correct `period`"));
    }
}

/// Looks for a document inside the folder; links may not lead out of it.
fn look(folder: &Path, name: &str) -> Document {
    let relative = Path::new(name);
    if relative.is_absolute()
        || relative
            .components()
            .any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
    {
        return Document::Missing("its path leads out of the folder".to_owned());
    }
    let path = folder.join(relative);
    let (Ok(real), Ok(root)) = (path.canonicalize(), folder.canonicalize()) else {
        return Document::Missing("there is no such file".to_owned());
    };
    if !real.starts_with(root) {
        return Document::Missing("a link leads out of the folder".to_owned());
    }
    match attach(&real, name) {
        Ok(attachment) => Document::Present {
            attachment,
            source: real,
        },
        Err(error) => Document::Missing(error.to_string()),
    }
}

fn attach(path: &Path, name: &str) -> std::io::Result<Attachment> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut context = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        context.update(buffer.get(..count).unwrap_or_default());
        size += count as u64;
    }
    let sha256 = hex::encode(context.finish());
    let extension = Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str())
        .filter(|extension| extension.len() <= 8 && extension.chars().all(|c| c.is_ascii_alphanumeric()))
        .unwrap_or("bin")
        .to_lowercase();
    Ok(Attachment {
        path: format!("attachments/{sha256}.{extension}"),
        name: name.to_owned(),
        sha256,
        size,
    })
}

fn is_id(text: &str) -> bool {
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    plain && !text.is_empty() && text.len() <= 100 && !text.starts_with('.') && !text.ends_with('.')
}
