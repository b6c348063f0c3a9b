//! Which controls apply, with which parameters and severities, on targets with which tags.

mod origin;
mod overlay;
mod raw;
mod resolve;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use origin::{Origin, Origins};
pub use raw::{RawDecision, RawExclusion, RawProfile, RawTagged, Selection};

use self::overlay::Overlay;
use crate::attestation::Day;
use crate::control::{Catalog, Control, Level, Severity};
use crate::yaml::{self, Place, Problem, Problems};

/// The profile that applies where none is named.
pub const BASELINE: &str = "baseline";

/// Which controls apply, with which parameters: resolved, so that it stands alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name, as reports show it.
    pub name: String,
    /// Ids of the controls that apply; those that were excluded by name are among them.
    pub controls: BTreeSet<String>,
    /// Ids of controls that do not apply, with the reason.
    pub excluded: BTreeMap<String, Exclusion>,
    /// Control to parameters and their values.
    pub parameters: BTreeMap<String, Map<String, Value>>,
    /// Control to a severity other than its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub severity: BTreeMap<String, Severity>,
    /// Where each of these is written; unknown once it comes from a bundle.
    #[serde(skip)]
    pub origins: Origins,
    /// What differs for targets with a tag. A bundle holds what that comes to for each target instead.
    #[serde(skip)]
    tags: BTreeMap<String, Overlay>,
}

/// Why a control does not apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// The reason.
    pub reason: String,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Day>,
}

/// Why a profile could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file could not be read.
    #[error("cannot read `{path}`: {source}; check that it exists and that you may read it")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no shipped profile of this name.
    #[error(
        "there is no profile `{name}`; shipped are {known}; a profile of your own is named by its file, such as `./profile.yaml`"
    )]
    Unknown {
        /// The name.
        name: String,
        /// The shipped ones.
        known: String,
    },
    /// The file is wrong.
    #[error("{0}")]
    Problems(Problems),
}

impl Profile {
    /// The profile that applies where none is named: the catalog's own `baseline`, or every control of that level.
    ///
    /// # Errors
    /// [`ProfileError::Problems`] of the catalog's own file.
    pub fn baseline(catalog: &Catalog) -> Result<Self, ProfileError> {
        if catalog.profiles.contains_key(BASELINE) {
            return Self::shipped(BASELINE, catalog);
        }
        let selection = Selection {
            level: Some(Level::Baseline),
            framework: None,
        };
        Ok(Self {
            name: BASELINE.to_owned(),
            controls: selection.choose(catalog),
            ..Self::default()
        })
    }

    /// A profile of the catalog.
    ///
    /// # Errors
    /// [`ProfileError::Unknown`]; [`ProfileError::Problems`].
    pub fn shipped(name: &str, catalog: &Catalog) -> Result<Self, ProfileError> {
        let Some(raw) = catalog.profiles.get(name) else {
            let known: Vec<&str> = catalog.profiles.keys().map(String::as_str).collect();
            return Err(ProfileError::Unknown {
                name: name.to_owned(),
                known: known.join(", "),
            });
        };
        let file = format!("controls/profiles/{name}.yaml");
        Self::resolve(raw, &file, catalog).map_err(|problems| ProfileError::Problems(Problems(problems)))
    }

    /// The shipped profile of this name, or the one in this file.
    ///
    /// # Errors
    /// As [`Profile::shipped`] and [`Profile::load`].
    pub fn named(name: &str, catalog: &Catalog) -> Result<Self, ProfileError> {
        if is_file(name) {
            Self::load(Path::new(name), catalog)
        } else if name == BASELINE {
            Self::baseline(catalog)
        } else {
            Self::shipped(name, catalog)
        }
    }

    /// The profile in a file, checked against the catalog.
    ///
    /// # Errors
    /// [`ProfileError::Unreadable`]; [`ProfileError::Problems`] with every problem.
    pub fn load(path: &Path, catalog: &Catalog) -> Result<Self, ProfileError> {
        let shown = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| ProfileError::Unreadable {
            path: shown.clone(),
            source,
        })?;
        let raw: RawProfile = yaml::parse(&shown, &bytes).map_err(ProfileError::Problems)?;
        Self::resolve(&raw, &shown, catalog).map_err(|problems| ProfileError::Problems(Problems(problems)))
    }

    /// What a profile comes to with this catalog.
    ///
    /// # Errors
    /// Every problem.
    pub fn resolve(raw: &RawProfile, file: &str, catalog: &Catalog) -> Result<Self, Vec<Problem>> {
        resolve::resolve(raw, file, catalog)
    }

    /// What the profile comes to for a target with these tags.
    ///
    /// # Errors
    /// Each value that two of the tags set differently: nothing says which of them should count.
    pub fn for_tags(&self, tags: &[String]) -> Result<Self, Problems> {
        let wanted: BTreeSet<&String> = tags.iter().collect();
        let overlays: Vec<&Overlay> = wanted.iter().filter_map(|tag| self.tags.get(*tag)).collect();
        let mut problems = Vec::new();
        for (index, one) in overlays.iter().enumerate() {
            for other in overlays.iter().skip(index + 1) {
                for (what, first, second) in one.conflicts(other) {
                    let place = Place {
                        line: second.line,
                        column: second.column,
                    };
                    let message = format!("{what}, here and at {first}, for a target that has both tags");
                    problems.push(place.problem(&second.file, message, "make them the same, or remove one"));
                }
            }
        }
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let mut profile = self.clone();
        profile.tags = BTreeMap::new();
        for overlay in overlays {
            overlay.lay_over(&mut profile);
        }
        Ok(profile)
    }

    /// Whether both come to the same, wherever that is written.
    pub fn says_the_same(&self, other: &Self) -> bool {
        (&self.controls, &self.excluded, &self.parameters, &self.severity)
            == (
                &other.controls,
                &other.excluded,
                &other.parameters,
                &other.severity,
            )
    }

    /// The tags for which something differs.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.keys().map(String::as_str)
    }

    /// Whether a control has a finding under this profile.
    pub fn covers(&self, control: &Control) -> bool {
        self.controls.contains(&control.id)
    }

    /// Whether a control is to be judged: it is covered and was not excluded.
    pub fn judges(&self, control: &Control) -> bool {
        self.covers(control) && !self.excluded.contains_key(&control.id)
    }

    /// The parameters in force for a control.
    pub fn parameters_for(&self, control: &Control) -> Map<String, Value> {
        let mut parameters = control.parameters.clone();
        if let Some(own) = self.parameters.get(&control.id) {
            parameters.extend(own.clone());
        }
        parameters
    }

    /// The severity in force for a control.
    pub fn severity_for(&self, control: &Control) -> Severity {
        self.severity
            .get(&control.id)
            .copied()
            .unwrap_or(control.severity)
    }
}

/// Whether a profile is named by its file.
pub fn is_file(name: &str) -> bool {
    name.contains('/') || name.ends_with(".yaml") || name.ends_with(".yml")
}

impl Exclusion {
    /// The reason, with whose decision it was.
    pub fn sentence(&self) -> String {
        let mut text = self.reason.clone();
        if let Some(person) = &self.decided_by {
            text.push_str(&format!("; decided by {person}"));
        }
        if let Some(day) = self.decided_at {
            let on = if self.decided_by.is_some() {
                " on"
            } else {
                "; decided on"
            };
            text.push_str(&format!("{on} {day}"));
        }
        text
    }
}
