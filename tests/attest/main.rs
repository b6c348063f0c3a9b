//! What people attest: files written, checked, signed, judged by their days and aspects, and hostile ones.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

#[path = "../support/mod.rs"]
mod support;

mod certificates;
mod documentation;
mod hostile;
mod signatures;
mod time;
mod undeserved;
mod verbs;

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;
use support::{Assessed, Workspace, pgdossier, text};

/// A server that nobody can reach: what people attest is judged all the same.
const NOWHERE: &str = "host=/nonexistent-pgdossier dbname=postgres user=nobody";

/// An attestation about a control that asks no questions.
const STORAGE: &str = "kind: attestation
controls: [storage-encrypted]
statement: All volumes lie on LUKS.
answer: satisfied
method: examine
performed_by: { name: Priya Nair }
performed_at: 2026-11-01
expires_at: 2027-04-30
";

/// A certificate in order.
const CERTIFICATE: &str = "kind: certificate
controls: [physical-provider-certificate]
provider: Example Cloud
issuer: Example Assurance
scheme: SOC 2 Type II
number: EA-1
period: { from: 2026-01-01, to: 2026-12-31 }
sites: [fra1]
expires_at: 2027-03-31
reviewed_by: { name: Tomas Reyes, organisation: Example AG }
reviewed_at: 2026-11-02
documents: [{ file: soc2.pdf, description: the report }]
";

/// A workspace with a folder of attestations.
struct Statements {
    workspace: Workspace,
}

impl Statements {
    fn new(files: &[(&str, &str)]) -> Self {
        let statements = Self {
            workspace: Workspace::new(),
        };
        std::fs::create_dir_all(statements.folder()).unwrap();
        for (name, content) in files {
            statements.put(name, content);
        }
        statements
    }

    fn folder(&self) -> PathBuf {
        self.workspace.path("attestations")
    }

    fn put(&self, name: &str, content: &str) -> PathBuf {
        self.workspace.write(&format!("attestations/{name}"), content)
    }

    /// Runs `pgdossier attest …` in the workspace.
    fn attest(&self, arguments: &[&str]) -> Output {
        self.run(&[&["attest"], arguments].concat())
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = pgdossier();
        command.current_dir(self.workspace.folder.path());
        command.args(arguments).output().unwrap()
    }

    /// The same with JSON, and the exit code.
    fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.run(&[&["--format", "json", "attest"], arguments].concat());
        let json = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
        (output.status.code().unwrap(), json)
    }

    /// Assesses a server with these attestations; a site can be given.
    fn assess(&self, connection: &str, more: &[&str]) -> Assessed {
        let inventory = format!(
            "targets:\n  - {{ id: db1, connection: {}, tags: [production], site: fra1 }}\n",
            serde_json::to_string(connection).unwrap()
        );
        let inventory = self.workspace.write("inventory.yaml", &inventory);
        let mut command = pgdossier();
        command
            .env("HOME", self.workspace.folder.path())
            .args(["--format", "json", "assess"]);
        command.args([
            "--period",
            "2026-Q4",
            "--organisation",
            "Acme",
            "--host-access",
            "none",
        ]);
        for (option, value) in [("--key", "key.pem"), ("--out", "bundles")] {
            if !more.contains(&option) {
                command.arg(option).arg(self.workspace.path(value));
            }
        }
        command
            .args(["--as-of", support::AS_OF])
            .arg("--inventory")
            .arg(inventory)
            .arg("--attestations")
            .arg(self.folder());
        Assessed::new(command.args(more).output().unwrap())
    }

    /// The texts of the exceptions of a control.
    fn exceptions(&self, control: &str) -> (String, Vec<String>) {
        let assessed = self.assess(NOWHERE, &[]);
        let finding = assessed.finding(control);
        (status(&finding), exceptions(&finding))
    }
}

fn status(finding: &Value) -> String {
    finding["status"].as_str().unwrap().to_owned()
}

fn exceptions(finding: &Value) -> Vec<String> {
    let list = finding["exceptions"].as_array().unwrap();
    list.iter()
        .map(|one| one["text"].as_str().unwrap().to_owned())
        .collect()
}
