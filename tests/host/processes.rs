//! Processes: passwords in arguments and environments, what listens, core dumps, programs that were replaced.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pgdossier::cluster::{Cluster, ClusterOptions};
use pgdossier::finding::Status;

use super::{Host, account_of, look, mode, programs, run};
use pgdossier::host::HostAccess;

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn running(command: &mut Command) -> Running {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Until it has become the program, it has our arguments and environment.
    std::thread::sleep(std::time::Duration::from_millis(300));
    Running(child)
}

/// Every byte of what was collected.
fn all_bytes(looked: &super::Looked) -> String {
    let tables = looked.evidence.values().flat_map(|evidence| {
        let provenance = serde_json::to_vec(&evidence.provenance).unwrap();
        let raw = evidence.raw.values().map(pgdossier::evidence::Table::to_ndjson);
        raw.chain([evidence.table.to_ndjson(), provenance])
            .collect::<Vec<_>>()
    });
    let bytes: Vec<u8> = tables.flatten().collect();
    String::from_utf8_lossy(&bytes).into_owned() + &looked.told()
}

#[test]
fn passwords_in_arguments_and_environments_are_found_and_never_told() {
    let host = Host::start();
    let (uid, gid) = account_of("postgres");
    let looked = host.look();
    for (control, spawned) in [
        (
            "no-passwords-in-arguments",
            running(Command::new("sh").args(["-c", "sleep 60; :", "host=db user=u password=Hunter-2-x"])),
        ),
        (
            "no-passwords-in-arguments",
            running(Command::new("sh").args(["-c", "sleep 60; :", "postgresql://u:Hunter-2-x@db/app"])),
        ),
        (
            "no-passwords-in-arguments",
            running(Command::new("sh").args([
                "-c",
                "sleep 60; :",
                "ALTER ROLE u WITH PASSWORD 'Hunter-2-x'",
            ])),
        ),
        (
            "no-passwords-in-environment",
            running(Command::new("sleep").arg("60").env("PGPASSWORD", "Hunter-2-x")),
        ),
        (
            "no-passwords-in-environment",
            running(
                Command::new("sleep")
                    .arg("60")
                    .env("URL", "postgres://u:Hunter-2-x@db/app")
                    .uid(uid)
                    .gid(gid),
            ),
        ),
    ] {
        let pid = format!("process {} ", spawned.0.id());
        let before = looked.finding(control);
        assert!(
            !before
                .exceptions
                .iter()
                .any(|exception| exception.text.contains(&pid))
        );
        let looked = host.look();
        let finding = looked.finding(control);
        assert_eq!(finding.status, Status::NotSatisfied, "{finding:?}");
        assert!(
            finding
                .exceptions
                .iter()
                .any(|exception| exception.text.starts_with(&pid)),
            "{finding:?}"
        );
        assert!(!all_bytes(&looked).contains("Hunter"), "a secret left the host");
    }
}

#[test]
fn core_dumps_that_are_allowed_are_raised() {
    let host = Host::start();
    let (uid, gid) = account_of("postgres");
    let limit = |value: &str| {
        let pid = host.cluster.server_pid().to_string();
        let core = format!("--core={value}:");
        run(Command::new("prlimit")
            .args(["--pid", &pid, &core])
            .uid(uid)
            .gid(gid));
    };
    limit("0");
    host.defect(
        "core-dumps-off",
        "may write core dumps",
        || limit("unlimited"),
        || limit("0"),
    );
}

#[test]
fn what_the_server_was_made_to_start_and_listens_is_raised() {
    let host = Host::start();
    let looked = host.look();
    assert_eq!(
        looked.finding("listens-as-declared").status,
        Status::Satisfied,
        "{}",
        looked.told()
    );
    let rows = &looked.evidence["host-listeners"].table.rows;
    let addresses: BTreeSet<&str> = rows.iter().map(|row| row["address"].as_str().unwrap()).collect();
    assert_eq!(addresses, BTreeSet::from(["127.0.0.1", "::1"]));

    let free = std::net::TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let conninfo = host.cluster.tcp_conninfo("postgres");
    let program = format!("exec timeout 60 python3 -m http.server {free} >/dev/null 2>&1");
    let asking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&conninfo, tokio_postgres::NoTls)
                .await
                .unwrap();
            let driver = tokio::spawn(connection);
            let _ = client
                .batch_execute(&format!("COPY (SELECT 1) TO PROGRAM '{program}'"))
                .await;
            drop(client);
            let _ = driver.await;
        });
    });
    for _ in 0..200 {
        if std::net::TcpStream::connect(("127.0.0.1", free)).is_ok() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let looked = host.look();
    let finding = looked.finding("listens-as-declared");
    let pid: String = finding.exceptions[0]
        .text
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    assert!(
        finding.exceptions[0].text.contains(&format!("port {free}")),
        "{pid} {}",
        looked.told()
    );
    let process = finding.exceptions[0]
        .text
        .split_whitespace()
        .nth(1)
        .unwrap()
        .to_owned();
    run(Command::new("kill").arg(process));
    asking.join().unwrap();
}

/// The server takes its mask from its data directory.
#[test]
fn a_server_that_writes_files_for_its_group_is_raised() {
    let masks = [
        (Vec::new(), None),
        (
            vec!["--allow-group-access".to_owned()],
            Some("has the file mode mask 0027"),
        ),
    ];
    for (initdb_arguments, told) in masks {
        let cluster = Cluster::start(ClusterOptions {
            bin_dir: Some(programs()),
            initdb_arguments,
            ..ClusterOptions::default()
        })
        .unwrap();
        let looked = look(&cluster.conninfo("postgres"), HostAccess::Automatic);
        let finding = looked.finding("server-umask");
        let texts: Vec<&str> = finding
            .exceptions
            .iter()
            .map(|exception| exception.text.as_str())
            .collect();
        assert_eq!(texts.len(), told.iter().len(), "{finding:?}");
        assert!(texts.iter().zip(told).all(|(text, told)| text.contains(told)));
    }
}

#[test]
fn a_port_that_nobody_approved_is_raised() {
    let host = Host::start();
    let looked = host.look();
    let finding = looked.finding("port-approved");
    assert_eq!(finding.status, Status::NotSatisfied);
    assert_eq!(finding.exceptions.len(), 2, "{finding:?}");
}

#[test]
fn a_program_that_no_package_owns_is_raised() {
    let host = Host::start();
    let finding = host.look().finding("packages-from-approved-source").clone();
    assert_eq!(finding.status, Status::NotSatisfied);
    assert!(
        finding.exceptions[0].text.contains("belongs to no package"),
        "{finding:?}"
    );
}

#[test]
fn a_program_that_was_replaced_since_the_start_is_raised() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    mode(folder.path(), 0o755);
    let native = programs().parent().map(Path::to_owned).unwrap();
    let native: PathBuf = std::fs::canonicalize(native).unwrap();
    run(Command::new("cp")
        .arg("-a")
        .arg(&native)
        .arg(folder.path().join("native")));
    let bin = folder.path().join("native/bin");
    let host = Host::start_from(&bin);
    let program = bin.join("postgres");
    let kept = bin.join("postgres.new");
    std::fs::copy(&program, &kept).unwrap();
    let looked = host.look();
    assert_eq!(looked.finding("program-not-replaced").status, Status::Satisfied);
    std::fs::rename(&kept, &program).unwrap();
    let looked = host.look();
    let finding = looked.finding("program-not-replaced");
    assert_eq!(finding.status, Status::NotSatisfied, "{finding:?}");
}

#[test]
fn a_host_that_does_not_run_the_server_is_not_judged() {
    let host = Host::start();
    let looked = look(&host.cluster.tcp_conninfo("postgres"), HostAccess::None);
    assert!(
        looked
            .findings
            .iter()
            .all(|finding| finding.status == Status::NotEvaluated),
        "{}",
        looked.told()
    );
}
