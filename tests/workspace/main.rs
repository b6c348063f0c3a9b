//! Workspaces: laid out, assessed without arguments, continued, and hostile ones.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

#[path = "../support/mod.rs"]
mod support;

mod documentation;
mod drafts;
mod hostile;
mod init;
mod series;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::{Assessed, pgdossier, text};
use tempfile::TempDir;

/// 2026-11-23T09:00:00Z
const AUTUMN: &str = "1795424400";
/// 2027-02-23T09:00:00Z
const WINTER: &str = "1803373200";
const NOWHERE: &str = "host=/nonexistent-pgdossier dbname=postgres user=nobody";

/// A workspace that `init` laid out.
struct Laid {
    folder: TempDir,
}

impl Laid {
    fn new(connection: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let laid = Self { folder };
        let mut command = laid.bare(AUTUMN);
        command.current_dir(laid.folder.path());
        command.args(["init", "w", "--no-passphrase", "--organisation", "Acme"]);
        let output = command
            .args(["--connection", connection])
            .args(more)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        laid
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("w")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn replace(&self, name: &str, from: &str, to: &str) {
        let content = self.read(name);
        assert!(content.contains(from), "{from}: {content}");
        std::fs::write(self.path(name), content.replacen(from, to, 1)).unwrap();
    }

    fn bare(&self, clock: &str) -> Command {
        let mut command = pgdossier();
        command
            .env("HOME", self.folder.path())
            .env("SOURCE_DATE_EPOCH", clock);
        command
    }

    /// The program, run in the workspace.
    fn at(&self, clock: &str) -> Command {
        let mut command = self.bare(clock);
        command.current_dir(self.root());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.at(AUTUMN).args(arguments).output().unwrap()
    }

    /// Assesses without any argument but the form of the output.
    fn assess_at(&self, clock: &str) -> Assessed {
        let mut assessed = Assessed::new(
            self.at(clock)
                .args(["--format", "json", "assess"])
                .output()
                .unwrap(),
        );
        for key in ["folder", "archive", "report"] {
            if let Some(path) = assessed.json[key].as_str().map(|path| self.path(path)) {
                assessed.json[key] = path.to_str().unwrap().into();
            }
        }
        assessed
    }

    fn verify_at(&self, clock: &str, bundle: &Path) -> Output {
        let mut command = self.at(clock);
        command.arg("verify").arg(bundle);
        command.args(["--trust", "trust-policy.json"]).output().unwrap()
    }

    /// `attest status` as JSON, with its exit code.
    fn status(&self, control: &str) -> (i32, Value) {
        let output = self.run(&["--format", "json", "attest", "status"]);
        let lines: Value = serde_json::from_slice(&output.stdout).unwrap();
        let line = lines
            .as_array()
            .unwrap()
            .iter()
            .find(|line| line["control"] == control);
        (
            output.status.code().unwrap(),
            line.cloned().unwrap_or(Value::Null),
        )
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// What a bundle states of its place in its series.
fn chain(folder: &Path) -> Value {
    let bytes = std::fs::read(folder.join("statement.json")).unwrap();
    let statement: Value = serde_json::from_slice(&bytes).unwrap();
    statement["predicate"]["chain"].clone()
}
