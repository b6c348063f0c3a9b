//! Connection strings as libpq takes them: URIs, and keywords with values.

use std::collections::BTreeMap;
use std::iter::Peekable;

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

const NEITHER: &str = "the connection string is neither a URI (`postgresql://…`) nor `keyword=value` pairs";

/// Keywords whose value must never be shown; what follows one may be the rest of it.
const SECRET: &[&str] = &[
    "password",
    "sslpassword",
    "scram_client_key",
    "oauth_client_secret",
];

/// Parses a connection string into its keywords.
///
/// # Errors
/// What is wrong with it; never repeats a value, nor a word that could be a piece of a password.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let pairs = match ["postgresql://", "postgres://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
    {
        Some(rest) => parse_uri(rest)?,
        None => parse_keywords(text)?,
    };
    let mut keywords: BTreeMap<String, String> = pairs.into_iter().collect();
    keywords.retain(|name, _| !WITHOUT_EFFECT.contains(&name.as_str()));
    Ok(keywords)
}

/// Whether a connection string holds a secret itself, rather than saying where one lies.
pub fn holds_secret(text: &str) -> bool {
    parse(text).is_ok_and(|keywords| keywords.keys().any(|name| SECRET.contains(&name.as_str())))
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
    // A misspelt URI looks like an option with a long name, and may hold a password.
    if !name
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter))
    {
        return Err(NEITHER.to_owned());
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

fn is_known(name: &str) -> bool {
    [SUPPORTED, WITHOUT_EFFECT, UNSUPPORTED]
        .iter()
        .any(|keywords| keywords.contains(&name))
}

/// As libpq reads it: an `@` before the first `/` ends the account, whatever else the account holds.
fn parse_uri(rest: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    let before_path = rest.split('/').next().unwrap_or_default();
    let (account, rest) = match rest.split_once('@').filter(|_| before_path.contains('@')) {
        Some((account, rest)) => (Some(account), rest),
        None => (None, rest),
    };
    if let Some(account) = account {
        let (user, password) = account.split_once(':').unwrap_or((account, ""));
        push(&mut pairs, "user", decode(user)?);
        push(&mut pairs, "password", decode(password)?);
    }
    let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
    if location.contains('@') {
        return Err(
            "the URI has an `@` out of place; in a user name or password write `@` as `%40` and `/` as `%2F`"
                .to_owned(),
        );
    }
    let (authority, database) = location.split_once('/').unwrap_or((location, ""));
    let places: Vec<(&str, &str)> = authority.split(',').map(split_host).collect::<Result<_, _>>()?;
    let (names, ports): (Vec<&str>, Vec<&str>) = places.into_iter().unzip();
    for (keyword, values) in [("host", names), ("port", ports)] {
        if values.iter().any(|value| !value.is_empty()) {
            push(&mut pairs, keyword, decode(&values.join(","))?);
        }
    }
    push(&mut pairs, "dbname", decode(database)?);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        pairs.push(parse_parameter(parameter)?);
    }
    Ok(pairs)
}

fn parse_parameter(parameter: &str) -> Result<(String, String), String> {
    let (name, value) = parameter
        .split_once('=')
        .filter(|(_, value)| !value.contains('='))
        .ok_or("an option after `?` needs exactly one `=`; write `name=value`, and in a value `%3D` for `=` and `%26` for `&`")?;
    // A password with an unescaped `?` or `/` ends here, so nothing of what holds an `@` is repeated.
    if name.contains('@') || (value.contains('@') && !["user", "password"].contains(&name)) {
        return Err(
            "the URI has an `@` out of place after its `?`; write `@` as `%40`, and `?` and `/` in a password as `%3F` and `%2F`"
                .to_owned(),
        );
    }
    let (name, value) = (decode(name)?, decode(value)?);
    if (name.as_str(), value.as_str()) == ("ssl", "true") {
        return Ok(("sslmode".to_owned(), "require".to_owned()));
    }
    check_keyword(&name)?;
    Ok((name, value))
}

fn push(pairs: &mut Vec<(String, String)>, name: &str, value: String) {
    if !value.is_empty() {
        pairs.push((name.to_owned(), value));
    }
}

fn split_host(host: &str) -> Result<(&str, &str), String> {
    let Some(rest) = host.strip_prefix('[') else {
        return Ok(host.split_once(':').unwrap_or((host, "")));
    };
    let (name, rest) = rest
        .split_once(']')
        .ok_or("an IPv6 address lacks its closing `]`")?;
    let port = if rest.is_empty() {
        Some("")
    } else {
        rest.strip_prefix(':')
    };
    port.filter(|_| !name.is_empty())
        .map(|port| (name, port))
        .ok_or_else(|| {
            "an IPv6 address is empty, or text follows its `]` other than `:` and a port; write `[::1]:5432`"
                .to_owned()
        })
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
        if decoded == [0] {
            return Err("`%00` has no place in a connection string; remove it".to_owned());
        }
        bytes.extend(decoded);
    }
    String::from_utf8(bytes).map_err(|_| "the connection string is not UTF-8 after decoding".to_owned())
}

fn parse_keywords(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut letters = text.chars().enumerate().peekable();
    loop {
        while letters.next_if(|(_, letter)| is_blank(*letter)).is_some() {}
        let Some(&(position, _)) = letters.peek() else {
            return Ok(pairs);
        };
        let mut name = String::new();
        while let Some((_, letter)) = letters.next_if(|(_, letter)| *letter != '=' && !is_blank(*letter)) {
            name.push(letter);
        }
        while letters.next_if(|(_, letter)| is_blank(*letter)).is_some() {}
        let has_value = letters.next_if(|(_, letter)| *letter == '=').is_some();
        if let Some(secret) = secret_before(&pairs).filter(|_| !has_value || !is_known(&name)) {
            return Err(format!(
                "no connection option starts at character {} of the connection string, after `{secret}`; put a value that holds blanks in single quotes",
                position + 1
            ));
        }
        if !has_value {
            return Err(NEITHER.to_owned());
        }
        check_keyword(&name)?;
        while letters.next_if(|(_, letter)| is_blank(*letter)).is_some() {}
        let value = keyword_value(&mut letters)
            .ok_or_else(|| format!("the value of `{name}` lacks its closing quote"))?;
        pairs.push((name, value));
    }
}

fn secret_before(pairs: &[(String, String)]) -> Option<&str> {
    let mut names = pairs.iter().map(|(name, _)| name.as_str());
    names.find(|name| SECRET.contains(name))
}

/// A value, quoted or not; nothing when its closing quote is missing.
fn keyword_value(letters: &mut Peekable<impl Iterator<Item = (usize, char)>>) -> Option<String> {
    let quoted = letters.next_if(|(_, letter)| *letter == '\'').is_some();
    let mut value = String::new();
    loop {
        match letters.next_if(|(_, letter)| quoted || !is_blank(*letter)) {
            None => return (!quoted).then_some(value),
            Some((_, '\'')) if quoted => return Some(value),
            Some((_, '\\')) => value.extend(letters.next().map(|(_, letter)| letter)),
            Some((_, letter)) => value.push(letter),
        }
    }
}

/// C's `isspace`, which libpq goes by.
fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
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
        let error = parse("user=me password=x sslmod=require").unwrap_err();
        assert!(error.contains("character 20"), "{error}");
    }

    #[test]
    fn the_first_at_sign_before_a_slash_ends_the_account() {
        assert_eq!(
            parsed("postgresql://u:p?x:y@h?port=1"),
            pairs(&[("host", "h"), ("password", "p?x:y"), ("port", "1"), ("user", "u")])
        );
        assert_eq!(
            parsed("postgresql://h/?user=me@server"),
            pairs(&[("host", "h"), ("user", "me@server")])
        );
    }

    #[test]
    fn bad_strings_are_refused_without_a_piece_of_a_password() {
        for text in [
            "password=open sesame",
            "password=open sesame=1",
            "password=open port=1 sesame=1",
            "password='sesame",
            "sesame",
            "postgresq://u:sesame@h?port=1",
            "postgresql://u:1/sesame@h",
            "postgresql://u:x@sesame@h/d",
            "postgresql://u:x@y/sesame@h/d",
            "postgresql://u:1/x?sesame@h/d",
            "postgresql://u:1/x?sesame=y@h/d",
            "postgresql://u:sesame%zz@h/d",
            "postgresql://u:sesame%00@h/d",
            "postgresql://u:sesame/x@h/d",
            "postgresql://h?password=a&sesame",
            "postgresql://h?password=a=sesame",
            "postgresql://[::1/d",
            "postgresql://[]/d",
            "postgresql://[::1]5433/d",
        ] {
            let error = parse(text).unwrap_err();
            assert!(!error.contains("sesame"), "{text}: {error}");
        }
    }
}
