//! One HBA rule: whom it matches, and whether it leaves anything to a later one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::address::Address;
use crate::evidence::{Row, Table};

const LOCAL: u8 = 1;
const PLAIN: u8 = 2;
const TLS: u8 = 4;
const GSS: u8 = 8;

/// A rule that parsed.
#[derive(Debug)]
pub(super) struct Rule {
    transports: u8,
    databases: Vec<String>,
    users: Vec<String>,
    method: String,
    pub(super) address: Address,
}

/// What the names in rules stand for.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Who is member of which groups, directly or not.
    above: BTreeMap<String, BTreeSet<String>>,
    /// Patterns, with the superusers that match and whether every name does. None before PostgreSQL 16.
    patterns: BTreeMap<String, (BTreeSet<String>, bool)>,
}

impl Names {
    /// Closes over memberships `(member, group)`; takes what the server said of patterns.
    pub(super) fn known(
        memberships: impl Iterator<Item = (String, String)>,
        patterns: Option<&Table>,
    ) -> Self {
        let mut direct: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (member, group) in memberships {
            direct.entry(member).or_default().insert(group);
        }
        let above = direct
            .keys()
            .map(|member| {
                let mut seen: BTreeSet<String> = BTreeSet::new();
                let mut open = vec![member.clone()];
                while let Some(role) = open.pop() {
                    for group in direct.get(&role).into_iter().flatten() {
                        if seen.insert(group.clone()) {
                            open.push(group.clone());
                        }
                    }
                }
                (member.clone(), seen)
            })
            .collect();
        let patterns = patterns.into_iter().flat_map(|table| &table.rows);
        let patterns = patterns.filter_map(|row| {
            let catch_all = row.get("catch_all")? == &Value::Bool(true);
            let superusers = texts(row, "superusers").into_iter().collect();
            Some((row.get("pattern")?.as_str()?.to_owned(), (superusers, catch_all)))
        });
        Self {
            above,
            patterns: patterns.collect(),
        }
    }

    /// Whether `role` is `group` or a member of it.
    fn contains(&self, group: &str, role: &str) -> bool {
        group == role || self.above.get(role).is_some_and(|above| above.contains(group))
    }

    /// Whether a rule is for this superuser.
    pub(super) fn user_matches(&self, rule: &Rule, superuser: &str) -> bool {
        rule.users.iter().any(|token| self.matches(token, superuser))
    }

    fn matches(&self, token: &str, superuser: &str) -> bool {
        if let Some((superusers, _)) = self.patterns.get(token) {
            return superusers.contains(superuser);
        }
        token == "all"
            || token == superuser
            || token
                .strip_prefix('+')
                .is_some_and(|group| self.contains(group, superuser))
    }

    /// The patterns of a rule that stand for every name.
    pub(super) fn catch_all_patterns<'a>(&self, rule: &'a Rule) -> BTreeSet<&'a str> {
        let tokens = rule.databases.iter().chain(&rule.users).map(String::as_str);
        tokens
            .filter(|token| self.patterns.get(*token).is_some_and(|(_, catch_all)| *catch_all))
            .collect()
    }
}

fn texts(row: &Row, column: &str) -> Vec<String> {
    let items = row.get(column).and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

impl Rule {
    /// From a row of `pg_hba_file_rules`; nothing when the server could not parse the rule.
    pub(super) fn parse(row: &Row) -> Option<Self> {
        let text = |column: &str| row.get(column).and_then(Value::as_str);
        let transports = match text("type")? {
            "local" => LOCAL,
            "host" => PLAIN | TLS | GSS,
            "hostssl" => TLS,
            "hostnossl" => PLAIN | GSS,
            "hostgssenc" => GSS,
            "hostnogssenc" => PLAIN | TLS,
            _ => return None,
        };
        let address = if transports == LOCAL {
            Address::None
        } else {
            Address::parse(text("address"), text("netmask"))
        };
        Some(Self {
            transports,
            databases: texts(row, "database"),
            users: texts(row, "user_name"),
            method: text("auth_method")?.to_owned(),
            address,
        })
    }

    pub(super) fn rejects(&self) -> bool {
        self.method == "reject"
    }

    pub(super) fn enforces_tls(&self) -> bool {
        self.transports == TLS
    }

    pub(super) fn enforces_encryption(&self) -> bool {
        self.transports & (LOCAL | PLAIN) == 0
    }

    pub(super) fn is_remote(&self) -> bool {
        self.transports != LOCAL && self.address.reach() != "loopback"
    }

    /// Physical replication is admitted only by the keyword, never by `all`.
    pub(super) fn admits_replication(&self) -> bool {
        !self.rejects() && self.databases.iter().any(|token| token == "replication")
    }

    /// Whether a keyword may as well be a quoted name: the server shows both alike, and such a name exists.
    pub(super) fn is_ambiguous(&self, names: &BTreeSet<(String, String)>) -> bool {
        let named = |kind: &str, token: &String| names.contains(&(kind.to_owned(), token.clone()));
        self.databases.iter().any(|token| named("database", token))
            || self.users.iter().any(|token| named("role", token))
    }

    /// Whether this earlier rule surely matches every connection that `later` could.
    pub(super) fn covers(&self, later: &Self, names: &Names) -> bool {
        self.covers_place(later)
            && later
                .users
                .iter()
                .all(|token| self.users.iter().any(|own| covers_user(own, token, names)))
    }

    /// Whether this earlier rule surely matches this superuser wherever `later` could.
    pub(super) fn takes_user_from(&self, later: &Self, superuser: &str, names: &Names) -> bool {
        self.covers_place(later) && names.user_matches(self, superuser)
    }

    fn covers_place(&self, later: &Self) -> bool {
        self.transports & later.transports == later.transports
            && self.address.covers(&later.address)
            && later
                .databases
                .iter()
                .all(|token| self.databases.iter().any(|own| covers_database(own, token)))
    }
}

fn covers_database(own: &str, other: &str) -> bool {
    own == other
        || own == "all" && other != "replication"
        || own == "samerole" && (other == "sameuser" || other == "samegroup")
        || own == "samegroup" && (other == "sameuser" || other == "samerole")
}

fn covers_user(own: &str, other: &str, names: &Names) -> bool {
    if own == "all" || own == other {
        return true;
    }
    match own.strip_prefix('+') {
        Some(group) if !other.starts_with('/') => {
            names.contains(group, other.strip_prefix('+').unwrap_or(other))
        }
        _ => false,
    }
}
