//! `host-firewall`: which sources the host's packet filter lets open a connection to each address of the server.

mod admitted;
mod decide;
mod iptables;
mod model;
mod network;
mod nft;
mod ranges;
mod reach;
mod seen;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::admitted::Admitted;
use self::model::{Hook, Layer, Ruleset};
use self::network::Listener;
use self::ranges::{Family, Ranges};
use self::reach::{Reach, extent, others, public, reach};
use self::seen::Seen;
use super::host::HostView;
use super::{Collector, Deriving, names, no_arguments};
use crate::control::Catalog;
use crate::evidence::{Evidence, Requirement, Row, Table};
use crate::host::Invocation;

/// The collector.
pub(super) struct HostFirewall;

const COLUMNS: &[&str] = &[
    "address",
    "port",
    "family",
    "firewall",
    "manager",
    "policy",
    "filtered",
    "reach",
    "allowed",
    "public",
    "undecided",
    "ipv4_filtered",
    "ipv4_reach",
    "hba_networks",
    "wider_than_hba",
    "hba_wider",
];
/// What a rule that cannot be decided makes unbelievable.
const BY_RULES: &[&str] = &[
    "filtered",
    "reach",
    "allowed",
    "public",
    "ipv4_filtered",
    "ipv4_reach",
    "wider_than_hba",
    "hba_wider",
];
const BY_HBA: &[&str] = &["hba_networks", "wider_than_hba", "hba_wider"];
const HBA: &str = "hba";
/// Networks that a column lists at most: a list of the banned would make tens of thousands of the rest.
const MOST_NETWORKS: usize = 1000;

impl Collector for HostFirewall {
    fn name(&self) -> &'static str {
        "host-firewall"
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
        seen::commands(host)
    }

    fn inputs(&self) -> &'static [&'static str] {
        &[HBA]
    }

    fn compared_columns(&self) -> &'static [&'static str] {
        BY_HBA
    }

    fn lacking(&self, raw: &BTreeMap<String, Table>) -> Vec<Requirement> {
        let Ok(host) = HostView::read(raw) else {
            return Vec::new();
        };
        let seen = Seen::new(&host);
        if !seen.missing.is_empty() {
            return seen.missing;
        }
        let judged = Judged::all(&seen);
        let open: BTreeSet<String> = judged.into_iter().flat_map(|one| one.reach.undecided).collect();
        open.into_iter()
            .map(|rule| Requirement {
                need: format!("what this rule does, which its text alone does not decide ({rule})"),
                remedy: format!(
                    "try the port from outside and attest to it, or state the rule by addresses, ports and interfaces ({rule})"
                ),
                held: false,
                columns: names(BY_RULES),
            })
            .collect()
    }

    fn lacking_in_inputs(
        &self,
        raw: &BTreeMap<String, Table>,
        inputs: &BTreeMap<String, Evidence>,
    ) -> Vec<Requirement> {
        let (Ok(host), Some(hba)) = (HostView::read(raw), inputs.get(HBA)) else {
            return Vec::new();
        };
        let seen = Seen::new(&host);
        let admitted = Admitted::new(&hba.table.rows, seen.network.as_ref());
        let remote = seen
            .listeners
            .iter()
            .any(|listener| !listener.address.is_loopback());
        if admitted.names.is_empty() || !remote {
            return Vec::new();
        }
        vec![Requirement {
            need: format!(
                "the networks that names in pg_hba.conf stand for ({})",
                admitted.names.join(", ")
            ),
            remedy: "write addresses with prefixes instead of names in pg_hba.conf".to_owned(),
            held: false,
            columns: names(BY_HBA),
        }]
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, context: &Deriving<'_>) -> Result<Table, String> {
        let seen = Seen::new(&HostView::read(raw)?);
        if !seen.missing.is_empty() {
            return Err("the packet filter's rules could not be read".to_owned());
        }
        let admitted = context
            .inputs
            .get(HBA)
            .filter(|hba| hba.provenance.failure.is_none() && hba.provenance.visibility.complete)
            .map(|hba| Admitted::new(&hba.table.rows, seen.network.as_ref()));
        let judged = Judged::all(&seen);
        let widest = Widest::of(&judged);
        let rows = judged
            .iter()
            .map(|one| one.row(&seen, &widest, admitted.as_ref()))
            .collect();
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

/// A listener with what reaches it.
struct Judged<'a> {
    listener: &'a Listener,
    family: Family,
    reach: Reach,
    extent: &'static str,
    filtered: bool,
}

/// What IPv4 is filtered to, for comparing IPv6 with it.
struct Widest {
    filtered: Option<bool>,
    extent: Option<&'static str>,
}

impl<'a> Judged<'a> {
    fn all(seen: &'a Seen) -> Vec<Self> {
        let judge = |listener: &'a Listener| {
            let family = Family::of(listener.address);
            let reach = reach(&seen.ruleset, seen.network.as_ref(), listener);
            let (surely, perhaps) = (extent(family, &reach.allowed), extent(family, &reach.possible));
            Self {
                listener,
                family,
                extent: if surely == perhaps { surely } else { "undecided" },
                filtered: reach.is_filtered(family),
                reach,
            }
        };
        seen.listeners.iter().map(judge).collect()
    }

    fn row(&self, seen: &Seen, widest: &Widest, admitted: Option<&Admitted>) -> Row {
        let (family, allowed) = (self.family, &self.reach.allowed);
        // Addresses that nobody can have are named only where they belong to a larger network.
        let list = |sources: Ranges| {
            let nobody = sources.intersection(&others(family)).is_empty();
            shortened(if nobody {
                Vec::new()
            } else {
                sources.networks(family)
            })
        };
        let all = *allowed == Ranges::all(family);
        let public = if all {
            allowed.clone()
        } else {
            allowed.intersection(&public(family))
        };
        let about = (!self.listener.address.is_loopback()).then(|| About::new(&seen.ruleset, family));
        let hba = admitted.map(|admitted| admitted.of(family));
        let row = json!({
            "address": self.listener.address.to_string(),
            "port": self.listener.port,
            "family": family.name(),
            "firewall": about.as_ref().map(|about| about.origins.clone()),
            "manager": about.as_ref().and_then(|about| about.manager),
            "policy": about.as_ref().and_then(|about| about.policy),
            "filtered": self.filtered,
            "reach": self.extent,
            "allowed": shortened(allowed.networks(family)),
            "public": list(public),
            "undecided": self.reach.undecided,
            "ipv4_filtered": widest.filtered,
            "ipv4_reach": widest.extent,
            "hba_networks": hba.map(|networks| shortened(networks.networks(family))),
            "wider_than_hba": hba.map(|networks| list(allowed.minus(networks))),
            "hba_wider": hba.map(|networks| list(networks.minus(&self.reach.possible))),
        });
        row.as_object().cloned().unwrap_or_default()
    }
}

impl Widest {
    fn of(judged: &[Judged<'_>]) -> Self {
        let order = ["none", "private", "undecided", "public", "all"];
        let v4: Vec<&Judged<'_>> = judged
            .iter()
            .filter(|one| one.family == Family::V4 && !one.listener.address.is_loopback())
            .collect();
        Self {
            filtered: (!v4.is_empty()).then(|| v4.iter().all(|one| one.filtered)),
            extent: v4
                .iter()
                .map(|one| one.extent)
                .max_by_key(|extent| order.iter().position(|known| known == extent)),
        }
    }
}

fn shortened(mut networks: Vec<String>) -> Vec<String> {
    if networks.len() > MOST_NETWORKS {
        let more = networks.len() - MOST_NETWORKS;
        networks.truncate(MOST_NETWORKS);
        networks.push(format!("and {more} more"));
    }
    networks
}

/// The packet filter of a family in words.
struct About {
    origins: String,
    manager: Option<&'static str>,
    policy: Option<&'static str>,
}

impl About {
    fn new(ruleset: &Ruleset, family: Family) -> Self {
        let tables: Vec<_> = ruleset
            .tables
            .iter()
            .filter(|table| {
                table.layer
                    != Layer::Internet(match family {
                        Family::V4 => Family::V6,
                        Family::V6 => Family::V4,
                    })
            })
            .collect();
        let mut origins = BTreeSet::new();
        let mut policies = BTreeSet::new();
        let mut manager = None;
        for table in &tables {
            for (name, chain) in &table.chains {
                manager = manager.or(match name.as_str() {
                    name if name.starts_with("ufw-") || name.starts_with("ufw6-") => Some("ufw"),
                    "INPUT_ZONES" | "filter_INPUT_ZONES" => Some("firewalld"),
                    _ => None,
                });
                let Some(base) = chain.base.as_ref().filter(|base| !base.nat) else {
                    continue;
                };
                if base.hook == Hook::Input {
                    policies.insert(base.accept);
                }
                if !base.accept || !chain.rules.is_empty() {
                    origins.insert(table.origin);
                }
            }
        }
        let origins: Vec<&str> = origins.into_iter().map(model::Origin::name).collect();
        Self {
            origins: if origins.is_empty() {
                "none".to_owned()
            } else {
                origins.join(" and ")
            },
            manager,
            policy: policies
                .first()
                .map(|accept| if *accept { "accept" } else { "drop" }),
        }
    }
}
