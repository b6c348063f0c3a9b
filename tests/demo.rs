//! The demo, as a new user runs it, and as one stops it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

mod support;

use std::process::Stdio;
use std::time::Duration;

use support::{names, pgdossier, text};

#[test]
fn the_demo_leaves_a_verified_bundle_and_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    for path in [folder.path(), &temporary] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let out = folder.path().join("demo");
    let run = || {
        pgdossier()
            .args(["--format", "json", "demo", "--out"])
            .arg(&out)
            .env("TMPDIR", &temporary)
            .output()
            .unwrap()
    };
    let output = run();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for key in ["folder", "archive", "report"] {
        assert!(
            std::path::Path::new(json[key].as_str().unwrap()).exists(),
            "{key}"
        );
    }
    let verified = pgdossier()
        .arg("verify")
        .arg(json["archive"].as_str().unwrap())
        .arg("--trust")
        .arg(out.join("trust-policy.json"))
        .output()
        .unwrap();
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stdout));
    // What the demo is there to show: exceptions on the weak one, none but the expired statement on the hardened one.
    let findings = |target: &str| -> Vec<serde_json::Value> {
        let folder = std::path::Path::new(json["folder"].as_str().unwrap());
        support::findings_in(&folder.join("targets").join(target))
    };
    let open = |target: &str| -> Vec<String> {
        let all = findings(target)
            .into_iter()
            .filter(|finding| finding["status"] == "not-satisfied");
        all.map(|finding| finding["control"].as_str().unwrap().to_owned())
            .collect()
    };
    // Whether the server's packages are up to date is the host's own business.
    let on_hardened: Vec<String> = open("hardened")
        .into_iter()
        .filter(|control| control != "version-latest-minor")
        .collect();
    assert_eq!(on_hardened, ["restore-tested"]);
    assert!(open("weak").len() >= 20, "{:?}", open("weak"));
    let unseen: Vec<_> = findings("hardened")
        .into_iter()
        .filter(|finding| {
            finding["status"] == "not-evaluated" && !finding["missing"].to_string().contains("attestations/")
        })
        // The demo leaves the host out, which is no server of its own.
        .filter(|finding| !finding["evidence"].to_string().contains("host-"))
        .collect();
    assert!(unseen.is_empty(), "{unseen:#?}");
    assert_eq!(names(&temporary), Vec::<String>::new());
    // Again in the same folder: a new bundle, a new policy.
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(run().status.code(), Some(0));
    assert_eq!(names(&out.join("bundles")).len(), 4);
}

#[test]
fn ctrl_c_at_any_moment_leaves_no_server_and_nothing_half_made() {
    for delay in [60, 300, 700, 1000] {
        let folder = tempfile::tempdir().unwrap();
        let temporary = folder.path().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        use std::os::unix::fs::PermissionsExt as _;
        for path in [folder.path(), &temporary] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let child = pgdossier()
            .args(["demo", "--out"])
            .arg(folder.path().join("demo"))
            .env("TMPDIR", &temporary)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let output = child.wait_with_output().unwrap();
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "after {delay} ms: {:?} {}",
            output.status,
            text(&output.stderr)
        );
        assert_eq!(names(&temporary), Vec::<String>::new(), "after {delay} ms");
        for name in names(&folder.path().join("demo").join("bundles")) {
            assert!(!name.starts_with('.'), "after {delay} ms: {name}");
        }
    }
}

#[test]
fn a_policy_that_matters_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("trust-policy.json"), "precious").unwrap();
    let output = pgdossier()
        .args(["demo", "--out"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        std::fs::read(folder.path().join("trust-policy.json")).unwrap(),
        b"precious"
    );
}
