//! Throwaway clusters: they answer, never run as root, live side by side, and leave nothing behind.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failing test should panic where it fails"
)]

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;

use pgdossier::cluster::{Cluster, ClusterError, ClusterFile, ClusterOptions};
use tokio_postgres::NoTls;

fn query(conninfo: &str, sql: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(conninfo, NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        let value = client.query_one(sql, &[]).await.unwrap().get::<_, String>(0);
        drop(client);
        driver.await.unwrap().unwrap();
        value
    })
}

fn is_running(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

#[test]
fn a_cluster_answers_over_its_socket_and_over_tcp() {
    let cluster = Cluster::start(ClusterOptions::default()).unwrap();
    for conninfo in [cluster.conninfo("postgres"), cluster.tcp_conninfo("template1")] {
        assert_eq!(query(&conninfo, "SELECT 'answer ' || 1"), "answer 1");
    }
    assert_eq!(
        query(&cluster.conninfo("postgres"), "SELECT current_user::text"),
        cluster.superuser()
    );
    assert_eq!(
        query(&cluster.conninfo("postgres"), "SHOW port"),
        cluster.port().to_string()
    );
    assert_eq!(
        query(&cluster.conninfo("postgres"), "SHOW listen_addresses"),
        "127.0.0.1"
    );
}

#[test]
fn the_server_never_runs_as_root_and_keeps_its_directories_private() {
    let cluster = Cluster::start(ClusterOptions::default()).unwrap();
    let process = std::fs::metadata(format!("/proc/{}", cluster.server_pid())).unwrap();
    let data = std::fs::metadata(cluster.data_dir()).unwrap();
    let sockets = std::fs::metadata(cluster.socket_dir()).unwrap();
    assert_ne!(process.uid(), 0);
    assert_eq!(data.uid(), process.uid());
    assert_eq!(sockets.uid(), process.uid());
    assert_eq!(sockets.mode() & 0o777, 0o700);
    let status = std::fs::read_to_string(format!("/proc/{}/status", cluster.server_pid())).unwrap();
    let groups = status
        .lines()
        .find_map(|line| line.strip_prefix("Groups:"))
        .unwrap();
    assert!(
        !groups.split_whitespace().any(|group| group == "0"),
        "root's group is left: {groups}"
    );
}

#[test]
fn stopping_and_dropping_both_end_the_server_and_remove_every_file() {
    for stop in [true, false] {
        let cluster = Cluster::start(ClusterOptions::default()).unwrap();
        let pid = cluster.server_pid();
        let root = cluster.data_dir().parent().unwrap().to_owned();
        assert!(is_running(pid) && root.exists());
        if stop {
            cluster.stop().unwrap();
        } else {
            drop(cluster);
        }
        assert!(!is_running(pid), "the server of {root:?} still runs");
        assert!(!root.exists(), "{root:?} is left");
    }
}

#[test]
fn clusters_started_at_once_do_not_disturb_each_other() {
    let starts: Vec<_> = (0..2)
        .map(|_| thread::spawn(|| Cluster::start(ClusterOptions::default()).unwrap()))
        .collect();
    let clusters: Vec<Cluster> = starts.into_iter().map(|start| start.join().unwrap()).collect();
    let identities: Vec<String> = clusters
        .iter()
        .map(|cluster| {
            let sql = "SELECT system_identifier::text FROM pg_control_system()";
            query(&cluster.tcp_conninfo("postgres"), sql)
        })
        .collect();
    assert_ne!(identities[0], identities[1]);
    assert_ne!(clusters[0].port(), clusters[1].port());
}

#[test]
fn settings_rules_files_and_initdb_arguments_take_effect() {
    let cluster = Cluster::start(ClusterOptions {
        settings: vec![
            ("cluster_name".into(), r"it's a \ test".into()),
            ("fsync".into(), "on".into()),
        ],
        hba: Some("# only the socket\nlocal all all trust\n".into()),
        files: vec![ClusterFile {
            name: "note.txt".into(),
            contents: b"kept".to_vec(),
            mode: 0o640,
        }],
        initdb_arguments: vec!["--data-checksums".into()],
        ..ClusterOptions::default()
    })
    .unwrap();
    let show = |sql: &str| query(&cluster.conninfo("postgres"), sql);
    assert_eq!(show("SHOW cluster_name"), r"it's a \ test");
    assert_eq!(show("SHOW fsync"), "on");
    assert_eq!(show("SHOW data_checksums"), "on");
    assert_eq!(
        show("SELECT string_agg(type, ',') FROM pg_hba_file_rules"),
        "local"
    );
    assert_eq!(show("SELECT pg_read_file('note.txt')"), "kept");
    let note = std::fs::metadata(cluster.data_dir().join("note.txt")).unwrap();
    assert_eq!(note.mode() & 0o777, 0o640);
}

#[test]
fn a_reload_makes_a_changed_file_count() {
    let cluster = Cluster::start(ClusterOptions::default()).unwrap();
    let path = cluster.data_dir().join("postgresql.conf");
    let text = std::fs::read_to_string(&path).unwrap() + "log_min_messages = debug1\n";
    std::fs::write(&path, text).unwrap();
    cluster.reload().unwrap();
    for _ in 0..500 {
        if query(&cluster.conninfo("postgres"), "SHOW log_min_messages") == "debug1" {
            assert!(cluster.log().contains("reloading configuration files"));
            return;
        }
        thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("the setting never changed; the server's log:\n{}", cluster.log());
}

#[test]
fn a_copy_has_the_data_of_the_stopped_cluster_and_settings_of_its_own() {
    let first = Cluster::start(ClusterOptions {
        settings: vec![("work_mem".to_owned(), "7MB".to_owned())],
        ..ClusterOptions::default()
    })
    .unwrap();
    let identifier = "SELECT system_identifier::text FROM pg_control_system()";
    let was = query(&first.conninfo("postgres"), identifier);
    let stopped = first.into_data();
    let copy = || {
        Cluster::start(ClusterOptions {
            copy_of: Some(stopped.path().join("data")),
            settings: vec![("fsync".to_owned(), "on".to_owned())],
            ..ClusterOptions::default()
        })
        .unwrap()
    };
    for cluster in [copy(), copy()] {
        let show = |sql: &str| query(&cluster.conninfo("postgres"), sql);
        assert_eq!(show(identifier), was);
        assert_eq!(show("SHOW work_mem"), "4MB");
        assert_eq!(
            show("SELECT string_agg(setting, ',') FROM pg_file_settings WHERE name = 'fsync'"),
            "on"
        );
    }
}

#[test]
fn a_server_that_cannot_start_says_why_and_leaves_nothing() {
    let parent = tempfile::tempdir_in("/tmp").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(parent.path(), mode).unwrap();
    let error = Cluster::start(ClusterOptions {
        settings: vec![("shared_buffers".into(), "lots".into())],
        parent_dir: Some(parent.path().to_owned()),
        ..ClusterOptions::default()
    })
    .unwrap_err();
    assert!(matches!(error, ClusterError::Start { .. }), "{error}");
    assert!(error.to_string().contains("shared_buffers"), "{error}");
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_without_server_programs_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = Cluster::start(ClusterOptions {
        bin_dir: Some(directory.path().to_owned()),
        ..ClusterOptions::default()
    })
    .unwrap_err();
    assert!(error.to_string().contains("initdb"), "{error}");
}

#[test]
fn a_file_that_would_leave_the_data_directory_is_refused() {
    let error = Cluster::start(ClusterOptions {
        files: vec![ClusterFile {
            name: "../outside".into(),
            contents: Vec::new(),
            mode: 0o600,
        }],
        ..ClusterOptions::default()
    })
    .unwrap_err();
    assert!(matches!(error, ClusterError::FileName { .. }), "{error}");
}
