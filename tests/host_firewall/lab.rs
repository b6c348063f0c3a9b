//! Two network namespaces, one with a server and one with clients, and what happens between them.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pgdossier::cluster::{Cluster, ClusterOptions};
use serde_json::Value;

use crate::support::{Assessed, Workspace, pgdossier, text};

pub const OPEN_HBA: &str =
    "local all all trust\nhost all all 0.0.0.0/0 scram-sha-256\nhost all all ::/0 scram-sha-256\n";

/// Sources and the interface of the server that they come in by.
const SOURCES: &[(&str, &str)] = &[
    ("10.77.0.2", "in0"),
    ("10.77.0.9", "in0"),
    ("172.16.5.5", "in0"),
    ("192.0.2.10", "in0"),
    ("198.51.100.7", "in0"),
    ("10.88.0.2", "in1"),
    ("fd77::2", "in0"),
    ("fd77::9", "in0"),
    ("2001:db8:1::5", "in0"),
    ("2001:db8:2::7", "in0"),
    ("fd88::2", "in1"),
];
/// The server's addresses.
const DESTINATIONS: &[&str] = &["10.77.0.1", "10.88.0.1", "fd77::1", "fd88::1"];

/// Any test of the file: run as a part of the lab, it answers for the clients.
const CLIENTS: &str = "what_the_collector_says_is_what_the_kernel_does";

/// Runs a test's work within a new pair of namespaces, by running the test once more in them.
pub fn run_inside(test: &str, work: fn()) {
    if std::env::var_os("FIREWALL_CLIENTS").is_some() {
        return serve_clients();
    }
    if std::env::var_os("FIREWALL_LAB").is_some() {
        return work();
    }
    assert!(
        rustix::process::geteuid().is_root(),
        "network namespaces with a server in them need root: run this test as root"
    );
    let lab = Namespaces::new();
    let output = Command::new("ip")
        .args(["netns", "exec", &lab.server])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env("FIREWALL_LAB", &lab.clients)
        .output()
        .unwrap();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{complained}"
    );
}

/// Two namespaces with two cables between them, gone with the value.
struct Namespaces {
    server: String,
    clients: String,
}

impl Namespaces {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "pgd{}n{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let lab = Self {
            server: format!("{name}s"),
            clients: format!("{name}c"),
        };
        for namespace in [&lab.server, &lab.clients] {
            ip(&format!("netns add {namespace}"));
            ip(&format!("-n {namespace} link set lo up"));
        }
        let (s, c) = (&lab.server, &lab.clients);
        for (cable, v4, v6) in [
            ("0", "10.77.0.1/24", "fd77::1/64"),
            ("1", "10.88.0.1/24", "fd88::1/64"),
        ] {
            ip(&format!(
                "link add in{cable} netns {s} type veth peer name out{cable} netns {c}"
            ));
            ip(&format!("-n {s} addr add {v4} dev in{cable}"));
            ip(&format!("-n {s} addr add {v6} dev in{cable} nodad"));
        }
        for (source, interface) in SOURCES {
            let width = if source.contains(':') { "/128" } else { "/32" };
            let device = interface.replace("in", "out");
            let nodad = if source.contains(':') { "nodad" } else { "" };
            ip(&format!("-n {c} addr add {source}{width} dev {device} {nodad}"));
        }
        for cable in ["0", "1"] {
            ip(&format!("-n {s} link set in{cable} up"));
            ip(&format!("-n {c} link set out{cable} up"));
        }
        // Answers to strangers leave by the first cable; each client's packets go by its own.
        ip(&format!("-n {s} route add default via 10.77.0.2 dev in0"));
        ip(&format!("-n {s} -6 route add default via fd77::2 dev in0"));
        ip(&format!("-n {c} route add default via 10.77.0.1 dev out0 onlink"));
        ip(&format!(
            "-n {c} -6 route add default via fd77::1 dev out0 onlink"
        ));
        ip(&format!(
            "-n {c} route add default via 10.88.0.1 dev out1 onlink table 88"
        ));
        ip(&format!(
            "-n {c} -6 route add default via fd88::1 dev out1 onlink table 88"
        ));
        ip(&format!("-n {c} rule add from 10.88.0.0/24 lookup 88"));
        ip(&format!("-n {c} -6 rule add from fd88::/64 lookup 88"));
        lab
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in [&self.server, &self.clients] {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

fn ip(arguments: &str) {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        text(&output.stderr)
    );
}

/// Whose eyes an assessment looks with.
#[derive(Debug, Clone, Copy)]
pub enum Who {
    Root,
    Nobody,
    /// As if a program were not installed.
    Without(&'static str),
    /// Out of another network namespace than the server's.
    Elsewhere,
}

/// The server's namespace, seen from within.
pub struct Inside {
    cluster: Cluster,
    workspace: Workspace,
    clients: Child,
    asking: ChildStdin,
    answering: BufReader<ChildStdout>,
    namespace: String,
    assessments: u32,
}

impl Inside {
    /// Starts the server and the clients; nothing when this test was not started by [`run_inside`].
    pub fn enter(listen: &str, hba: &str) -> Option<Self> {
        let namespace = std::env::var("FIREWALL_LAB").ok()?;
        let cluster = Cluster::start(ClusterOptions {
            settings: vec![("listen_addresses".to_owned(), listen.to_owned())],
            hba: Some(hba.to_owned()),
            ..ClusterOptions::default()
        })
        .unwrap();
        let mut clients = Command::new("ip")
            .args(["netns", "exec", &namespace])
            .arg(std::env::current_exe().unwrap())
            .args([CLIENTS, "--exact", "--nocapture"])
            .env("FIREWALL_CLIENTS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let inside = Self {
            asking: clients.stdin.take().unwrap(),
            answering: BufReader::new(clients.stdout.take().unwrap()),
            clients,
            cluster,
            workspace: Workspace::new(),
            namespace,
            assessments: 0,
        };
        // The controls of this section alone.
        let controls = inside.workspace.path("controls");
        let section = controls.join("access/firewall");
        std::fs::create_dir_all(&section).unwrap();
        std::fs::create_dir_all(controls.join("queries")).unwrap();
        std::fs::copy("controls/guide.yaml", controls.join("guide.yaml")).unwrap();
        for file in std::fs::read_dir("controls/access/firewall").unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), section.join(file.file_name())).unwrap();
        }
        Some(inside)
    }

    pub fn port(&self) -> u16 {
        self.cluster.port()
    }

    /// Loads rules in which `$P` stands for the server's port. Several programs' rules are parted by lines `%% PROGRAM`.
    pub fn load(&self, program: &str, rules: &str) {
        let mut program = program.to_owned();
        let mut part = String::new();
        for line in rules.lines().chain(["%%"]) {
            if let Some(next) = line.strip_prefix("%%") {
                self.load_part(&program, &part)
                    .unwrap_or_else(|error| panic!("{program}: {error}\n{part}"));
                (program, part) = (next.trim().to_owned(), String::new());
            } else {
                part.push_str(line);
                part.push('\n');
            }
        }
    }

    pub fn try_load(&self, rules: &str) -> bool {
        let result = self.load_part("nft", rules);
        if let Err(error) = &result {
            eprintln!("{error}\n{rules}");
        }
        result.is_ok()
    }

    fn load_part(&self, program: &str, rules: &str) -> Result<(), String> {
        let rules = rules.replace("$P", &self.port().to_string());
        if program == "nft" {
            // Its grammar wants the end of a chain on a line of its own.
            let rules = rules.replace("; } }", ";\n}\n}").replace("\n } }", "\n}\n}");
            return feed(Command::new("nft").args(["-f", "-"]), &rules);
        }
        // Lines of iptables: `-t TABLE` first where it is another one than `filter`.
        for line in rules.lines().map(str::trim).filter(|line| !line.is_empty()) {
            feed(Command::new(program).args(line.split_whitespace()), "")?;
        }
        Ok(())
    }

    /// Removes all rules of all programs.
    pub fn flush(&self) {
        feed(Command::new("nft").args(["flush", "ruleset"]), "").unwrap();
        for program in ["iptables-legacy", "ip6tables-legacy"] {
            for table in ["filter", "mangle", "raw", "nat"] {
                let names = format!(
                    "/proc/net/{}_names",
                    program.replace("-legacy", "").replace("tables", "_tables")
                );
                let there =
                    std::fs::read_to_string(names).is_ok_and(|text| text.lines().any(|line| line == table));
                if !there {
                    continue;
                }
                for what in ["-F", "-X"] {
                    feed(Command::new(program).args(["-t", table, what]), "").unwrap();
                }
                for chain in ["PREROUTING", "INPUT", "OUTPUT"] {
                    let _ = feed(
                        Command::new(program).args(["-t", table, "-P", chain, "ACCEPT"]),
                        "",
                    );
                }
            }
        }
    }

    /// The population of `host-firewall`, without loopback.
    pub fn rows(&mut self) -> Vec<Value> {
        let assessed = self.assess(Who::Root);
        let rows = assessed.rows("host-firewall");
        assert_eq!(rows.len(), 2, "{:#?}", assessed.findings());
        rows
    }

    /// Findings by control.
    pub fn findings(&mut self) -> BTreeMap<String, Value> {
        self.findings_as(Who::Root)
    }

    pub fn findings_as(&mut self, who: Who) -> BTreeMap<String, Value> {
        let findings = self.assess(who).findings().into_iter();
        findings
            .map(|finding| (finding["control"].as_str().unwrap().to_owned(), finding))
            .collect()
    }

    fn assess(&mut self, who: Who) -> Assessed {
        self.assessments += 1;
        let mut command = match who {
            Who::Elsewhere => {
                let mut command = Command::new("ip");
                command
                    .args(["netns", "exec", &self.namespace])
                    .arg(env!("CARGO_BIN_EXE_pgdossier"));
                command
            }
            Who::Without(program) => {
                // Its folder is covered by a copy without it, in a mount namespace of the command alone.
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh", "-c"]);
                command.arg(format!(
                    "for d in /usr/sbin /usr/bin; do if [ -e $d/{program} ]; then mkdir -p \"$0\" && cp -a $d/. \"$0\" && \
                     rm \"$0/{program}\" && mount --bind \"$0\" $d; fi; done; exec \"$@\""
                ));
                command.arg(self.workspace.path(&format!("without-{program}")));
                command.arg(env!("CARGO_BIN_EXE_pgdossier"));
                command
            }
            Who::Root | Who::Nobody => pgdossier(),
        };
        if matches!(who, Who::Nobody) {
            // The server's account may use its socket, and is not root.
            let account = self.cluster.account().unwrap();
            let owner = format!("{}:{}", account.uid, account.gid);
            let folder = self.workspace.folder.path();
            let owned = Command::new("chown")
                .args(["-R", &owner])
                .arg(folder)
                .status()
                .unwrap();
            assert!(owned.success());
            command.uid(account.uid).gid(account.gid);
        }
        let output = command
            .stdin(Stdio::null())
            .env("HOME", self.workspace.folder.path())
            .args([
                "--format",
                "json",
                "assess",
                "--period",
                "2026-Q4",
                "--organisation",
                "Acme",
            ])
            .args([
                "--as-of",
                crate::support::AS_OF,
                "--host-access",
                "local",
                "--controls",
            ])
            .arg(self.workspace.path("controls"))
            .arg("--key")
            .arg(self.workspace.path("key.pem"))
            .arg("--out")
            .arg(self.workspace.path(&format!("bundles-{}", self.assessments)))
            .arg(self.cluster.conninfo("postgres"))
            .output()
            .unwrap();
        Assessed::new(output)
    }

    /// Which sources really connect to one of the server's addresses of their family.
    pub fn reached(&mut self, rows: &[Value]) -> Vec<(String, bool)> {
        let port = self.port();
        let mut found = Vec::new();
        let pairs: Vec<(&str, SocketAddr)> = SOURCES
            .iter()
            .flat_map(|(source, _)| {
                let own: IpAddr = source.parse().unwrap();
                DESTINATIONS
                    .iter()
                    .map(|text| text.parse::<IpAddr>().unwrap())
                    .filter(move |to| to.is_ipv4() == own.is_ipv4())
                    .map(move |to| (*source, SocketAddr::new(to, port)))
            })
            .collect();
        let answers = self.connect(300, &pairs);
        for (source, _) in SOURCES {
            let any = pairs
                .iter()
                .zip(&answers)
                .any(|((from, _), reached)| from == source && *reached);
            found.push(((*source).to_owned(), any));
        }
        // A busy machine may answer late: what seems closed and should not be gets a second, longer chance.
        let again: Vec<(&str, SocketAddr)> = pairs
            .iter()
            .filter(|(source, _)| {
                found
                    .iter()
                    .any(|(from, reached)| from == source && !reached && is_allowed(rows, source))
            })
            .copied()
            .collect();
        let answers = self.connect(3000, &again);
        for ((source, _), reached) in again.iter().zip(answers) {
            if reached {
                found
                    .iter_mut()
                    .filter(|(from, _)| from == source)
                    .for_each(|one| one.1 = true);
            }
        }
        found
    }

    fn connect(&mut self, milliseconds: u64, pairs: &[(&str, SocketAddr)]) -> Vec<bool> {
        if pairs.is_empty() {
            return Vec::new();
        }
        let words: Vec<String> = pairs.iter().map(|(from, to)| format!("{from}={to}")).collect();
        writeln!(self.asking, "{milliseconds} {}", words.join(" ")).unwrap();
        self.asking.flush().unwrap();
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(
                self.answering.read_line(&mut line).unwrap(),
                0,
                "the clients are gone"
            );
            // The test's own announcement may stand before the first answer.
            if let Some((_, answer)) = line.trim().split_once("@@ ") {
                return answer.split(' ').map(|word| word == "1").collect();
            }
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = self.clients.kill();
        let _ = self.clients.wait();
    }
}

fn feed(command: &mut Command, input: &str) -> Result<(), String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {}", text(&output.stderr)))
    }
}

/// Lines `MILLISECONDS FROM=TO …`; answers `@@ 1 0 …`.
pub fn serve_clients() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let mut words = line.split(' ');
        let limit = Duration::from_millis(words.next().unwrap().parse().unwrap());
        let attempts = words.map(|pair| {
            let (from, to) = pair.split_once('=').unwrap();
            let (from, to): (IpAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
            async move {
                tokio::time::timeout(limit, attempt(from, to))
                    .await
                    .is_ok_and(|reached| reached)
            }
        });
        let answers = runtime.block_on(futures_util::future::join_all(attempts));
        let texts: Vec<&str> = answers
            .into_iter()
            .map(|reached| if reached { "1" } else { "0" })
            .collect();
        println!("@@ {}", texts.join(" "));
    }
}

async fn attempt(from: IpAddr, to: SocketAddr) -> bool {
    let socket = if from.is_ipv4() {
        tokio::net::TcpSocket::new_v4()
    } else {
        tokio::net::TcpSocket::new_v6()
    };
    let socket = socket.unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    socket.connect(to).await.is_ok()
}

/// What was decided is what happened: an allowed source connects, one that is not does not. Where rules leave it open,
/// what is allowed for sure still connects.
pub fn compare(rows: &[Value], reached: &[(String, bool)], undecided: bool) -> Vec<String> {
    let mut problems = Vec::new();
    if any_undecided(rows) != undecided {
        problems.push(format!(
            "something is undecided: {}, and should be: {undecided}",
            !undecided
        ));
    }
    for (source, connected) in reached {
        let allowed = is_allowed(rows, source);
        if allowed != *connected && !(undecided && *connected) {
            problems.push(format!("{source} is allowed: {allowed}, connects: {connected}"));
        }
    }
    if !problems.is_empty() {
        problems.push(format!("{rows:#?}"));
    }
    problems
}

pub fn any_undecided(rows: &[Value]) -> bool {
    rows.iter().any(|row| row["undecided"] != serde_json::json!([]))
}

fn is_allowed(rows: &[Value], source: &str) -> bool {
    let address: IpAddr = source.parse().unwrap();
    let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
    let row = rows.iter().find(|row| row["family"] == family).unwrap();
    let mut networks = row["allowed"].as_array().unwrap().iter();
    networks.any(|network| within(address, network.as_str().unwrap()))
}

fn within(address: IpAddr, network: &str) -> bool {
    let (base, length) = network.split_once('/').unwrap();
    let length: u32 = length.parse().unwrap();
    match (address, base.parse().unwrap()) {
        (IpAddr::V4(address), IpAddr::V4(base)) => {
            length == 0 || u32::from(address) >> (32 - length) == u32::from(base) >> (32 - length)
        }
        (IpAddr::V6(address), IpAddr::V6(base)) => {
            length == 0 || u128::from(address) >> (128 - length) == u128::from(base) >> (128 - length)
        }
        _ => false,
    }
}

/// ufw's rules, from its own files in a folder of their own.
pub struct Ufw {
    _folder: tempfile::TempDir,
}

impl Ufw {
    /// Loads ufw's default rules and one that lets a network in, as `ufw allow from 10.77.0.0/24` writes it.
    pub fn enable(port: u16) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let kept = std::path::Path::new("/etc/ufw");
        if !kept.join("before.rules").exists()
            && !std::path::Path::new("/usr/share/ufw/iptables/before.rules").exists()
        {
            return None;
        }
        // A mount namespace of its own keeps the machine's configuration as it is.
        let script = format!(
            "set -e; cp -a /etc/ufw \"$0/ufw\"; cp -a /etc/default/ufw \"$0/default\"; mkdir -p \"$0/run\"; \
             mount --bind \"$0/ufw\" /etc/ufw; \
             ufw --force enable; ufw allow from 10.77.0.0/24 to any port {port} proto tcp; \
             ufw allow from fd77::/64 to any port {port} proto tcp; ufw reload"
        );
        let output = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script])
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        Some(Self { _folder: folder })
    }
}
