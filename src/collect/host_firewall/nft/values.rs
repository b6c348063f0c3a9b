//! What a rule of nft looks at, and the values that it compares with.

use std::net::IpAddr;

use serde_json::Value;

use super::super::model::{
    Span, Subject, Verdict, address_type, packet_type, protocol, state, status, tcp_flag,
};
use super::super::ranges::{Family, bits, mask_length, network};

/// The subject of an expression, or the several of a concatenation.
pub(super) fn subjects(expression: &Value) -> Vec<Subject> {
    match expression.get("concat").and_then(Value::as_array) {
        Some(parts) => parts.iter().map(subject).collect(),
        None => vec![subject(expression)],
    }
}

fn subject(expression: &Value) -> Subject {
    let unknown = || Subject::Unknown(short(expression));
    let Some((kind, body)) = expression.as_object().and_then(|fields| fields.iter().next()) else {
        return unknown();
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    match kind.as_str() {
        "payload" => payload(text("protocol"), text("field")).unwrap_or_else(unknown),
        "meta" => match text("key") {
            "l4proto" => Subject::Protocol,
            "nfproto" | "protocol" => Subject::Family,
            "iif" | "iifname" => Subject::Interface,
            "mark" => Subject::Mark { mask: u128::MAX },
            "pkttype" => Subject::PacketType,
            _ => unknown(),
        },
        "ct" => match (text("key"), text("dir")) {
            ("state", "") => Subject::State,
            ("status", "") => Subject::Status,
            ("direction", "") => Subject::Direction,
            ("mark", "") => Subject::Mark { mask: u128::MAX },
            // Of the first packet, and no translation has touched it.
            ("saddr" | "ip saddr", "original") if text("family") != "ip6" => Subject::Source(Family::V4),
            ("ip6 saddr", "original") => Subject::Source(Family::V6),
            _ => unknown(),
        },
        "exthdr" if body.get("field").is_none() => Subject::Extension,
        "exthdr" => Subject::Foreign,
        "fib" => fib(body).unwrap_or_else(unknown),
        "&" => match body.as_array().map(Vec::as_slice) {
            Some([inner, mask]) => masked(subject(inner), mask).unwrap_or_else(unknown),
            _ => unknown(),
        },
        _ => unknown(),
    }
}

fn payload(protocol: &str, field: &str) -> Option<Subject> {
    Some(match (protocol, field) {
        ("ip", "saddr") => Subject::Source(Family::V4),
        ("ip6", "saddr") => Subject::Source(Family::V6),
        ("ip", "daddr") => Subject::Destination(Family::V4),
        ("ip6", "daddr") => Subject::Destination(Family::V6),
        ("ip", "protocol") => Subject::ProtocolOf(Family::V4),
        ("ip6", "nexthdr") => Subject::ProtocolOf(Family::V6),
        ("tcp" | "th", "sport") => Subject::SourcePort,
        ("tcp" | "th", "dport") => Subject::DestinationPort,
        ("tcp", "flags") => Subject::TcpFlags { mask: u128::MAX },
        (
            "udp" | "udplite" | "sctp" | "dccp" | "icmp" | "icmpv6" | "igmp" | "esp" | "ah" | "comp" | "arp",
            _,
        ) => Subject::Foreign,
        _ => return None,
    })
}

fn fib(body: &Value) -> Option<Subject> {
    let flags: Vec<&str> = match body.get("flags")? {
        Value::String(flag) => vec![flag],
        Value::Array(flags) => flags.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    match (body.get("result")?.as_str()?, flags.as_slice()) {
        ("type", ["daddr"]) => Some(Subject::DestinationType),
        ("type", ["saddr"]) => Some(Subject::SourceType),
        ("oif" | "oifname", flags) if flags.contains(&"saddr") && flags.contains(&"iif") => {
            Some(Subject::WayBack)
        }
        _ => None,
    }
}

/// Some bits of a subject.
fn masked(subject: Subject, mask: &Value) -> Option<Subject> {
    match subject {
        Subject::TcpFlags { .. } => Some(Subject::TcpFlags { mask: flags(mask)? }),
        Subject::Mark { .. } => Some(Subject::Mark {
            mask: mask.as_u64()?.into(),
        }),
        _ => None,
    }
}

/// TCP flags as bits.
pub(super) fn flags(value: &Value) -> Option<u128> {
    match value {
        Value::Number(number) => number.as_u64().map(u128::from),
        Value::String(name) => tcp_flag(name),
        Value::Array(list) => list.iter().map(flags).try_fold(0, |all, flag| Some(all | flag?)),
        Value::Object(fields) => flags(fields.get("|")?),
        _ => None,
    }
}

/// The members of a set that stands in the rule; a value is a set of its own.
pub(super) fn members(right: &Value) -> Vec<&Value> {
    match (right.get("set").or_else(|| right.get("|")), right) {
        (Some(Value::Array(members)), _) => members.iter().collect(),
        (Some(member), _) => vec![member],
        (None, Value::Array(list)) => list.iter().collect(),
        (None, value) => vec![value],
    }
}

/// All spans that the right side of a match lists.
pub(super) fn spans(subject: &Subject, right: &Value) -> Vec<Span> {
    if matches!(subject, Subject::TcpFlags { .. }) && right.get("set").is_none() {
        return vec![flags(right).map_or(Span::Unknown, Span::just)];
    }
    members(right)
        .into_iter()
        .map(|member| span(subject, member))
        .collect()
}

/// The spans of one member of a set, one for each subject.
pub(super) fn alternative(subjects: &[Subject], member: &Value) -> Vec<Span> {
    let member = member
        .get("elem")
        .and_then(|elem| elem.get("val"))
        .unwrap_or(member);
    match (subjects, member.get("concat").and_then(Value::as_array)) {
        ([subject], _) => vec![span(subject, member)],
        (_, Some(parts)) if parts.len() == subjects.len() => subjects
            .iter()
            .zip(parts)
            .map(|(subject, part)| span(subject, part))
            .collect(),
        (_, _) if member == "*" => vec![Span::Any; subjects.len()],
        _ => vec![Span::Unknown; subjects.len()],
    }
}

/// A comparison as a span.
pub(super) fn compared(subject: &Subject, operator: &str, right: &Value) -> Span {
    let Some((first, last)) = numbers(subject, right) else {
        return Span::Unknown;
    };
    match operator {
        "<" => first
            .checked_sub(1)
            .map_or(Span::Number(1, 0), |end| Span::Number(0, end)),
        "<=" => Span::Number(0, last),
        ">" => last
            .checked_add(1)
            .map_or(Span::Number(1, 0), |begin| Span::Number(begin, u128::MAX)),
        ">=" => Span::Number(first, u128::MAX),
        _ => Span::Unknown,
    }
}

fn span(subject: &Subject, value: &Value) -> Span {
    let value = value
        .get("elem")
        .and_then(|elem| elem.get("val"))
        .unwrap_or(value);
    if *subject == Subject::Interface {
        return match value.as_str() {
            Some(name) => Span::Name(name.to_owned()),
            None => Span::Unknown,
        };
    }
    if value == "*" {
        return Span::Any;
    }
    numbers(subject, value).map_or(Span::Unknown, |(first, last)| Span::Number(first, last))
}

fn numbers(subject: &Subject, value: &Value) -> Option<(u128, u128)> {
    if let Some(prefix) = value.get("prefix") {
        let address: IpAddr = prefix.get("addr")?.as_str()?.parse().ok()?;
        return network(address, u32::try_from(prefix.get("len")?.as_u64()?).ok()?);
    }
    if let Some(Value::Array(ends)) = value.get("range") {
        let [first, last] = ends.as_slice() else {
            return None;
        };
        return Some((number(subject, first)?, number(subject, last)?));
    }
    if let Some(Value::Array(parts)) = value.get("&")
        && let [address, mask] = parts.as_slice()
    {
        let mask = mask_length(mask.as_str()?.parse().ok()?)?;
        return network(address.as_str()?.parse().ok()?, mask);
    }
    let number = number(subject, value)?;
    Some((number, number))
}

fn number(subject: &Subject, value: &Value) -> Option<u128> {
    if let Some(number) = value.as_u64() {
        return Some(match (subject, number) {
            // Families by the kernel's numbers, or by Ethernet's.
            (Subject::Family, 2 | 0x0800) => 4,
            (Subject::Family, 10 | 0x86dd) => 6,
            (Subject::Family, _) => 0,
            _ => number.into(),
        });
    }
    if let Some(yes) = value.as_bool() {
        return Some(yes.into());
    }
    let name = value.as_str()?;
    match subject {
        Subject::Source(family) | Subject::Destination(family) => {
            let address: IpAddr = name.parse().ok()?;
            (Family::of(address) == *family).then(|| bits(address))
        }
        Subject::Protocol | Subject::ProtocolOf(_) => protocol(name),
        Subject::Family => Some(match name {
            "ipv4" | "ip" => 4,
            "ipv6" | "ip6" => 6,
            // bridges, ARP and the like are neither
            _ => 0,
        }),
        Subject::State => state(name),
        Subject::Status => status(name),
        Subject::Direction => Some(u128::from(name != "original")),
        Subject::DestinationType | Subject::SourceType => address_type(name),
        Subject::PacketType => packet_type(name),
        Subject::TcpFlags { .. } => tcp_flag(name),
        _ => None,
    }
}

/// The verdict of a map's entry.
pub(super) fn verdict_of(value: &Value) -> Option<Verdict> {
    match value {
        Value::String(name) => super::verdict(name, &Value::Null),
        Value::Object(fields) => {
            let (name, body) = fields.iter().next()?;
            super::verdict(name, body)
        }
        _ => None,
    }
}

fn short(expression: &Value) -> String {
    expression.to_string().chars().take(80).collect()
}
