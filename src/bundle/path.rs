//! Which paths may be in a bundle: ones that every file system and archive tool treats alike.

use std::collections::BTreeMap;

use thiserror::Error;

/// The longest path inside the bundle's folder, in bytes.
pub(crate) const MAX_PATH: usize = 180;
/// The longest bundle id, in bytes.
pub(crate) const MAX_ID: usize = 64;

/// Why a path cannot be in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PathProblem {
    #[error("path `{}` is longer than {MAX_PATH} characters", .0.escape_default())]
    TooLong(String),
    #[error(
        "path `{}` is not made of `/`-separated names of the characters A-Z a-z 0-9 . _ - without a leading or trailing dot",
        .0.escape_default()
    )]
    Name(String),
    #[error("path `{}` contains `{}`, a device name on Windows", .0.escape_default(), .1.escape_default())]
    DeviceName(String, String),
    #[error("path `{}` is there twice", .0.escape_default())]
    Duplicate(String),
    #[error("paths `{}` and `{}` differ only in case", .0.escape_default(), .1.escape_default())]
    CaseTwin(String, String),
    #[error("path `{}` is both a file and a folder", .0.escape_default())]
    FileAndFolder(String),
}

/// Checks one relative path.
///
/// # Errors
/// The first rule that it breaks.
pub fn check_path(path: &str) -> Result<(), PathProblem> {
    if path.len() > MAX_PATH {
        return Err(PathProblem::TooLong(path.to_owned()));
    }
    for name in path.split('/') {
        if !is_plain_name(name) {
            return Err(PathProblem::Name(path.to_owned()));
        }
        if is_device_name(name) {
            return Err(PathProblem::DeviceName(path.to_owned(), name.to_owned()));
        }
    }
    Ok(())
}

/// Whether `id` can name a bundle: one path segment of at most 64 characters.
pub(crate) fn is_bundle_id(id: &str) -> bool {
    id.len() <= MAX_ID && is_plain_name(id) && !is_device_name(id)
}

fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && !name.ends_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

fn is_device_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" => true,
        _ => stem
            .strip_prefix("COM")
            .or_else(|| stem.strip_prefix("LPT"))
            .is_some_and(|number| number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit())),
    }
}

/// Paths that can live in one folder on any file system.
#[derive(Debug, Default)]
pub(crate) struct PathSet {
    /// Case-folded path of each file and folder, with its true spelling.
    known: BTreeMap<String, (String, Kind)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
}

impl PathSet {
    /// Adds a file's path after checking it alone and against the others.
    pub(crate) fn insert(&mut self, path: &str) -> Result<(), PathProblem> {
        check_path(path)?;
        for (end, _) in path.match_indices('/') {
            if let Some(folder) = path.get(..end) {
                self.add(folder, Kind::Folder)?;
            }
        }
        self.add(path, Kind::File)
    }

    fn add(&mut self, path: &str, kind: Kind) -> Result<(), PathProblem> {
        match self.known.get(&path.to_ascii_lowercase()) {
            None => {
                self.known
                    .insert(path.to_ascii_lowercase(), (path.to_owned(), kind));
                Ok(())
            }
            Some((known, _)) if known != path => Err(PathProblem::CaseTwin(known.clone(), path.to_owned())),
            Some((_, Kind::Folder)) if kind == Kind::Folder => Ok(()),
            Some((_, known)) if *known == kind => Err(PathProblem::Duplicate(path.to_owned())),
            Some(_) => Err(PathProblem::FileAndFolder(path.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_every_system_treats_alike() {
        for good in [
            "a",
            "targets/db-1/evidence/hba.ndjson",
            "report/index.html",
            "COM10",
            "console.txt",
            "a.b.c",
        ] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        for bad in [
            "", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "a.", "a b", "ä", "a\\b", "a:b", "a\0", "a\n",
        ] {
            assert_eq!(check_path(bad), Err(PathProblem::Name(bad.to_owned())), "{bad:?}");
        }
        for device in ["con", "a/NUL.txt", "lpt1", "Com0.tar.gz"] {
            assert!(
                matches!(check_path(device), Err(PathProblem::DeviceName(..))),
                "{device}"
            );
        }
        assert_eq!(check_path(&"a".repeat(180)), Ok(()));
        assert!(matches!(
            check_path(&"a".repeat(181)),
            Err(PathProblem::TooLong(_))
        ));
    }

    #[test]
    fn paths_that_cannot_live_together() {
        let mut set = PathSet::default();
        set.insert("a/b").unwrap();
        assert_eq!(set.insert("a/b"), Err(PathProblem::Duplicate("a/b".into())));
        assert_eq!(
            set.insert("a/B"),
            Err(PathProblem::CaseTwin("a/b".into(), "a/B".into()))
        );
        assert_eq!(
            set.insert("A/c"),
            Err(PathProblem::CaseTwin("a".into(), "A".into()))
        );
        assert_eq!(set.insert("a"), Err(PathProblem::FileAndFolder("a".into())));
        assert_eq!(set.insert("a/b/c"), Err(PathProblem::FileAndFolder("a/b".into())));
        assert_eq!(set.insert("a/c"), Ok(()));
    }
}
