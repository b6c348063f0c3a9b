//! The paths that a workspace's file names: relative to it, and never out of its folder.

use std::path::{Path, PathBuf};

use serde_yaml::Spanned;

use super::KeySource;
use crate::file::leads_down;
use crate::folder;
use crate::yaml::{Place, Problem, Problems};

/// What has to be at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// Nothing yet, perhaps.
    Anything,
}

/// The folder, where the empty path is the current one.
pub(super) fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    }
}

/// Takes paths from the file, and keeps what is wrong with them.
pub(super) struct Paths<'a> {
    shown: &'a str,
    folder: &'a Path,
    root: &'a Path,
    problems: Vec<Problem>,
}

impl<'a> Paths<'a> {
    /// `shown` is the file as the user knows it, `root` the real path of its folder.
    pub(super) fn new(shown: &'a str, folder: &'a Path, root: &'a Path) -> Self {
        Self {
            shown,
            folder,
            root,
            problems: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, place: Place, message: impl Into<String>, help: &str) {
        self.problems.push(place.problem(self.shown, message, help));
    }

    /// A path that has to lie in the workspace.
    pub(super) fn inside(
        &mut self,
        name: &str,
        given: Option<&Spanned<String>>,
        wanted: Wanted,
    ) -> Option<PathBuf> {
        let given = given?;
        let help = "name something in this folder, relative to this file";
        self.check(name, &given.value, Place::of(given), wanted, help)
    }

    /// A path that may be absolute, so that a secret can lie elsewhere.
    pub(super) fn anywhere(&mut self, name: &str, given: Option<&Spanned<String>>) -> Option<PathBuf> {
        let given = given?;
        let path = Path::new(&given.value);
        if path.is_absolute() {
            return Some(path.to_owned());
        }
        let help = "what lies elsewhere is named by its absolute path";
        self.check(name, &given.value, Place::of(given), Wanted::Anything, help)
    }

    /// A key: a file, or who else holds it. Whoever opens a folder that somebody else made runs nothing by that, so no
    /// file names a program or a library to load.
    pub(super) fn key(&mut self, given: Option<&Spanned<String>>) -> Option<KeySource> {
        let text = given?.value.as_str();
        let held = ["ssh-agent:", "pkcs11:"];
        if text.starts_with("command:") || (text.starts_with("pkcs11:") && text.contains("module-path")) {
            let message = "`key` names a program or a library to load, which no file may";
            self.add(Place::of(given?), message, "give it with --key");
            return None;
        }
        if held.iter().any(|scheme| text.starts_with(scheme)) {
            return Some(KeySource::Held(text.to_owned()));
        }
        self.anywhere("key", given).map(KeySource::File)
    }

    /// Where bundles go.
    pub(super) fn out(&mut self, given: Option<&Spanned<String>>, default: &str) -> PathBuf {
        let (text, place) = match given {
            Some(given) => (given.value.as_str(), Place::of(given)),
            None => (default, Place { line: 1, column: 1 }),
        };
        let help = "name something in this folder; --out can lead elsewhere";
        let path = self.check("out", text, place, Wanted::Anything, help);
        path.unwrap_or_else(|| self.folder.join(default))
    }

    fn check(&mut self, name: &str, text: &str, place: Place, wanted: Wanted, help: &str) -> Option<PathBuf> {
        let relative = Path::new(text);
        if !leads_down(relative) {
            self.add(place, format!("`{name}` leads out of the workspace"), help);
            return None;
        }
        let path = self.folder.join(relative);
        let result = match wanted {
            Wanted::Anything => folder::inside(nearest(&path, self.folder), self.root).map(|_| ()),
            Wanted::File | Wanted::Folder => {
                folder::inside(&path, self.root).and_then(|real| match (wanted, real.is_dir()) {
                    (Wanted::File, true) => Err("it is a folder, and has to be a file".to_owned()),
                    (Wanted::Folder, false) => Err("it is no folder".to_owned()),
                    _ => Ok(()),
                })
            }
        };
        match result {
            Ok(()) => Some(path),
            Err(reason) => {
                self.add(place, format!("`{name}` is `{text}`: {reason}"), help);
                None
            }
        }
    }

    pub(super) fn finish(mut self) -> Result<(), Problems> {
        self.problems
            .sort_by_key(|problem| (problem.line, problem.column));
        if self.problems.is_empty() {
            Ok(())
        } else {
            Err(Problems(self.problems))
        }
    }
}

/// The path, or the nearest one above it at which there is something, if only a link that leads nowhere.
fn nearest<'a>(path: &'a Path, folder: &'a Path) -> &'a Path {
    path.ancestors()
        .take_while(|one| *one != folder)
        .find(|one| one.symlink_metadata().is_ok())
        .unwrap_or(or_here(folder))
}
