//! Waivers: what they accept beside the raw status, whose word they are, their days, and hostile ones.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

#[path = "../support/mod.rs"]
mod support;

mod beside;
mod hostile;
mod signatures;
mod verbs;

use std::path::{Path, PathBuf};
use std::process::Output;

use pgdossier::control::Catalog;
use serde_json::Value;
use support::{Assessed, Workspace, pgdossier, text};

/// A server that nobody can reach: nothing is known of it, and nothing can be waived.
const NOWHERE: &str = "host=/nonexistent-pgdossier dbname=postgres user=nobody";

/// A waiver in order for rules that let local sessions in without authentication.
const LOCAL: &str = "control: hba-no-trust
rows: row.type == \"local\"
reason: The old client knows no other way.
requested_by: { name: Bob Reed, role: database engineer }
approved_by: { name: Ann Stone, role: risk owner }
ticket: SEC-12
risk: { before: high, after: low }
approved_at: 2026-11-01
expires_at: 2027-04-30
";

/// A workspace with a folder of waivers.
struct Waivers {
    workspace: Workspace,
}

impl Waivers {
    fn new(files: &[(&str, &str)]) -> Self {
        let waivers = Self {
            workspace: Workspace::new(),
        };
        std::fs::create_dir_all(waivers.folder()).unwrap();
        for (name, content) in files {
            waivers.put(name, content);
        }
        waivers
    }

    fn folder(&self) -> PathBuf {
        self.workspace.path("waivers")
    }

    fn put(&self, name: &str, content: &str) -> PathBuf {
        self.workspace.write(&format!("waivers/{name}"), content)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = pgdossier();
        command.current_dir(self.workspace.folder.path());
        command.args(arguments).output().unwrap()
    }

    /// `pgdossier waiver …` with JSON, and the exit code.
    fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.run(&[&["--format", "json", "waiver"], arguments].concat());
        let json = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
        (output.status.code().unwrap(), json)
    }

    /// Assesses servers, each with its id and tags, with these waivers.
    fn assess_all(&self, targets: &[(&str, &str, &str)], more: &[&str]) -> Assessed {
        let mut inventory = String::from("targets:\n");
        for (id, connection, tags) in targets {
            let connection = serde_json::to_string(connection).unwrap();
            inventory.push_str(&format!(
                "  - {{ id: {id}, connection: {connection}, tags: [{tags}] }}\n"
            ));
        }
        let inventory = self.workspace.write("inventory.yaml", &inventory);
        let mut command = pgdossier();
        command
            .env("HOME", self.workspace.folder.path())
            .current_dir(self.workspace.folder.path())
            .args(["--format", "json", "assess", "--period", "2026-Q4"])
            .args(["--organisation", "Acme", "--host-access", "none"]);
        for (option, value) in [
            ("--key", "key.pem"),
            ("--out", "bundles"),
            ("--as-of", support::AS_OF),
            ("--waivers", "waivers"),
        ] {
            if option == "--out" && !more.contains(&option) {
                command.arg(option).arg(self.workspace.path(value));
            } else if !more.contains(&option) {
                command.args([option, value]);
            }
        }
        command.arg("--inventory").arg(inventory);
        let mut after = "";
        for argument in more {
            // What is told of a bundle is told with the folder as it was given.
            match after {
                "--out" => command.arg(self.workspace.path(argument)),
                _ => command.arg(argument),
            };
            after = argument;
        }
        Assessed::new(command.output().unwrap())
    }

    fn assess(&self, connection: &str, more: &[&str]) -> Assessed {
        self.assess_all(&[("db1", connection, "production")], more)
    }

    /// A profile under which only these controls apply.
    fn only(&self, controls: &[&str]) -> String {
        let catalog = Catalog::embedded().unwrap();
        let mut profile = String::from("name: only\nbase: strict\nexclude:\n");
        for control in &catalog.controls {
            if !controls.contains(&control.id.as_str()) {
                profile.push_str(&format!("  {}: not asked for here\n", control.id));
            }
        }
        let path = self.workspace.write("only.yaml", &profile);
        path.to_str().unwrap().to_owned()
    }

    fn replay(&self, bundle: &Path) -> (i32, String) {
        let output = self.run(&["replay", bundle.to_str().unwrap()]);
        (output.status.code().unwrap(), text(&output.stdout))
    }
}

/// The waiver's record in what `assess` tells.
fn judged<'a>(assessed: &'a Assessed, file: &str) -> &'a Value {
    let list = assessed.json["waivers"]["waivers"]
        .as_array()
        .unwrap_or_else(|| panic!("{}", assessed.stderr()));
    let wanted = format!("waivers/{file}");
    list.iter()
        .find(|waiver| waiver["file"] == wanted.as_str())
        .unwrap_or_else(|| panic!("{file} is not in {list:?}"))
}

/// The lines of the evidence whose exceptions are waived.
fn waived(finding: &Value) -> Vec<u64> {
    let list = finding["waived"].as_array().map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(|one| one["line"].as_u64()).collect()
}
