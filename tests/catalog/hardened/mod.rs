//! A server in good order, made once for each major version and copied for each defect; and its judgement.

mod judge;
mod statements;

use std::path::PathBuf;

use pgdossier::cluster::{Cluster, ClusterFile, ClusterOptions};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;

use crate::catalog::{self, Block};
use crate::support::{pgdossier, text};
pub(crate) use judge::Judge;
pub(crate) use statements::Given;

/// The role of `pgdossier grants`, which assesses.
const AUDITOR: &str = "auditor";
/// As `setup.sql` has it.
const SUPERUSER_PASSWORD: &str = "of the tests";

/// A stopped server in good order.
pub(crate) struct Hardened {
    pub(crate) major: u32,
    stopped: TempDir,
    files: TempDir,
    certificates: Vec<ClusterFile>,
}

/// A running copy of it, with one defect or none.
pub(crate) struct Server {
    _cluster: Cluster,
    connection: String,
}

impl Server {
    /// The connection string that it is assessed with.
    pub(crate) fn connection(&self) -> &str {
        &self.connection
    }
}

impl Hardened {
    pub(crate) fn make(major: u32) -> Self {
        let files = tempfile::tempdir().unwrap();
        let (root, certificates) = certificates();
        std::fs::write(files.path().join("root.crt"), root).unwrap();
        let stopped = initialised(major, &certificates, &["--data-checksums"]);
        Self {
            major,
            stopped,
            files,
            certificates,
        }
    }

    /// A copy that has what the block says, and that runs.
    pub(crate) fn start(&self, block: Option<&Block>) -> Server {
        let said = |name: &str| block.map(|block| block.all(name)).unwrap_or_default();
        let own = said("initdb");
        let other = (!own.is_empty()).then(|| {
            let arguments: Vec<&str> = own
                .iter()
                .copied()
                .filter(|argument| *argument != "none")
                .collect();
            initialised(self.major, &self.certificates, &arguments)
        });
        let stopped = other.as_ref().unwrap_or(&self.stopped);
        let rules = [
            said("hba").join("\n"),
            include_str!("pg_hba.conf").to_owned(),
            said("hba-last").join("\n"),
        ];
        let cluster = Cluster::start(ClusterOptions {
            bin_dir: Some(catalog::bin_dir(self.major)),
            settings: settings(&said("setting")),
            hba: Some(rules.join("\n") + "\n"),
            copy_of: Some(stopped.path().join("data")),
            parent_dir: fast_folder(),
            ..ClusterOptions::default()
        })
        .unwrap_or_else(|error| panic!("{error} for {block:?}"));
        if let Some(block) = block {
            catalog::run(&|database| as_superuser(&cluster, database), block);
        }
        catalog::append(&cluster, "pg_hba.conf", &said("later"));
        if !said("reloaded").is_empty() {
            catalog::append(&cluster, "postgresql.conf", &said("reloaded"));
            reload(&cluster);
        }
        let login = block.and_then(|block| block.one("login")).unwrap_or(AUDITOR);
        let connection = match login {
            "superuser" => as_superuser(&cluster, "postgres"),
            AUDITOR => self.as_auditor(&cluster),
            _ => panic!("`login` is {AUDITOR} or superuser, not {login}"),
        };
        Server {
            _cluster: cluster,
            connection,
        }
    }

    fn as_auditor(&self, cluster: &Cluster) -> String {
        format!(
            "host=localhost hostaddr=127.0.0.1 port={} user={AUDITOR} password='of the auditor' dbname=postgres \
             sslmode=verify-full sslrootcert='{}'",
            cluster.port(),
            self.files.path().join("root.crt").display()
        )
    }
}

fn as_superuser(cluster: &Cluster, database: &str) -> String {
    format!("{} password='{SUPERUSER_PASSWORD}'", cluster.conninfo(database))
}

/// Makes the server read its files again and waits until it has.
fn reload(cluster: &Cluster) {
    cluster.reload().unwrap();
    let read = "DO $$ BEGIN IF pg_conf_load_time() < pg_postmaster_start_time() THEN RAISE 'not yet'; END IF; END $$;";
    for _ in 0..500 {
        if catalog::try_each(&as_superuser(cluster, "postgres"), &[read.to_owned()]).is_ok() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the server did not read its files again");
}

/// Where clusters are made: in memory where there is enough, for copies on a disk take ten times as long.
fn fast_folder() -> Option<PathBuf> {
    let memory = PathBuf::from("/dev/shm");
    let free = rustix::fs::statvfs(&memory).map_or(0, |found| found.f_bavail * found.f_frsize);
    (free > 2 << 30).then_some(memory)
}

/// A stopped cluster with everything in order.
fn initialised(major: u32, certificates: &[ClusterFile], arguments: &[&str]) -> TempDir {
    let mut initdb: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    // Small log segments make a small copy.
    initdb.push("--wal-segsize=1".to_owned());
    let cluster = Cluster::start(ClusterOptions {
        bin_dir: Some(catalog::bin_dir(major)),
        files: certificates.to_vec(),
        initdb_arguments: initdb,
        settings: vec![("password_encryption".to_owned(), "scram-sha-256".to_owned())],
        parent_dir: fast_folder(),
        ..ClusterOptions::default()
    })
    .unwrap();
    let local = |database: &str| cluster.conninfo(database);
    let mut database = "postgres";
    for part in include_str!("setup.sql").split("\\connect ") {
        let statements = match part.split_once('\n') {
            Some((name, rest)) if !part.starts_with("--") => {
                database = name;
                rest
            }
            _ => part,
        };
        catalog::run_each(&local(database), &catalog::statements(statements));
    }
    let grants = pgdossier().args(["grants", "--role", AUDITOR]).output().unwrap();
    catalog::run_each(
        &local("postgres"),
        &[
            text(&grants.stdout),
            format!("ALTER ROLE {AUDITOR} PASSWORD 'of the auditor';"),
        ],
    );
    cluster.into_data()
}

/// The settings of the server in good order, with those of a defect instead of their own.
fn settings(defects: &[&str]) -> Vec<(String, String)> {
    let pair = |line: &str| {
        let (name, value) = line.split_once('=').expect("name = value");
        let value = value.strip_prefix(' ').unwrap_or(value);
        (name.trim().to_owned(), value.to_owned())
    };
    let mut settings: Vec<(String, String)> = include_str!("postgresql.conf")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(pair)
        .collect();
    for (name, value) in defects.iter().map(|line| pair(line)) {
        settings.retain(|(own, _)| *own != name);
        settings.push((name, value));
    }
    settings
}

/// An authority's certificate, and the server's certificate and key by it.
fn certificates() -> (String, Vec<ClusterFile>) {
    let mut root = CertificateParams::default();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    root.distinguished_name
        .push(DnType::CommonName, "Authority of the tests");
    let issuer = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut server = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    server.distinguished_name.push(DnType::CommonName, "localhost");
    let certificate = server.signed_by(&key, &issuer).unwrap();
    let file = |name: &str, contents: String| ClusterFile {
        name: name.to_owned(),
        contents: contents.into_bytes(),
        mode: 0o600,
    };
    let files = vec![
        file("server.crt", certificate.pem()),
        file("server.key", key.serialize_pem()),
    ];
    (issuer.pem(), files)
}
