//! All loaded controls, from the binary or from a folder.

use std::collections::BTreeMap;
use std::path::Path;

use rust_embed::RustEmbed;

use super::raw::is_id;
use super::{Control, Framework, Guide, RawControl, SavedQuery};
use crate::evidence::sha256_hex;
use crate::profile::RawProfile;
use crate::yaml::{self, Place, Problem, Problems};

/// The catalog that the binary carries.
#[derive(RustEmbed)]
#[folder = "controls/"]
#[include = "*.yaml"]
struct Embedded;

/// Why a catalog could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The folder, or a file in it, could not be read.
    #[error("cannot read `{path}`: {source}; check that it exists and that you may read it")]
    Unreadable {
        /// The folder or file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no `guide.yaml`.
    #[error("`{0}` has no `guide.yaml`; a catalog needs the section tree that its controls answer")]
    NoGuide(String),
    /// Files are wrong.
    #[error("{0}")]
    Problems(Problems),
}

/// All loaded controls.
#[derive(Debug)]
pub struct Catalog {
    /// The section tree.
    pub guide: Guide,
    /// In the guide's order, and by id within a section.
    pub controls: Vec<Control>,
    /// Shared queries by name.
    pub queries: BTreeMap<String, SavedQuery>,
    /// Shipped profiles by name.
    pub profiles: BTreeMap<String, RawProfile>,
    /// Frameworks by name.
    pub frameworks: BTreeMap<String, Framework>,
    /// The files it was loaded from: `controls/…` to their bytes.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Catalog {
    /// The catalog that the binary carries.
    ///
    /// # Errors
    /// As [`Catalog::from_files`].
    pub fn embedded() -> Result<Self, CatalogError> {
        let files = Embedded::iter()
            .filter_map(|name| {
                Embedded::get(&name).map(|file| (format!("controls/{name}"), file.data.into_owned()))
            })
            .collect();
        Self::from_files(files)
    }

    /// The catalog in a folder.
    ///
    /// # Errors
    /// [`CatalogError::Unreadable`] and those of [`Catalog::from_files`].
    pub fn from_folder(folder: &Path) -> Result<Self, CatalogError> {
        let mut files = BTreeMap::new();
        read_folder(folder, "controls", &mut files)?;
        if !files.contains_key("controls/guide.yaml") {
            return Err(CatalogError::NoGuide(folder.display().to_string()));
        }
        Self::from_files(files)
    }

    /// The catalog that these files make; names begin with `controls/`.
    ///
    /// # Errors
    /// [`CatalogError::NoGuide`]; [`CatalogError::Problems`] with every problem of every file.
    pub fn from_files(files: BTreeMap<String, Vec<u8>>) -> Result<Self, CatalogError> {
        let mut problems = Vec::new();
        let guide_file = "controls/guide.yaml";
        let bytes = files
            .get(guide_file)
            .ok_or_else(|| CatalogError::NoGuide("controls".to_owned()))?;
        let guide: Guide = yaml::parse(guide_file, bytes).map_err(CatalogError::Problems)?;
        let (mut controls, mut queries) = (Vec::new(), BTreeMap::new());
        let (mut profiles, mut frameworks) = (BTreeMap::new(), BTreeMap::new());
        for (file, bytes) in files.iter().filter(|(file, _)| file.as_str() != guide_file) {
            if let Some(name) = file.strip_prefix("controls/queries/") {
                take(parse_named(file, name, bytes), &mut queries, &mut problems);
                continue;
            }
            if let Some(name) = file.strip_prefix("controls/profiles/") {
                take(parse_named(file, name, bytes), &mut profiles, &mut problems);
                continue;
            }
            if let Some(name) = file.strip_prefix("controls/frameworks/") {
                take(parse_named(file, name, bytes), &mut frameworks, &mut problems);
                continue;
            }
            let parsed = yaml::parse::<RawControl>(file, bytes)
                .map_err(|problems| problems.0)
                .and_then(|raw| raw.parse(file, &guide));
            match parsed {
                Ok(control) => controls.push(control),
                Err(mut found) => problems.append(&mut found),
            }
        }
        controls
            .sort_by(|a, b| (guide.position(&a.section), &a.id).cmp(&(guide.position(&b.section), &b.id)));
        for control in &controls {
            let same = controls.iter().filter(|other| other.id == control.id).count();
            if same > 1 {
                let message = format!("the id `{}` is used by {same} controls", control.id);
                problems.push(Place::default().problem(&control.file, message, "rename all but one"));
            }
        }
        if !problems.is_empty() {
            problems.sort();
            return Err(CatalogError::Problems(Problems(problems)));
        }
        Ok(Self {
            guide,
            controls,
            queries,
            profiles,
            frameworks,
            files,
        })
    }

    /// Compiles every expression. Takes a tenth of a second, so do it while something else waits.
    ///
    /// # Errors
    /// Every expression that is not CEL.
    pub fn compile(&self) -> Result<(), Problems> {
        let problems: Vec<Problem> = self
            .controls
            .iter()
            .flat_map(|control| {
                control.filter.iter().chain([&control.expect]).filter_map(|expression| {
                    let error = expression.compile().err()?;
                    let help = "see the CEL language definition; columns are `row.name`, parameters `params.name`";
                    Some(expression.place.problem(&control.file, error.to_string(), help))
                })
            })
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Problems(problems))
        }
    }

    /// The control with this id.
    pub fn control(&self, id: &str) -> Option<&Control> {
        self.controls.iter().find(|control| control.id == id)
    }

    /// SHA-256 over the files: each name, a NUL, the file's digest and a newline.
    pub fn digest(&self) -> String {
        let mut list = Vec::new();
        for (file, bytes) in &self.files {
            list.extend_from_slice(file.as_bytes());
            list.push(0);
            list.extend_from_slice(sha256_hex(bytes).as_bytes());
            list.push(b'\n');
        }
        sha256_hex(&list)
    }
}

/// Keeps what was parsed, or its problems.
fn take<T>(
    parsed: Result<(String, T), Vec<Problem>>,
    into: &mut BTreeMap<String, T>,
    problems: &mut Vec<Problem>,
) {
    match parsed {
        Ok((name, value)) => {
            into.insert(name, value);
        }
        Err(mut found) => problems.append(&mut found),
    }
}

/// A file that is known by its name.
fn parse_named<T: serde::de::DeserializeOwned + schemars::JsonSchema>(
    file: &str,
    name: &str,
    bytes: &[u8],
) -> Result<(String, T), Vec<Problem>> {
    let name = name.trim_end_matches(".yaml");
    if !is_id(name) {
        let message = format!("`{name}` is not a name");
        let help = "use lower-case letters, digits and hyphens, directly in the folder";
        return Err(vec![Place::default().problem(file, message, help)]);
    }
    let value = yaml::parse::<T>(file, bytes).map_err(|problems| problems.0)?;
    Ok((name.to_owned(), value))
}

fn read_folder(
    folder: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), CatalogError> {
    let unreadable = |path: &Path| {
        let path = path.display().to_string();
        move |source| CatalogError::Unreadable { path, source }
    };
    for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
        let entry = entry.map_err(unreadable(folder))?;
        let path = entry.path();
        let name = format!("{prefix}/{}", entry.file_name().to_string_lossy());
        let kind = std::fs::metadata(&path).map_err(unreadable(&path))?;
        if kind.is_dir() {
            read_folder(&path, &name, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
        {
            files.insert(name, std::fs::read(&path).map_err(unreadable(&path))?);
        }
    }
    Ok(())
}
