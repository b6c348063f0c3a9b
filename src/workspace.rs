//! A workspace: the folder with everything that an assessment needs, and the file that says what is where.

mod layout;
mod paths;
mod site;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Spanned;

pub use layout::Layout;
pub use site::Site;

use self::paths::{Paths, Wanted};
use crate::yaml::{self, Place, Problems};
use crate::{file, folder};

/// The file that makes a folder a workspace.
pub const FILE: &str = "pgdossier.yaml";
/// The folder of JSON Schemas in a workspace.
pub const SCHEMAS: &str = ".schemas";
/// Where bundles go when nothing else is said.
const OUT: &str = "bundles";

/// Larger than anything that people write by hand.
const LIMIT: u64 = 1 << 20;

/// A workspace as its file writes it: what `pgdossier assess` does when it is given no arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Workspace")]
pub struct RawWorkspace {
    /// Whose servers they are.
    #[schemars(with = "String")]
    pub organisation: Spanned<String>,
    /// The chain of bundles that each run continues; the organisation when absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub series: Option<Spanned<String>>,
    /// The file that lists the targets.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub inventory: Option<Spanned<String>>,
    /// Which controls apply: a shipped profile or a file; `baseline` when absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub profile: Option<Spanned<String>>,
    /// The folder of attestations and certificates.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub attestations: Option<Spanned<String>>,
    /// The folder of waivers.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub waivers: Option<Spanned<String>>,
    /// The trust policy that says how many approvers have to sign a waiver, and whose signatures count.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub waiver_policy: Option<Spanned<String>>,
    /// The trust policy that says whose signatures of attestations count, and for which controls.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub trust: Option<Spanned<String>>,
    /// The private key that signs bundles: a file in the workspace, an absolute path, `ssh-agent:…` or `pkcs11:…`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub key: Option<Spanned<String>>,
    /// The public half of the only key that may sign.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub public_key: Option<Spanned<String>>,
    /// A file whose first line is the key's passphrase or the token's PIN, in the workspace or by its absolute path; else
    /// `PGDOSSIER_PASSPHRASE`, else it is asked.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub passphrase_file: Option<Spanned<String>>,
    /// What the signer signs as; `assessor` when absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub role: Option<Spanned<String>>,
    /// Where bundles go; `bundles` when absent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub out: Option<Spanned<String>>,
}

/// Which profile a workspace names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProfileSource {
    /// A shipped one.
    Name(String),
    /// One of its own.
    File(PathBuf),
}

/// Where a workspace's key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In a file.
    File(PathBuf),
    /// With an agent or a token, as `--key` names it.
    Held(String),
}

/// A workspace: what its file says, with paths as they can be opened from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Whose servers they are.
    pub organisation: String,
    /// The chain of bundles.
    pub series: String,
    /// The file that lists the targets.
    pub inventory: Option<PathBuf>,
    /// Which controls apply.
    pub profile: Option<ProfileSource>,
    /// The folder of attestations and certificates.
    pub attestations: Option<PathBuf>,
    /// The folder of waivers.
    pub waivers: Option<PathBuf>,
    /// What the signatures of waivers are held to.
    pub waiver_policy: Option<PathBuf>,
    /// The trust policy.
    pub trust: Option<PathBuf>,
    /// The private key.
    pub key: Option<KeySource>,
    /// The public half of the only key that may sign.
    pub public_key: Option<PathBuf>,
    /// The file with its passphrase.
    pub passphrase_file: Option<PathBuf>,
    /// What the signer signs as.
    pub role: Option<String>,
    /// Where bundles go.
    pub out: PathBuf,
}

/// Why a workspace could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The folder has no [`FILE`].
    #[error("`{}` is no workspace: it has no {FILE}; `pgdossier init` makes one", .0.display())]
    Absent(PathBuf),
    /// The file could not be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is wrong.
    #[error("{0}")]
    Problems(Problems),
}

impl Workspace {
    /// The workspace in a folder; the empty path is the current folder.
    ///
    /// # Errors
    /// [`WorkspaceError`]; problems all at once.
    pub fn load(place: &Path) -> Result<Self, WorkspaceError> {
        let path = place.join(FILE);
        let unreadable = |source| WorkspaceError::Unreadable {
            path: path.clone(),
            source,
        };
        if path.symlink_metadata().is_err() {
            return Err(WorkspaceError::Absent(paths::or_here(place).to_owned()));
        }
        let root = paths::or_here(place).canonicalize().map_err(unreadable)?;
        let real =
            folder::inside(&path, &root).map_err(|reason| unreadable(std::io::Error::other(reason)))?;
        let bytes = file::read_capped(&real, LIMIT).map_err(unreadable)?;
        let shown = path.display().to_string();
        let raw: RawWorkspace = yaml::parse(&shown, &bytes).map_err(WorkspaceError::Problems)?;
        Self::resolve(raw, &shown, place, &root).map_err(WorkspaceError::Problems)
    }

    fn resolve(raw: RawWorkspace, shown: &str, folder: &Path, root: &Path) -> Result<Self, Problems> {
        let mut paths = Paths::new(shown, folder, root);
        let texts = [
            ("organisation", Some(&raw.organisation)),
            ("series", raw.series.as_ref()),
            ("profile", raw.profile.as_ref()),
            ("role", raw.role.as_ref()),
        ];
        for (name, text) in texts {
            if let Some(text) = text.filter(|text| text.value.trim().is_empty()) {
                let help = "write it, or remove the line";
                paths.add(Place::of(text), format!("`{name}` is empty"), help);
            }
        }
        let profile = raw.profile.as_ref().and_then(|profile| {
            if crate::profile::is_file(&profile.value) {
                let path = paths.inside("profile", Some(profile), Wanted::File);
                path.map(ProfileSource::File)
            } else {
                Some(ProfileSource::Name(profile.value.clone()))
            }
        });
        let workspace = Self {
            series: raw.series.as_ref().unwrap_or(&raw.organisation).value.clone(),
            organisation: raw.organisation.value.clone(),
            inventory: paths.inside("inventory", raw.inventory.as_ref(), Wanted::File),
            profile,
            attestations: paths.inside("attestations", raw.attestations.as_ref(), Wanted::Folder),
            waivers: paths.inside("waivers", raw.waivers.as_ref(), Wanted::Folder),
            waiver_policy: paths.inside("waiver_policy", raw.waiver_policy.as_ref(), Wanted::File),
            trust: paths.inside("trust", raw.trust.as_ref(), Wanted::File),
            key: paths.key(raw.key.as_ref()),
            public_key: paths.inside("public_key", raw.public_key.as_ref(), Wanted::File),
            passphrase_file: paths.anywhere("passphrase_file", raw.passphrase_file.as_ref()),
            role: raw.role.map(|role| role.value),
            out: paths.out(raw.out.as_ref(), OUT),
        };
        paths.finish().map(|()| workspace)
    }

    /// The file that lists the targets.
    pub fn inventory(&self) -> Option<&Path> {
        self.inventory.as_deref()
    }

    /// The trust policy.
    pub fn trust(&self) -> Option<&Path> {
        self.trust.as_deref()
    }
}
