//! What is found on a server's host: real files, sockets and processes, each put out of order alone.
//!
//! Owners, accounts and mounts cannot be changed without root: without it these tests fail, and say so.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a failing test should panic where it fails, and shared parts serve several files"
)]

mod access;
mod account;
mod files;
mod processes;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use pgdossier::assessment::Period;
use pgdossier::attestation::Attested;
use pgdossier::cluster::{Cluster, ClusterFile, ClusterOptions};
use pgdossier::collect::{self, Collecting, Limits};
use pgdossier::control::Catalog;
use pgdossier::evaluate::{Evaluating, evaluate};
use pgdossier::evidence::Evidence;
use pgdossier::finding::{Finding, Status};
use pgdossier::host::HostAccess;
use pgdossier::profile::Profile;
use pgdossier::salt::Seed;
use pgdossier::target::{ConnectionSettings, Environment, Target};
use tempfile::TempDir;

/// What is so of servers made by tests: unpacked programs of no package, and any free port.
const UNAVOIDABLE: &[&str] = &["packages-from-approved-source", "port-approved"];

/// A server whose host is in order, with configuration, logs and libraries in open directories as distributions have.
struct Host {
    cluster: Cluster,
    folder: TempDir,
}

impl Host {
    fn start() -> Self {
        Self::start_from(&programs())
    }

    fn start_from(bin_dir: &Path) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "run these tests as root: they change owners, accounts and mounts"
        );
        let folder = tempfile::Builder::new()
            .prefix("pgd-host-")
            .tempdir_in("/tmp")
            .unwrap();
        mode(folder.path(), 0o755);
        let here = |name: &str| folder.path().join(name);
        let text = |name: &str| here(name).display().to_string();
        for (name, bits) in [("etc", 0o755), ("log", 0o700), ("lib", 0o755), ("app", 0o750)] {
            std::fs::create_dir(here(name)).unwrap();
            mode(&here(name), bits);
        }
        for name in ["pg_hba.conf", "pg_ident.conf", "extra.conf"] {
            let content = if name == "pg_hba.conf" {
                "local all all trust\nhost all all localhost trust\n"
            } else {
                "\n"
            };
            std::fs::write(here("etc").join(name), content).unwrap();
            mode(&here("etc").join(name), 0o640);
        }
        std::fs::write(here("lib/clean"), "#!/bin/sh\n").unwrap();
        mode(&here("lib/clean"), 0o755);
        std::fs::write(here("etc").join("extra.conf"), "work_mem = '5MB'\n").unwrap();
        for name in [
            "etc/pg_hba.conf",
            "etc/pg_ident.conf",
            "etc/extra.conf",
            "log",
            "app",
        ] {
            give(&here(name), "postgres");
        }
        let sockets = here("app");
        let settings = [
            ("hba_file", text("etc/pg_hba.conf")),
            ("ident_file", text("etc/pg_ident.conf")),
            ("logging_collector", "on".to_owned()),
            ("log_directory", text("log")),
            (
                "archive_cleanup_command",
                format!("/bin/true && {} %r", text("lib/clean")),
            ),
            ("dynamic_library_path", format!("$libdir:{}", text("lib"))),
            ("listen_addresses", "127.0.0.1, ::1".to_owned()),
        ];
        let mut settings: Vec<(String, String)> = settings
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect();
        settings.push(("include".to_owned(), text("etc/extra.conf")));
        settings.push((
            "unix_socket_directories".to_owned(),
            sockets.display().to_string(),
        ));
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let file = |name: &str, contents: String| ClusterFile {
            name: name.to_owned(),
            contents: contents.into_bytes(),
            mode: 0o600,
        };
        let cluster = Cluster::start(ClusterOptions {
            bin_dir: Some(bin_dir.to_owned()),
            settings,
            files: vec![
                file("server.crt", made.cert.pem()),
                file("server.key", made.signing_key.serialize_pem()),
            ],
            parent_dir: Some(folder.path().to_owned()),
            ..ClusterOptions::default()
        })
        .unwrap();
        Self { cluster, folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn data(&self, name: &str) -> PathBuf {
        self.cluster.data_dir().join(name)
    }

    /// What the catalog's host controls find, looking at this machine as root.
    fn look(&self) -> Looked {
        look(
            &self.cluster.tcp_conninfo("postgres"),
            HostAccess::Local { sudo: false },
        )
    }

    /// Puts one thing out of order, expects that exactly one control says so, and puts it right again.
    fn defect(&self, control: &str, words: &str, spoil: impl Fn(), mend: impl Fn()) {
        spoil();
        let looked = self.look();
        mend();
        let raised = looked.raised();
        assert_eq!(raised, BTreeSet::from([control]), "{}", looked.told());
        let finding = looked.finding(control);
        assert!(
            finding
                .exceptions
                .iter()
                .any(|exception| exception.text.contains(words)),
            "{words}: {finding:#?}"
        );
    }
}

/// Findings and their evidence.
struct Looked {
    findings: Vec<Finding>,
    evidence: BTreeMap<String, Evidence>,
}

impl Looked {
    fn finding(&self, control: &str) -> &Finding {
        self.findings
            .iter()
            .find(|finding| finding.control == control)
            .unwrap()
    }

    fn raised(&self) -> BTreeSet<&str> {
        let raised = self
            .findings
            .iter()
            .filter(|finding| finding.status == Status::NotSatisfied);
        raised
            .map(|finding| finding.control.as_str())
            .filter(|control| !UNAVOIDABLE.contains(control))
            .collect()
    }

    fn told(&self) -> String {
        let told = self.findings.iter().map(|finding| {
            let texts: Vec<&str> = finding
                .exceptions
                .iter()
                .map(|exception| exception.text.as_str())
                .collect();
            format!(
                "{} {}: {} {texts:?}",
                finding.control,
                finding.status.word(),
                finding.reason
            )
        });
        told.collect::<Vec<_>>().join("\n")
    }
}

/// Judges a server by the controls that look at a host.
fn look(connection: &str, host: HostAccess) -> Looked {
    let mut catalog = Catalog::embedded().unwrap();
    catalog.controls.retain(|control| {
        let mut collectors = control.evidence.iter().map(|request| request.collector.as_str());
        collectors.any(|collector| {
            collect::collector(collector).is_some_and(|collector| collector.reads_host())
                && collector.starts_with("host-")
                && collector != "host-firewall"
        })
    });
    let profile = Profile::shipped("strict", &catalog).unwrap_or_else(|error| panic!("{error}"));
    let target = Target {
        id: "server".to_owned(),
        connection: connection.to_owned(),
        tags: Vec::new(),
        site: None,
        host,
    };
    let settings = ConnectionSettings::resolve(connection, &Environment::default()).unwrap();
    let period = Period::parse("2026-Q4").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let collecting = Collecting {
        catalog: &catalog,
        attested: &Attested::default(),
        profile: &profile,
        documents: &BTreeMap::new(),
        as_of: support::AS_OF.parse().unwrap(),
        period: &period,
        limits: Limits::default(),
        seed: &Seed::known([0; 32]),
    };
    let collected = runtime.block_on(collect::collect(&target, &settings, &collecting));
    assert_eq!(collected.failure, None);
    let findings = evaluate(Evaluating {
        catalog: &catalog,
        profile: &profile,
        facts: &collect::facts(collected.server.as_ref()),
        failure: None,
        evidence: &collected.evidence,
        assignments: &collected.assignments,
    });
    Looked {
        findings,
        evidence: collected.evidence,
    }
}

fn programs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/servers/17/native/bin")
}

fn mode(path: &Path, bits: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(bits)).unwrap();
}

/// The numbers of an account and of its group.
fn account_of(name: &str) -> (u32, u32) {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd
        .lines()
        .find(|line| line.starts_with(&format!("{name}:")))
        .unwrap();
    let fields: Vec<&str> = line.split(':').collect();
    (fields[2].parse().unwrap(), fields[3].parse().unwrap())
}

fn give(path: &Path, name: &str) {
    let (uid, gid) = account_of(name);
    chown(path, Some(uid), Some(gid)).unwrap();
}

fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        support::text(&output.stderr)
    );
    support::text(&output.stdout)
}
