//! Which sources may open a connection: every packet that could be sent goes through the rules at once, as a set of
//! source addresses.

mod truth;

use std::collections::BTreeSet;

use super::model::{Base, Chain, Hook, Layer, Ports, Rule, Ruleset, Step, Table, Translation, Verdict};
use super::ranges::{Family, Ranges};
pub(super) use truth::is_named;

/// Rules that are followed for one decision at most; beyond, nothing is claimed.
const MOST_STEPS: usize = 2_000_000;
/// As deep as the kernel lets chains jump, and more.
const DEEPEST: usize = 64;

/// A first packet of a connection, as far as it is the same for all sources.
#[derive(Debug, Clone)]
pub(super) struct Packet {
    pub(super) family: Family,
    /// None when it may be any of the host's.
    pub(super) destination: Option<u128>,
    pub(super) port: u128,
    /// The interface that it comes in by; none when interfaces are not known. Never the loopback one.
    pub(super) interface: Option<String>,
    /// Interfaces without an address of their own: the packet may have come in through one of them before.
    pub(super) beneath: Vec<String>,
}

/// What rules do with such packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    /// Sources that surely get through.
    pub(super) allowed: Ranges,
    /// Sources that perhaps get through.
    pub(super) possible: Ranges,
    /// The rules that leave it open, with the sources for which they do.
    pub(super) doubts: Vec<(String, Ranges)>,
}

/// Sends the packets through all chains on their way to a local socket.
pub(super) fn decide(ruleset: &Ruleset, packet: &Packet) -> Decision {
    let all = Ranges::all(packet.family);
    let mut chains: Vec<(&Table, &str, &Chain, &Base)> = Vec::new();
    for table in &ruleset.tables {
        for (name, chain) in &table.chains {
            if let (Some(base), true) = (&chain.base, sees(table.layer, packet.family)) {
                chains.push((table, name, chain, base));
            }
        }
    }
    chains.sort_by_key(|(_, _, _, base)| (base.hook, base.priority));
    let mut walk = Walk {
        packet,
        dropped: Ranges::empty(),
        accepted: all.clone(),
        doubts: Vec::new(),
        marked: false,
        untracked: false,
        steps: 0,
    };
    for (table, name, chain, base) in chains {
        match passes(table, base, packet) {
            Passes::Surely => walk.base(table, name, chain, base),
            Passes::Perhaps => walk.perhaps(table, name, chain, base),
            Passes::Never => {}
        }
    }
    if walk.steps > MOST_STEPS {
        walk.doubts
            .push(("more rules than can be followed".to_owned(), all.clone()));
        walk.accepted = all.clone();
        walk.dropped = all.clone();
    }
    let open = walk.accepted.intersection(&walk.dropped);
    let doubts = walk.doubts.into_iter().filter_map(|(label, sources)| {
        let sources = sources.intersection(&open);
        (!sources.is_empty()).then_some((label, sources))
    });
    Decision {
        allowed: walk.accepted.minus(&walk.dropped),
        doubts: doubts.collect(),
        possible: walk.accepted,
    }
}

/// Rules that send packets for other addresses or ports to this one: another way in, which is not followed.
pub(super) fn other_ways(ruleset: &Ruleset, family: Family, own: &[u128], port: u128) -> Vec<String> {
    let reaches = |translation: &Translation| {
        let here = translation.local || translation.address.is_none_or(|address| own.contains(&address));
        let port = match translation.ports {
            // The packet has the port already; such a packet is followed as it is.
            Ports::Kept => false,
            Ports::Range(first, last) => first <= port && port <= last,
            Ports::Unknown => true,
        };
        here && port
    };
    let mut found = Vec::new();
    for table in ruleset.tables.iter().filter(|table| sees(table.layer, family)) {
        for rule in entered_before_routing(table).flat_map(|chain| &chain.rules) {
            for step in &rule.steps {
                if let Step::Translate(translation) = step
                    && reaches(translation)
                {
                    found.push(format!(
                        "{}: {} is another way to the port",
                        rule.label, translation.text
                    ));
                }
            }
        }
    }
    found
}

/// The chains that packets from elsewhere come to before it is decided whom they are for.
fn entered_before_routing(table: &Table) -> impl Iterator<Item = &Chain> {
    let is_first = |chain: &&Chain| chain.base.as_ref().is_some_and(|base| base.hook != Hook::Input);
    let mut open: Vec<&Chain> = table.chains.values().filter(is_first).collect();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut index = 0;
    while let Some(chain) = open.get(index) {
        index += 1;
        let targets = chain.rules.iter().flat_map(Rule::targets);
        let new: Vec<&str> = targets.filter(|target| seen.insert(target)).collect();
        open.extend(new.iter().filter_map(|target| table.chains.get(*target)));
    }
    open.into_iter()
}

fn sees(layer: Layer, family: Family) -> bool {
    match layer {
        Layer::Internet(of) => of == family,
        Layer::Both | Layer::Device | Layer::Bridge => true,
    }
}

enum Passes {
    Surely,
    Perhaps,
    Never,
}

/// Whether the packet comes by a chain.
fn passes(table: &Table, base: &Base, packet: &Packet) -> Passes {
    if table.layer == Layer::Bridge || !table.awake {
        return Passes::Perhaps;
    }
    if base.hook != Hook::Ingress {
        return Passes::Surely;
    }
    // nft 1.0.6 does not tell the interfaces of such a chain.
    if base.devices.is_empty() {
        return Passes::Perhaps;
    }
    match &packet.interface {
        Some(interface) if base.devices.contains(interface) => Passes::Surely,
        Some(_) if !base.devices.iter().any(|device| packet.beneath.contains(device)) => Passes::Never,
        _ => Passes::Perhaps,
    }
}

struct Walk<'a> {
    packet: &'a Packet,
    /// Sources whose packets may have been dropped.
    dropped: Ranges,
    /// Sources whose packets may have passed the chains so far.
    accepted: Ranges,
    doubts: Vec<(String, Ranges)>,
    marked: bool,
    untracked: bool,
    steps: usize,
}

impl Walk<'_> {
    fn base(&mut self, table: &Table, name: &str, chain: &Chain, base: &Base) {
        let entering = std::mem::take(&mut self.accepted);
        let undecided = self.chain(table, name, chain, entering, 0);
        if base.accept {
            self.accepted = self.accepted.union(&undecided);
        } else {
            self.dropped = self.dropped.union(&undecided);
        }
    }

    /// A chain that the packet may come by or not.
    fn perhaps(&mut self, table: &Table, name: &str, chain: &Chain, base: &Base) {
        let (before, dropped) = (self.accepted.clone(), self.dropped.clone());
        self.base(table, name, chain, base);
        let here = self.dropped.minus(&dropped).intersection(&before);
        if !here.is_empty() {
            self.doubts.push((format!("{} {name}", table.name), here));
        }
        self.accepted = before;
    }

    /// The sources whose packets may leave the chain without a verdict.
    fn chain(&mut self, table: &Table, name: &str, chain: &Chain, entering: Ranges, depth: usize) -> Ranges {
        let mut here = entering;
        let mut returned = Ranges::empty();
        if depth > DEEPEST {
            self.open(&format!("{} {name}", table.name), &here);
            return returned;
        }
        for rule in &chain.rules {
            if here.is_empty() {
                break;
            }
            here = self.rule(table, rule, here, &mut returned, depth);
        }
        here.union(&returned)
    }

    /// The sources whose packets may come to the next rule.
    fn rule(
        &mut self,
        table: &Table,
        rule: &Rule,
        here: Ranges,
        returned: &mut Ranges,
        depth: usize,
    ) -> Ranges {
        let mut matched = here;
        let mut next = Ranges::empty();
        for step in &rule.steps {
            self.steps += 1;
            if matched.is_empty() || self.steps > MOST_STEPS {
                break;
            }
            match step {
                Step::Test(test) => {
                    let truth = self.truth(test);
                    next = next.union(&matched.minus(&truth.yes));
                    matched = matched.intersection(&truth.possible);
                    self.doubt(&rule.label, matched.minus(&truth.yes));
                }
                Step::Unknown(what) => {
                    next = next.union(&matched);
                    self.doubt(&format!("{}: {what}", rule.label), matched.clone());
                }
                Step::Map(entries) => {
                    for (test, verdict) in entries {
                        let truth = self.truth(test);
                        let taken = matched.intersection(&truth.possible);
                        self.doubt(&rule.label, taken.minus(&truth.yes));
                        matched = matched.minus(&truth.yes);
                        next = next.union(&self.verdict(table, rule, verdict, taken, returned, depth));
                    }
                    next = next.union(&matched);
                    matched = Ranges::empty();
                }
                Step::Verdict(verdict) => {
                    let taken = std::mem::take(&mut matched);
                    next = next.union(&self.verdict(table, rule, verdict, taken, returned, depth));
                }
                Step::Mark => self.marked = true,
                Step::Untrack => self.untracked = true,
                Step::Elsewhere(what) | Step::Translate(Translation { text: what, .. }) => {
                    let taken = std::mem::take(&mut matched);
                    self.open(&format!("{}: {what}", rule.label), &taken);
                }
            }
        }
        next.union(&matched)
    }

    /// Applies a verdict; what comes back goes to the next rule.
    fn verdict(
        &mut self,
        table: &Table,
        rule: &Rule,
        verdict: &Verdict,
        taken: Ranges,
        returned: &mut Ranges,
        depth: usize,
    ) -> Ranges {
        if taken.is_empty() {
            return taken;
        }
        match verdict {
            Verdict::Accept => self.accepted = self.accepted.union(&taken),
            Verdict::Drop => self.dropped = self.dropped.union(&taken),
            Verdict::Return => *returned = returned.union(&taken),
            Verdict::Continue => return taken,
            Verdict::Jump(name) | Verdict::Goto(name) => {
                let Some(chain) = table.chains.get(name) else {
                    self.open(&format!("{}: the chain {name} is not there", rule.label), &taken);
                    return Ranges::empty();
                };
                let back = self.chain(table, name, chain, taken, depth + 1);
                if matches!(verdict, Verdict::Jump(_)) {
                    return back;
                }
                *returned = returned.union(&back);
            }
        }
        Ranges::empty()
    }

    /// Nobody knows what becomes of these.
    fn open(&mut self, label: &str, sources: &Ranges) {
        self.accepted = self.accepted.union(sources);
        self.dropped = self.dropped.union(sources);
        self.doubt(label, sources.clone());
    }

    fn doubt(&mut self, label: &str, sources: Ranges) {
        if !sources.is_empty() {
            self.doubts.push((label.to_owned(), sources));
        }
    }
}
