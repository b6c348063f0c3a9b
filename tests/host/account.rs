//! The server's account and its home. The program sees files of ours in their place, in a mount namespace of its own, so
//! that nothing of the machine changes.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Host, account_of, give, mode};
use crate::support::{Assessed, Workspace};

/// Assesses the server where these paths are seen in place of those.
fn assessed(workspace: &Workspace, host: &Host, mounts: &[(&Path, &str)]) -> Assessed {
    let mut script = "set -e\n".to_owned();
    for (ours, place) in mounts {
        script.push_str(&format!("mount --bind '{}' '{place}'\n", ours.display()));
    }
    script.push_str("exec \"$@\"");
    let assess = assess(workspace, &host.cluster.tcp_conninfo("postgres"), "local");
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-c", &script, "sh"])
        .arg(assess.get_program())
        .args(assess.get_args());
    for (name, value) in assess.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Assessed::new(command.output().unwrap())
}

/// The program with everything but `--host-access none`.
pub(super) fn assess(workspace: &Workspace, target: &str, access: &str) -> Command {
    let with = workspace.assess();
    let mut command = Command::new(with.get_program());
    for (name, value) in with.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let words: Vec<_> = with.get_args().collect();
    let at = words.iter().position(|word| *word == "--host-access").unwrap();
    command.args(&words[..at]).args(&words[at + 2..]);
    command
        .args(["--profile", "strict", "--host-access", access])
        .arg(target);
    command
}

fn home() -> PathBuf {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.starts_with("postgres:")).unwrap();
    PathBuf::from(line.split(':').nth(5).unwrap())
}

fn raised(assessed: &Assessed, control: &str) -> bool {
    assessed.finding(control)["status"] == "not-satisfied"
}

const IN_HOME: &[&str] = &[
    "password-file-private",
    "service-files-without-passwords",
    "profiles-without-passwords",
    "psql-history-off",
];

#[test]
fn files_in_the_home_of_the_servers_account_are_raised_without_their_secrets() {
    let (host, workspace) = (Host::start(), Workspace::new());
    let fake = host.path("home");
    std::fs::create_dir(&fake).unwrap();
    give(&fake, "postgres");
    let place = home().display().to_string();
    let good = assessed(&workspace, &host, &[(&fake, &place)]);
    for control in IN_HOME {
        assert!(!raised(&good, control), "{control}: {}", good.finding(control));
    }
    for (name, text) in [
        (".pgpass", "*:*:*:u:Hunter-2-x\n"),
        (".pg_service.conf", "[db]\nhost=db\npassword=Hunter-2-x\n"),
        (".profile", "export PGPASSWORD=Hunter-2-x\n"),
        (".psql_history", "ALTER ROLE u PASSWORD 'Hunter-2-x';\n"),
    ] {
        std::fs::write(fake.join(name), text).unwrap();
        mode(&fake.join(name), 0o644);
        give(&fake.join(name), "postgres");
    }
    std::fs::remove_dir_all(workspace.path("bundles")).unwrap();
    let bad = assessed(&workspace, &host, &[(&fake, &place)]);
    for control in IN_HOME {
        assert!(raised(&bad, control), "{control}: {}", bad.finding(control));
    }
    for (path, bytes) in crate::support::files(&bad.folder()) {
        assert!(
            !bytes.windows(6).any(|bytes| bytes == b"Hunter"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn an_account_that_can_log_in_or_shares_its_group_is_raised() {
    let (host, workspace) = (Host::start(), Workspace::new());
    let good = assessed(&workspace, &host, &[]);
    assert!(
        !raised(&good, "account-without-login"),
        "{}",
        good.finding("account-without-login")
    );
    assert!(
        !raised(&good, "account-group-private"),
        "{}",
        good.finding("account-group-private")
    );
    let changed = |file: &str, line: &str, to: &str| {
        let text = std::fs::read_to_string(Path::new("/etc").join(file)).unwrap();
        let lines = text
            .lines()
            .map(|old| if old.starts_with(line) { to } else { old });
        let path = host.path(file);
        std::fs::write(&path, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
        path
    };
    let shadow = changed("shadow", "postgres:", "postgres:$6$a$b:20000:0:99999:7:::");
    let (_, gid) = account_of("postgres");
    let group = changed("group", "postgres:", &format!("postgres:x:{gid}:daemon"));
    std::fs::remove_dir_all(workspace.path("bundles")).unwrap();
    let bad = assessed(
        &workspace,
        &host,
        &[(&shadow, "/etc/shadow"), (&group, "/etc/group")],
    );
    assert!(
        raised(&bad, "account-without-login"),
        "{}",
        bad.finding("account-without-login")
    );
    assert!(
        raised(&bad, "account-group-private"),
        "{}",
        bad.finding("account-group-private")
    );
}

#[test]
fn a_disk_without_an_encrypted_layer_is_raised_where_no_virtual_machine_hides_one() {
    let (host, workspace) = (Host::start(), Workspace::new());
    let unknown = host.path("unknown");
    std::fs::write(&unknown, "flags\t\t: fpu hypervisor\n").unwrap();
    let undecided = assessed(&workspace, &host, &[(&unknown, "/proc/cpuinfo")]);
    let finding = undecided.finding("volumes-encrypted");
    assert_eq!(finding["status"], "not-evaluated", "{finding}");
    assert!(
        finding["missing"].to_string().contains("storage-encrypted"),
        "{finding}"
    );
    let metal = host.path("metal");
    std::fs::write(&metal, "flags\t\t: fpu vme\n").unwrap();
    std::fs::remove_dir_all(workspace.path("bundles")).unwrap();
    let bare = assessed(&workspace, &host, &[(&metal, "/proc/cpuinfo")]);
    assert!(
        raised(&bare, "volumes-encrypted"),
        "{}",
        bare.finding("volumes-encrypted")
    );
}
