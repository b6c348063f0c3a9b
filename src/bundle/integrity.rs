//! What can be checked without trusting anybody: that statement, manifest and files agree.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use super::digest::Digest;
use super::failure::Failure;
use super::json::check_record;
use super::layout::{LEAVES, MANIFEST, STATEMENT, is_of_redaction, is_record, is_unlisted};
use super::limits::Limits;
use super::manifest::Manifest;
use super::merkle::tree_head_of_lines;
use super::statement::{Statement, StatementProblem};
use super::store::{Entry, Store};
use crate::parallel;

/// Reads the statement's fields, naming what this version does not understand.
pub(crate) fn parse_statement(bytes: &[u8]) -> Result<Statement, Failure> {
    Statement::parse(bytes).map_err(|problem| {
        let (code, message) = match problem {
            StatementProblem::Format(reason) => {
                ("statement.format", format!("it is not a statement: {reason}"))
            }
            StatementProblem::StatementType(found) => (
                "statement.type",
                format!("`{}` is not an in-toto Statement v1", found.escape_default()),
            ),
            StatementProblem::PredicateType(found) => {
                let message = format!(
                    "this version does not know the predicate type `{}`",
                    found.escape_default()
                );
                ("statement.predicate-type", message)
            }
            StatementProblem::Subject => (
                "statement.subject",
                format!("its only subject must be `{MANIFEST}`"),
            ),
        };
        Failure::at(code, STATEMENT, message)
    })
}

/// Step 8: the manifest is the one that the statement is about, and well formed.
pub(crate) fn check_manifest(
    store: &Store,
    statement: &Statement,
    limits: &Limits,
) -> Result<(Manifest, Vec<u8>), Vec<Failure>> {
    let bytes = store.read(MANIFEST, limits.held_bytes).map_err(|one| vec![one])?;
    let found = Digest::of(&bytes);
    let changed = (statement.manifest_sha256() != Some(found)).then(|| {
        Failure::at(
            "manifest.changed",
            MANIFEST,
            "it is not the manifest that the statement is about",
        )
    });
    match (changed, Manifest::parse(&bytes)) {
        (None, Ok(manifest)) => Ok((manifest, bytes)),
        (changed, parsed) => Err(changed.into_iter().chain(parsed.err()).collect()),
    }
}

/// Step 9: the signed tree head is that of the manifest's lines.
pub(crate) fn check_tree(statement: &Statement, manifest: &[u8]) -> Vec<Failure> {
    let (found, stated) = (tree_head_of_lines(manifest), &statement.predicate.manifest);
    let mut failures = Vec::new();
    if found.size != stated.size {
        let message = format!(
            "the statement says {} files, the manifest lists {}",
            stated.size, found.size
        );
        failures.push(Failure::at("tree.size", STATEMENT, message));
    }
    if found.root != stated.root {
        let message = format!(
            "the statement's root is {}, the manifest's lines give {}",
            stated.root, found.root
        );
        failures.push(Failure::at("tree.root", STATEMENT, message));
    }
    failures
}

/// The outcome of comparing the files with the manifest.
#[derive(Debug, Default)]
pub(crate) struct FilesChecked {
    pub(crate) hashed: usize,
    pub(crate) absent: Vec<String>,
    pub(crate) failures: Vec<Failure>,
}

/// Step 10: every listed file is there and unchanged, and no other.
pub(crate) fn check_files(
    store: &Store,
    manifest: &Manifest,
    threads: usize,
    cancel: &AtomicBool,
) -> FilesChecked {
    let mut checked = FilesChecked::default();
    let mut known: Vec<(&Entry, Option<Digest>)> = Vec::new();
    for entry in store.entries() {
        let listed = manifest.find(&entry.path);
        if listed.is_none() && !is_unlisted(&entry.path) {
            checked.failures.push(Failure::at(
                "file.unlisted",
                &entry.path,
                "it is not listed in the manifest",
            ));
        }
        known.push((entry, listed));
    }
    checked.absent = manifest
        .lines
        .iter()
        .filter(|line| store.find(&line.path).is_none())
        .map(|line| line.path.clone())
        .collect();
    let results = parallel::map(
        threads,
        &known,
        |(entry, _)| entry.size,
        |(entry, listed), buffer| {
            if cancel.load(Ordering::Relaxed) {
                return Some(Failure::at(
                    "file.unreadable",
                    &entry.path,
                    "checking was interrupted",
                ));
            }
            check_file(store, entry, *listed, buffer)
        },
    );
    checked.hashed = results.len();
    checked.failures.extend(results.into_iter().flatten());
    checked.failures.sort_by(|a, b| a.path.cmp(&b.path));
    checked
}

fn check_file(store: &Store, entry: &Entry, listed: Option<Digest>, buffer: &mut [u8]) -> Option<Failure> {
    let found = match store.fingerprint(entry, buffer) {
        Ok(found) => found,
        Err(error) => {
            return Some(Failure::at(
                "file.unreadable",
                &entry.path,
                format!("it cannot be read: {error}"),
            ));
        }
    };
    if listed.is_some_and(|listed| listed != found.sha256) {
        return Some(Failure::at(
            "file.changed",
            &entry.path,
            "its SHA-256 is not the one in the manifest",
        ));
    }
    if Store::stated_crc32(entry).is_some_and(|crc32| crc32 != found.crc32) {
        return Some(Failure::at(
            "archive.checksum",
            &entry.path,
            "its CRC-32 is not the one in the archive",
        ));
    }
    None
}

/// What makes this a redacted copy, which is for verifying and for reading, and never stands for the whole bundle.
pub(crate) fn redaction(store: &Store) -> Option<Failure> {
    let entry = store
        .entries()
        .iter()
        .find(|entry| is_of_redaction(&entry.path))?;
    Some(Failure::at(
        "redaction.copy",
        &entry.path,
        "this is a redacted copy; use the bundle that it was made from",
    ))
}

/// Step 11: our own records are strict JSON, as far as they are the sealed ones: `wrong` are those that are not, and nobody
/// parses what somebody put in their place. The number tells how many were left out for it.
pub(crate) fn check_records(
    store: &Store,
    wrong: &[Failure],
    threads: usize,
    limits: &Limits,
) -> (Vec<Failure>, usize) {
    let wrong: BTreeSet<&str> = wrong.iter().filter_map(|one| one.path.as_deref()).collect();
    let all = store.entries().iter();
    let (records, left_out): (Vec<&Entry>, Vec<&Entry>) = all
        .filter(|entry| is_record(&entry.path) && !is_unlisted(&entry.path))
        .partition(|entry| !wrong.contains(entry.path.as_str()));
    let results = parallel::map(
        threads,
        &records,
        |entry| entry.size,
        |entry, _| {
            let section = store.section(entry).map_err(|error| error.to_string());
            let checked = section.and_then(|section| check_record(&entry.path, section, limits.line_bytes));
            checked.err().map(|reason| {
                Failure::at(
                    "record.format",
                    &entry.path,
                    format!("it is not a strict record: {reason}"),
                )
            })
        },
    );
    (results.into_iter().flatten().collect(), left_out.len())
}

/// The bytes of `chain/leaves.txt`, which every bundle lists and none may withhold.
pub(crate) fn read_leaves(store: &Store, manifest: &Manifest, limits: &Limits) -> Result<Vec<u8>, Failure> {
    let absent = || {
        Failure::at(
            "chain.absent",
            LEAVES,
            "the list of earlier bundles is missing; it cannot be withheld",
        )
    };
    let listed = manifest.find(LEAVES).ok_or_else(absent)?;
    store.find(LEAVES).ok_or_else(absent)?;
    let bytes = store.read(LEAVES, limits.held_bytes)?;
    if Digest::of(&bytes) == listed {
        Ok(bytes)
    } else {
        Err(Failure::at(
            "file.changed",
            LEAVES,
            "its SHA-256 is not the one in the manifest",
        ))
    }
}
