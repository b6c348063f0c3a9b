//! A new workspace on disk: written beside its place, and there whole or not at all.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::cli::Stop;
use crate::file::rename_new;
use crate::workspace::FILE;

/// Files that may be there already: they stay.
const MAY_STAY: &[&str] = &[".gitignore", ".gitattributes"];

/// A workspace that is being written.
pub(super) struct Staged {
    place: TempDir,
    /// The real path that the workspace will have.
    folder: PathBuf,
    exists: bool,
}

/// A workspace is laid out once.
pub(super) fn refuse_workspace(folder: &Path) -> Result<(), Stop> {
    let file = folder.join(FILE);
    if file.symlink_metadata().is_ok() {
        return Err(Stop::usage(format!(
            "`{}` exists already: this is a workspace, and nothing in it is overwritten",
            file.display()
        )));
    }
    Ok(())
}

impl Staged {
    pub(super) fn new(folder: &Path) -> Result<Self, Stop> {
        let failed =
            |error: std::io::Error| Stop::failed(format!("cannot make `{}`: {error}", folder.display()));
        let absolute = std::path::absolute(folder).map_err(failed)?;
        let exists = absolute.exists();
        let (real, beside) = if exists {
            let real = absolute.canonicalize().map_err(failed)?;
            (real.clone(), real)
        } else {
            let parent = absolute.parent().unwrap_or(Path::new("/"));
            std::fs::create_dir_all(parent).map_err(failed)?;
            let parent = parent.canonicalize().map_err(failed)?;
            let name = absolute.file_name().map(OsString::from).unwrap_or_default();
            (parent.join(name), parent)
        };
        let place = tempfile::Builder::new()
            .prefix(".pgdossier-")
            .tempdir_in(beside)
            .map_err(failed)?;
        Ok(Self {
            place,
            folder: real,
            exists,
        })
    }

    /// The real path that the workspace will have.
    pub(super) fn final_folder(&self) -> &Path {
        &self.folder
    }

    /// Where something lies for now.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub(super) fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), Stop> {
        let path = self.path(name);
        let written = match path.parent() {
            Some(parent) => std::fs::create_dir_all(parent),
            None => Ok(()),
        };
        let written = written.and_then(|()| std::fs::write(&path, bytes));
        written.map_err(|error| Stop::failed(format!("cannot write `{name}`: {error}")))
    }

    /// A folder that only its owner may enter.
    pub(super) fn private_folder(&mut self, name: &str) -> Result<(), Stop> {
        let made = std::fs::DirBuilder::new().mode(0o700).create(self.path(name));
        made.map_err(|error| Stop::failed(format!("cannot make `{name}`: {error}")))
    }

    /// Puts everything in its place; gives the names.
    pub(super) fn put(self) -> Result<Vec<String>, Stop> {
        let failed = |error: std::io::Error| {
            Stop::failed(format!("cannot write to `{}`: {error}", self.folder.display()))
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.place.path()).map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
        }
        // What makes it a workspace comes last.
        names.sort_by_key(|name| (name == FILE, name.clone()));
        if self.exists {
            let there = |name: &String| self.folder.join(name).symlink_metadata().is_ok();
            names.retain(|name| !MAY_STAY.contains(&name.as_str()) || !there(name));
            let taken: Vec<&str> = names
                .iter()
                .filter(|name| there(name))
                .map(String::as_str)
                .collect();
            if !taken.is_empty() {
                return Err(Stop::usage(format!(
                    "`{}` has {} already, and nothing is overwritten; name an empty folder",
                    self.folder.display(),
                    taken.join(", ")
                )));
            }
        } else {
            std::fs::create_dir(&self.folder).map_err(failed)?;
        }
        let mut put: Vec<&String> = Vec::new();
        for name in &names {
            if let Err(error) = rename_new(&self.place.path().join(name), &self.folder.join(name)) {
                self.take_back(&put);
                return Err(match error.kind() {
                    ErrorKind::AlreadyExists => Stop::usage(format!(
                        "`{}` appeared meanwhile, and nothing is overwritten",
                        self.folder.join(name).display()
                    )),
                    _ => failed(error),
                });
            }
            put.push(name);
        }
        Ok(names)
    }

    /// Moves what was put back to where it goes with the rest; a failure hides nothing.
    fn take_back(&self, put: &[&String]) {
        for name in put {
            let _ = std::fs::rename(self.folder.join(name), self.place.path().join(name));
        }
        if !self.exists {
            let _ = std::fs::remove_dir(&self.folder);
        }
    }
}
