//! Ways to a host: as a stranger, as the server's account, and over SSH with and without the printed rules of `sudo`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::account::assess;
use super::{Host, account_of, give, mode, run};
use crate::support::{Assessed, Workspace, pgdossier, text};

/// What only root, or the server's account, can see.
const CLOSED: &[&str] = &[
    "data-directories-private",
    "files-owned-by-server",
    "tls-key-private",
];

fn assessed_as(host: &Host, workspace: &Workspace, account: &str) -> Assessed {
    give(workspace.folder.path(), account);
    give(&workspace.path("key.pem"), account);
    let (uid, gid) = account_of(account);
    let assess = assess(workspace, &host.cluster.tcp_conninfo("postgres"), "local");
    let mut command = Command::new("setpriv");
    command.args([
        &format!("--reuid={uid}"),
        &format!("--regid={gid}"),
        "--clear-groups",
    ]);
    command
        .arg(assess.get_program())
        .args(assess.get_args())
        .current_dir("/");
    for (name, value) in assess.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Assessed::new(command.output().unwrap())
}

fn status(assessed: &Assessed, control: &str) -> String {
    assessed.finding(control)["status"].as_str().unwrap().to_owned()
}

#[test]
fn a_stranger_sees_nothing_closed_and_is_told_what_allows_it() {
    let (host, workspace) = (Host::start(), Workspace::new());
    let stranger = assessed_as(&host, &workspace, "nobody");
    for control in CLOSED {
        let finding = stranger.finding(control);
        assert_eq!(finding["status"], "not-evaluated", "{finding}");
        assert!(
            finding["missing"]
                .to_string()
                .contains("pgdossier commands --sudoers"),
            "{finding}"
        );
    }
    // What everybody can see is judged.
    assert_eq!(status(&stranger, "configuration-not-readable"), "satisfied");
}

#[test]
fn the_servers_account_sees_its_own_files() {
    let (host, workspace) = (Host::start(), Workspace::new());
    let own = assessed_as(&host, &workspace, "postgres");
    for control in CLOSED {
        assert_eq!(status(&own, control), "satisfied", "{}", own.finding(control));
    }
    let finding = own.finding("no-passwords-in-environment");
    assert_ne!(finding["status"], "satisfied", "{finding}");
}

/// An SSH server of ours, in a mount namespace with an account `visitor` and rules for it, and a way to it.
struct Sshd {
    child: Child,
    folder: PathBuf,
    kept: std::cell::RefCell<Vec<Workspace>>,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Sshd {
    fn start(host: &Host) -> Self {
        let folder = host.path("ssh");
        std::fs::create_dir(&folder).unwrap();
        let here = |name: &str| folder.join(name).display().to_string();
        for name in ["host", "user"] {
            run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &here(name)]));
        }
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let write = |name: &str, content: &str| std::fs::write(folder.join(name), content).unwrap();
        let read = |path: &str| std::fs::read_to_string(path).unwrap();
        std::fs::copy(here("user.pub"), here("authorized")).unwrap();
        write(
            "passwd",
            &(read("/etc/passwd") + "visitor:x:54321:54321::/:/bin/sh\n"),
        );
        write(
            "shadow",
            &(read("/etc/shadow") + "visitor:*:20000:0:99999:7:::\n"),
        );
        let rules = pgdossier()
            .args(["commands", "--sudoers", "visitor"])
            .output()
            .unwrap();
        write("sudoers", &text(&rules.stdout));
        mode(&folder.join("sudoers"), 0o440);
        run(Command::new("visudo").args(["-c", "-f", &here("sudoers")]));
        write(
            "sshd_config",
            &format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n",
                here("host"),
                here("authorized")
            ),
        );
        let known = |key: &str| format!("[127.0.0.1]:{port} {}", read(&here(key)));
        write("known", &known("host.pub"));
        write("known-wrong", &known("user.pub"));
        for (name, hosts) in [("right", "known"), ("wrong", "known-wrong")] {
            let config = format!(
                "Host db\n HostName 127.0.0.1\n Port {port}\n User visitor\n IdentityFile {}\n IdentitiesOnly yes\n UserKnownHostsFile {}\n GlobalKnownHostsFile /dev/null\n",
                here("user"),
                here(hosts)
            );
            write(&format!("config-{name}"), &config);
            let bin = folder.join(name);
            std::fs::create_dir(&bin).unwrap();
            let ssh = format!(
                "#!/bin/sh\nexec /usr/bin/ssh -F '{}' \"$@\"\n",
                here(&format!("config-{name}"))
            );
            std::fs::write(bin.join("ssh"), ssh).unwrap();
            mode(&bin.join("ssh"), 0o755);
        }
        std::fs::create_dir_all("/run/sshd").unwrap();
        let script = format!(
            "for f in passwd shadow sudoers; do mount --bind '{0}/'$f /etc/$f || exit 1; done\nexec /usr/sbin/sshd -D -e -f '{0}/sshd_config'",
            folder.display()
        );
        let child = Command::new("unshare")
            .args(["-m", "sh", "-c", &script])
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        Self {
            child,
            folder,
            kept: std::cell::RefCell::default(),
        }
    }

    /// Assesses by SSH, with the configuration of this name in the place of the user's own.
    fn assessed(&self, host: &Host, config: &str, sudo: bool) -> Assessed {
        let workspace = Workspace::new();
        let mut command = assess(&workspace, &host.cluster.tcp_conninfo("postgres"), "ssh:db");
        if sudo {
            command.arg("--host-sudo");
        }
        let path = format!(
            "{}:{}",
            self.folder.join(config).display(),
            std::env::var("PATH").unwrap()
        );
        let assessed = Assessed::new(command.env("PATH", path).output().unwrap());
        assert!(
            !assessed.json.is_null(),
            "{} {}",
            assessed.stderr(),
            std::fs::read_to_string(self.folder.join("log")).unwrap()
        );
        // The bundle is read before its folder goes.
        self.kept.borrow_mut().push(workspace);
        assessed
    }
}

#[test]
fn over_ssh_the_printed_rules_of_sudo_are_enough_and_nothing_less_is() {
    let host = Host::start();
    let ssh = Sshd::start(&host);
    let without = ssh.assessed(&host, "right", false);
    for control in CLOSED {
        let finding = without.finding(control);
        assert_eq!(finding["status"], "not-evaluated", "{finding}");
        assert!(
            finding["missing"]
                .to_string()
                .contains("pgdossier commands --sudoers"),
            "{finding}"
        );
    }
    let with = ssh.assessed(&host, "right", true);
    for control in CLOSED {
        assert_eq!(status(&with, control), "satisfied", "{}", with.finding(control));
    }
    let local = host.look();
    let raised: BTreeSet<String> = with.with_status("not-satisfied").into_iter().collect();
    for control in local.raised() {
        assert!(raised.contains(control), "{control}");
    }
}

#[test]
fn a_host_whose_key_is_not_the_known_one_is_not_believed() {
    let host = Host::start();
    let ssh = Sshd::start(&host);
    let wrong = ssh.assessed(&host, "wrong", false);
    for control in CLOSED {
        let finding = wrong.finding(control);
        assert_eq!(finding["status"], "not-evaluated", "{finding}");
        assert!(
            finding["reason"].to_string().contains("the server's host"),
            "{finding}"
        );
    }
}
