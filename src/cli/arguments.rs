//! Arguments that several verbs share, and what they stand for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, SubsecRound as _, Utc};
use clap::Args;

use super::Stop;
use crate::bundle::{BundleReader, IntactBundle, Limits};
use crate::control::{Catalog, CatalogError};
use crate::sign::{KeyReference, Opening, PassphraseSource, PublicKey, Signer};

/// Which catalog is used.
#[derive(Debug, Args)]
pub(super) struct CatalogArguments {
    /// Use the controls in this folder instead of those in the program.
    #[arg(long, value_name = "DIR")]
    pub(super) controls: Option<PathBuf>,
}

impl CatalogArguments {
    pub(super) fn load(&self) -> Result<Catalog, Stop> {
        let catalog = match &self.controls {
            Some(folder) => Catalog::from_folder(folder),
            None => Catalog::embedded(),
        };
        catalog.map_err(|error| match error {
            CatalogError::Unreadable { .. } => Stop::failed(error),
            CatalogError::NoGuide(_) | CatalogError::Problems(_) => Stop::usage(error),
        })
    }
}

/// Which key signs.
#[derive(Debug, Args)]
pub(super) struct KeyArguments {
    /// The private key that signs: a file (see `pgdossier keys new`), ssh-agent:SHA256:… or ssh-agent:COMMENT,
    /// pkcs11:… (a URI of RFC 7512), or command:PROGRAM with its arguments.
    #[arg(long, value_name = "KEY")]
    pub(super) key: KeyReference,
    #[command(flatten)]
    pub(super) opening: OpeningArguments,
}

/// What using a key may need.
#[derive(Debug, Clone, Args)]
pub(super) struct OpeningArguments {
    /// A file whose first line is the key's passphrase or the token's PIN; else PGDOSSIER_PASSPHRASE, else it is asked.
    #[arg(long, value_name = "FILE")]
    pub(super) passphrase_file: Option<PathBuf>,
    /// The public half of the only key that may sign; a command needs it.
    #[arg(long, value_name = "FILE")]
    pub(super) public_key: Option<PathBuf>,
    /// How long an agent or a command may take for one signature, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    signer_timeout: u64,
}

impl OpeningArguments {
    pub(super) fn open(&self, key: &KeyReference) -> Result<Box<dyn Signer + Send>, Stop> {
        let public_key = self.public_key.as_deref().map(PublicKey::load).transpose();
        key.open(&Opening {
            passphrase: PassphraseSource::choose(self.passphrase_file.as_deref()),
            public_key: public_key.map_err(Stop::usage)?,
            time_limit: Duration::from_secs(self.signer_timeout),
        })
        .map_err(Stop::usage)
    }
}

impl KeyArguments {
    pub(super) fn load(&self) -> Result<Box<dyn Signer + Send>, Stop> {
        self.opening.open(&self.key)
    }

    /// Whether loading may ask on the terminal, and so has to come before anything else is shown.
    pub(super) fn may_ask(&self) -> bool {
        let source = PassphraseSource::choose(self.opening.passphrase_file.as_deref());
        self.key.may_need_passphrase() && source == PassphraseSource::Prompt
    }
}

/// A point in time as people write it: a day (its end), or RFC 3339.
pub(super) fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        let end = day.and_hms_opt(23, 59, 59).ok_or("no such time")?;
        return Ok(end.and_utc());
    }
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .map_err(|_| format!("`{text}` is not a time; write 2026-11-23 or 2026-11-23T09:00:00Z"))
}

/// The clock: as given, else SOURCE_DATE_EPOCH, else now, to the second.
pub(super) fn clock(as_of: Option<DateTime<Utc>>) -> Result<DateTime<Utc>, Stop> {
    if let Some(time) = as_of {
        return Ok(time);
    }
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => seconds
            .parse()
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .ok_or_else(|| {
                Stop::usage(format!(
                    "SOURCE_DATE_EPOCH is `{seconds}`; it must be seconds since 1970"
                ))
            }),
        Err(_) => Ok(Utc::now().trunc_subsecs(0)),
    }
}

/// Opens a bundle and checks that it is whole. Nobody has said yet who made it.
pub(super) fn open_bundle(path: &Path) -> Result<IntactBundle, Stop> {
    use crate::bundle::ReadError;
    let failed = |error: ReadError| match error {
        ReadError::Open { .. } => Stop::failed(error),
        _ => Stop {
            exit: super::Exit::Invalid,
            message: error.to_string(),
        },
    };
    BundleReader::open(path, &Limits::default())
        .and_then(BundleReader::check_integrity)
        .map_err(failed)
}

/// The catalog and assessment that a bundle holds.
pub(super) fn read_records(bundle: &IntactBundle) -> Result<(Catalog, crate::assessment::Assessment), Stop> {
    let wrong = |message: String| Stop {
        exit: super::Exit::Invalid,
        message,
    };
    let paths: Vec<String> = bundle.paths().map(str::to_owned).collect();
    let mut files = std::collections::BTreeMap::new();
    for path in paths.iter().filter(|path| path.starts_with("controls/")) {
        files.insert(
            path.clone(),
            bundle.read(path).map_err(|error| wrong(error.to_string()))?,
        );
    }
    let catalog = Catalog::from_files(files).map_err(|error| wrong(error.to_string()))?;
    let read = |path: &str| bundle.read(path).ok();
    let assessment = crate::record::read(&paths, &read).map_err(|error| wrong(error.to_string()))?;
    Ok((catalog, assessment))
}

/// The folder of a path, and the file in it that is meant, if it is one.
pub(super) fn place(path: &Path) -> Result<(PathBuf, Option<&Path>), Stop> {
    let metadata = std::fs::metadata(path)
        .map_err(|error| Stop::failed(format!("cannot read `{}`: {error}", path.display())))?;
    if metadata.is_dir() {
        return Ok((path.to_owned(), None));
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match folder {
        Some(folder) => Ok((folder.to_owned(), Some(path))),
        None => Ok((PathBuf::new(), Some(path))),
    }
}

/// The folder of a file that people wrote, and its name without what ends it.
pub(super) fn file_at(file: &Path) -> Result<(PathBuf, String), Stop> {
    let (folder, only) = place(file)?;
    let id = only
        .and_then(Path::file_stem)
        .map(|stem| stem.to_string_lossy().into_owned());
    let folder = if folder.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        folder
    };
    match id {
        Some(id) => Ok((folder, id)),
        None => Err(Stop::usage(format!(
            "`{}` is a folder; name one file",
            file.display()
        ))),
    }
}
