//! The processes of a throwaway cluster: `initdb`, then the server itself.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{ClusterError, SUPERUSER, ServerAccount};

const POLL: Duration = Duration::from_millis(2);
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// The two programs that a cluster needs.
#[derive(Debug)]
pub(super) struct Binaries {
    initdb: PathBuf,
    postgres: PathBuf,
}

impl Binaries {
    pub(super) fn in_directory(directory: PathBuf) -> Self {
        Self {
            initdb: directory.join("initdb"),
            postgres: directory.join("postgres"),
        }
    }
}

/// Makes `ROOT/data`.
pub(super) fn initdb(
    binaries: &Binaries,
    root: &Path,
    arguments: &[String],
    account: Option<&ServerAccount>,
) -> Result<(), ClusterError> {
    let mut command = server_command(&binaries.initdb, root, account);
    command.args([
        "--no-sync",
        "--encoding=UTF8",
        "--locale=C",
        "--username",
        SUPERUSER,
    ]);
    if !arguments
        .iter()
        .any(|argument| argument.starts_with("--auth") || argument.starts_with("-A"))
    {
        command.arg("--auth=trust");
    }
    let output = command
        .args(arguments)
        .arg("--pgdata")
        .arg(root.join("data"))
        .output()
        .map_err(|source| ClusterError::Process {
            action: "run initdb",
            source,
        })?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(ClusterError::Initdb { output: said })
    }
}

/// Copies a stopped data directory, owners and modes included.
pub(super) fn copy_data(stopped: &Path, data: &Path) -> Result<(), ClusterError> {
    let output = Command::new("cp")
        .arg("-a")
        .arg("--")
        .args([stopped, data])
        .stdin(Stdio::null())
        .output()
        .map_err(|source| ClusterError::Process {
            action: "run cp",
            source,
        })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ClusterError::Copy { said })
}

/// A command with no PG* variables of ours, in the cluster's directory, as its account, and in a process group of its
/// own: a terminal's Ctrl-C must reach us alone, so that we can stop the server in good order.
fn server_command(program: &Path, root: &Path, account: Option<&ServerAccount>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let ours = name == OsStr::new("TZ") || name == OsStr::new("LANG");
        if ours || name.to_string_lossy().starts_with("PG") || name.to_string_lossy().starts_with("LC_") {
            command.env_remove(name);
        }
    }
    command
        .env("LC_ALL", "C")
        .current_dir(root)
        .stdin(Stdio::null())
        .process_group(0);
    if let Some(account) = account {
        account.run(&mut command);
    }
    command
}

/// A running postmaster.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
}

impl Server {
    /// Starts the server on `ROOT/data` and waits until it is ready.
    pub(super) fn start(
        binaries: &Binaries,
        root: &Path,
        port: u16,
        account: Option<&ServerAccount>,
    ) -> Result<Self, ClusterError> {
        let path = root.join("server.log");
        let log = fs::File::create(&path).map_err(|source| ClusterError::File {
            action: "write",
            path,
            source,
        })?;
        let child = server_command(&binaries.postgres, root, account)
            .arg("-D")
            .arg(root.join("data"))
            .args(["-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|source| ClusterError::Process {
                action: "start the server",
                source,
            })?;
        let mut server = Self { child };
        server.wait_until_ready(root)?;
        Ok(server)
    }

    fn wait_until_ready(&mut self, root: &Path) -> Result<(), ClusterError> {
        let pid_file = root.join("data/postmaster.pid");
        let deadline = Instant::now() + START_LIMIT;
        while !says_ready(&pid_file, self.child.id()) {
            if self.has_ended() {
                return Err(ClusterError::Start { log: log_text(root) });
            }
            if Instant::now() > deadline {
                return Err(ClusterError::NotReady {
                    seconds: START_LIMIT.as_secs(),
                    log: log_text(root),
                });
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn reload(&self) -> Result<(), ClusterError> {
        self.signal(Signal::HUP).map_err(|source| ClusterError::Process {
            action: "make the server reload",
            source,
        })
    }

    /// Fast shutdown: sessions are ended, then a checkpoint is written.
    pub(super) fn stop_fast(&mut self) {
        self.stop_with(Signal::INT);
    }

    fn stop_with(&mut self, signal: Signal) {
        if self.has_ended() || (self.signal(signal).is_ok() && self.ends_within(STOP_LIMIT)) {
            return;
        }
        // Nothing better is left to do, and the directory's removal reports what remains.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        kill_process(pid, signal).map_err(io::Error::from)
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    fn ends_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while !self.has_ended() {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(POLL);
        }
        true
    }
}

impl Drop for Server {
    /// Immediate shutdown: the data is thrown away anyway.
    fn drop(&mut self) {
        self.stop_with(Signal::QUIT);
    }
}

/// Whether `postmaster.pid` is this server's (first line) and its status (eighth line) is `ready`.
fn says_ready(pid_file: &Path, pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(pid_file) else {
        return false;
    };
    let mut lines = text.lines().map(str::trim);
    lines.next() == Some(pid.to_string().as_str()) && lines.nth(6) == Some("ready")
}

/// What the server wrote to its standard error, followed by the files of its logging collector.
pub(super) fn log_text(root: &Path) -> String {
    let mut paths: Vec<PathBuf> = fs::read_dir(root.join("data/log"))
        .map(|entries| {
            entries
                .filter_map(|entry| entry.ok().map(|found| found.path()))
                .collect()
        })
        .unwrap_or_default();
    paths.sort();
    paths.insert(0, root.join("server.log"));
    paths
        .iter()
        .filter_map(|path| fs::read(path).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}
