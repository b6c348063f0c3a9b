//! Profiles: which controls apply, what is left out and why, and what of a framework is covered.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

mod support;

use std::collections::BTreeSet;

use pgdossier::control::{Catalog, Level};
use pgdossier::profile::Profile;
use serde_json::Value;
use support::{Workspace, pgdossier, server, text};

fn controls_of(profile: &str) -> BTreeSet<String> {
    let catalog = Catalog::embedded().unwrap();
    Profile::shipped(profile, &catalog).unwrap().controls
}

#[test]
fn every_shipped_profile_selects_what_it_says() {
    let catalog = Catalog::embedded().unwrap();
    let all: BTreeSet<String> = catalog
        .controls
        .iter()
        .map(|control| control.id.clone())
        .collect();
    let baseline: BTreeSet<String> = catalog
        .controls
        .iter()
        .filter(|control| control.level == Level::Baseline)
        .map(|control| control.id.clone())
        .collect();
    assert_eq!(controls_of("strict"), all);
    assert_eq!(controls_of("baseline"), baseline);
    for major in 13..=18 {
        let chosen = controls_of(&format!("cis-postgresql-{major}"));
        assert!(
            chosen.contains("hba-no-trust") && chosen.len() < all.len(),
            "{major}"
        );
    }
}

#[test]
fn an_excluded_control_is_reported_with_its_reason_and_nothing_else_changes() {
    let cluster = server(&[]);
    let workspace = Workspace::new();
    let profile = workspace.write(
        "profile.yaml",
        "name: ours\nbase: baseline\nexclude: { log-connections: \"the proxy logs <b>them</b>\" }\n",
    );
    let assess = |profile: &str| {
        let _ = std::fs::remove_dir_all(workspace.path("bundles"));
        let mut command = workspace.assess();
        support::Assessed::new(
            command
                .args(["--profile", profile, &cluster.conninfo("postgres")])
                .output()
                .unwrap(),
        )
    };
    let before = assess("baseline");
    let statuses = |assessed: &support::Assessed| -> Vec<(String, Value)> {
        let findings = assessed.findings().into_iter();
        findings
            .map(|finding| {
                (
                    finding["control"].as_str().unwrap().to_owned(),
                    finding["status"].clone(),
                )
            })
            .collect()
    };
    let was = statuses(&before);
    let after = assess(profile.to_str().unwrap());
    let finding = after.finding("log-connections");
    assert_eq!(finding["status"], "not-applicable", "{finding}");
    assert!(
        finding["reason"]
            .as_str()
            .unwrap()
            .contains("the proxy logs <b>them</b>"),
        "{finding}"
    );
    let changed: Vec<_> = was
        .iter()
        .zip(statuses(&after))
        .filter(|(before, after)| **before != *after)
        .map(|(before, _)| before.0.clone())
        .collect();
    assert_eq!(changed, ["log-connections"]);
    let report = std::fs::read_to_string(after.folder().join("report/index.html")).unwrap();
    assert!(report.contains("the proxy logs &lt;b&gt;them&lt;/b&gt;"));
    let replayed = pgdossier().arg("replay").arg(after.folder()).output().unwrap();
    assert_eq!(replayed.status.code(), Some(0), "{}", text(&replayed.stdout));
}

#[test]
fn what_a_profile_does_not_select_has_no_finding() {
    let cluster = server(&[]);
    let workspace = Workspace::new();
    let mut command = workspace.assess();
    let output = command
        .args(["--profile", "cis-postgresql-17", &cluster.conninfo("postgres")])
        .output()
        .unwrap();
    let assessed = support::Assessed::new(output);
    let found: BTreeSet<String> = assessed
        .findings()
        .iter()
        .map(|finding| finding["control"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, controls_of("cis-postgresql-17"));
}

#[test]
fn a_wrong_profile_is_refused_with_the_way_out() {
    let workspace = Workspace::new();
    let refused = |content: &str, words: &[&str]| {
        let profile = workspace.write("profile.yaml", content);
        let output = workspace
            .assess()
            .arg("--profile")
            .arg(profile)
            .arg("host=/nowhere")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        let said = text(&output.stderr);
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
    };
    refused(
        "name: x\nexclude: { hba-no-trust: \"\" }\n",
        &["excluded without a reason", "profile.yaml:2"],
    );
    refused(
        "name: x\nexclude: { hba-no-trus: y }\n",
        &["did you mean `hba-no-trust`?"],
    );
    refused(
        "name: x\nbase: basline\n",
        &["there is no profile `basline`", "baseline, cis-postgresql-13"],
    );
    refused(
        "name: x\nbase: strict\nselect: { level: strict }\n",
        &["both `base` and `select`"],
    );
    refused(
        "name: x\nselect: { framework: cis }\n",
        &["there is no framework `cis`", "cis-postgresql-17"],
    );
    let output = workspace
        .assess()
        .args(["--profile", "severe", "host=/nowhere"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("shipped are baseline"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn coverage_of_a_framework_counts_each_item_once_and_hides_no_gap() {
    let output = pgdossier()
        .args([
            "--format",
            "json",
            "controls",
            "coverage",
            "--framework",
            "cis-postgresql-16",
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let items = json["items"].as_array().unwrap();
    let ids: BTreeSet<&str> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), items.len());
    let catalog = Catalog::embedded().unwrap();
    for item in items {
        let id = item["id"].as_str().unwrap().to_owned();
        let answering: BTreeSet<&str> = catalog
            .controls
            .iter()
            .filter(|control| {
                control
                    .references
                    .get("cis-postgresql-16@1.1.0")
                    .is_some_and(|n| n.contains(&id))
            })
            .map(|control| control.id.as_str())
            .collect();
        let named = ["automated", "attested"];
        let shown: BTreeSet<&str> = named
            .iter()
            .flat_map(|kind| item[kind].as_array().unwrap())
            .map(|id| id.as_str().unwrap())
            .collect();
        assert_eq!(shown, answering, "{id}");
        assert_eq!(item["coverage"] == "not covered", answering.is_empty(), "{id}");
    }
}
