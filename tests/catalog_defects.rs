//! Every control of the catalog raises the defect that it is there to find, on a real server.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a failing test should panic where it fails, and shared parts serve several files"
)]

mod catalog;
mod support;

use std::collections::BTreeSet;

use catalog::{Block, blocks_in};
use pgdossier::control::Catalog;
use serde_json::Value;
use support::Workspace;

fn defects() -> Vec<Block> {
    blocks_in("defects", "control")
}

/// The texts of a finding's exceptions.
fn exceptions(finding: &Value) -> Vec<&str> {
    let exceptions = finding["exceptions"].as_array().unwrap().iter();
    exceptions
        .map(|exception| exception["text"].as_str().unwrap())
        .collect()
}

fn every_defect_is_raised(server: &str, major: u32, initdb: &[&str]) {
    let all = defects();
    let here: Vec<&Block> = all
        .iter()
        .filter(|block| block.one("server").unwrap_or("weak") == server)
        .collect();
    let cluster = catalog::start(major, initdb, &here);
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&cluster.conninfo("postgres"));
    assert_eq!(assessed.code(), 3, "{}", assessed.stderr());
    let mut silent = Vec::new();
    for block in here {
        let control = block.one("control").unwrap();
        let words = block.one("expect").expect("every block says what to expect");
        let finding = assessed.finding(control);
        let texts = exceptions(&finding);
        if finding["status"] != "not-satisfied" || !texts.iter().any(|text| text.contains(words)) {
            silent.push(format!(
                "{control} must say `{words}`: {} {} {texts:#?}",
                finding["status"], finding["reason"]
            ));
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn every_defect_of_the_weak_server_is_raised() {
    every_defect_is_raised("weak", 17, &[]);
}

#[test]
fn every_defect_of_the_old_server_is_raised() {
    every_defect_is_raised("old", 13, &[]);
}

#[test]
fn every_defect_of_the_server_that_listens_everywhere_is_raised() {
    every_defect_is_raised("listening", 17, &["--allow-group-access"]);
}

#[test]
fn every_control_that_asks_the_server_has_a_defect() {
    let shown: BTreeSet<String> = defects()
        .iter()
        .map(|block| block.one("control").unwrap().to_owned())
        .collect();
    let catalog = Catalog::embedded().unwrap();
    let asks: BTreeSet<String> = catalog
        .controls
        .iter()
        .filter(|control| {
            control
                .evidence
                .iter()
                .any(|request| !["attestation", "certificate"].contains(&request.collector.as_str()))
        })
        .map(|control| control.id.clone())
        .collect();
    assert_eq!(asks, shown);
}

#[test]
fn every_shared_query_is_used() {
    let catalog = Catalog::embedded().unwrap();
    let used: BTreeSet<&str> = catalog
        .controls
        .iter()
        .flat_map(|control| &control.evidence)
        .filter_map(|request| request.arguments.get("query")?.as_str())
        .collect();
    let written: BTreeSet<&str> = catalog.queries.keys().map(String::as_str).collect();
    assert_eq!(written, used);
}

#[test]
fn a_major_version_that_nobody_listed_is_no_pass() {
    let catalog = Catalog::embedded().unwrap();
    let control = catalog.control("version-supported").unwrap();
    let row = serde_json::json!({"version": "99.0", "major": "99", "today": "2026-01-01"});
    let mut expect = control.expect.evaluator(&control.parameters).unwrap();
    // An expression that fails on a row is not evaluated, whatever other rows say.
    expect.holds(row.as_object().unwrap()).unwrap_err();
}
