//! Connection strings as libpq takes them: URIs, and keywords with values.

use std::collections::BTreeMap;

use crate::yaml::distance;

/// Keywords that have an effect here.
const SUPPORTED: &[&str] = &[
    "channel_binding",
    "connect_timeout",
    "dbname",
    "gssencmode",
    "host",
    "hostaddr",
    "options",
    "passfile",
    "password",
    "port",
    "requirepeer",
    "service",
    "servicefile",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "user",
];

/// Keywords that change nothing about what is seen or how safely, and so are taken and left alone.
const WITHOUT_EFFECT: &[&str] = &[
    "application_name", // ours is always `pgdossier`, so that the audited server's log shows who asked
    "client_encoding",  // always UTF8
    "fallback_application_name",
    "gssdelegation",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts", // hosts are tried in order: an assessment must know which server it saw
    "sslcompression",
    "tcp_user_timeout",
];

/// Keywords that would change how safely one connects, and are not supported: refused rather than dropped.
const UNSUPPORTED: &[&str] = &[
    "max_protocol_version",
    "min_protocol_version",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_issuer",
    "oauth_scope",
    "replication",
    "require_auth",
    "scram_client_key",
    "scram_server_key",
    "sslcrldir",
    "sslkeylogfile",
    "sslpassword",
];

/// Parses a connection string into its keywords.
///
/// # Errors
/// What is wrong with it; never repeats a value that could be a secret.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let pairs = match ["postgresql://", "postgres://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
    {
        Some(rest) => parse_uri(rest)?,
        None => parse_keywords(text)?,
    };
    let mut keywords = BTreeMap::new();
    for (name, value) in pairs {
        check_keyword(&name)?;
        keywords.insert(name, value);
    }
    keywords.retain(|name, _| !WITHOUT_EFFECT.contains(&name.as_str()));
    Ok(keywords)
}

/// Refuses keywords that are not known or not supported.
pub(super) fn check_keyword(name: &str) -> Result<(), String> {
    if SUPPORTED.contains(&name) || WITHOUT_EFFECT.contains(&name) {
        return Ok(());
    }
    if UNSUPPORTED.contains(&name) {
        return Err(format!(
            "the connection option `{name}` is not supported here; leave it out"
        ));
    }
    let near = SUPPORTED
        .iter()
        .min_by_key(|known| distance(known, name))
        .copied()
        .unwrap_or_default();
    Err(format!(
        "`{name}` is not a connection option; did you mean `{near}`?"
    ))
}

fn parse_uri(rest: &str) -> Result<Vec<(String, String)>, String> {
    let (rest, query) = rest
        .split_once('?')
        .map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (authority, database) = rest
        .split_once('/')
        .map_or((rest, None), |(left, right)| (left, Some(right)));
    let (account, hosts) = authority
        .rsplit_once('@')
        .map_or((None, authority), |(left, right)| (Some(left), right));
    let mut pairs = Vec::new();
    if let Some(account) = account {
        let (user, password) = account
            .split_once(':')
            .map_or((account, None), |(u, p)| (u, Some(p)));
        push(&mut pairs, "user", decode(user)?);
        if let Some(password) = password {
            push(&mut pairs, "password", decode(password)?);
        }
    }
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = split_host(host)?;
        names.push(decode(name)?);
        ports.push(port.to_owned());
    }
    push(
        &mut pairs,
        "host",
        if names.iter().all(String::is_empty) {
            String::new()
        } else {
            names.join(",")
        },
    );
    push(
        &mut pairs,
        "port",
        if ports.iter().all(String::is_empty) {
            String::new()
        } else {
            ports.join(",")
        },
    );
    push(&mut pairs, "dbname", decode(database.unwrap_or_default())?);
    for parameter in query
        .unwrap_or_default()
        .split('&')
        .filter(|parameter| !parameter.is_empty())
    {
        let (name, value) = parameter
            .split_once('=')
            .ok_or("an option after `?` has no `=`; write `name=value`")?;
        let (name, value) = (decode(name)?, decode(value)?);
        match (name.as_str(), value.as_str()) {
            ("ssl", "true") => pairs.push(("sslmode".to_owned(), "require".to_owned())),
            _ => pairs.push((name, value)),
        }
    }
    Ok(pairs)
}

fn push(pairs: &mut Vec<(String, String)>, name: &str, value: String) {
    if !value.is_empty() {
        pairs.push((name.to_owned(), value));
    }
}

fn split_host(host: &str) -> Result<(&str, &str), String> {
    if let Some(rest) = host.strip_prefix('[') {
        let (name, rest) = rest
            .split_once(']')
            .ok_or("an IPv6 address lacks its closing `]`")?;
        return Ok((name, rest.strip_prefix(':').unwrap_or_default()));
    }
    Ok(host.split_once(':').unwrap_or((host, "")))
}

fn decode(text: &str) -> Result<String, String> {
    let bad = "a percent sign is not followed by two hexadecimal digits; write `%25` for `%`";
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next().ok_or(bad)?, rest.next().ok_or(bad)?];
        let mut decoded = [0];
        hex::decode_to_slice(digits, &mut decoded).map_err(|_| bad)?;
        bytes.extend(decoded);
    }
    String::from_utf8(bytes).map_err(|_| "the connection string is not UTF-8 after decoding".to_owned())
}

fn parse_keywords(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(pairs);
        }
        let mut name = String::new();
        while let Some(c) = chars.next_if(|c| *c != '=' && !c.is_whitespace()) {
            name.push(c);
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.next_if_eq(&'=').is_none() {
            return Err(
                "the connection string is neither a URI (`postgresql://…`) nor `keyword=value` pairs"
                    .to_owned(),
            );
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let mut value = String::new();
        if chars.next_if_eq(&'\'').is_some() {
            loop {
                match chars.next() {
                    Some('\'') => break,
                    Some('\\') => value.extend(chars.next()),
                    Some(c) => value.push(c),
                    None => return Err(format!("the value of `{name}` lacks its closing quote")),
                }
            }
        } else {
            while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
                match c {
                    '\\' => value.extend(chars.next()),
                    c => value.push(c),
                }
            }
        }
        pairs.push((name, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap().into_iter().collect()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn uris_are_read_as_libpq_reads_them() {
        assert_eq!(parsed("postgresql://"), []);
        assert_eq!(
            parsed("postgres://b%40b:p%2Fw@h1:5433,[::1]:5434/my%20db?sslmode=verify-full&connect_timeout=3"),
            pairs(&[
                ("connect_timeout", "3"),
                ("dbname", "my db"),
                ("host", "h1,::1"),
                ("password", "p/w"),
                ("port", "5433,5434"),
                ("sslmode", "verify-full"),
                ("user", "b@b"),
            ])
        );
        assert_eq!(
            parsed("postgresql://%2Fvar%2Frun/db?application_name=x"),
            pairs(&[("dbname", "db"), ("host", "/var/run")])
        );
        assert_eq!(
            parsed("postgresql:///db?host=/tmp&port=1"),
            pairs(&[("dbname", "db"), ("host", "/tmp"), ("port", "1")])
        );
    }

    #[test]
    fn keywords_are_read_as_libpq_reads_them() {
        assert_eq!(
            parsed(r"host = localhost  password='it\'s a \\ secret' dbname=a\ b"),
            pairs(&[
                ("dbname", "a b"),
                ("host", "localhost"),
                ("password", r"it's a \ secret")
            ])
        );
    }

    #[test]
    fn mistakes_are_told_without_repeating_values() {
        assert!(
            parse("sslmod=require")
                .unwrap_err()
                .contains("did you mean `sslmode`")
        );
        assert!(
            parse("require_auth=scram-sha-256")
                .unwrap_err()
                .contains("not supported")
        );
        let error = parse("password='hunter2").unwrap_err();
        assert!(
            !error.contains("hunter2") && error.contains("closing quote"),
            "{error}"
        );
        assert!(parse("postgresql://u:hunter%2@h/").unwrap_err().contains("%25"));
        assert!(parse("just-a-name").is_err());
    }
}
