//! The options of a rule of iptables, and what they match.

use std::net::IpAddr;

use super::super::model::{
    Span, Step, Subject, Test, address_type, packet_type, protocol, state, status, tcp_flag,
};
use super::super::ranges::{Family, bits, parse_network};

/// An option with its values, such as `! --dports 22,5432`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Option<'a> {
    pub(super) negated: bool,
    pub(super) name: &'a str,
    pub(super) values: Vec<&'a str>,
}

impl Option<'_> {
    pub(super) fn value(&self) -> &str {
        self.values.first().copied().unwrap_or_default()
    }
}

/// A rule's options. Values never begin with a hyphen, but for a comment's text and prefixes of logs.
pub(super) fn given<'a>(words: &[&'a str]) -> Vec<Option<'a>> {
    let mut options: Vec<Option<'a>> = Vec::new();
    let mut negated = false;
    let mut free = false;
    for word in words {
        let fresh = word.starts_with('-') && word.len() > 1 && !word.starts_with("-1") && !free;
        if *word == "!" && !free {
            negated = true;
        } else if fresh {
            options.push(Option {
                negated,
                name: word,
                values: Vec::new(),
            });
            negated = false;
            free = [
                "--comment",
                "--log-prefix",
                "--nflog-prefix",
                "--ulog-prefix",
                "--name",
                "--string",
            ]
            .contains(word);
        } else {
            // The old way of writing a negation stands after the name.
            if let Some(option) = options.last_mut() {
                option.negated |= negated;
                option.values.push(word);
            }
            (negated, free) = (false, false);
        }
    }
    options
}

/// What an option before the target says of the packet; nothing when it says nothing.
pub(super) fn step(option: &Option<'_>, family: Family) -> std::option::Option<Step> {
    let one = |subject, spans| Some(Step::Test(Test::one(subject, spans, option.negated)));
    let value = option.value();
    let words = || value.split(',');
    let by = |subject: Subject, number: fn(&str) -> std::option::Option<u128>| {
        let spans = words()
            .map(|word| number(word).map_or(Span::Unknown, Span::just))
            .collect();
        Some(Step::Test(Test::one(subject, spans, option.negated)))
    };
    match option.name {
        // Modules say nothing by themselves, their options do; these ask without an option, or ask what is not known.
        "-m" | "--match" => match value {
            // A plain packet has none of these headers, so that no rule about one matches.
            "rt" | "hbh" | "dst" | "frag" | "ah" | "esp" | "mh" => {
                Some(Step::Test(Test::one(Subject::Foreign, vec![Span::Any], false)))
            }
            "socket" | "osf" | "bpf" | "u32" | "time" | "statistic" | "ipvs" | "policy" | "ipv6header"
            | "eui64" | "cluster" | "connlabel" | "nfacct" | "cgroup" | "helper" | "ecn" | "realm"
            | "rateest" => Some(Step::Unknown(format!("the match {value}"))),
            _ => None,
        },
        "--comment" | "--icmp-type" | "--icmpv6-type" | "-4" | "-6" => None,
        "-p" | "--protocol" | "--proto" => match value {
            "all" | "0" => None,
            _ => by(Subject::Protocol, protocol),
        },
        "-s" | "--source" | "--src" => one(Subject::Source(family), addresses(value, family)),
        "-d" | "--destination" | "--dst" => one(Subject::Destination(family), addresses(value, family)),
        "--src-range" => one(Subject::Source(family), vec![address_range(value)]),
        "--dst-range" => one(Subject::Destination(family), vec![address_range(value)]),
        "-i" | "--in-interface" => one(Subject::Interface, vec![interface(value)]),
        "--sport" | "--source-port" | "--sports" | "--source-ports" => one(Subject::SourcePort, ports(value)),
        "--dport" | "--destination-port" | "--dports" | "--destination-ports" => {
            one(Subject::DestinationPort, ports(value))
        }
        "--ctstate" | "--state" => states(option),
        "--ctstatus" => match value {
            "NONE" => one(Subject::Status, vec![Span::just(0)]),
            _ => by(Subject::Status, status),
        },
        "--ctdir" => one(
            Subject::Direction,
            vec![Span::just(u128::from(value != "ORIGINAL"))],
        ),
        "--syn" => Some(Step::Test(Test::one(
            Subject::TcpFlags { mask: 1 | 2 | 4 | 16 },
            vec![Span::just(2)],
            option.negated,
        ))),
        "--tcp-flags" => flags(option),
        "--mark" => mark(option),
        "--src-type" => by(Subject::SourceType, address_type),
        "--dst-type" => by(Subject::DestinationType, address_type),
        "--pkt-type" => by(Subject::PacketType, packet_type),
        // Later fragments have no ports, and a connection's first packet is whole.
        "-f" | "--fragment" => one(Subject::Family, vec![Span::just(0)]),
        "--loose" | "--validmark" | "--accept-local" | "--invert" => None,
        name => Some(Step::Unknown(format!("{name} {}", option.values.join(" ")))),
    }
}

/// The connection's state; SNAT and DNAT stand among the states.
fn states(option: &Option<'_>) -> std::option::Option<Step> {
    let (translated, states): (Vec<&str>, Vec<&str>) = option
        .value()
        .split(',')
        .partition(|word| ["SNAT", "DNAT"].contains(word));
    let mut spans: Vec<Span> = states
        .into_iter()
        .map(|word| state(word).map_or(Span::Unknown, Span::just))
        .collect();
    if !translated.is_empty() {
        // No packet that is followed here was translated.
        spans.push(Span::just(1 << 20));
    }
    Some(Step::Test(Test::one(Subject::State, spans, option.negated)))
}

fn flags(option: &Option<'_>) -> std::option::Option<Step> {
    let bits = |text: &str| match text {
        "NONE" => Some(0),
        "ALL" => Some(0x3f),
        _ => text
            .split(',')
            .try_fold(0, |all, flag| Some(all | tcp_flag(flag)?)),
    };
    let parsed = match option.values.as_slice() {
        [mask, set] => bits(mask).zip(bits(set)),
        _ => None,
    };
    Some(match parsed {
        Some((mask, set)) => Step::Test(Test::one(
            Subject::TcpFlags { mask },
            vec![Span::just(set)],
            option.negated,
        )),
        None => Step::Unknown("--tcp-flags".to_owned()),
    })
}

fn mark(option: &Option<'_>) -> std::option::Option<Step> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let (value, mask) = option
        .value()
        .split_once('/')
        .unwrap_or((option.value(), "0xffffffff"));
    Some(match number(value).zip(number(mask)) {
        Some((value, mask)) => Step::Test(Test::one(
            Subject::Mark { mask },
            vec![Span::just(value)],
            option.negated,
        )),
        None => Step::Unknown("--mark".to_owned()),
    })
}

fn addresses(text: &str, family: Family) -> Vec<Span> {
    text.split(',')
        .map(|one| match parse_network(one) {
            Some((of, first, last)) if of == family => Span::Number(first, last),
            _ => Span::Unknown,
        })
        .collect()
}

fn address_range(text: &str) -> Span {
    let ends = text
        .split_once('-')
        .and_then(|(first, last)| first.parse::<IpAddr>().ok().zip(last.parse::<IpAddr>().ok()));
    ends.map_or(Span::Unknown, |(first, last)| {
        Span::Number(bits(first), bits(last))
    })
}

/// `eth+` means all whose names begin so.
fn interface(name: &str) -> Span {
    Span::Name(match name.strip_suffix('+') {
        Some(beginning) => format!("{beginning}*"),
        None => name.to_owned(),
    })
}

fn ports(text: &str) -> Vec<Span> {
    let number = |text: &str, open| match text {
        "" => Some(open),
        text => text.parse().ok(),
    };
    text.split(',')
        .map(|one| {
            let (first, last) = one.split_once(':').unwrap_or((one, one));
            match number(first, 0).zip(number(last, 65535)) {
                Some((first, last)) => Span::Number(first, last),
                None => Span::Unknown,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_their_values_and_negations() {
        let words = [
            "!",
            "-s",
            "10.0.0.0/8",
            "-m",
            "tcp",
            "--tcp-flags",
            "SYN,ACK",
            "SYN",
            "--comment",
            "-j DROP",
            "-j",
            "X",
        ];
        let options = given(&words);
        let names: Vec<&str> = options.iter().map(|option| option.name).collect();
        assert_eq!(names, ["-s", "-m", "--tcp-flags", "--comment", "-j"]);
        assert!(options[0].negated && !options[1].negated);
        assert_eq!(options[2].values, ["SYN,ACK", "SYN"]);
        assert_eq!(options[3].values, ["-j DROP"]);
    }
}
