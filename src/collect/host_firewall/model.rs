//! Packet rules of any origin in one shape.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ranges::Family;

/// All rules of a host.
#[derive(Debug, Default)]
pub(super) struct Ruleset {
    pub(super) tables: Vec<Table>,
}

/// Chains that may jump to each other.
#[derive(Debug)]
pub(super) struct Table {
    /// As messages name it: `inet filter`.
    pub(super) name: String,
    pub(super) layer: Layer,
    pub(super) origin: Origin,
    /// Whether it surely works: some versions of nft do not say that a table is dormant.
    pub(super) awake: bool,
    pub(super) chains: BTreeMap<String, Chain>,
}

/// Which packets a table sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    Internet(Family),
    Both,
    Device,
    Bridge,
}

/// Who wrote a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    Nft,
    Iptables,
    Legacy,
}

impl Origin {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::Iptables => "iptables",
            Self::Legacy => "iptables-legacy",
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Chain {
    /// Where packets enter it by themselves.
    pub(super) base: Option<Base>,
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
pub(super) struct Base {
    pub(super) hook: Hook,
    pub(super) priority: i64,
    /// Whether it only chooses addresses.
    pub(super) nat: bool,
    /// Whether a packet that no rule decides goes on.
    pub(super) accept: bool,
    /// The interfaces of a chain at ingress.
    pub(super) devices: Vec<String>,
}

/// The ways of a packet to a local socket, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hook {
    Ingress,
    Prerouting,
    Input,
}

#[derive(Debug)]
pub(super) struct Rule {
    /// As messages name it: `inet filter input handle 4`.
    pub(super) label: String,
    pub(super) steps: Vec<Step>,
}

impl Rule {
    /// The chains that it may send packets to.
    pub(super) fn targets(&self) -> impl Iterator<Item = &str> {
        let verdicts = self.steps.iter().flat_map(|step| match step {
            Step::Verdict(verdict) => vec![verdict],
            Step::Map(entries) => entries.iter().map(|(_, verdict)| verdict).collect(),
            _ => Vec::new(),
        });
        verdicts.filter_map(|verdict| match verdict {
            Verdict::Jump(name) | Verdict::Goto(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

/// A rule goes from step to step as long as it matches.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Test(Test),
    /// A match that rules alone do not decide: a rate, a time, a program.
    Unknown(String),
    /// Tests with a verdict each; where none holds, the rule ends.
    Map(Vec<(Test, Verdict)>),
    Verdict(Verdict),
    /// The packet gets another mark.
    Mark,
    /// The packet's connection is not followed.
    Untrack,
    /// What becomes of the packet is decided elsewhere: another address, another program.
    Elsewhere(String),
    /// A new address for the packet. Without a port it keeps its own.
    Translate(Translation),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Translation {
    pub(super) text: String,
    /// The address, when it is known to be one.
    pub(super) address: Option<u128>,
    /// Whether it is this host whatever the address.
    pub(super) local: bool,
    pub(super) ports: Ports,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ports {
    Kept,
    Range(u128, u128),
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Drop,
    Return,
    Continue,
    Jump(String),
    Goto(String),
}

/// Whether the subjects have one of the listed values.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub(super) subjects: Vec<Subject>,
    /// Each alternative has a span for each subject.
    pub(super) any_of: Arc<Vec<Vec<Span>>>,
    pub(super) negated: bool,
    /// Rules change the list while packets pass.
    pub(super) changing: bool,
}

impl Test {
    pub(super) fn one(subject: Subject, spans: Vec<Span>, negated: bool) -> Self {
        Self {
            subjects: vec![subject],
            any_of: Arc::new(spans.into_iter().map(|span| vec![span]).collect()),
            negated,
            changing: false,
        }
    }
}

/// A property of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    Source(Family),
    Destination(Family),
    SourcePort,
    DestinationPort,
    Protocol,
    /// The same, of packets of one family only.
    ProtocolOf(Family),
    Family,
    Interface,
    /// Of the connection; see [`state`].
    State,
    /// Bits of the connection's status; none is set on a first packet that was not translated.
    Status,
    Direction,
    Mark {
        mask: u128,
    },
    TcpFlags {
        mask: u128,
    },
    /// See [`address_type`].
    DestinationType,
    SourceType,
    /// See [`packet_type`].
    PacketType,
    /// Whether answers would leave by the interface that the packet came in by (1), as those to genuine senders do.
    WayBack,
    /// Whether an extension header is there (1).
    Extension,
    /// What such a packet does not have; a rule about it never matches.
    Foreign,
    /// What cannot be known beforehand.
    Unknown(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Span {
    Number(u128, u128),
    /// A name; with `*` at its end all that begin so.
    Name(String),
    Any,
    Unknown,
}

impl Span {
    pub(super) fn just(number: u128) -> Self {
        Self::Number(number, number)
    }
}

/// The number of a connection's state.
pub(super) fn state(name: &str) -> Option<u128> {
    Some(match name.to_ascii_lowercase().as_str() {
        "invalid" => 1,
        "established" => 2,
        "related" => 4,
        "new" => 8,
        "untracked" => 64,
        _ => return None,
    })
}

/// The bit of a connection's status.
pub(super) fn status(name: &str) -> Option<u128> {
    Some(match name.to_ascii_lowercase().as_str() {
        "expected" => 1,
        "seen-reply" | "seen_reply" => 2,
        "assured" => 4,
        "confirmed" => 8,
        "snat" => 16,
        "dnat" => 32,
        "dying" => 512,
        _ => return None,
    })
}

/// The number of an address's type.
pub(super) fn address_type(name: &str) -> Option<u128> {
    Some(match name.to_ascii_lowercase().as_str() {
        "unspec" => 0,
        "unicast" => 1,
        "local" => 2,
        "broadcast" => 3,
        "anycast" => 4,
        "multicast" => 5,
        "blackhole" => 6,
        "unreachable" => 7,
        "prohibit" => 8,
        _ => return None,
    })
}

/// The number of a packet's type.
pub(super) fn packet_type(name: &str) -> Option<u128> {
    Some(match name.to_ascii_lowercase().as_str() {
        "host" | "unicast" => 0,
        "broadcast" => 1,
        "multicast" => 2,
        "other" | "otherhost" => 3,
        _ => return None,
    })
}

/// The bit of a TCP flag.
pub(super) fn tcp_flag(name: &str) -> Option<u128> {
    Some(match name.to_ascii_lowercase().as_str() {
        "fin" => 1,
        "syn" => 2,
        "rst" => 4,
        "psh" => 8,
        "ack" => 16,
        "urg" => 32,
        "ecn" => 64,
        "cwr" => 128,
        _ => return None,
    })
}

/// The number of a transport protocol.
pub(super) fn protocol(name: &str) -> Option<u128> {
    if let Ok(number) = name.parse::<u8>() {
        return Some(number.into());
    }
    Some(match name.to_ascii_lowercase().as_str() {
        "ip" => 0,
        "icmp" => 1,
        "igmp" => 2,
        "tcp" => 6,
        "udp" => 17,
        "dccp" => 33,
        "ipv6" => 41,
        "gre" => 47,
        "esp" => 50,
        "ah" => 51,
        "icmpv6" | "ipv6-icmp" => 58,
        "ospf" => 89,
        "vrrp" => 112,
        "sctp" => 132,
        "mh" | "mobility-header" => 135,
        "udplite" => 136,
        _ => return None,
    })
}
