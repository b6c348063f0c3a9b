//! What tests share: the program with a clean environment, a key, a server, and a bundle's records.

#![allow(dead_code, unused_imports)] // each test file uses its own part

pub mod page;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use pgdossier::cluster::{Cluster, ClusterOptions};
use serde_json::Value;
use tempfile::TempDir;

/// The clock of all tests, so that attestations mean the same every day.
pub const AS_OF: &str = "2026-11-23T09:00:00Z";

/// The program with an environment in which nothing of ours or of libpq's is set.
pub fn pgdossier() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgdossier"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("PG") || name == "TZ" || name == "SOURCE_DATE_EPOCH" || name == "NO_COLOR" {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// A folder with a key, for one test.
pub struct Workspace {
    pub folder: TempDir,
}

impl Workspace {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key.pem");
        let made = pgdossier()
            .args(["keys", "new", "--no-passphrase", "--out"])
            .arg(&key)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// `pgdossier assess` with everything but a target.
    pub fn assess(&self) -> Command {
        self.assess_with(self.path("key.pem"))
    }

    /// The same with another key than the workspace's own.
    pub fn assess_with(&self, key: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = pgdossier();
        command
            .env("HOME", self.folder.path())
            .args([
                "--format",
                "json",
                "assess",
                "--period",
                "2026-Q4",
                "--organisation",
                "Acme",
                "--as-of",
                AS_OF,
            ])
            .args(["--host-access", "none", "--key"])
            .arg(key)
            .arg("--out")
            .arg(self.path("bundles"));
        command
    }

    /// Assesses and reads what came of it.
    pub fn assessed(&self, target: &str) -> Assessed {
        let output = self.assess().arg(target).output().unwrap();
        Assessed::new(output)
    }

    /// A trust policy for the key.
    pub fn policy(&self) -> PathBuf {
        let public = self.path("public.pem");
        let shown = pgdossier()
            .args(["keys", "public"])
            .arg(self.path("key.pem"))
            .output()
            .unwrap();
        std::fs::write(&public, &shown.stdout).unwrap();
        let policy = self.path("trust-policy.json");
        let made = pgdossier()
            .args([
                "trust",
                "init",
                "--owner",
                "Ann",
                "--role",
                "assessor",
                "--valid-from",
                "2026-01-01",
            ])
            .args(["--valid-until", "2027-12-31", "--key"])
            .arg(&public)
            .arg("--out")
            .arg(&policy)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
        policy
    }

    /// Names in the folder of bundles.
    pub fn bundles(&self) -> Vec<String> {
        names(&self.path("bundles"))
    }
}

/// What an assessment left.
pub struct Assessed {
    pub output: Output,
    pub json: Value,
}

impl Assessed {
    pub fn new(output: Output) -> Self {
        let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        Self { output, json }
    }

    pub fn code(&self) -> i32 {
        self.output.status.code().unwrap()
    }

    pub fn stderr(&self) -> String {
        text(&self.output.stderr)
    }

    pub fn folder(&self) -> PathBuf {
        PathBuf::from(
            self.json["folder"]
                .as_str()
                .unwrap_or_else(|| panic!("no bundle: {}", self.stderr())),
        )
    }

    pub fn archive(&self) -> PathBuf {
        PathBuf::from(self.json["archive"].as_str().unwrap())
    }

    /// The folder of the first target.
    fn target(&self) -> PathBuf {
        let target = self.json["targets"][0]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{}", self.stderr()));
        self.folder().join("targets").join(target)
    }

    pub fn findings(&self) -> Vec<Value> {
        findings_in(&self.target())
    }

    /// The rows of an evidence's population.
    pub fn rows(&self, evidence: &str) -> Vec<Value> {
        let path = self.target().join(format!("evidence/{evidence}.ndjson"));
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}\n{}", path.display(), self.stderr()));
        let mut rows: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        rows.pop().expect("the salt");
        rows
    }

    pub fn finding(&self, control: &str) -> Value {
        let found = self
            .findings()
            .into_iter()
            .find(|finding| finding["control"] == control);
        found.unwrap_or_else(|| panic!("no finding for {control}"))
    }

    pub fn with_status(&self, status: &str) -> Vec<String> {
        let findings = self
            .findings()
            .into_iter()
            .filter(|finding| finding["status"] == status);
        findings
            .map(|finding| finding["control"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// The findings in a target's folder.
pub fn findings_in(target: &Path) -> Vec<Value> {
    let bytes = std::fs::read(target.join("findings.json")).unwrap();
    let mut findings: Vec<Value> = serde_json::from_slice(&bytes).unwrap();
    findings.pop().expect("the salt");
    findings
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// All files below a folder with their bytes.
pub fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
    found
}

/// A server with the given settings; the default rules of `initdb` (trust) make it easy to reach.
pub fn server(settings: &[(&str, &str)]) -> Cluster {
    let settings = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Cluster::start(ClusterOptions {
        settings,
        ..ClusterOptions::default()
    })
    .unwrap()
}

/// Runs SQL as the superuser in one database, as one batch.
pub fn sql(cluster: &Cluster, database: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&cluster.conninfo(database), tokio_postgres::NoTls)
                .await
                .unwrap();
        let driver = tokio::spawn(connection);
        client
            .batch_execute(sql)
            .await
            .unwrap_or_else(|error| panic!("{error:?} in {sql}"));
        drop(client);
        let _ = driver.await;
    });
}

/// A connection string for another role than the superuser.
pub fn conninfo_as(cluster: &Cluster, role: &str, database: &str) -> String {
    cluster
        .tcp_conninfo(database)
        .replace("user=postgres", &format!("user='{role}'"))
}

/// Runs every command of a page of the docs as a new user would; the folder that they ran in, and all they said.
pub fn tried(page: &str, environment: &[(&str, &str)]) -> (Workspace, String) {
    let workspace = Workspace::new();
    // 2026-11-23T09:00:00Z
    let clock = "1795424400";
    let output = page::run(&page::read(page), workspace.folder.path(), clock, environment);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
    (workspace, said)
}

/// The Markdown report of the only bundle in a folder of bundles.
pub fn only_report(workspace: &Workspace) -> String {
    let named = workspace.bundles();
    let folder = named.iter().find(|name| !name.ends_with(".zip")).unwrap();
    std::fs::read_to_string(workspace.path(&format!("bundles/{folder}/report/report.md"))).unwrap()
}
