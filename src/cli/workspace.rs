//! The workspace that a verb runs in: what it says where no flag does.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Stop, profile};
use crate::control::Catalog;
use crate::profile::{BASELINE, Profile};
use crate::workspace::{FILE, ProfileSource, SCHEMAS, Workspace, WorkspaceError};

/// Which workspace is used.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct WorkspaceArguments {
    /// The workspace: a folder with pgdossier.yaml, which says what flags do not; the current folder, if it has one, when
    /// absent.
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
}

impl WorkspaceArguments {
    /// The workspace, if there is one. Folders above the current one are not searched: what is assessed with which key
    /// must never depend on a file that nobody thought of.
    pub(super) fn load(&self) -> Result<Option<Workspace>, Stop> {
        let folder = match &self.workspace {
            Some(folder) => folder.as_path(),
            None if Path::new(FILE).symlink_metadata().is_ok() => Path::new(""),
            None => return Ok(None),
        };
        match Workspace::load(folder) {
            Ok(workspace) => Ok(Some(workspace)),
            Err(error @ WorkspaceError::Unreadable { .. }) => Err(Stop::failed(error)),
            Err(error) => Err(Stop::usage(error)),
        }
    }

    /// The folder of attestations: the one given, the workspace's, or `attestations`.
    pub(super) fn attestations(&self, given: Option<&Path>) -> Result<PathBuf, Stop> {
        let folder = match given {
            Some(given) => Some(given.to_owned()),
            None => self.load()?.and_then(|workspace| workspace.attestations),
        };
        Ok(folder.unwrap_or_else(|| PathBuf::from("attestations")))
    }

    /// The folder of waivers: the one given, the workspace's, or `waivers`.
    pub(super) fn waivers(&self, given: Option<&Path>) -> Result<PathBuf, Stop> {
        let folder = match given {
            Some(given) => Some(given.to_owned()),
            None => self.load()?.and_then(|workspace| workspace.waivers),
        };
        Ok(folder.unwrap_or_else(|| PathBuf::from("waivers")))
    }
}

/// The line with which a file in a workspace's folder names its JSON Schema, where the workspace holds the schemas.
pub(super) fn schema_line(folder: &Path, kind: &str) -> Option<String> {
    let path = format!("../{SCHEMAS}/{kind}.schema.json");
    let there = folder.join(&path).is_file();
    there.then(|| format!("# yaml-language-server: $schema={path}\n"))
}

/// The profile given, the workspace's, or the one that applies where none is named.
pub(super) fn load_profile(
    given: Option<&str>,
    workspace: Option<&Workspace>,
    catalog: &Catalog,
) -> Result<Profile, Stop> {
    let own = workspace.and_then(|workspace| workspace.profile.as_ref());
    match (given, own) {
        (Some(name), _) => profile::load(name, catalog),
        (None, Some(ProfileSource::Name(name))) => profile::load(name, catalog),
        (None, Some(ProfileSource::File(path))) => Profile::load(path, catalog).map_err(profile::stop),
        (None, None) => profile::load(BASELINE, catalog),
    }
}
