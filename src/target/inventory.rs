//! The targets of an assessment: from connection strings or from a file.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Spanned;

use crate::host::{HostAccess, RawHostAccess};
use crate::yaml::{self, Place, Problems};

/// A PostgreSQL server to assess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Names its folder in the bundle: letters, digits, hyphens, dots and underscores.
    pub id: String,
    /// A connection string as libpq takes it. May hold a secret: never show it.
    pub connection: String,
    /// For grouping.
    pub tags: Vec<String>,
    /// The data centre or region: certificates name the sites they cover.
    pub site: Option<String>,
    /// How its host is reached.
    pub host: HostAccess,
}

/// An inventory as its YAML file writes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Inventory")]
pub struct RawInventory {
    /// The targets.
    pub targets: Vec<RawTarget>,
}

/// A target as the file writes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTarget {
    /// Names it in reports and in the bundle.
    #[schemars(with = "String")]
    pub id: Spanned<String>,
    /// A connection string as libpq takes it; keep passwords in a password file.
    pub connection: String,
    /// For grouping.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The data centre or region.
    #[serde(default)]
    pub site: Option<String>,
    /// How the server's host is reached; looked at only when the server runs here, if absent.
    #[serde(default)]
    #[schemars(with = "Option<RawHostAccess>")]
    pub host: Option<Spanned<RawHostAccess>>,
}

/// Why an inventory could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
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

/// The targets of an assessment, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Sorted by id; ids are unique even when case is folded.
    pub targets: Vec<Target>,
}

impl Inventory {
    /// The targets in a file.
    ///
    /// # Errors
    /// [`InventoryError::Unreadable`]; [`InventoryError::Problems`] with every problem.
    pub fn load(path: &Path) -> Result<Self, InventoryError> {
        let shown = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| InventoryError::Unreadable {
            path: shown.clone(),
            source,
        })?;
        let raw: RawInventory = yaml::parse(&shown, &bytes).map_err(InventoryError::Problems)?;
        let (mut problems, mut seen, mut targets) = (Vec::new(), BTreeSet::new(), Vec::new());
        if raw.targets.is_empty() {
            problems.push(Place { line: 1, column: 1 }.problem(
                &shown,
                "there is no target",
                "add one under `targets`",
            ));
        }
        for target in raw.targets {
            let place = Place::of(&target.id);
            let id = target.id.value;
            if !is_id(&id) {
                let help = "use letters, digits, hyphens, dots and underscores: it names a folder";
                problems.push(place.problem(&shown, format!("`{id}` cannot be a target's id"), help));
            }
            if !seen.insert(id.to_lowercase()) {
                problems.push(place.problem(
                    &shown,
                    format!("the id `{id}` is used twice"),
                    "rename one of them",
                ));
            }
            let host = target.host.map_or(Ok(HostAccess::default()), |host| {
                HostAccess::parse(&host.value.access, host.value.sudo).map_err(|message| {
                    let help = "write `host: { access: ssh:DESTINATION, sudo: true }`";
                    problems.push(Place::of(&host).problem(&shown, message, help));
                })
            });
            targets.push(Target {
                host: host.unwrap_or_default(),
                id,
                connection: target.connection,
                tags: target.tags,
                site: target.site,
            });
        }
        if !problems.is_empty() {
            return Err(InventoryError::Problems(Problems(problems)));
        }
        Ok(Self::new(targets))
    }

    /// Targets for connection strings; `describe` gives a name for each (host, port, database), without secrets.
    pub fn from_connections(connections: &[String], describe: impl Fn(&str) -> String) -> Self {
        let mut seen = BTreeSet::new();
        let targets = connections
            .iter()
            .map(|connection| {
                let base = slug(&describe(connection));
                let mut id = base.clone();
                let mut number = 1;
                while !seen.insert(id.to_lowercase()) {
                    number += 1;
                    id = format!("{base}-{number}");
                }
                Target {
                    id,
                    connection: connection.clone(),
                    tags: Vec::new(),
                    site: None,
                    host: HostAccess::Automatic,
                }
            })
            .collect();
        Self::new(targets)
    }

    fn new(mut targets: Vec<Target>) -> Self {
        targets.sort_by(|left, right| left.id.cmp(&right.id));
        Self { targets }
    }
}

fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 60
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
        && !text.starts_with('.')
        && !text.ends_with('.')
}

/// A text as an id: what an id may not hold becomes a hyphen.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' || c == '.' {
            slug.push(c);
        } else if !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug: String = slug.trim_matches(['-', '.']).chars().take(60).collect();
    let slug = slug.trim_matches(['-', '.']);
    if slug.is_empty() {
        "target".to_owned()
    } else {
        slug.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_get_ids_that_can_be_folders() {
        let connections = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let inventory = Inventory::from_connections(&connections, |connection| match connection {
            "c" => "/run/../pg:5432/x y".to_owned(),
            _ => "db1:5432/postgres".to_owned(),
        });
        let ids: Vec<&str> = inventory
            .targets
            .iter()
            .map(|target| target.id.as_str())
            .collect();
        assert_eq!(
            ids,
            ["db1-5432-postgres", "db1-5432-postgres-2", "run-..-pg-5432-x-y"]
        );
    }
}
