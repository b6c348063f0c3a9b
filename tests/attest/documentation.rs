//! The page about attestations, run as a new user would.

use std::process::Command;

use crate::support::{Workspace, text};

#[test]
fn every_command_of_the_page_works() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/attestations.md")).unwrap();
    let blocks: Vec<&str> = page
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 8, "{}", blocks.len());
    let workspace = Workspace::new();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_pgdossier"))
        .parent()
        .unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let script = format!("set -eu\n{}", blocks.join("\n"));
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(workspace.folder.path())
        .env("PATH", path)
        .env("HOME", workspace.folder.path())
        .env("PGDOSSIER_PASSPHRASE", "a passphrase")
        // 2026-11-23T09:00:00Z
        .env("SOURCE_DATE_EPOCH", "1795424400")
        .output()
        .unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
    for expected in [
        "missing       physical-server-room-access",
        "exit code 3",
        "statements are good",
        "attestor  valid by Ines Marten",
        "reviewer  valid by Tomas Reyes",
        "bundle ",
    ] {
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
    let named: Vec<_> = crate::support::names(&workspace.path("bundles"));
    let folder = named.iter().find(|name| !name.ends_with(".zip")).unwrap();
    let report =
        std::fs::read_to_string(workspace.path(&format!("bundles/{folder}/report/report.md"))).unwrap();
    for expected in [
        "Ines Marten",
        "Signed by",
        "visit-2026-11.txt",
        "Which racks or cages hold our hardware",
    ] {
        assert!(report.contains(expected), "{expected}");
    }
}
