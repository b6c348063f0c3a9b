//! Where each value of a profile is written.

use std::collections::BTreeMap;
use std::fmt;

/// A place in a profile's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file as the user knows it.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// The tag that it belongs to.
    pub tag: Option<String>,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)?;
        match &self.tag {
            Some(tag) => write!(formatter, " (tag {tag})"),
            None => Ok(()),
        }
    }
}

/// Where each value of a profile is written; what is absent is as the control's own file has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    controls: BTreeMap<String, Origin>,
    parameters: BTreeMap<(String, String), Origin>,
    severity: BTreeMap<String, Origin>,
}

impl Origins {
    /// Where it is decided whether a control applies.
    pub fn control(&self, id: &str) -> Option<&Origin> {
        self.controls.get(id)
    }

    /// Where a parameter is set.
    pub fn parameter(&self, id: &str, name: &str) -> Option<&Origin> {
        self.parameters.get(&(id.to_owned(), name.to_owned()))
    }

    /// Where a severity is set.
    pub fn severity(&self, id: &str) -> Option<&Origin> {
        self.severity.get(id)
    }

    pub(super) fn set_control(&mut self, id: &str, origin: &Origin) {
        self.controls.insert(id.to_owned(), origin.clone());
    }

    pub(super) fn set_parameter(&mut self, id: &str, name: &str, origin: &Origin) {
        self.parameters
            .insert((id.to_owned(), name.to_owned()), origin.clone());
    }

    pub(super) fn set_severity(&mut self, id: &str, origin: &Origin) {
        self.severity.insert(id.to_owned(), origin.clone());
    }
}
