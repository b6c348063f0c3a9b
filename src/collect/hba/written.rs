//! A rule as a file would hold it: what exceptions show, the width of its network included.

use std::net::IpAddr;

use serde_json::Value;

use crate::evidence::Row;

/// The rule's line without its options, for they may hold secrets; nothing for a line that the server could not read.
pub(super) fn as_written(row: &Row) -> Option<String> {
    let text = |column: &str| row.get(column).and_then(Value::as_str);
    let list = |column: &str| -> String {
        let items = row.get(column).and_then(Value::as_array).into_iter().flatten();
        let names: Vec<String> = items.filter_map(Value::as_str).map(quoted).collect();
        names.join(",")
    };
    let mut parts = vec![text("type")?.to_owned(), list("database"), list("user_name")];
    if let Some(address) = text("address") {
        parts.push(network(address, text("netmask")));
    }
    parts.push(text("auth_method")?.to_owned());
    Some(parts.join(" "))
}

/// A name as the file needs it; keywords and groups stay bare, as the server does not tell them from quoted names.
fn quoted(name: &str) -> String {
    let bare =
        !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == ',' || c == '"' || c == '#');
    if bare {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// `10.0.0.0/8`; address and mask side by side when the mask has a hole.
fn network(address: &str, netmask: Option<&str>) -> String {
    let Some(mask) = netmask else {
        return address.to_owned();
    };
    match mask.parse().ok().and_then(prefix_length) {
        Some(length) => format!("{address}/{length}"),
        None => format!("{address} {mask}"),
    }
}

fn prefix_length(mask: IpAddr) -> Option<u32> {
    let (bits, width) = match mask {
        IpAddr::V4(mask) => (u128::from(mask.to_bits()) << 96, 32),
        IpAddr::V6(mask) => (mask.to_bits(), 128),
    };
    let length = bits.leading_ones().min(width);
    (bits.count_ones() == length).then_some(length)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(row: Value) -> Option<String> {
        as_written(row.as_object().unwrap_or(&Row::new()))
    }

    #[test]
    fn networks_have_their_width() {
        let rule = |address: Value, netmask: Value| {
            written(json!({
                "type": "hostssl", "database": ["app", "all"], "user_name": ["+staff"],
                "address": address, "netmask": netmask, "auth_method": "cert",
            }))
        };
        for (address, netmask, shown) in [
            (json!("10.2.0.0"), json!("255.255.0.0"), "10.2.0.0/16"),
            (json!("0.0.0.0"), json!("0.0.0.0"), "0.0.0.0/0"),
            (json!("127.0.0.1"), json!("255.255.255.255"), "127.0.0.1/32"),
            (json!("::"), json!("::"), "::/0"),
            (json!("fe80::"), json!("ffc0::"), "fe80::/10"),
            (json!("10.0.0.1"), json!("255.0.0.255"), "10.0.0.1 255.0.0.255"),
            (json!("samenet"), Value::Null, "samenet"),
            (json!(".example.org"), Value::Null, ".example.org"),
        ] {
            assert_eq!(
                rule(address, netmask),
                Some(format!("hostssl app,all +staff {shown} cert"))
            );
        }
    }

    #[test]
    fn a_socket_has_no_address_and_a_broken_line_no_text() {
        let local = json!({
            "type": "local", "database": ["a b"], "user_name": ["x\"y"], "address": null, "netmask": null,
            "auth_method": "peer",
        });
        assert_eq!(written(local).as_deref(), Some("local \"a b\" \"x\"\"y\" peer"));
        assert_eq!(written(json!({ "type": null, "auth_method": null })), None);
    }
}
