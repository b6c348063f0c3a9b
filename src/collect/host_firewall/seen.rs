//! What the host's answers amount to, and what they lack.

use super::model::{Layer, Origin, Ruleset, Table};
use super::network::{Listener, Network, listeners};
use super::ranges::Family;
use super::{iptables, nft};
use crate::collect::host::{Answered, HostView};
use crate::evidence::Requirement;
use crate::host::Invocation;

/// A family's names of programs and files: listing of old tables, programs that print rules.
pub(super) struct Programs {
    family: Family,
    routes: &'static str,
    tables: &'static str,
    nft: &'static str,
    legacy: &'static str,
    plain: &'static str,
}

const PROGRAMS: [Programs; 2] = [
    Programs {
        family: Family::V4,
        routes: "routes-ipv4",
        tables: "legacy-tables-ipv4",
        nft: "iptables-nft-save",
        legacy: "iptables-legacy-save",
        plain: "iptables-save",
    },
    Programs {
        family: Family::V6,
        routes: "routes-ipv6",
        tables: "legacy-tables-ipv6",
        nft: "ip6tables-nft-save",
        legacy: "ip6tables-legacy-save",
        plain: "ip6tables-save",
    },
];

/// Everything that decides, as far as it was seen.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) listeners: Vec<Listener>,
    pub(super) network: Option<Network>,
    pub(super) ruleset: Ruleset,
    pub(super) missing: Vec<Requirement>,
}

/// What to run on the host, as far as its answers until now show.
pub(super) fn commands(host: &HostView) -> Vec<Invocation> {
    if settled(host).is_some() {
        return Vec::new();
    }
    let plain = |name| Invocation::new(name, []);
    let mut wanted = vec![plain("tcp-listeners"), plain("interfaces"), plain("nft-rules")];
    for programs in &PROGRAMS {
        wanted.extend([plain(programs.routes), plain(programs.tables)]);
    }
    if let Some(process) = host.postmaster() {
        let paths = [format!("/proc/{process}/ns/net"), "/proc/self/ns/net".to_owned()];
        wanted.push(Invocation::new("entries", paths));
    }
    let Some(rules) = host.answer("nft-rules") else {
        return wanted;
    };
    if rules.exit != 0 && !rules.denied() {
        wanted.push(plain("kernel-has-nft"));
    }
    let foreign = nft::parse(&rules.output)
        .map(|(_, foreign)| foreign)
        .unwrap_or_default();
    for programs in &PROGRAMS {
        if foreign.iter().any(|(family, _)| family == programs.nft_family()) {
            wanted.extend(programs.save(host, programs.nft).into_iter().map(plain));
        }
        let old = host.answer(programs.tables);
        if old.is_some_and(|tables| !tables.output.trim().is_empty()) {
            wanted.extend(programs.save(host, programs.legacy).into_iter().map(plain));
        }
    }
    wanted
}

/// What the server listens on, where its settings alone tell: nothing, or loopback only, which no packet filter in
/// front of a network matters to.
fn settled(host: &HostView) -> Option<Vec<Listener>> {
    let port = host.setting("port")?.parse().ok()?;
    let mut found = Vec::new();
    for word in host.fact("setting", "listen_addresses")?.split(',') {
        let addresses = match word.trim().trim_matches('"') {
            "" => continue,
            "localhost" => vec!["127.0.0.1".parse().ok()?, "::1".parse().ok()?],
            address => vec![address.parse().ok()?],
        };
        for address in addresses {
            let listener = Listener {
                address,
                port,
                interface: None,
            };
            if !listener.address.is_loopback() {
                return None;
            }
            if !found.contains(&listener) {
                found.push(listener);
            }
        }
    }
    Some(found)
}

impl Programs {
    fn nft_family(&self) -> &'static str {
        match self.family {
            Family::V4 => "ip",
            Family::V6 => "ip6",
        }
    }

    /// The programs to ask: the one that says in its name whose rules it prints, and where it is not there the plain one.
    fn save(&self, host: &HostView, named: &'static str) -> Vec<&'static str> {
        match host.answer(named) {
            Some(answer) if answer.absent() => vec![named, self.plain],
            _ => vec![named],
        }
    }

    /// What one of them printed.
    fn saved(&self, host: &HostView, named: &'static str, origin: Origin) -> Result<Ruleset, Requirement> {
        let answer = match host.answer(named) {
            Some(answer) if answer.absent() => host.answer(self.plain).filter(|plain| {
                let of_nft = plain.output.contains("(nf_tables)");
                plain.exit != 0 || of_nft == (origin == Origin::Iptables)
            }),
            other => other,
        };
        let missing = || {
            lacking(
                format!("`{named}`, which prints rules that are there"),
                format!("install the package that holds `{named}` (Debian, RHEL: iptables)"),
            )
        };
        let answer = answer.ok_or_else(missing)?;
        if answer.denied() {
            return Err(answer.requirement(Vec::new()));
        }
        if answer.absent() {
            return Err(missing());
        }
        if answer.exit != 0 {
            return Err(failed(answer));
        }
        iptables::parse(&answer.output, self.family, origin).map_err(|reason| unreadable(answer, &reason))
    }
}

impl Seen {
    /// Reads the answers.
    pub(super) fn new(host: &HostView) -> Self {
        if let Some(listeners) = settled(host) {
            return Self {
                listeners,
                ..Self::default()
            };
        }
        let mut seen = Self::default();
        seen.take_listeners(host);
        let text = |name| {
            host.answer(name)
                .filter(|answer| answer.exit == 0)
                .map(|answer| answer.output.as_str())
        };
        seen.network = text("interfaces")
            .zip(text("routes-ipv4").zip(text("routes-ipv6")))
            .and_then(|(addresses, (v4, v6))| Network::parse(addresses, [v4, v6]));
        let foreign = seen.take_nft(host);
        for programs in &PROGRAMS {
            if foreign.iter().any(|(family, _)| family == programs.nft_family()) {
                match programs.saved(host, programs.nft, Origin::Iptables) {
                    Ok(saved) => seen.replace(saved),
                    Err(missing) => seen.missing.push(missing),
                }
            }
            if seen.has_legacy_rules(host, programs) {
                match programs.saved(host, programs.legacy, Origin::Legacy) {
                    Ok(saved) => seen.ruleset.tables.extend(saved.tables),
                    Err(missing) => seen.missing.push(missing),
                }
            }
        }
        seen
    }

    fn take_listeners(&mut self, host: &HostView) {
        let process = host.postmaster().unwrap_or_default();
        let Some(sockets) = host.answer("tcp-listeners") else {
            return;
        };
        if sockets.absent() {
            self.missing.push(lacking(
                "`ss`, which shows what the server listens on".to_owned(),
                "install the package iproute2 (RHEL: iproute)".to_owned(),
            ));
            return;
        }
        let spaces = host
            .of("entries")
            .find(|answer| answer.parameters.iter().any(|path| path == "/proc/self/ns/net"));
        let mut links = spaces
            .into_iter()
            .flat_map(|answer| answer.output.split('\0'))
            .filter_map(|entry| entry.split('\t').nth(6))
            .filter(|link| link.starts_with("net:"));
        match (links.next(), links.next()) {
            (Some(server), Some(own)) if server != own => self.missing.push(lacking(
                "the network that the server is in, which is not the host's own".to_owned(),
                format!("run pgdossier in it: `nsenter --net --target {process} pgdossier …`"),
            )),
            (Some(_), Some(_)) => self.listeners = listeners(&sockets.output, process),
            _ => {}
        }
        if self.listeners.is_empty() && self.missing.is_empty() {
            self.missing.push(Requirement {
                need: format!(
                    "root on the host for `{}`: it shows no socket of the server",
                    sockets.command
                ),
                ..sockets.requirement(Vec::new())
            });
        }
    }

    /// Takes nft's rules; the tables that `iptables-nft-save` has to tell.
    fn take_nft(&mut self, host: &HostView) -> Vec<(String, String)> {
        let Some(rules) = host.answer("nft-rules") else {
            return Vec::new();
        };
        if rules.exit == 0 {
            return match nft::parse(&rules.output) {
                Ok((ruleset, foreign)) => {
                    self.ruleset = ruleset;
                    foreign
                }
                Err(reason) => {
                    self.missing.push(unreadable(rules, &reason));
                    Vec::new()
                }
            };
        }
        if rules.denied() {
            self.missing.push(rules.requirement(Vec::new()));
            return Vec::new();
        }
        // Without the program rules may be there all the same, unless the kernel cannot hold any.
        let kernel = host.answer("kernel-has-nft");
        let cannot = kernel
            .is_some_and(|answer| answer.exit == 1 && answer.output.is_empty() && answer.error.is_empty());
        match (cannot, rules.absent()) {
            (true, _) => {}
            (false, true) => self.missing.push(lacking(
                "`nft`, which shows the packet filter's rules".to_owned(),
                "install nftables on the host: without it nobody knows which rules the kernel follows"
                    .to_owned(),
            )),
            (false, false) => self.missing.push(failed(rules)),
        }
        Vec::new()
    }

    fn has_legacy_rules(&mut self, host: &HostView, programs: &Programs) -> bool {
        let Some(tables) = host.answer(programs.tables) else {
            return false;
        };
        match tables.exit {
            0 => !tables.output.trim().is_empty(),
            _ if tables.error.contains("No such file") => false,
            _ if tables.denied() => {
                self.missing.push(tables.requirement(Vec::new()));
                false
            }
            _ => {
                self.missing.push(failed(tables));
                false
            }
        }
    }

    /// Puts what iptables says of its own tables in the place of what nft says of them.
    fn replace(&mut self, saved: Ruleset) {
        for table in saved.tables {
            let known = self
                .ruleset
                .tables
                .iter_mut()
                .find(|known| known.name == table.name);
            match known {
                Some(known) if same_rules(known, &table) => *known = table,
                // The rules changed between both answers, or iptables shows them incompletely: nft's stay, with their
                // unknown matches.
                _ => {}
            }
        }
    }
}

fn same_rules(left: &Table, right: &Table) -> bool {
    matches!(left.layer, Layer::Internet(_))
        && left.chains.iter().all(|(name, chain)| {
            let count = right.chains.get(name).map(|chain| chain.rules.len());
            count == Some(chain.rules.len())
        })
}

fn lacking(need: String, remedy: String) -> Requirement {
    Requirement {
        need,
        remedy,
        held: false,
        columns: Vec::new(),
    }
}

fn failed(answer: &Answered) -> Requirement {
    let said = answer.error.lines().next().unwrap_or("nothing").trim();
    lacking(
        format!(
            "an answer of `{}` (it ended with {}: {said})",
            answer.command, answer.exit
        ),
        format!("run `{}` on the host and see what it says", answer.command),
    )
}

fn unreadable(answer: &Answered, reason: &str) -> Requirement {
    lacking(
        format!("a readable answer of `{}` ({reason})", answer.command),
        format!(
            "attest to the packet filter: this version cannot read what `{}` prints",
            answer.command
        ),
    )
}
