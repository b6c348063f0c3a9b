//! Waivers: approved, expiring acceptances of known exceptions. None of them changes a status.

mod approval;
mod file;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use approval::Sealer;
pub use file::RawWaiver;
pub use state::State;

use crate::assessment::TargetSummary;
use crate::attestation::{Day, Person};
use crate::control::{Expression, Severity};
use crate::folder::{self, FolderError, is_stem, is_yaml};
use crate::signature::{SIGNATURE_SUFFIX, SignedKind, statement_of};
use crate::yaml::{Place, Problems};

/// Where waivers lie in a bundle.
const FOLDER: &str = "waivers/";

/// The longest that a waiver may last where nothing else is said, in days.
pub const LONGEST: u32 = 366;

/// What is done instead of what the control requires, as a worksheet for compensating controls asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CompensatingControl {
    /// What keeps the requirement from being met.
    pub constraints: String,
    /// What the requirement is for, and how that is reached otherwise.
    pub objective: String,
    /// Which risk is left by not meeting it.
    pub risk: String,
    /// What is done instead.
    pub measures: String,
    /// How it was checked that this works.
    pub validation: String,
    /// How it is kept working.
    pub maintenance: String,
}

/// The risk as it was judged, without and with what is done instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Risk {
    /// Without it.
    pub before: Severity,
    /// With it.
    pub after: Severity,
}

/// An approved, expiring acceptance of known exceptions.
#[derive(Debug)]
pub struct Waiver {
    /// Its file in a bundle: `waivers/….yaml`.
    pub file: String,
    /// The line that says which exceptions are meant.
    pub line: u64,
    /// The control whose exceptions are waived.
    pub control: String,
    /// Where that stands.
    pub control_place: Place,
    /// The targets on which they are; all when absent.
    pub targets: Option<Vec<String>>,
    /// Targets with one of these tags only; any when empty.
    pub tags: Vec<String>,
    /// True for the rows that are waived; all of the control's exceptions when absent.
    pub rows: Option<Expression>,
    /// Everything that is said about it.
    pub words: Words,
    /// Whose signatures it has.
    pub signature: Signature,
}

/// What a waiver says besides which exceptions it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Why the exceptions are accepted.
    pub reason: String,
    /// What is done instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensating_control: Option<CompensatingControl>,
    /// Who asked for it.
    pub requested_by: Person,
    /// Who approved it: somebody else.
    pub approved_by: Person,
    /// Where the decision is tracked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// The risk before and after.
    pub risk: Risk,
    /// The first day on which it counts.
    pub approved_at: Day,
    /// The last day on which it counts.
    pub expires_at: Day,
}

/// What is known of a waiver's signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Signature {
    /// There is none.
    Absent,
    /// There are some, of these keys, and no policy says whose they are.
    Unchecked {
        /// Key ids.
        keys: Vec<String>,
    },
    /// The policy accepts some, made by these owners.
    Accepted {
        /// Owners of keys.
        owners: Vec<String>,
    },
    /// One is not of this file, or none is of somebody who may approve it.
    Refused {
        /// Why.
        reason: String,
    },
}

/// What waivers are held to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The longest that one may last, in days.
    pub longest: u32,
    /// How many different owners of keys must have signed it.
    pub signatures: usize,
}

/// All waivers of an assessment.
#[derive(Debug, Default)]
pub struct Waivers {
    /// By file.
    pub list: Vec<Waiver>,
    /// The files, with those of signatures: `waivers/…` to their bytes.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What they are held to.
    pub rules: Rules,
    /// Files of signatures that belong to no waiver.
    pub lonely: Vec<String>,
}

/// What became of all waivers: `waivers.json` in the bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaiverRecord {
    /// What they were held to.
    pub rules: Rules,
    /// By file.
    pub waivers: Vec<JudgedWaiver>,
}

/// What became of a waiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgedWaiver {
    /// Its file.
    pub file: String,
    /// The line that says which exceptions are meant.
    pub line: u64,
    /// The control.
    pub control: String,
    /// The targets that it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<String>>,
    /// The tags that it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its expression on the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<String>,
    /// What it says.
    pub words: Words,
    /// Its signatures.
    pub signature: Signature,
    /// Whether it counts at the assessment's time.
    pub state: State,
    /// Days that are left on that day; negative when it has ended.
    pub days_left: i64,
    /// Exceptions that it is about; waived only when it counts.
    pub matched: usize,
    /// Targets on which it may be about something, but the control could not be evaluated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
    /// What its expression could not say of an exception, which is therefore not waived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            longest: LONGEST,
            signatures: 0,
        }
    }
}

impl Waivers {
    /// All waivers of a folder. Signatures are read, not looked at.
    ///
    /// # Errors
    /// [`FolderError::Unreadable`]; [`FolderError::Problems`] with every problem of every file.
    pub fn from_folder(path: &Path) -> Result<Self, FolderError> {
        let (files, mut problems) = folder::read(path, SignedKind::Waiver)?;
        match Self::from_files(files) {
            Ok(waivers) if problems.is_empty() => Ok(waivers),
            parsed => {
                problems.extend(parsed.err().unwrap_or_default().0);
                let problems = folder::as_named(problems, path, SignedKind::Waiver);
                Err(FolderError::Problems(problems))
            }
        }
    }

    /// All waivers among these files (`waivers/…` to bytes), and the signatures that belong to them.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn from_files(mut files: BTreeMap<String, Vec<u8>>) -> Result<Self, Problems> {
        let (mut list, mut problems, mut taken) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (name, bytes) in files.iter().filter(|(name, _)| is_yaml(name)) {
            let stem = stem(name);
            if !is_stem(stem) {
                let help = "name the file with letters, digits, hyphens, dots and underscores only";
                problems.push(Place::default().problem(name, "a bundle cannot hold this name", help));
            }
            if let Some(other) = taken.insert(stem.to_lowercase(), name) {
                let message = format!("`{other}` has the same name");
                problems.push(Place::default().problem(name, message, "rename one of the two"));
            }
            list.extend(file::parse(name, bytes, &mut problems));
        }
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let known: BTreeSet<String> = list.iter().map(|waiver| stem(&waiver.file).to_owned()).collect();
        let mut lonely = Vec::new();
        files.retain(|name, _| {
            let file = name.strip_prefix(FOLDER).unwrap_or(name);
            let belongs = is_yaml(name) || statement_of(file).is_some_and(|stem| known.contains(stem));
            if !belongs {
                lonely.push(name.clone());
            }
            belongs
        });
        Ok(Self {
            list,
            files,
            lonely,
            ..Self::default()
        })
    }

    /// The signatures that lie beside a waiver's file: names without the folder, and bytes.
    pub fn signatures_of(&self, file: &str) -> impl Iterator<Item = (&str, &[u8])> {
        let wanted = stem(file).to_owned();
        self.files
            .iter()
            .filter(|(name, _)| name.ends_with(SIGNATURE_SUFFIX))
            .filter_map(|(name, bytes)| Some((name.strip_prefix(FOLDER)?, bytes.as_slice())))
            .filter(move |(name, _)| statement_of(name) == Some(&wanted))
    }
}

/// A file's name without the folder and what ends it.
fn stem(file: &str) -> &str {
    let name = file.strip_prefix(FOLDER).unwrap_or(file);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

impl Waiver {
    /// Its file's name, without the folder.
    pub fn name(&self) -> &str {
        self.file.strip_prefix(FOLDER).unwrap_or(&self.file)
    }

    /// Its file and line, as findings cite it.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// Whether it may be about this target.
    pub fn is_about(&self, target: &TargetSummary) -> bool {
        is_about(self.targets.as_deref(), &self.tags, target)
    }
}

/// A target has to be named, where some are, and to have one of the tags, where some are named.
fn is_about(targets: Option<&[String]>, tags: &[String], target: &TargetSummary) -> bool {
    targets.is_none_or(|targets| targets.contains(&target.id))
        && (tags.is_empty() || tags.iter().any(|tag| target.tags.contains(tag)))
}

impl JudgedWaiver {
    /// Its file and line, as findings cite it.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// Whether it may be about this target.
    pub fn is_about(&self, target: &TargetSummary) -> bool {
        is_about(self.targets.as_deref(), &self.tags, target)
    }

    /// Why somebody has to look at it; nothing when it does what it is for.
    pub fn trouble(&self) -> Option<String> {
        if let Some(trouble) = self.state.trouble(&self.words, &self.signature) {
            return Some(trouble);
        }
        if let Some(failure) = &self.failure {
            return Some(format!("its expression failed: {failure}"));
        }
        match (self.matched, self.unseen.as_slice()) {
            (0, []) => Some("no exception matches it: remove it, or correct what it names".to_owned()),
            (0, unseen) => Some(format!(
                "no exception matches it, and the control was not evaluated on {}",
                unseen.join(", ")
            )),
            _ => None,
        }
    }
}
