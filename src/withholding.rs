//! What a copy of a bundle withholds: whole files, and rows and fields of others, each with its reasons.

use std::collections::{BTreeMap, BTreeSet};

/// The role of whoever may redact what others signed.
pub const REDACTOR: &str = "redactor";

/// Everything that is withheld, by path. No path is in both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Withholding {
    /// Files that are not in the copy at all.
    pub files: BTreeMap<String, WithheldFile>,
    /// Files of which the copy shows a part.
    pub cuts: BTreeMap<String, Cut>,
}

/// A file that is not in the copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WithheldFile {
    /// Why.
    pub reasons: BTreeSet<String>,
    /// Whether it may be withheld although whoever guesses its content can see that the guess is right.
    pub guessable: bool,
}

/// What is cut out of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cut {
    /// Why.
    pub reasons: BTreeSet<String>,
    /// Rows from 0, of which something is hidden.
    pub rows: BTreeMap<usize, Hidden>,
}

/// What is hidden of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hidden {
    /// Everything, the names of its fields too.
    Row,
    /// The values of these fields.
    Fields(BTreeSet<String>),
}

impl Withholding {
    /// Withholds a whole file.
    pub fn file(&mut self, path: &str, reason: &str) -> &mut WithheldFile {
        self.cuts.remove(path);
        let file = self.files.entry(path.to_owned()).or_default();
        file.reasons.insert(reason.to_owned());
        file
    }

    /// Hides something of a row, unless the whole file is withheld.
    pub fn cut(&mut self, path: &str, row: usize, hidden: Hidden, reason: &str) {
        if self.files.contains_key(path) {
            return;
        }
        let cut = self.cuts.entry(path.to_owned()).or_default();
        cut.reasons.insert(reason.to_owned());
        let known = cut.rows.entry(row).or_insert_with(|| hidden.clone());
        match (known, hidden) {
            (Hidden::Row, _) => {}
            (known, Hidden::Row) => *known = Hidden::Row,
            (Hidden::Fields(known), Hidden::Fields(more)) => known.extend(more),
        }
    }
}
