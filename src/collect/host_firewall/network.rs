//! The host's addresses, which networks lie behind which interface, and what the server listens on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

use super::ranges::{Family, Ranges, bits, network, parse_network};

/// Interfaces with addresses and routes.
#[derive(Debug, Default)]
pub(super) struct Network {
    pub(super) interfaces: Vec<Interface>,
    /// Sources whose answers leave by an interface; those without a name get none.
    routes: BTreeMap<(Family, String), Ranges>,
}

/// Routes of a table, with their interface, by the length of their prefix.
type ByLength = BTreeMap<u32, Vec<(Ranges, String)>>;

#[derive(Debug)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) loopback: bool,
    pub(super) addresses: Vec<(IpAddr, u32)>,
}

impl Network {
    /// From `ip -j addr` and `ip -j route` for both families; nothing when these programs did not answer.
    pub(super) fn parse(addresses: &str, routes: [&str; 2]) -> Option<Self> {
        let interfaces: Vec<Interface> = serde_json::from_str::<Value>(addresses)
            .ok()?
            .as_array()?
            .iter()
            .filter_map(interface)
            .collect();
        let mut network = Self {
            interfaces,
            routes: BTreeMap::new(),
        };
        for (family, text) in Family::BOTH.into_iter().zip(routes) {
            let routes: Value =
                serde_json::from_str(if text.trim().is_empty() { "[]" } else { text }).ok()?;
            network.take_routes(family, routes.as_array()?);
        }
        Some(network)
    }

    /// Of each table, the longest route that fits.
    fn take_routes(&mut self, family: Family, routes: &[Value]) {
        let mut tables: BTreeMap<&str, ByLength> = BTreeMap::new();
        for route in routes {
            let table = route.get("table").and_then(Value::as_str).unwrap_or("main");
            let Some((length, range)) = destination(family, route) else {
                continue;
            };
            let of_length = tables.entry(table).or_default().entry(length).or_default();
            of_length.extend(devices(route).into_iter().map(|device| (range.clone(), device)));
        }
        for lengths in tables.into_values() {
            let mut covered = Ranges::empty();
            for routes in lengths.into_values().rev() {
                let before = covered.clone();
                for (range, device) in routes {
                    covered = covered.union(&range);
                    let sources = self.routes.entry((family, device)).or_default();
                    *sources = sources.union(&range.minus(&before));
                }
            }
        }
    }

    /// The host's own addresses of a family that others can send to.
    pub(super) fn addresses(&self, family: Family) -> Vec<u128> {
        let all = self.interfaces.iter().flat_map(|interface| &interface.addresses);
        let others = all.filter(|(address, _)| Family::of(*address) == family && !address.is_loopback());
        let distinct: BTreeSet<u128> = others.map(|(address, _)| bits(*address)).collect();
        distinct.into_iter().collect()
    }

    /// The networks that the host is directly attached to, as `samenet` of HBA means them.
    pub(super) fn attached(&self, family: Family) -> Ranges {
        let all = self.interfaces.iter().flat_map(|interface| &interface.addresses);
        let of_family = all.filter(|(address, _)| Family::of(*address) == family);
        Ranges::new(
            of_family
                .filter_map(|(address, prefix)| network(*address, *prefix))
                .collect(),
        )
    }

    /// The sources that an interface answers, when it may be one that packets come in by.
    pub(super) fn behind(&self, family: Family, interface: &str) -> Ranges {
        let key = (family, interface.to_owned());
        self.routes.get(&key).cloned().unwrap_or_default()
    }

    /// The sources that are answered at all, or refused by a route.
    pub(super) fn routed(&self, family: Family) -> Ranges {
        let own = self.routes.iter().filter(|((of, _), _)| *of == family);
        own.fold(Ranges::empty(), |all, (_, sources)| all.union(sources))
    }

    /// Interfaces that packets of a family come in by.
    pub(super) fn entrances(&self, family: Family) -> Vec<&Interface> {
        let has_address = |interface: &&Interface| {
            interface
                .addresses
                .iter()
                .any(|(address, _)| Family::of(*address) == family)
                || !self.behind(family, &interface.name).is_empty()
        };
        self.interfaces
            .iter()
            .filter(|interface| !interface.loopback)
            .filter(has_address)
            .collect()
    }

    /// Interfaces without an address: others may lie above them.
    pub(super) fn beneath(&self) -> Vec<String> {
        let bare = self
            .interfaces
            .iter()
            .filter(|interface| interface.addresses.is_empty());
        bare.map(|interface| interface.name.clone()).collect()
    }
}

fn interface(value: &Value) -> Option<Interface> {
    let flags = value.get("flags").and_then(Value::as_array);
    let addresses = value.get("addr_info").and_then(Value::as_array);
    Some(Interface {
        name: value.get("ifname")?.as_str()?.to_owned(),
        loopback: flags.is_some_and(|flags| flags.iter().any(|flag| flag == "LOOPBACK")),
        addresses: addresses
            .into_iter()
            .flatten()
            .filter_map(|address| {
                let ip = address.get("local")?.as_str()?.parse().ok()?;
                let prefix = u32::try_from(address.get("prefixlen")?.as_u64()?).ok()?;
                Some((ip, prefix))
            })
            .collect(),
    })
}

/// The length and the addresses of a route to others.
fn destination(family: Family, route: &Value) -> Option<(u32, Ranges)> {
    let kind = route.get("type").and_then(Value::as_str).unwrap_or("unicast");
    if ["local", "broadcast", "multicast", "anycast", "nat"].contains(&kind) {
        return None;
    }
    let text = route.get("dst")?.as_str()?;
    if text == "default" {
        return Some((0, Ranges::all(family)));
    }
    let (of, first, last) = parse_network(text)?;
    let length = match text.split_once('/') {
        Some((_, length)) => length.parse().ok()?,
        None => family.width(),
    };
    (of == family).then(|| (length, Ranges::new(vec![(first, last)])))
}

/// The interfaces of a route; the empty name where it leads nowhere.
fn devices(route: &Value) -> Vec<String> {
    let name = |value: &Value| value.get("dev").and_then(Value::as_str).map(str::to_owned);
    let hops = route
        .get("nexthops")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let nowhere = ["blackhole", "unreachable", "prohibit", "throw"];
    match route.get("type").and_then(Value::as_str) {
        Some("throw") => Vec::new(),
        Some(kind) if nowhere.contains(&kind) => vec![String::new()],
        _ => name(route).into_iter().chain(hops.filter_map(name)).collect(),
    }
}

/// A TCP address that the server listens on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listener {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    /// The interface that a link-local address is of.
    pub(super) interface: Option<String>,
}

/// What a process listens on, from `ss -Hltnp`.
pub(super) fn listeners(output: &str, process: &str) -> Vec<Listener> {
    let own = format!("pid={process},");
    let lines = output.lines().filter(|line| line.contains(&own));
    let found: BTreeSet<Listener> = lines
        .filter_map(|line| line.split_whitespace().nth(3))
        .flat_map(listener)
        .collect();
    found.into_iter().collect()
}

/// `127.0.0.1:5432`, `[::]:5432`, `[fe80::1]%eth0:5432`, or `*:5432` for all addresses of both families.
fn listener(text: &str) -> Vec<Listener> {
    let Some((address, port)) = text.rsplit_once(':') else {
        return Vec::new();
    };
    let Ok(port) = port.parse() else { return Vec::new() };
    let (address, interface) = match address.split_once('%') {
        Some((address, interface)) => (address, Some(interface.trim_end_matches(']').to_owned())),
        None => (address, None),
    };
    let addresses = match address {
        "*" => vec!["0.0.0.0", "::"],
        address => vec![address.trim_start_matches('[').trim_end_matches(']')],
    };
    addresses
        .into_iter()
        .filter_map(|address| {
            Some(Listener {
                address: address.parse().ok()?,
                port,
                interface: interface.clone(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_ss_writes_them() {
        let output = "LISTEN 0 244 127.0.0.1:5432 0.0.0.0:* users:((\"postgres\",pid=12,fd=7))\n\
                      LISTEN 0 244 [::]:5432 [::]:* users:((\"postgres\",pid=12,fd=8))\n\
                      LISTEN 0 244 [fe80::1]%eth0:5432 [::]:* users:((\"postgres\",pid=12,fd=9))\n\
                      LISTEN 0 244 10.0.0.1:5433 0.0.0.0:* users:((\"postgres\",pid=123,fd=7))\n";
        let found = listeners(output, "12");
        let texts: Vec<String> = found
            .iter()
            .map(|one| format!("{} {} {:?}", one.address, one.port, one.interface))
            .collect();
        assert_eq!(
            texts,
            [
                "127.0.0.1 5432 None",
                ":: 5432 None",
                "fe80::1 5432 Some(\"eth0\")"
            ]
        );
        assert_eq!(listener("*:1").len(), 2);
    }

    #[test]
    fn the_longest_route_takes_a_source() {
        let addresses = r#"[{"ifname":"a","flags":["UP"],"addr_info":[{"local":"192.0.2.1","prefixlen":24}]},
                            {"ifname":"b","flags":["UP"],"addr_info":[{"local":"10.0.0.1","prefixlen":24}]}]"#;
        let routes = r#"[{"dst":"default","dev":"a"},{"dst":"192.0.2.0/24","dev":"a"},{"dst":"10.0.0.0/8","dev":"b"},
                         {"dst":"10.9.0.0/16","dev":"a"},{"type":"blackhole","dst":"10.8.0.0/16"}]"#;
        let network = Network::parse(addresses, [routes, ""]).unwrap();
        let b = network.behind(Family::V4, "b");
        let expected = Ranges::of_networks(Family::V4, &["10.0.0.0/8"])
            .minus(&Ranges::of_networks(Family::V4, &["10.8.0.0/15"]));
        assert_eq!(b, expected);
        assert_eq!(network.routed(Family::V4), Ranges::all(Family::V4));
        assert!(network.entrances(Family::V6).is_empty());
    }
}
