//! The re-performance kit: for each target a plain psql script that asks the same questions again and compares.
//!
//! A pure function of the assessment's records, so that a replay gives the same scripts.

mod canonical;
mod check;
mod psql;
mod script;

use std::collections::BTreeMap;

use crate::assessment::Assessment;

pub use canonical::may_hold_a_secret;

/// The first line of every script; raised whenever the same records give another script.
pub const FORMAT: &str = "-- pgdossier-kit/v1";

/// Where the scripts are in a bundle.
pub const FOLDER: &str = "kit/";

/// The path of a target's script.
pub fn path(target: &str) -> String {
    format!("{FOLDER}{target}.sql")
}

/// The scripts by path: one for each target that was asked anything.
pub fn files(assessment: &Assessment) -> BTreeMap<String, Vec<u8>> {
    let targets = assessment.targets.iter();
    targets
        .filter_map(|target| {
            let script = script::of(&assessment.summary, target)?;
            Some((path(&target.summary.id), script.into_bytes()))
        })
        .collect()
}
