//! Frameworks that controls refer to: `controls/frameworks/<name>.yaml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A benchmark or guide, and what is known of its items.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// Its title, with its version.
    pub title: String,
    /// The key by which controls refer to it: `framework@version`.
    pub references: String,
    /// What a reader must know of the list of items.
    pub note: String,
    /// Another framework whose items have the same numbers.
    #[serde(default)]
    pub items_of: Option<String>,
    /// Its items, in its order; in our words.
    #[serde(default)]
    pub items: Vec<Item>,
}

/// One item of a framework.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its number.
    pub id: String,
    /// What it is about, in our words.
    pub about: String,
}
