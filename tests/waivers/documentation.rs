//! The page about waivers and profiles, run as a new user would.

use std::process::Command;

use crate::support::{Workspace, names, server, text};

#[test]
fn every_command_of_the_page_works() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/waivers.md")).unwrap();
    let blocks: Vec<&str> = page
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 4, "{}", blocks.len());
    let (workspace, cluster) = (Workspace::new(), server(&[]));
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_pgdossier"))
        .parent()
        .unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-c", &format!("set -eu\n{}", blocks.join("\n"))])
        .current_dir(workspace.folder.path())
        .env("PATH", path)
        .env("HOME", workspace.folder.path())
        .env("SERVER", cluster.conninfo("postgres"))
        .env("PGDOSSIER_PASSPHRASE", "a passphrase")
        // 2026-11-23T09:00:00Z
        .env("SOURCE_DATE_EPOCH", "1795424400")
        .output()
        .unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
    for expected in [
        "1 waivers are good",
        "signed by Ann Stone",
        "exit code 3",
        "0 of 1 waivers need somebody",
        "profile ours, for a target with the tags pci",
    ] {
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
    let named = names(&workspace.path("bundles"));
    let folder = named.iter().find(|name| !name.ends_with(".zip")).unwrap();
    let report =
        std::fs::read_to_string(workspace.path(&format!("bundles/{folder}/report/report.md"))).unwrap();
    for expected in ["Two named people have a shell", "by Ann Stone", "SEC"] {
        assert!(report.contains(expected), "{expected}");
    }
}
