//! Which sources reach an address that the server listens on, over all interfaces.

use std::collections::BTreeMap;

use super::decide::{Decision, Packet, decide, is_named, other_ways};
use super::model::{Ruleset, Span, Step, Subject, Test};
use super::network::{Interface, Listener, Network};
use super::ranges::{Family, Ranges, bits};

/// Sources that reach one address.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    pub(super) allowed: Ranges,
    /// Those and the sources for which rules leave it open.
    pub(super) possible: Ranges,
    /// The rules that do.
    pub(super) undecided: Vec<String>,
    /// Everyone whose packets were followed.
    pub(super) senders: Ranges,
}

impl Reach {
    pub(super) fn nobody() -> Self {
        Self {
            allowed: Ranges::empty(),
            possible: Ranges::empty(),
            undecided: Vec::new(),
            senders: Ranges::empty(),
        }
    }

    /// Whether rules keep someone away.
    pub(super) fn is_filtered(&self, family: Family) -> bool {
        !self
            .senders
            .intersection(&others(family))
            .minus(&self.possible)
            .is_empty()
    }
}

/// Follows the packets to a listener, for each of the addresses that it may be reached by and each interface.
pub(super) fn reach(ruleset: &Ruleset, network: Option<&Network>, listener: &Listener) -> Reach {
    let family = Family::of(listener.address);
    if listener.address.is_loopback() {
        return Reach::nobody();
    }
    let mut deciding = Deciding::new(ruleset, network, listener);
    let own = bits(listener.address);
    let destinations: Vec<Option<u128>> = match (listener.address.is_unspecified(), network) {
        (false, _) => vec![Some(own)],
        (true, None) => vec![None],
        (true, Some(network)) => network.addresses(family).into_iter().map(Some).collect(),
    };
    let mut found = Reach::nobody();
    let mut doubts: Vec<(String, Ranges)> = Vec::new();
    for destination in &destinations {
        deciding.at(*destination, &mut found, &mut doubts);
    }
    let addresses: Vec<u128> = match (network, listener.address.is_unspecified()) {
        (Some(network), true) => network.addresses(family),
        _ => vec![own],
    };
    let ways = other_ways(ruleset, family, &addresses, u128::from(listener.port));
    if !ways.is_empty() && !destinations.is_empty() {
        found.possible = Ranges::all(family);
        doubts.extend(ways.into_iter().map(|way| (way, Ranges::all(family))));
    }
    let open = found.possible.minus(&found.allowed);
    for (label, sources) in doubts {
        // A rule with several matches that cannot be decided is named once.
        let known = found
            .undecided
            .iter()
            .any(|other| rule_of(other) == rule_of(&label));
        if !known && !sources.intersection(&open).is_empty() {
            found.undecided.push(label);
        }
    }
    found
}

fn rule_of(label: &str) -> &str {
    label.split(": ").next().unwrap_or(label)
}

struct Deciding<'a> {
    ruleset: &'a Ruleset,
    network: Option<&'a Network>,
    listener: &'a Listener,
    family: Family,
    /// Names and patterns of interfaces in rules: interfaces that are the same to all of them are treated alike.
    patterns: Vec<String>,
    by_destination: bool,
    known: BTreeMap<(Vec<bool>, Option<u128>), Decision>,
}

impl<'a> Deciding<'a> {
    fn new(ruleset: &'a Ruleset, network: Option<&'a Network>, listener: &'a Listener) -> Self {
        let mut patterns: Vec<String> = Vec::new();
        let mut by_destination = false;
        for table in &ruleset.tables {
            for chain in table.chains.values() {
                patterns.extend(chain.base.iter().flat_map(|base| base.devices.iter().cloned()));
                for test in chain.rules.iter().flat_map(|rule| &rule.steps).flat_map(tests) {
                    by_destination |= test
                        .subjects
                        .iter()
                        .any(|one| matches!(one, Subject::Destination(_)));
                    let spans = test.any_of.iter().flatten();
                    patterns.extend(spans.filter_map(|span| match span {
                        Span::Name(name) => Some(name.clone()),
                        _ => None,
                    }));
                }
            }
        }
        patterns.sort_unstable();
        patterns.dedup();
        Self {
            ruleset,
            network,
            listener,
            family: Family::of(listener.address),
            patterns,
            by_destination,
            known: BTreeMap::new(),
        }
    }

    /// Adds the sources that reach one address.
    fn at(&mut self, destination: Option<u128>, found: &mut Reach, doubts: &mut Vec<(String, Ranges)>) {
        // Nobody beyond the link sends to an address of the link.
        let link = Ranges::of_networks(Family::V6, &["fe80::/10"]);
        let on_link = destination.is_some_and(|address| {
            self.family == Family::V6
                && !link
                    .intersection(&Ranges::new(vec![(address, address)]))
                    .is_empty()
        });
        let senders = if on_link { link } else { Ranges::all(self.family) };
        let Some(network) = self.network else {
            let decision = self.decision(None, destination);
            take(&decision, &senders, found, doubts);
            return;
        };
        let entrances: Vec<&Interface> = network
            .entrances(self.family)
            .into_iter()
            .filter(|one| {
                self.listener
                    .interface
                    .as_ref()
                    .is_none_or(|name| *name == one.name)
            })
            .filter(|one| {
                !on_link
                    || one
                        .addresses
                        .iter()
                        .any(|(address, _)| Some(bits(*address)) == destination)
            })
            .collect();
        let mut everywhere: Option<Decision> = None;
        for interface in entrances {
            let decision = self.decision(Some(&interface.name), destination);
            let behind = network
                .behind(self.family, &interface.name)
                .intersection(&senders);
            take(&decision, &behind, found, doubts);
            everywhere = Some(match everywhere {
                None => decision,
                Some(so_far) => both(so_far, decision),
            });
        }
        // Sources without a route: what is let in by every interface counts.
        if let Some(decision) = everywhere {
            let rest = senders.minus(&network.routed(self.family));
            take(&decision, &rest, found, doubts);
        }
    }

    fn decision(&mut self, interface: Option<&str>, destination: Option<u128>) -> Decision {
        let alike = match interface {
            Some(name) => self
                .patterns
                .iter()
                .map(|pattern| is_named(name, pattern))
                .collect(),
            None => Vec::new(),
        };
        let key = (alike, destination.filter(|_| self.by_destination));
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let packet = Packet {
            family: self.family,
            destination,
            port: self.listener.port.into(),
            interface: interface.map(str::to_owned),
            beneath: self.network.map(Network::beneath).unwrap_or_default(),
        };
        let decision = decide(self.ruleset, &packet);
        self.known.insert(key, decision.clone());
        decision
    }
}

fn tests(step: &Step) -> Vec<&Test> {
    match step {
        Step::Test(test) => vec![test],
        Step::Map(entries) => entries.iter().map(|(test, _)| test).collect(),
        _ => Vec::new(),
    }
}

fn take(decision: &Decision, senders: &Ranges, found: &mut Reach, doubts: &mut Vec<(String, Ranges)>) {
    found.senders = found.senders.union(senders);
    found.allowed = found.allowed.union(&decision.allowed.intersection(senders));
    found.possible = found.possible.union(&decision.possible.intersection(senders));
    for (label, sources) in &decision.doubts {
        let sources = sources.intersection(senders);
        if !sources.is_empty() {
            doubts.push((label.clone(), sources));
        }
    }
}

fn both(left: Decision, right: Decision) -> Decision {
    Decision {
        allowed: left.allowed.intersection(&right.allowed),
        possible: left.possible.intersection(&right.possible),
        doubts: left.doubts.into_iter().chain(right.doubts).collect(),
    }
}

/// How far a set of sources reaches: `none`, `private`, `public`, or `all` when most public addresses are in it, so
/// that what is left out is no more than a list of the banned.
pub(super) fn extent(family: Family, sources: &Ranges) -> &'static str {
    let everyone = public(family);
    let outside = sources.intersection(&everyone);
    if outside.size() * 2.0 >= everyone.size() {
        "all"
    } else if !outside.is_empty() {
        "public"
    } else if !sources.intersection(&private(family)).is_empty() {
        "private"
    } else {
        "none"
    }
}

/// Addresses that anyone in the Internet may have.
pub(super) fn public(family: Family) -> Ranges {
    match family {
        Family::V4 => Ranges::all(family)
            .minus(&private(family))
            .minus(&Ranges::of_networks(
                family,
                // This network, loopback, protocol assignments, benchmarks, multicast, reserved
                &[
                    "0.0.0.0/8",
                    "127.0.0.0/8",
                    "192.0.0.0/24",
                    "198.18.0.0/15",
                    "224.0.0.0/3",
                ],
            )),
        Family::V6 => Ranges::of_networks(family, &["2000::/3"]),
    }
}

fn private(family: Family) -> Ranges {
    let networks: &[&str] = match family {
        // RFC 1918, RFC 6598 (shared address space), RFC 3927
        Family::V4 => &[
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "169.254.0.0/16",
        ],
        // RFC 4193, RFC 4291
        Family::V6 => &["fc00::/7", "fe80::/10"],
    };
    Ranges::of_networks(family, networks)
}

/// Sources that can be someone else's at all.
pub(super) fn others(family: Family) -> Ranges {
    public(family).union(&private(family))
}
