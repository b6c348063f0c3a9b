//! Which controls apply, with which parameters.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use serde_yaml::Spanned;

use crate::control::{Catalog, Control, Level};
use crate::yaml::{self, Place, Problem, Problems, distance};

/// The profile that applies where none is named.
pub const BASELINE: &str = "baseline";

/// A profile as its YAML file writes it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Profile")]
pub struct RawProfile {
    /// Its name, as reports show it.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// What it is for, in a sentence.
    #[serde(default)]
    pub title: Option<String>,
    /// The shipped profile that it begins with; `baseline` when neither this nor `select` is given.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub base: Option<Spanned<String>>,
    /// Which controls it begins with, instead of a base.
    #[serde(default)]
    #[schemars(with = "Option<Selection>")]
    pub select: Option<Spanned<Selection>>,
    /// Controls that apply besides.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub include: Vec<Spanned<String>>,
    /// Controls that do not apply, each with the reason: reports show it.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub exclude: BTreeMap<String, Spanned<String>>,
    /// Control to parameters and their values.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Map<String, Value>>")]
    pub parameters: BTreeMap<String, Spanned<Map<String, Value>>>,
}

/// A choice of controls; what is named must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Controls of this level: `strict` takes those of `baseline` in.
    #[serde(default)]
    pub level: Option<Level>,
    /// Controls that answer something of this framework, a file in `controls/frameworks`.
    #[serde(default)]
    pub framework: Option<String>,
}

/// Which controls apply, with which parameters: resolved, so that it stands alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name, as reports show it.
    pub name: String,
    /// Ids of the controls that apply; those that were excluded by name are among them.
    pub controls: BTreeSet<String>,
    /// Ids of controls that do not apply, with the reason.
    pub excluded: BTreeMap<String, String>,
    /// Control to parameters and their values.
    pub parameters: BTreeMap<String, Map<String, Value>>,
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
            excluded: BTreeMap::new(),
            parameters: BTreeMap::new(),
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
        let mut problems = Vec::new();
        let mut profile = start(raw, file, catalog, &mut problems);
        profile.name = raw.name.value.clone();
        for id in &raw.include {
            if catalog.control(&id.value).is_none() {
                problems.push(unknown_control(Place::of(id), file, &id.value, catalog));
            }
            profile.controls.insert(id.value.clone());
            profile.excluded.remove(&id.value);
        }
        for (id, reason) in &raw.exclude {
            let place = Place::of(reason);
            if catalog.control(id).is_none() {
                problems.push(unknown_control(place, file, id, catalog));
            }
            if reason.value.trim().is_empty() {
                let message = format!("`{id}` is excluded without a reason");
                problems.push(place.problem(file, message, "say why it does not apply: reports show it"));
            }
            profile.controls.insert(id.clone());
            profile.excluded.insert(id.clone(), reason.value.clone());
        }
        for (id, parameters) in &raw.parameters {
            let place = Place::of(parameters);
            let Some(control) = catalog.control(id) else {
                problems.push(unknown_control(place, file, id, catalog));
                continue;
            };
            for (name, value) in &parameters.value {
                if let Some((message, help)) = wrong_parameter(control, name, value) {
                    problems.push(place.problem(file, message, help));
                }
            }
            let own = profile.parameters.entry(id.clone()).or_default();
            own.extend(parameters.value.clone());
        }
        if problems.is_empty() {
            Ok(profile)
        } else {
            Err(problems)
        }
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
}

/// Whether a name is that of a file rather than of a shipped profile.
pub fn is_file(name: &str) -> bool {
    name.contains('/') || name.ends_with(".yaml") || name.ends_with(".yml")
}

/// What a profile begins with: its selection, or its base.
fn start(raw: &RawProfile, file: &str, catalog: &Catalog, problems: &mut Vec<Problem>) -> Profile {
    let nothing = Profile {
        name: String::new(),
        controls: BTreeSet::new(),
        excluded: BTreeMap::new(),
        parameters: BTreeMap::new(),
    };
    if let Some(selection) = &raw.select {
        let place = Place::of(selection);
        if raw.base.is_some() {
            problems.push(place.problem(file, "both `base` and `select` are given", "keep one of them"));
        }
        if let Some(framework) = &selection.value.framework
            && !catalog.frameworks.contains_key(framework)
        {
            let known: Vec<&str> = catalog.frameworks.keys().map(String::as_str).collect();
            let help = format!("there are {}", known.join(", "));
            problems.push(place.problem(file, format!("there is no framework `{framework}`"), help));
        }
        return Profile {
            controls: selection.value.choose(catalog),
            ..nothing
        };
    }
    let (name, place) = match &raw.base {
        Some(base) => (base.value.as_str(), Place::of(base)),
        None => (BASELINE, Place::of(&raw.name)),
    };
    // A base that has a base of its own is resolved first; a circle would never end.
    let circle = raw.base.is_some()
        && catalog
            .profiles
            .get(name)
            .is_some_and(|base| circles(base, catalog));
    let based = match (name, catalog.profiles.get(name)) {
        _ if circle => Err(format!("the profile `{name}` is its own base")),
        (BASELINE, _) => Profile::baseline(catalog).map_err(|error| error.to_string()),
        _ => Profile::shipped(name, catalog).map_err(|error| error.to_string()),
    };
    based.unwrap_or_else(|message| {
        problems.push(place.problem(file, message, "name a shipped profile"));
        nothing
    })
}

/// Whether following bases from here comes back.
fn circles(first: &RawProfile, catalog: &Catalog) -> bool {
    let mut seen = BTreeSet::new();
    let mut next = Some(first);
    while let Some(profile) = next {
        if !seen.insert(&profile.name.value) {
            return true;
        }
        next = profile
            .base
            .as_ref()
            .and_then(|base| catalog.profiles.get(&base.value));
    }
    false
}

impl Selection {
    fn choose(&self, catalog: &Catalog) -> BTreeSet<String> {
        let framework = self
            .framework
            .as_ref()
            .and_then(|name| catalog.frameworks.get(name));
        let chosen = catalog.controls.iter().filter(|control| {
            self.level.is_none_or(|level| control.level <= level)
                && (self.framework.is_none()
                    || framework
                        .is_some_and(|framework| control.references.contains_key(&framework.references)))
        });
        chosen.map(|control| control.id.clone()).collect()
    }
}

fn unknown_control(place: Place, file: &str, id: &str, catalog: &Catalog) -> Problem {
    let near = catalog
        .controls
        .iter()
        .map(|control| &control.id)
        .min_by_key(|known| distance(known, id));
    let help = near.map_or_else(String::new, |near| format!("did you mean `{near}`?"));
    place.problem(file, format!("there is no control `{id}`"), help)
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
