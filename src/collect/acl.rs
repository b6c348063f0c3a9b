//! Access privileges as PostgreSQL writes them (`"a b"=r*w/owner`), and those that it gives when nothing is written.

use std::collections::BTreeSet;

use serde_json::Value;

use super::role_graph::Roles;

/// One entry of an access control list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Who holds the privileges; nobody named is PUBLIC.
    pub(super) grantee: Option<String>,
    /// The privileges' letters, and whether each may be passed on.
    pub(super) privileges: Vec<(char, bool)>,
}

/// Everybody, or the roles that are named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Holders {
    Public,
    Named(BTreeSet<usize>),
}

/// The words for privileges' letters.
pub(super) fn word(letter: char) -> &'static str {
    match letter {
        'a' => "INSERT",
        'r' => "SELECT",
        'w' => "UPDATE",
        'd' => "DELETE",
        'D' => "TRUNCATE",
        'x' => "REFERENCES",
        't' => "TRIGGER",
        'X' => "EXECUTE",
        'U' => "USAGE",
        'C' => "CREATE",
        'T' => "TEMPORARY",
        'c' => "CONNECT",
        's' => "SET",
        'A' => "ALTER SYSTEM",
        'm' => "MAINTAIN",
        _ => "UNKNOWN",
    }
}

/// Reads one entry.
///
/// # Errors
/// What is not as PostgreSQL writes it.
pub(super) fn parse(text: &str) -> Result<Entry, String> {
    let broken = || format!("`{text}` is no access privilege");
    let (name, rest) = name(text).ok_or_else(broken)?;
    let rest = rest.strip_prefix('=').ok_or_else(broken)?;
    let (letters, _grantor) = rest.split_once('/').ok_or_else(broken)?;
    let mut privileges: Vec<(char, bool)> = Vec::new();
    for letter in letters.chars() {
        match (letter, privileges.last_mut()) {
            ('*', Some(last)) => last.1 = true,
            (letter, _) if letter.is_ascii_alphabetic() => privileges.push((letter, false)),
            _ => return Err(broken()),
        }
    }
    Ok(Entry {
        grantee: (!name.is_empty()).then_some(name),
        privileges,
    })
}

/// A name, in quotes when it has unusual characters, and what stands behind it.
fn name(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find('=')?;
        return text
            .split_at_checked(end)
            .map(|(name, rest)| (name.to_owned(), rest));
    };
    let mut name = String::new();
    loop {
        let (part, behind) = rest.split_once('"')?;
        name.push_str(part);
        match behind.strip_prefix('"') {
            Some(behind) => {
                name.push('"');
                rest = behind;
            }
            None => return Some((name, behind)),
        }
    }
}

/// All entries of a list as it came from the server: an array of texts, or null for what PostgreSQL gives by itself.
///
/// # Errors
/// The first entry that cannot be read.
pub(super) fn list(value: Option<&Value>) -> Result<Option<Vec<Entry>>, String> {
    match value {
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| parse(item.as_str().unwrap_or_default()))
            .collect::<Result<Vec<_>, _>>()
            .map(Some),
        None | Some(Value::Null) => Ok(None),
        Some(other) => Err(format!("`{other}` is no list of access privileges")),
    }
}

/// What PUBLIC has on a kind of object while nothing else is said.
pub(super) fn public_default(kind: &str) -> &'static str {
    match kind {
        "database" => "Tc",
        "function" | "procedure" | "aggregate" => "X",
        "language" | "type" => "U",
        _ => "",
    }
}

/// Who holds the privilege `letter` on an object of this kind and owner.
///
/// # Errors
/// An entry that cannot be read.
pub(super) fn holders(
    value: Option<&Value>,
    letter: char,
    kind: &str,
    owner: usize,
    roles: &Roles,
) -> Result<Holders, String> {
    let Some(entries) = list(value)? else {
        return Ok(if public_default(kind).contains(letter) {
            Holders::Public
        } else {
            Holders::Named(BTreeSet::from([owner]))
        });
    };
    let mut named = BTreeSet::new();
    for entry in entries {
        if entry.privileges.iter().any(|(held, _)| *held == letter) {
            match entry.grantee {
                None => return Ok(Holders::Public),
                Some(name) => named.extend(roles.by_name(&name)),
            }
        }
    }
    Ok(Holders::Named(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_quoted() {
        for (text, grantee) in [
            ("bob=r/postgres", Some("bob")),
            ("=r/postgres", None),
            (r#""a=b/""c"=r/postgres"#, Some("a=b/\"c")),
            (r#""ünï"=r/"x/y""#, Some("ünï")),
            ("ünï=r/postgres", Some("ünï")),
            (r#"""""""=r/postgres"#, Some("\"\"")),
            ("16385=r/16386", Some("16385")),
        ] {
            assert_eq!(parse(text).unwrap().grantee.as_deref(), grantee, "{text}");
        }
        for text in ["", "bob", "bob=r", "\"bob=r/x", "bob=*r/x", "bob=r w/x"] {
            assert!(parse(text).is_err(), "{text}");
        }
        let entry = parse("bob=ar*w/postgres").unwrap();
        assert_eq!(entry.privileges, [('a', false), ('r', true), ('w', false)]);
    }
}
