//! The networks that HBA lets in.

use serde_json::Value;

use super::network::Network;
use super::ranges::{Family, Ranges, parse_network};
use crate::evidence::Row;

/// Networks from which some rule admits someone.
#[derive(Debug, Default)]
pub(super) struct Admitted {
    ipv4: Ranges,
    ipv6: Ranges,
    /// Host names, which stand for addresses that are known only at each connection.
    pub(super) names: Vec<String>,
}

impl Admitted {
    pub(super) fn of(&self, family: Family) -> &Ranges {
        match family {
            Family::V4 => &self.ipv4,
            Family::V6 => &self.ipv6,
        }
    }

    /// From the rows of the collector `hba`.
    pub(super) fn new(rows: &[Row], network: Option<&Network>) -> Self {
        let mut admitted = Self::default();
        let mut refused = [Ranges::empty(), Ranges::empty()];
        for row in rows {
            let text = |column: &str| row.get(column).and_then(Value::as_str).unwrap_or_default();
            if !text("type").starts_with("host") || !row.get("error").is_none_or(Value::is_null) {
                continue;
            }
            let networks = match networks(text("address"), text("netmask"), network) {
                Networks::Of(networks) => networks,
                Networks::Name(name) => {
                    if text("auth_method") != "reject" && !admitted.names.contains(&name) {
                        admitted.names.push(name);
                    }
                    continue;
                }
            };
            let replication = row.get("replication").is_some_and(|value| value == true);
            for ((own, refused), networks) in [&mut admitted.ipv4, &mut admitted.ipv6]
                .into_iter()
                .zip(&mut refused)
                .zip(networks)
            {
                if text("auth_method") != "reject" {
                    // `all` of a refusal does not mean replication.
                    let rest = if replication {
                        networks
                    } else {
                        networks.minus(refused)
                    };
                    *own = own.union(&rest);
                } else if refuses_everyone(row) {
                    *refused = refused.union(&networks);
                }
            }
        }
        admitted
    }
}

fn refuses_everyone(row: &Row) -> bool {
    let is_all = |column: &str| {
        row.get(column)
            .and_then(Value::as_array)
            .is_some_and(|tokens| tokens.len() == 1 && tokens.iter().all(|token| token == "all"))
    };
    let keyword = row.get("ambiguous").is_none_or(|ambiguous| ambiguous == false);
    is_all("databases") && is_all("users") && keyword && row.get("type").is_some_and(|kind| kind == "host")
}

enum Networks {
    Of([Ranges; 2]),
    Name(String),
}

/// The addresses of a rule, IPv4 and IPv6.
fn networks(address: &str, netmask: &str, network: Option<&Network>) -> Networks {
    let none = || [Ranges::empty(), Ranges::empty()];
    match address {
        "all" => return Networks::Of(Family::BOTH.map(Ranges::all)),
        "samehost" | "localhost" | "" => return Networks::Of(none()),
        "samenet" => {
            return match network {
                Some(network) => Networks::Of(Family::BOTH.map(|family| network.attached(family))),
                None => Networks::Name("samenet".to_owned()),
            };
        }
        _ => {}
    }
    let bare = |text: &str| text.split('%').next().unwrap_or(text).to_owned();
    let text = match netmask {
        "" => bare(address),
        mask => format!("{}/{}", bare(address), bare(mask)),
    };
    match parse_network(&text) {
        Some((Family::V4, first, last)) => Networks::Of([Ranges::new(vec![(first, last)]), Ranges::empty()]),
        Some((Family::V6, first, last)) => Networks::Of([Ranges::empty(), Ranges::new(vec![(first, last)])]),
        // A name, or a mask that is no prefix.
        None => Networks::Name(text),
    }
}
