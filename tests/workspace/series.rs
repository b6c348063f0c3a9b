//! Assessing in a workspace: without arguments, with flags, and quarter after quarter.

use serde_json::Value;

use crate::support::text;
use crate::support::{Assessed, names, server};
use crate::{AUTUMN, Laid, NOWHERE, WINTER, chain, code};

#[test]
fn a_new_workspace_assesses_without_arguments_and_the_next_quarter_continues_its_series() {
    let cluster = server(&[]);
    let laid = Laid::new(&cluster.tcp_conninfo("postgres"), &["--site", "own"]);
    let first = laid.assess_at(AUTUMN);
    assert_eq!(first.code(), 3, "{}", first.stderr());
    let summary: Value =
        serde_json::from_slice(&std::fs::read(first.folder().join("assessment.json")).unwrap()).unwrap();
    assert_eq!(summary["organisation"], "Acme");
    assert_eq!(summary["period"]["label"], "2026-Q4");
    assert!(first.finding("hba-no-trust")["status"] == "not-satisfied");
    let verified = laid.verify_at(AUTUMN, &first.folder());
    assert_eq!(code(&verified), 0, "{}", text(&verified.stdout));
    assert_eq!(chain(&first.folder())["index"], 0);

    // Nothing was attested yet: no draft counts, and each says what to do.
    let findings = first.findings();
    let drafted: Vec<String> = names(&laid.path("attestations"))
        .iter()
        .filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    assert!(drafted.len() >= 8, "{drafted:?}");
    for control in &drafted {
        let finding = findings
            .iter()
            .find(|finding| finding["control"] == **control)
            .unwrap();
        assert_eq!(finding["status"], "not-evaluated", "{finding}");
        let missing = finding["missing"].to_string();
        assert!(
            missing.contains(&format!("attestations/{control}.yaml is a draft")),
            "{missing}"
        );
    }
    assert!(
        !first.folder().join("attestations").exists(),
        "drafts are no evidence"
    );
    // What is not about such a site is left out by name, with the reason.
    let racks = first.finding("physical-locked-racks");
    assert_eq!(racks["status"], "not-applicable", "{racks}");
    assert!(racks.to_string().contains("premises of our own"), "{racks}");

    let again = laid.assess_at(WINTER);
    assert_eq!(again.code(), 3, "{}", again.stderr());
    assert!(
        again.stderr().contains("continuing the series after"),
        "{}",
        again.stderr()
    );
    let chain = chain(&again.folder());
    assert_eq!(
        (&chain["index"], &chain["series"]),
        (&Value::from(1), &Value::from("Acme"))
    );
    let verified = laid.verify_at(WINTER, &again.archive());
    assert_eq!(code(&verified), 0, "{}", text(&verified.stdout));

    // The archive alone can be continued too.
    std::fs::remove_dir_all(again.folder()).unwrap();
    let third = laid.assess_at("1806000000");
    assert_eq!(place_in_series(&third), 2);
}

fn place_in_series(assessed: &Assessed) -> u64 {
    chain(&assessed.folder())["index"].as_u64().unwrap()
}

#[test]
fn a_bundle_that_cannot_be_followed_stops_the_run_before_anything_is_sealed() {
    let laid = Laid::new(NOWHERE, &[]);
    let first = laid.assess_at(AUTUMN);
    assert_eq!(first.code(), 4, "{}", first.stderr());
    // A second one that begins the series anew.
    let out = laid.path("elsewhere");
    let mut anew = laid.at(WINTER);
    anew.args(["assess", "--out"]).arg(&out);
    assert_eq!(code(&anew.output().unwrap()), 4);
    for name in names(&out) {
        std::fs::rename(out.join(&name), laid.path("bundles").join(&name)).unwrap();
    }
    let before = names(&laid.path("bundles"));
    let forked = laid.assess_at("1806000000");
    assert_eq!(forked.code(), 2);
    assert!(
        forked.stderr().contains("both claim place 0"),
        "{}",
        forked.stderr()
    );
    assert!(forked.stderr().contains("--previous"), "{}", forked.stderr());
    let path = first.folder().join("statement.json");
    std::fs::write(path, "{}").unwrap();
    let damaged = laid.assess_at("1806000000");
    assert_eq!(damaged.code(), 1);
    assert!(damaged.stderr().contains("--previous"), "{}", damaged.stderr());
    assert_eq!(names(&laid.path("bundles")), before);
}

#[test]
fn flags_override_the_workspace_and_another_folder_can_be_named() {
    let cluster = server(&[]);
    let laid = Laid::new(NOWHERE, &[]);
    let mut command = laid.bare(AUTUMN);
    command.current_dir(laid.folder.path());
    command.args([
        "--format",
        "json",
        "assess",
        "--workspace",
        "w",
        "--organisation",
        "Other",
        "--period",
        "2026-11",
        "--profile",
        "stig",
        "--out",
        "elsewhere",
        "--host-access",
        "none",
    ]);
    let mut assessed = Assessed::new(command.arg(cluster.tcp_conninfo("postgres")).output().unwrap());
    assert_eq!(assessed.code(), 3, "{}", assessed.stderr());
    let folder = laid.folder.path().join(assessed.json["folder"].as_str().unwrap());
    assessed.json["folder"] = folder.to_str().unwrap().into();
    let summary: Value =
        serde_json::from_slice(&std::fs::read(folder.join("assessment.json")).unwrap()).unwrap();
    assert_eq!(summary["organisation"], "Other");
    assert_eq!(summary["period"]["label"], "2026-11");
    assert_eq!(summary["definitions"]["profile"], "stig");
    assert_eq!(chain(&folder)["series"], "Other");
    assert!(
        folder.starts_with(laid.folder.path().join("elsewhere")),
        "{}",
        folder.display()
    );
    assert!(!laid.path("bundles").exists());
    // The workspace's attestations, from elsewhere.
    let mut status = laid.bare(AUTUMN);
    status.current_dir(laid.folder.path());
    let status = status
        .args(["attest", "status", "--workspace", "w"])
        .output()
        .unwrap();
    assert_eq!(code(&status), 3);
    assert!(
        text(&status.stdout).contains("draft "),
        "{}",
        text(&status.stdout)
    );
}

const WAIVER: &str = "control: hba-no-trust
reason: A throwaway server.
requested_by: { name: Ann }
approved_by: { name: Ben }
risk: { before: high, after: low }
approved_at: 2026-11-01
expires_at: 2027-01-31
";

#[test]
fn the_workspaces_waivers_are_laid_beside_the_findings_and_change_no_status() {
    let cluster = server(&[]);
    let laid = Laid::new(&cluster.tcp_conninfo("postgres"), &[]);
    std::fs::write(laid.path("waivers/x.yaml"), WAIVER).unwrap();
    let assessed = laid.assess_at(AUTUMN);
    assert_eq!(assessed.code(), 3, "{}", assessed.stderr());
    let finding = assessed.finding("hba-no-trust");
    assert_eq!(finding["status"], "not-satisfied");
    assert_eq!(finding["waived"][0]["by"], "waivers/x.yaml:1", "{finding}");
    // A wrong one stops the run, wherever it was found.
    std::fs::write(laid.path("waivers/x.yaml"), "control: hba-no-trust\n").unwrap();
    let refused = laid.assess_at(WINTER);
    assert_eq!(refused.code(), 2);
    assert!(
        refused.stderr().contains("waivers/x.yaml:1:1"),
        "{}",
        refused.stderr()
    );
    // A policy of the workspace that is none for waivers is told, rather than left aside.
    std::fs::write(laid.path("waivers/x.yaml"), WAIVER).unwrap();
    laid.replace(
        "pgdossier.yaml",
        "# waiver_policy: waiver-policy.json",
        "waiver_policy: trust-policy.json",
    );
    let refused = laid.assess_at(WINTER);
    assert_eq!(refused.code(), 2);
    assert!(refused.stderr().contains("approver"), "{}", refused.stderr());
    // The profile that is in force here.
    let shown = laid.run(&["profile", "show"]);
    assert_eq!(code(&shown), 0, "{}", text(&shown.stderr));
    assert!(
        text(&shown.stdout).contains("profile Acme"),
        "{}",
        text(&shown.stdout)
    );
}

#[test]
fn only_the_key_whose_public_half_the_workspace_names_signs() {
    let laid = Laid::new(NOWHERE, &[]);
    let other = laid.run(&["keys", "new", "--no-passphrase", "--out", "keys/other.pem"]);
    assert_eq!(code(&other), 0, "{}", text(&other.stderr));
    laid.replace("pgdossier.yaml", "keys/assessor.pem", "keys/other.pem");
    let refused = laid.assess_at(AUTUMN);
    assert_eq!(refused.code(), 2, "{}", refused.stderr());
    assert!(!laid.path("bundles").exists());
    // Named on the command line, a key is not held against what the workspace says of its own.
    let signed = laid.run(&["assess", "--key", "keys/other.pem"]);
    assert_eq!(code(&signed), 4, "{}", text(&signed.stderr));
}
