//! One HBA rule: whom it matches, and whether it leaves anything to a later one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::address::Address;
use crate::evidence::Row;

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

/// Who is member of which groups, directly or not.
#[derive(Debug, Default)]
pub(super) struct Group {
    above: BTreeMap<String, BTreeSet<String>>,
}

impl Group {
    /// Closes over memberships `(member, group)`.
    pub(super) fn closure(memberships: impl Iterator<Item = (String, String)>) -> Self {
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
        Self { above }
    }

    /// Whether `role` is `group` or a member of it.
    fn contains(&self, group: &str, role: &str) -> bool {
        group == role || self.above.get(role).is_some_and(|above| above.contains(group))
    }
}

impl Rule {
    /// From a row of `pg_hba_file_rules`; nothing when the server could not parse the rule.
    pub(super) fn parse(row: &Row) -> Option<Self> {
        let text = |column: &str| row.get(column).and_then(Value::as_str);
        let list = |column: &str| -> Vec<String> {
            let items = row.get(column).and_then(Value::as_array);
            items
                .into_iter()
                .flatten()
                .filter_map(|item| item.as_str().map(str::to_owned))
                .collect()
        };
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
            databases: list("database"),
            users: list("user_name"),
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

    /// Whether the rule may match this role; a pattern may.
    pub(super) fn may_match_user(&self, role: &str, groups: &Group) -> bool {
        self.users
            .iter()
            .any(|token| token.starts_with('/') || user_matches(token, role, groups))
    }

    /// Whether this earlier rule surely matches every connection that `later` could.
    pub(super) fn covers(&self, later: &Self, groups: &Group) -> bool {
        self.covers_place(later)
            && later
                .users
                .iter()
                .all(|token| self.users.iter().any(|own| covers_user(own, token, groups)))
    }

    /// Whether this earlier rule surely matches `role` wherever `later` could.
    pub(super) fn takes_user_from(&self, later: &Self, role: &str, groups: &Group) -> bool {
        self.covers_place(later) && self.users.iter().any(|token| user_matches(token, role, groups))
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

fn user_matches(token: &str, role: &str, groups: &Group) -> bool {
    token == "all"
        || token == role
        || token
            .strip_prefix('+')
            .is_some_and(|group| groups.contains(group, role))
}

fn covers_user(own: &str, other: &str, groups: &Group) -> bool {
    if own == "all" || own == other {
        return true;
    }
    match own.strip_prefix('+') {
        Some(group) if !other.starts_with('/') => {
            groups.contains(group, other.strip_prefix('+').unwrap_or(other))
        }
        _ => false,
    }
}
