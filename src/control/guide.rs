//! The guide's section tree: what controls answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The hardening guide that the catalog answers.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Guide {
    /// Its title.
    pub title: String,
    /// Its chapters, in order: the first part of a section's id, and a title for people.
    pub chapters: Vec<Chapter>,
}

/// A chapter of the guide.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chapter {
    /// The first part of its sections' ids.
    pub id: String,
    /// For people.
    pub title: String,
    /// Its sections, in order.
    pub sections: Vec<Section>,
}

/// A section of the guide.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Stable id, such as `access/tcp`.
    pub id: String,
    /// For people.
    pub title: String,
    /// What the section asks, in a sentence or two.
    pub summary: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a section comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Named in the source document.
    Guide,
    /// Added because auditors ask for it.
    Added,
}

impl Guide {
    /// All sections, in the guide's order.
    pub fn sections(&self) -> impl Iterator<Item = &Section> {
        self.chapters.iter().flat_map(|chapter| &chapter.sections)
    }

    /// The section with this id.
    pub fn section(&self, id: &str) -> Option<&Section> {
        self.sections().find(|section| section.id == id)
    }

    /// The place of a section in the guide's order; behind all when unknown.
    pub fn position(&self, id: &str) -> usize {
        self.sections()
            .position(|section| section.id == id)
            .unwrap_or(usize::MAX)
    }

    /// The known id that is most like this one.
    pub fn nearest(&self, id: &str) -> Option<&str> {
        self.sections()
            .map(|section| section.id.as_str())
            .min_by_key(|known| crate::yaml::distance(known, id))
    }
}
