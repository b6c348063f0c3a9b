//! Which parameters apply instead of the controls' defaults.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_yaml::Spanned;

use crate::control::{Catalog, Control};
use crate::yaml::{self, Place, Problems, distance};

/// A profile as its YAML file writes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Profile")]
pub struct RawProfile {
    /// Its name, as reports show it.
    pub name: String,
    /// Control to parameters and their values.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Map<String, Value>>")]
    pub parameters: BTreeMap<String, Spanned<Map<String, Value>>>,
}

/// Which parameters apply instead of the controls' defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name, as reports show it.
    pub name: String,
    /// Control to parameters and their values.
    pub parameters: BTreeMap<String, Map<String, Value>>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            name: "baseline".to_owned(),
            parameters: BTreeMap::new(),
        }
    }
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
    /// The file is wrong.
    #[error("{0}")]
    Problems(Problems),
}

impl Profile {
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
        let mut problems = Vec::new();
        for (id, parameters) in &raw.parameters {
            let place = Place::of(parameters);
            let Some(control) = catalog.control(id) else {
                let near = catalog
                    .controls
                    .iter()
                    .map(|control| &control.id)
                    .min_by_key(|known| distance(known, id));
                let help = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
                problems.push(place.problem(&shown, format!("there is no control `{id}`"), help));
                continue;
            };
            for (name, value) in &parameters.value {
                if let Some((message, help)) = wrong_parameter(control, name, value) {
                    problems.push(place.problem(&shown, message, help));
                }
            }
        }
        if !problems.is_empty() {
            return Err(ProfileError::Problems(Problems(problems)));
        }
        let parameters = raw
            .parameters
            .into_iter()
            .map(|(id, parameters)| (id, parameters.value))
            .collect();
        Ok(Self {
            name: raw.name,
            parameters,
        })
    }

    /// The parameters in force for a control.
    pub fn parameters_for(&self, control: &Control) -> Map<String, Value> {
        let mut parameters = control.parameters.clone();
        if let Some(own) = self.parameters.get(&control.id) {
            parameters.extend(own.clone());
        }
        parameters
    }
}

fn wrong_parameter(control: &Control, name: &str, value: &Value) -> Option<(String, String)> {
    let Some(default) = control.parameters.get(name) else {
        let known: Vec<&str> = control.parameters.keys().map(String::as_str).collect();
        let help = if known.is_empty() {
            "it has none".to_owned()
        } else {
            format!("it has {}", known.join(", "))
        };
        return Some((format!("`{}` has no parameter `{name}`", control.id), help));
    };
    let same = std::mem::discriminant(default) == std::mem::discriminant(value);
    (!same).then(|| {
        let message = format!("`{name}` of `{}` has the wrong type", control.id);
        (message, format!("write a value like the default, {default}"))
    })
}
