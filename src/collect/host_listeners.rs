//! `host-listeners`: every TCP address that the server's processes really listen on, against `listen_addresses`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Value, json};

use super::host::{HostView, Lack};
use super::host_processes::tree;
use super::{Collector, Deriving, names, no_arguments};
use crate::control::Catalog;
use crate::evidence::{Requirement, Row, Table};
use crate::host::Invocation;

/// The collector.
pub(super) struct HostListeners;

const COLUMNS: &[&str] = &[
    "address",
    "port",
    "family",
    "loopback",
    "wildcard",
    "declared",
    "servers_port",
    "process",
    "listen_addresses",
    "unseen",
];

impl Collector for HostListeners {
    fn name(&self) -> &'static str {
        "host-listeners"
    }

    fn version(&self) -> u32 {
        1
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn reads_host(&self) -> bool {
        true
    }

    fn host_commands(&self, host: &HostView) -> Vec<Invocation> {
        let Some(postmaster) = host.postmaster() else {
            return Vec::new();
        };
        vec![
            Invocation::new("tcp", [postmaster.to_owned()]),
            Invocation::new("listeners", []),
            Invocation::new("processes", []),
        ]
    }

    fn lacking(&self, raw: &BTreeMap<String, Table>) -> Vec<Requirement> {
        let Ok(view) = HostView::read(raw) else {
            return Vec::new();
        };
        match rows(&view) {
            Ok((_, lacks)) => lacks.iter().map(Lack::requirement).collect(),
            Err(lack) => vec![Requirement {
                columns: Vec::new(),
                ..lack.requirement()
            }],
        }
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let (rows, _) = rows(&HostView::read(raw)?).map_err(|lack| format!("{} is unknown", lack.need))?;
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

/// A socket that is listened on.
struct Listener {
    address: IpAddr,
    port: u16,
    uid: String,
    inode: String,
}

fn rows(view: &HostView) -> Result<(Vec<Row>, BTreeSet<Lack>), Lack> {
    let declared = view
        .fact("setting", "listen_addresses")
        .ok_or_else(|| Lack::setting("listen_addresses"))?;
    let port = view.setting("port").ok_or_else(|| Lack::setting("port"))?;
    let answer = view
        .answer("tcp")
        .ok_or_else(|| Lack::unasked("listening sockets"))?;
    // A host without IPv6 has no second table.
    if answer.output.is_empty() {
        return Err(Lack::of(answer));
    }
    let holders = view.answer("listeners");
    let processes = holders.map(|answer| holding(&answer.output)).unwrap_or_default();
    let tree = tree(view);
    let listeners: Vec<Listener> = answer.output.lines().filter_map(listener).collect();
    // Both commands saw the same network when they have a socket in common.
    let same_network = listeners
        .iter()
        .any(|listener| processes.contains_key(&listener.inode));
    let (mut rows, mut lacks) = (Vec::new(), BTreeSet::new());
    for listener in listeners {
        let servers_port = listener.port.to_string() == port;
        let holders_of = processes.get(&listener.inode).filter(|pids| !pids.is_empty());
        let own_account = view.server_uid() == Some(listener.uid.as_str());
        let (process, unseen) = match holders_of {
            Some(pids) => match pids.iter().find(|pid| tree.contains(*pid)) {
                Some(pid) => (Some(pid.clone()), None),
                None => continue,
            },
            None if own_account && servers_port => (view.postmaster().map(str::to_owned), None),
            // It was closed between the two commands.
            None if same_network && !processes.contains_key(&listener.inode) => continue,
            None if own_account => {
                let lack = holders.map_or_else(|| Lack::unasked("listening sockets"), Lack::of);
                let need = lack.need.clone();
                lacks.insert(lack);
                (None, Some(need))
            }
            None => continue,
        };
        let row = json!({
            "address": listener.address.to_string(), "port": listener.port,
            "family": if listener.address.is_ipv4() { "IPv4" } else { "IPv6" },
            "loopback": listener.address.is_loopback(), "wildcard": listener.address.is_unspecified(),
            "declared": servers_port && is_declared(listener.address, declared),
            "servers_port": servers_port, "process": process, "listen_addresses": declared, "unseen": unseen,
        });
        rows.extend(row.as_object().cloned());
    }
    rows.sort_by_key(|row| row.get("address").map(ToString::to_string));
    Ok((rows, lacks))
}

/// A line of `/proc/net/tcp` or `tcp6` that is in the state LISTEN.
fn listener(line: &str) -> Option<Listener> {
    let mut words = line.split_whitespace().skip(1);
    let (local, _, state) = (words.next()?, words.next()?, words.next()?);
    if state != "0A" {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    let (uid, inode) = (words.nth(3)?, words.nth(1)?);
    Some(Listener {
        address: parse_address(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
        uid: uid.to_owned(),
        inode: inode.to_owned(),
    })
}

/// The kernel's hexadecimal address: 32-bit words, each in the host's byte order (little-endian where PostgreSQL runs).
fn parse_address(text: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    for start in (0..text.len()).step_by(8) {
        let word = u32::from_str_radix(text.get(start..start + 8)?, 16).ok()?;
        bytes.extend(word.to_le_bytes());
    }
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(bytes).into());
    }
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    Some(Ipv6Addr::from(bytes).into())
}

/// `ss`: the processes that hold each socket, by its inode.
fn holding(output: &str) -> BTreeMap<String, Vec<String>> {
    let mut holding = BTreeMap::new();
    for line in output.lines() {
        let Some(inode) = line.split_whitespace().find_map(|word| word.strip_prefix("ino:")) else {
            continue;
        };
        let pids = line.split("pid=").skip(1);
        let pids = pids.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
        holding.insert(inode.to_owned(), pids.collect());
    }
    holding
}

/// Whether the setting names this address. A host name is not looked up here: it may stand for any but the wildcard.
fn is_declared(address: IpAddr, setting: &str) -> bool {
    let mut names = setting.split(',').map(|name| name.trim().trim_matches('"'));
    names.any(|name| match name {
        "" => false,
        "*" => address.is_unspecified(),
        "localhost" => address.is_loopback(),
        name => name
            .parse::<IpAddr>()
            .map_or(!address.is_unspecified(), |declared| declared == address),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let line = "   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 64 1 0 100 0 0 10 0";
        let found = listener(line).unwrap();
        assert_eq!(
            (found.address.to_string().as_str(), found.port),
            ("127.0.0.1", 5432)
        );
        assert_eq!((found.uid.as_str(), found.inode.as_str()), ("101", "64"));
        let six = parse_address("00000000000000000000000001000000").unwrap();
        assert_eq!(six.to_string(), "::1");
        assert!(listener(&line.replace(" 0A ", " 01 ")).is_none());
    }

    #[test]
    fn processes_are_found_by_inode() {
        let line = "LISTEN 0 200 127.0.0.1:5432 0.0.0.0:* users:((\"postgres\",pid=7,fd=6),(\"x pid=\",pid=8,fd=1)) uid:101 ino:64 sk:1 cgroup:/ <->";
        assert!(holding(line)["64"].contains(&"7".to_owned()));
    }

    #[test]
    fn an_address_is_declared_by_itself_or_by_a_name() {
        let v4: IpAddr = "10.1.2.3".parse().unwrap();
        let any: IpAddr = "::".parse().unwrap();
        assert!(is_declared(v4, "localhost, 10.1.2.3"));
        assert!(is_declared(v4, "db.example.org"));
        assert!(!is_declared(v4, "localhost"));
        assert!(!is_declared(any, "db.example.org,10.1.2.3"));
        assert!(is_declared(any, "*"));
    }
}
