//! What `init` leaves: nothing overwritten, nothing half made, no secret for version control.

use std::path::Path;
use std::process::Command;

use crate::support::{files, names, pgdossier, text};
use crate::{AUTUMN, Laid, NOWHERE, code};

/// Everything that git would commit, with what is in it.
fn staged(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "core.quotePath=false"])
            .args(arguments)
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        output.stdout
    };
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    let listed = text(&git(&["ls-files", "-z"]));
    let names = listed.split('\0').filter(|name| !name.is_empty());
    names
        .map(|name| (name.to_owned(), git(&["show", &format!(":{name}")])))
        .collect()
}

#[test]
fn version_control_never_sees_a_key_or_a_passphrase() {
    let laid = Laid::new(NOWHERE, &[]);
    laid.assess_at(AUTUMN);
    let all = staged(&laid.root());
    assert!(all.iter().any(|(name, _)| name == "pgdossier.yaml"));
    assert!(
        all.iter().any(|(name, _)| name.starts_with("bundles/")),
        "the series goes on from here"
    );
    assert!(all.iter().any(|(name, _)| name == "assessor.pub"));
    no_secret(&all, "no passphrase here");

    // A key and a passphrase that lie in the folder already, under names that no pattern foresees.
    let folder = tempfile::tempdir().unwrap();
    let secret = "correct horse [battery] staple";
    let (key, passphrase) = ("my *signing* [key]!.txt", "#words");
    std::fs::write(folder.path().join(passphrase), format!("{secret}\n")).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(folder.path().join(passphrase), private).unwrap();
    for arguments in [
        &["keys", "new", "--out", key, "--passphrase-file", passphrase][..],
        &["init", "--key", key, "--passphrase-file", passphrase],
    ] {
        let output = pgdossier()
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    }
    assert!(folder.path().join(key).exists());
    no_secret(&staged(folder.path()), secret);
    let settings = std::fs::read_to_string(folder.path().join("pgdossier.yaml")).unwrap();
    assert!(
        settings.contains("key: \"my *signing* [key]!.txt\""),
        "{settings}"
    );
    let output = pgdossier()
        .args(["assess", "--passphrase-file", passphrase, NOWHERE])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(code(&output), 4, "{}", text(&output.stderr));

    // Rules of one's own stay as they are, even those that would let everything in.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".gitignore"), "!*\n!keys/\n!*.pem\n").unwrap();
    let output = pgdossier()
        .args(["init", "--no-passphrase"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("the .gitignore that was there stays"));
    let kept = std::fs::read_to_string(folder.path().join(".gitignore")).unwrap();
    assert_eq!(kept, "!*\n!keys/\n!*.pem\n");
    no_secret(&staged(folder.path()), "no passphrase here");
}

fn no_secret(all: &[(String, Vec<u8>)], passphrase: &str) {
    assert!(all.len() > 10, "{all:?}");
    for (name, bytes) in all {
        let content = text(bytes);
        assert!(!content.contains("PRIVATE KEY"), "{name}");
        assert!(!content.contains(passphrase), "{name}");
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_is_half_made() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("attestations")).unwrap();
    std::fs::write(folder.path().join("attestations/mine.yaml"), "mine").unwrap();
    std::fs::write(folder.path().join("profile.yaml"), "mine too").unwrap();
    let before = files(folder.path());
    let init = |arguments: &[&str]| {
        let mut command = pgdossier();
        command.arg("init").args(arguments).current_dir(folder.path());
        command.output().unwrap()
    };
    let refused = init(&["--no-passphrase"]);
    assert_eq!(code(&refused), 2);
    assert!(
        text(&refused.stderr).contains("has attestations, profile.yaml already"),
        "{}",
        text(&refused.stderr)
    );
    // No passphrase is to be had.
    let refused = init(&["new/deep"]);
    assert_eq!(code(&refused), 2);
    assert!(
        text(&refused.stderr).contains("PGDOSSIER_PASSPHRASE"),
        "{}",
        text(&refused.stderr)
    );
    // Passwords would lie in the inventory for all to read.
    for connection in [
        "postgresql://ann:s3cret@db1/postgres",
        "postgresql://ann@db1/postgres?password=s3cret",
        "host=db1 password = 's3cret'",
    ] {
        let refused = init(&["new", "--no-passphrase", "--connection", connection]);
        assert_eq!(code(&refused), 2);
        let said = text(&refused.stderr);
        assert!(
            said.contains("password file") && !said.contains("s3cret"),
            "{said}"
        );
    }
    let refused = init(&[
        "new",
        "--no-passphrase",
        "--connection",
        "host=db1 sslmod=require",
    ]);
    assert_eq!(code(&refused), 2);
    assert!(
        text(&refused.stderr).contains("did you mean `sslmode`"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(files(folder.path()), before);
    let made = init(&["fresh", "--no-passphrase"]);
    assert_eq!(code(&made), 0, "{}", text(&made.stderr));
    let before = files(&folder.path().join("fresh"));
    let again = init(&["fresh", "--no-passphrase"]);
    assert_eq!(code(&again), 2);
    assert!(
        text(&again.stderr).contains("pgdossier.yaml` exists already"),
        "{}",
        text(&again.stderr)
    );
    assert_eq!(files(&folder.path().join("fresh")), before);
    assert!(
        !names(folder.path())
            .iter()
            .any(|name| name.starts_with(".pgdossier-"))
    );
}

#[test]
fn a_key_in_a_new_workspace_is_private_and_protected_by_the_passphrase() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let output = pgdossier()
        .args(["init", "--organisation", "Acme", "--connection", NOWHERE])
        .env("PGDOSSIER_PASSPHRASE", "a passphrase")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let mode = |name: &str| {
        let metadata = std::fs::metadata(folder.path().join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!((mode("keys"), mode("keys/assessor.pem")), (0o700, 0o600));
    let pem = std::fs::read_to_string(folder.path().join("keys/assessor.pem")).unwrap();
    assert!(pem.contains("ENCRYPTED PRIVATE KEY"), "{pem}");
    for (passphrase, expected) in [("another", 2), ("a passphrase", 4)] {
        let output = pgdossier()
            .arg("assess")
            .env("PGDOSSIER_PASSPHRASE", passphrase)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(code(&output), expected, "{}", text(&output.stderr));
    }
}
