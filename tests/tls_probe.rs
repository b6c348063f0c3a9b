//! What a server really says to TLS from the network: real servers, real certificates, real handshakes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a failing test should panic where it fails, and shared parts serve several files"
)]

#[path = "tls_probe/made.rs"]
mod made;
mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use made::{Identity, authority, openssl};
use pgdossier::cluster::{Cluster, ClusterFile, ClusterOptions};
use pgdossier::control::Catalog;
use serde_json::Value;
use support::{Assessed, Workspace, pgdossier, sql, text};

const HOST: &str = "db.example.org";

/// Every control of this topic, and words of the exception that a test below makes it raise.
const DEFECTS: &[(&str, &str)] = &[
    ("tls-accepts-current", "no TLS"),
    ("tls-certificate-expiry", "8 days left"),
    ("tls-certificate-key-strength", "RSA of 1024 bits"),
    ("tls-certificate-name", "is not for db.example.org"),
    ("tls-certificate-not-self-signed", "is its own issuer"),
    ("tls-certificate-signature", "with SHA-1"),
    ("tls-certificate-valid", "to 2026-11-22T"),
    ("tls-chain-verifies", "no trusted authority"),
    ("tls-forward-secrecy", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    ("tls-old-protocols-refused", "speaks TLSv1.1"),
    ("tls-plaintext-refused", "asked to authenticate"),
    ("tls-server-order", "leaves the choice to the client with TLSv1.2"),
    ("tls-weak-ciphers-refused", "TLS_DH_anon_WITH_AES_128_GCM_SHA256"),
];

fn words(control: &str) -> &'static str {
    DEFECTS.iter().find(|(name, _)| *name == control).unwrap().1
}

#[test]
fn every_control_over_what_the_network_sees_has_a_defect_here() {
    let catalog = Catalog::embedded().unwrap();
    let probing: BTreeSet<&str> = catalog
        .controls
        .iter()
        .filter(|control| {
            let collectors = ["tls-probe", "tls-ciphers", "tls-certificate"];
            control
                .evidence
                .iter()
                .any(|request| collectors.contains(&request.collector.as_str()))
        })
        .map(|control| control.id.as_str())
        .collect();
    let shown: BTreeSet<&str> = DEFECTS.iter().map(|(control, _)| *control).collect();
    assert_eq!(probing, shown);
}

fn server(major: u32, identity: Option<&Identity>, settings: &[(&str, &str)], hba: &str) -> Cluster {
    let bin_dir =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("target/servers/{major}/native/bin"));
    server_in(bin_dir, identity, settings, hba)
}

fn server_in(bin_dir: PathBuf, identity: Option<&Identity>, settings: &[(&str, &str)], hba: &str) -> Cluster {
    let file = |name: &str, text: &str| ClusterFile {
        name: name.to_owned(),
        contents: text.as_bytes().to_vec(),
        mode: 0o600,
    };
    let mut options = ClusterOptions {
        bin_dir: Some(bin_dir),
        hba: Some(format!("local all all trust\n{hba}\n")),
        ..ClusterOptions::default()
    };
    let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    if let Some(identity) = identity {
        options.settings.push(owned("ssl", "on"));
        options.files.push(file("server.crt", &identity.chain));
        options.files.push(file("server.key", &identity.key));
    }
    options
        .settings
        .extend(settings.iter().map(|(name, value)| owned(name, value)));
    Cluster::start(options).unwrap()
}

/// Assesses a server as `db.example.org` at some address, with the authority that the workspace has.
fn assess(workspace: &Workspace, cluster: &Cluster, address: &str, more: &str) -> Assessed {
    let connection = format!(
        "host={HOST} hostaddr={address} port={} user=postgres dbname=postgres {more}",
        cluster.port()
    );
    Assessed::new(
        workspace
            .assess()
            .args(["--profile", "strict"])
            .arg(connection)
            .output()
            .unwrap(),
    )
}

/// The texts of a control's exceptions, and its status.
fn raised(assessed: &Assessed, control: &str) -> (String, Vec<String>) {
    let finding = assessed.finding(control);
    let texts = finding["exceptions"].as_array().unwrap().iter();
    let texts = texts.map(|exception| exception["text"].as_str().unwrap().to_owned());
    (finding["status"].as_str().unwrap().to_owned(), texts.collect())
}

#[track_caller]
fn assert_raised(assessed: &Assessed, control: &str) {
    let (status, texts) = raised(assessed, control);
    let found = texts.iter().any(|text| text.contains(words(control)));
    assert!(
        status == "not-satisfied" && found,
        "{control}: {status} {texts:#?}"
    );
}

/// Controls of this topic that raised something.
fn all_raised(assessed: &Assessed) -> Vec<&'static str> {
    let controls = DEFECTS.iter().map(|(control, _)| *control);
    controls
        .filter(|control| raised(assessed, control).0 == "not-satisfied")
        .collect()
}

/// An address of this machine that is no loopback address.
fn own_address() -> String {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    socket
        .connect("198.51.100.1:9")
        .expect("this test needs a machine with a network address");
    socket.local_addr().unwrap().ip().to_string()
}

#[test]
fn a_permissive_server_is_found_out() {
    let identity = Identity::rsa(2048, "sha256", HOST);
    let settings = [
        ("ssl_min_protocol_version", "TLSv1"),
        ("ssl_ciphers", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"),
        ("ssl_prefer_server_ciphers", "off"),
    ];
    let cluster = server(17, Some(&identity), &settings, "host all all all trust");
    let workspace = Workspace::new();
    let assessed = assess(&workspace, &cluster, "127.0.0.1", "sslmode=require");
    for control in [
        "tls-old-protocols-refused",
        "tls-weak-ciphers-refused",
        "tls-forward-secrecy",
        "tls-server-order",
        "tls-certificate-not-self-signed",
    ] {
        assert_raised(&assessed, control);
    }
    let (_, old) = raised(&assessed, "tls-old-protocols-refused");
    assert_eq!(old.len(), 2, "{old:#?}");
    let (_, weak) = raised(&assessed, "tls-weak-ciphers-refused");
    assert!(
        weak.iter().any(|text| text.contains("TLS_RSA_WITH_NULL_SHA256")),
        "{weak:#?}"
    );
    agrees_with_openssl(&assessed, &cluster);
}

/// Another client gets exactly the same cipher suites, as far as it knows them.
fn agrees_with_openssl(assessed: &Assessed, cluster: &Cluster) {
    let listed = openssl(&["ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]);
    let known: Vec<(String, String)> = listed
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(2);
            Some((words.next()?.to_owned(), words.nth(1)?.to_owned()))
        })
        .filter(|(name, _)| name.contains("_WITH_") && !name.contains("PSK") && !name.contains("SRP"))
        .collect();
    let port = cluster.port();
    let theirs: BTreeSet<&String> = known
        .iter()
        .filter(|(_, short)| {
            let status = Command::new("openssl")
                .args(["s_client", "-starttls", "postgres", "-tls1_2", "-connect"])
                .args([
                    &format!("127.0.0.1:{port}"),
                    "-cipher",
                    &format!("{short}:@SECLEVEL=0"),
                ])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            status.unwrap().success()
        })
        .map(|(name, _)| name)
        .collect();
    let rows = assessed.rows("tls-ciphers");
    let ours: BTreeSet<&str> = rows
        .iter()
        .filter(|row| row["version"] == "TLSv1.2")
        .map(|row| row["suite"].as_str().unwrap())
        .collect();
    let ours: BTreeSet<&String> = known
        .iter()
        .map(|(name, _)| name)
        .filter(|name| ours.contains(name.as_str()))
        .collect();
    assert!(theirs.len() > 40, "{theirs:?}");
    assert_eq!(ours, theirs);
}

#[test]
fn a_hardened_server_raises_nothing() {
    let authority = authority("Acme", true);
    let identity = authority.issue_through_intermediate(HOST);
    let address = own_address();
    let settings = [("listen_addresses", "*"), ("log_connections", "on")];
    let cluster = server(17, Some(&identity), &settings, "hostssl all all all trust");
    let workspace = Workspace::new();
    let root = workspace.write("acme.crt", &authority.pem);
    let more = format!("sslmode=verify-full sslrootcert={}", root.display());
    let assessed = assess(&workspace, &cluster, &address, &more);
    for (control, _) in DEFECTS {
        assert_eq!(
            raised(&assessed, control),
            ("satisfied".to_owned(), Vec::new()),
            "{control}"
        );
    }
    let certificates = assessed.rows("tls-certificate");
    assert_eq!(certificates.len(), 2);
    assert_eq!(certificates[0]["chain_verifies"], true);
    assert_eq!(certificates[1]["key_bits"], 384);
    // One login without encryption, and no password in it.
    let log = cluster.log();
    assert_eq!(log.matches("no encryption").count(), 1, "{log}");
    let replayed = pgdossier().arg("replay").arg(assessed.folder()).output().unwrap();
    assert_eq!(replayed.status.code(), Some(0), "{}", text(&replayed.stdout));
}

#[test]
fn a_server_without_tls_is_a_population_too() {
    let hba = "host all all all trust";
    let address = own_address();
    let cluster = server(
        17,
        None,
        &[("listen_addresses", "*")],
        "host all all 127.0.0.1/32 trust",
    );
    sql(
        &cluster,
        "postgres",
        "CREATE ROLE auditor LOGIN SUPERUSER PASSWORD 'a password'",
    );
    let workspace = Workspace::new();
    // Nothing crosses a network here.
    let here = assess(&workspace, &cluster, "127.0.0.1", "sslmode=prefer");
    assert_eq!(all_raised(&here), Vec::<&str>::new());
    assert_eq!(raised(&here, "tls-accepts-current").0, "not-applicable");
    assert_eq!(here.rows("tls-probe")[0]["tls"], false);
    drop(cluster);
    // The assessment's own password goes to a server that asks for it; the probe's login ends before.
    let hba = format!("{}\n", hba.replace("trust", "scram-sha-256"));
    let cluster = server(
        17,
        None,
        &[("listen_addresses", "*"), ("log_connections", "on")],
        &hba,
    );
    sql(&cluster, "postgres", "ALTER ROLE postgres PASSWORD 'a-password'");
    let workspace = Workspace::new();
    let there = assess(
        &workspace,
        &cluster,
        &address,
        "sslmode=prefer password=a-password",
    );
    assert_eq!(
        all_raised(&there),
        ["tls-accepts-current", "tls-plaintext-refused"]
    );
    assert_raised(&there, "tls-accepts-current");
    assert_raised(&there, "tls-plaintext-refused");
}

#[test]
fn each_defect_of_a_certificate_is_raised_alone() {
    let authority = authority("Acme", false);
    let other = made::authority("Other", false);
    let cases: Vec<(&str, Identity)> = vec![
        (
            "tls-certificate-valid",
            authority.issue(HOST, "2025-11-22", "2026-11-22"),
        ),
        (
            "tls-certificate-valid",
            authority.issue(HOST, "2026-12-24", "2027-11-22"),
        ),
        (
            "tls-certificate-expiry",
            authority.issue(HOST, "2025-12-02", "2026-12-02"),
        ),
        (
            "tls-certificate-name",
            authority.issue("other.example.org", "2026-01-01", "2028-01-01"),
        ),
        (
            "tls-certificate-key-strength",
            authority.issue_rsa(1024, "sha256", HOST),
        ),
        (
            "tls-certificate-signature",
            authority.issue_rsa(2048, "sha1", HOST),
        ),
        (
            "tls-chain-verifies",
            other.issue(HOST, "2026-01-01", "2028-01-01"),
        ),
        ("tls-certificate-not-self-signed", authority.itself(HOST)),
        ("", authority.issue(HOST, "2026-01-01", "2028-01-01")),
        ("", authority.issue("*.example.org", "2026-01-01", "2028-01-01")),
        // Made by machine for a week.
        ("", authority.issue(HOST, "2026-11-20", "2026-11-28")),
        ("", authority.issue_ed25519(HOST)),
        ("", authority.issue_rsa(3072, "sha384", HOST)),
    ];
    let settings = [("ssl_ciphers", "HIGH:!kRSA:!aNULL:@SECLEVEL=0")];
    let cluster = server(17, Some(&cases[0].1), &settings, "host all all all trust");
    for (control, identity) in &cases {
        change_identity(&cluster, identity);
        let workspace = Workspace::new();
        let mut roots = authority.pem.clone();
        if *control == "tls-certificate-not-self-signed" {
            roots.push_str(&identity.chain);
        }
        let root = workspace.write("acme.crt", &roots);
        let more = format!("sslmode=disable sslrootcert={}", root.display());
        let assessed = assess(&workspace, &cluster, "127.0.0.1", &more);
        let raised_here = all_raised(&assessed);
        let wanted: Vec<&str> = Some(*control)
            .filter(|name| !name.is_empty())
            .into_iter()
            .collect();
        let shown = assessed.rows("tls-certificate");
        assert_eq!(raised_here, wanted, "{shown:#?}");
        if !control.is_empty() && shown[0]["not_yet_valid"] != true {
            assert_raised(&assessed, control);
        }
    }
}

/// Puts another certificate into place and waits until new connections get it.
fn change_identity(cluster: &Cluster, identity: &Identity) {
    let data = cluster.data_dir();
    std::fs::write(data.join("server.crt"), &identity.chain).unwrap();
    std::fs::write(data.join("server.key"), &identity.key).unwrap();
    let before = log_of_reloads(cluster);
    cluster.reload().unwrap();
    for _ in 0..500 {
        if log_of_reloads(cluster) > before {
            // The log's line comes before the work.
            std::thread::sleep(std::time::Duration::from_millis(300));
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the server did not read its files again");
}

fn log_of_reloads(cluster: &Cluster) -> usize {
    cluster.log().matches("received SIGHUP").count()
}

#[test]
fn without_a_named_authority_nothing_is_concluded_from_the_systems() {
    let authority = authority("Acme", false);
    let identity = authority.issue(HOST, "2026-01-01", "2028-01-01");
    let cluster = server(16, Some(&identity), &[], "host all all all trust");
    let workspace = Workspace::new();
    let assessed = assess(&workspace, &cluster, "127.0.0.1", "sslmode=require");
    let finding = assessed.finding("tls-chain-verifies");
    assert_eq!(finding["status"], "not-evaluated");
    assert!(
        finding["missing"].to_string().contains("sslrootcert"),
        "{finding}"
    );
}

#[test]
fn a_socket_shows_nothing_of_the_network() {
    let authority = authority("Acme", false);
    let identity = authority.issue(HOST, "2026-01-01", "2028-01-01");
    let cluster = server(17, Some(&identity), &[], "");
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&cluster.conninfo("postgres"));
    let finding = assessed.finding("tls-old-protocols-refused");
    assert_eq!(finding["status"], "not-evaluated");
    assert!(
        finding["reason"].as_str().unwrap().contains("Unix socket"),
        "{finding}"
    );
    let silent = server(17, Some(&identity), &[("listen_addresses", "")], "");
    let workspace = Workspace::new();
    let assessed = workspace.assessed(&silent.conninfo("postgres"));
    assert_eq!(
        assessed.finding("tls-old-protocols-refused")["status"],
        "not-applicable"
    );
}

#[test]
fn direct_tls_is_tried_where_there_is_such_a_thing() {
    let authority = authority("Acme", false);
    let identity = authority.issue(HOST, "2026-01-01", "2028-01-01");
    for (major, accepted) in [(18, vec![true, false]), (13, vec![])] {
        let cluster = server(major, Some(&identity), &[], "host all all all trust");
        let workspace = Workspace::new();
        let assessed = assess(&workspace, &cluster, "127.0.0.1", "sslmode=require");
        let direct: Vec<Value> = assessed
            .rows("tls-probe")
            .into_iter()
            .filter(|row| row["kind"] == "direct")
            .collect();
        let seen: Vec<bool> = direct
            .iter()
            .map(|row| row["accepted"].as_bool().unwrap())
            .collect();
        assert_eq!(seen, accepted, "{major}");
        if let Some(first) = direct.first() {
            assert_eq!(first["alpn"], "postgresql");
        }
    }
}

#[test]
fn what_is_configured_and_what_is_spoken_are_two_things() {
    let bin_dir = PathBuf::from("/usr/lib/postgresql/15/bin");
    assert!(
        bin_dir.join("postgres").exists(),
        "Debian's PostgreSQL 15 is missing: run scripts/install-test-needs"
    );
    let identity = Identity::rsa(2048, "sha256", HOST);
    let settings = [("ssl_min_protocol_version", "TLSv1")];
    let cluster = server_in(bin_dir, Some(&identity), &settings, "host all all all trust");
    let workspace = Workspace::new();
    let assessed = assess(&workspace, &cluster, "127.0.0.1", "sslmode=require");
    assert_eq!(
        assessed.finding("tls-minimum-protocol")["status"],
        "not-satisfied"
    );
    // Its library refuses what its configuration allows.
    assert_eq!(raised(&assessed, "tls-old-protocols-refused").0, "satisfied");
}
