//! Statements of nft that change a packet, and those that it borrows from iptables.

use serde_json::Value;

use super::super::model::{Ports, Step, Translation};
use super::super::ranges::bits;
use super::text;

/// A match or target of iptables, of which nft tells no more than the name.
pub(super) fn extension(body: &Value) -> Vec<Step> {
    let name = text(body, "name");
    match body.get("type").and_then(Value::as_str) {
        Some("match") if name == "comment" => Vec::new(),
        Some("watcher") => Vec::new(),
        Some("target") if ["LOG", "NFLOG", "TRACE"].contains(&name.as_str()) => Vec::new(),
        Some("match") => vec![Step::Unknown(format!("the match {name} of iptables"))],
        _ => vec![Step::Elsewhere(format!("the target {name} of iptables"))],
    }
}

/// A statement that writes into the packet, or marks it.
pub(super) fn mangle(body: &Value) -> Vec<Step> {
    let Some(key) = body.get("key") else {
        return vec![Step::Unknown("mangle".to_owned())];
    };
    let is = |kind: &str, field: &str, name: &str| {
        key.get(kind)
            .and_then(|of| of.get(field))
            .is_some_and(|is| is == name)
    };
    if is("meta", "key", "mark") || is("ct", "key", "mark") {
        return vec![Step::Mark];
    }
    let harmless = ["dscp", "ecn", "ttl", "hoplimit", "flowlabel"];
    let rewrites = key
        .get("payload")
        .and_then(|of| of.get("field"))
        .and_then(Value::as_str)
        .is_some_and(|field| !harmless.contains(&field))
        || key.get("payload").is_some_and(|of| of.get("field").is_none());
    if rewrites {
        return vec![Step::Elsewhere("writes into the packet".to_owned())];
    }
    Vec::new()
}

/// A new address for the packet.
pub(super) fn translation(kind: &str, body: &Value) -> Translation {
    let number = |value: &Value| value.as_u64().map(u128::from);
    let ports = match body.get("port") {
        None => Ports::Kept,
        Some(port) => match (
            number(port),
            port.get("range").and_then(Value::as_array).map(Vec::as_slice),
        ) {
            (Some(port), _) => Ports::Range(port, port),
            (None, Some([first, last])) => match (number(first), number(last)) {
                (Some(first), Some(last)) => Ports::Range(first, last),
                _ => Ports::Unknown,
            },
            _ => Ports::Unknown,
        },
    };
    let address = body
        .get("addr")
        .map(|address| address.as_str().and_then(|text| text.parse().ok()).map(bits));
    Translation {
        text: kind.to_owned(),
        address: address.flatten(),
        local: false,
        // A map gives addresses with ports.
        ports: match (ports, address) {
            (Ports::Kept, Some(None)) => Ports::Unknown,
            (ports, _) => ports,
        },
    }
}
