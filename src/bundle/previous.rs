//! The newest bundle of a series in a folder of bundles: the one that the next run continues.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::layout::STATEMENT;
use super::{BundleReader, Limits, ReadError};

/// Why it cannot be said which bundle is the newest one.
#[derive(Debug, Error)]
pub enum PreviousError {
    #[error("cannot read the folder of bundles `{}`: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error(
        "{0}; so it cannot be said which bundle this one follows: name that with --previous, or move the bundle away"
    )]
    Bundle(ReadError),
    #[error(
        "`{one}` and `{other}` both claim place {index} of the series `{}`; name the one to follow with --previous",
        series.escape_default()
    )]
    Forked {
        one: String,
        other: String,
        index: u64,
        series: String,
    },
}

/// The bundle of a series with the highest place in it; nothing when the folder holds none of that series, or is not
/// there yet. What bundles say of themselves is believed here: whoever continues one checks it.
///
/// # Errors
/// [`PreviousError`].
pub fn newest_of_series(folder: &Path, series: &str) -> Result<Option<PathBuf>, PreviousError> {
    let mut newest: Option<(u64, String, PathBuf)> = None;
    for (name, path) in candidates(folder)? {
        let stated = BundleReader::open(&path, &Limits::default())
            .and_then(|bundle| bundle.stated())
            .map_err(PreviousError::Bundle)?;
        let chain = stated.predicate.chain;
        if chain.series != series {
            continue;
        }
        match &newest {
            Some((index, other, _)) if *index == chain.index => {
                return Err(PreviousError::Forked {
                    one: other.clone(),
                    other: name,
                    index: *index,
                    series: series.to_owned(),
                });
            }
            Some((index, _, _)) if *index > chain.index => {}
            _ => newest = Some((chain.index, name, path)),
        }
    }
    Ok(newest.map(|(_, _, path)| path))
}

/// Bundles by name: as a folder, else as an archive.
fn candidates(folder: &Path) -> Result<BTreeMap<String, PathBuf>, PreviousError> {
    let unreadable = |source| PreviousError::Folder {
        path: folder.to_owned(),
        source,
    };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // What is hidden is being written, or was left by a run that was cut off.
        if name.starts_with('.') {
            continue;
        }
        if path.join(STATEMENT).symlink_metadata().is_ok() {
            found.insert(name, path);
        } else if let Some(id) = name.strip_suffix(".zip") {
            found.entry(id.to_owned()).or_insert(path);
        }
    }
    Ok(found)
}
