//! Who may act as whom: roles, the grants between them, and the shortest way from each role to a target.

use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use super::Question;
use crate::control::Scope;
use crate::evidence::{Row, Table};

pub(super) const ROLES: &str = "roles";
pub(super) const MEMBERSHIPS: &str = "memberships";

/// Names come as JSON so that they stay as they are, even where they look like a secret: rights are told by them.
const ROLES_SQL: &str = "SELECT oid, to_json(rolname::text) AS role, rolcanlogin AS can_login,
       rolsuper AS superuser, rolinherit AS inherits, rolcreaterole AS createrole,
       rolreplication AS replication, rolbypassrls AS bypassrls
  FROM pg_roles ORDER BY rolname";

/// One row a member, for there may be ten times as many grants: `16385:is 16390:a` is two of them. `a`, `i` and `s` are
/// the options ADMIN, INHERIT and SET; `c` is what PostgreSQL itself gives the maker of a role.
const MEMBERSHIPS_SINCE_16: &str = "WITH grants AS (
  SELECT a.member, a.roleid,
         concat(CASE WHEN bool_or(a.admin_option) THEN 'a' END,
                CASE WHEN bool_or(a.inherit_option) THEN 'i' END,
                CASE WHEN bool_or(a.set_option) THEN 's' END,
                CASE WHEN bool_and(a.grantor = 10 AND m.rolcreaterole
                                   AND a.admin_option AND NOT a.inherit_option AND NOT a.set_option)
                     THEN 'c' END) AS options
    FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member
   GROUP BY a.member, a.roleid
)
SELECT member, string_agg(roleid || ':' || options, ' ' ORDER BY roleid) AS granted
  FROM grants GROUP BY member ORDER BY member";

/// Before 16 every member may SET ROLE, and whether it inherits is the member's own attribute.
const MEMBERSHIPS_BEFORE_16: &str = "SELECT a.member,
       string_agg(concat(a.roleid, ':', CASE WHEN a.admin_option THEN 'a' END, CASE WHEN m.rolinherit THEN 'i' END, 's'),
                  ' ' ORDER BY a.roleid) AS granted
  FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member
 GROUP BY a.member ORDER BY a.member";

/// The questions whose answers [`Roles::read`] takes.
pub(super) fn questions(major: u32) -> Vec<Question> {
    let memberships = if major >= 16 {
        MEMBERSHIPS_SINCE_16
    } else {
        MEMBERSHIPS_BEFORE_16
    };
    vec![
        Question {
            table: ROLES.to_owned(),
            scope: Scope::Cluster,
            sql: ROLES_SQL.to_owned(),
            columns: super::names(&[
                "oid",
                "role",
                "can_login",
                "superuser",
                "inherits",
                "createrole",
                "replication",
                "bypassrls",
            ]),
            needs: Vec::new(),
        },
        Question {
            table: MEMBERSHIPS.to_owned(),
            scope: Scope::Cluster,
            sql: memberships.to_owned(),
            columns: super::names(&["member", "granted"]),
            needs: Vec::new(),
        },
    ]
}

/// A role with what it may do by itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Role {
    pub(super) oid: u64,
    pub(super) name: String,
    pub(super) can_login: bool,
    pub(super) superuser: bool,
    pub(super) createrole: bool,
    pub(super) replication: bool,
    pub(super) bypassrls: bool,
}

impl Role {
    /// Whether it came with the server, such as `pg_monitor`.
    pub(super) fn predefined(&self) -> bool {
        self.oid < 16384 && self.name.starts_with("pg_")
    }
}

/// A role given to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grant {
    pub(super) member: usize,
    pub(super) granted: usize,
    pub(super) admin: bool,
    pub(super) inherit: bool,
    pub(super) set: bool,
    /// What PostgreSQL gives whoever makes a role.
    pub(super) automatic: bool,
}

/// All roles by their number, which is their place in the order of names.
#[derive(Debug, Default)]
pub(super) struct Roles {
    pub(super) all: Vec<Role>,
    pub(super) grants: Vec<Grant>,
    /// For each role the grants that make others its members.
    members: Vec<Vec<usize>>,
    by_oid: HashMap<u64, usize>,
    by_name: HashMap<String, usize>,
    /// Whether CREATEROLE may give itself every role that is no superuser: before PostgreSQL 16.
    createrole_takes_all: bool,
}

/// How a role is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// The session may become it: its attributes and its rights.
    Become,
    /// Its rights only.
    Rights,
}

/// One step of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Same,
    Member,
    Inherit,
    Admin,
    ToCreaterole,
    ByCreaterole,
}

/// The shortest way from each role to the nearest of some targets.
#[derive(Debug)]
pub(super) struct Ways {
    /// The next state and the step to it, for each state that leads to a target.
    next: Vec<Option<(usize, Step)>>,
    distance: Vec<u32>,
}

const FAR: u32 = u32::MAX;

/// Two states for each role, and one for whoever uses CREATEROLE.
fn state(role: usize, hold: Hold) -> usize {
    role * 2 + usize::from(hold == Hold::Rights)
}

impl Roles {
    /// From the answers to [`questions`].
    ///
    /// # Errors
    /// What the answers lack.
    pub(super) fn read(
        raw: &std::collections::BTreeMap<String, Table>,
        createrole_takes_all: bool,
    ) -> Result<Self, String> {
        let roles = raw.get(ROLES).ok_or("the roles gave no answer")?;
        let memberships = raw.get(MEMBERSHIPS).ok_or("the memberships gave no answer")?;
        let mut all: Vec<Role> = roles.rows.iter().map(role).collect();
        all.sort_by(|left, right| left.name.cmp(&right.name));
        let mut read = Self {
            by_oid: all.iter().enumerate().map(|(at, role)| (role.oid, at)).collect(),
            by_name: all
                .iter()
                .enumerate()
                .map(|(at, role)| (role.name.clone(), at))
                .collect(),
            members: vec![Vec::new(); all.len()],
            all,
            grants: Vec::new(),
            createrole_takes_all,
        };
        for row in &memberships.rows {
            for granted in text(row, "granted").split(' ') {
                let (granted, options) = granted
                    .split_once(':')
                    .ok_or_else(|| format!("`{granted}` is no membership"))?;
                let granted = granted.parse().ok().and_then(|oid: u64| read.by_oid.get(&oid));
                let (Some(member), Some(granted)) = (read.of(row, "member"), granted.copied()) else {
                    continue; // within one snapshot a role cannot vanish, and an orphan gives nothing
                };
                if let Some(members) = read.members.get_mut(granted) {
                    members.push(read.grants.len());
                }
                read.grants.push(Grant {
                    member,
                    granted,
                    admin: options.contains('a'),
                    inherit: options.contains('i'),
                    set: options.contains('s'),
                    automatic: options.contains('c'),
                });
            }
        }
        Ok(read)
    }

    /// The role whose oid stands in a column.
    pub(super) fn of(&self, row: &Row, column: &str) -> Option<usize> {
        self.by_oid.get(&row.get(column)?.as_u64()?).copied()
    }

    /// The role with this name.
    pub(super) fn by_name(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The name of a role.
    pub(super) fn name(&self, role: usize) -> &str {
        self.all.get(role).map_or("", |role| &role.name)
    }

    pub(super) fn is_superuser(&self, role: usize) -> bool {
        self.all.get(role).is_some_and(|role| role.superuser)
    }

    /// The roles for which `test` holds.
    pub(super) fn those(&self, test: impl Fn(&Role) -> bool) -> Vec<usize> {
        let numbered = self.all.iter().enumerate();
        numbered
            .filter(|(_, role)| test(role))
            .map(|(at, _)| at)
            .collect()
    }

    /// The shortest way from each role to the nearest target: backwards from the targets, breadth first, so that all
    /// roles together cost one walk over the grants.
    pub(super) fn ways(&self, targets: impl IntoIterator<Item = (usize, Hold)>) -> Ways {
        let hub = self.all.len() * 2;
        let mut search = Search {
            ways: Ways {
                next: vec![None; hub + 1],
                distance: vec![FAR; hub + 1],
            },
            queue: VecDeque::new(),
        };
        for (role, hold) in targets {
            let at = state(role, hold);
            if let Some(distance) = search.ways.distance.get_mut(at) {
                *distance = 0;
                search.queue.push_back((0, at));
            }
        }
        while let Some((distance, at)) = search.queue.pop_front() {
            if search
                .ways
                .distance
                .get(at)
                .is_some_and(|known| *known < distance)
            {
                continue;
            }
            if at == hub {
                // A superuser has all of it anyway: the way to one is told as such.
                let makers = self.all.iter().enumerate();
                for (role, _) in makers.filter(|(_, role)| role.createrole && !role.superuser) {
                    search.reach(state(role, Hold::Become), at, Step::ToCreaterole, distance, 0);
                }
                continue;
            }
            let role = at / 2;
            let members = self.members.get(role).map_or(&[][..], Vec::as_slice);
            let grants = members.iter().filter_map(|grant| self.grants.get(*grant));
            if at % 2 == 1 {
                search.reach(state(role, Hold::Become), at, Step::Same, distance, 0);
                for grant in grants.filter(|grant| grant.inherit) {
                    let step = if grant.set { Step::Member } else { Step::Inherit };
                    search.reach(state(grant.member, Hold::Rights), at, step, distance, 1);
                }
            } else {
                for grant in grants {
                    if grant.set {
                        search.reach(state(grant.member, Hold::Become), at, Step::Member, distance, 1);
                    }
                    // No one but a superuser gives the role of a superuser.
                    if grant.admin && !self.is_superuser(role) {
                        search.reach(state(grant.member, Hold::Rights), at, Step::Admin, distance, 1);
                    }
                }
                if self.createrole_takes_all
                    && !self.is_superuser(role)
                    && self.name(role) != "pg_database_owner"
                {
                    search.reach(hub, at, Step::ByCreaterole, distance, 1);
                }
            }
        }
        search.ways
    }

    /// The way of a role in words: "bob → member of staff → ADMIN on ops".
    pub(super) fn told(&self, ways: &Ways, role: usize) -> Option<String> {
        let mut at = state(role, Hold::Become);
        ways.known(at)?;
        let mut told = self.name(role).to_owned();
        while let Some((next, step)) = ways.next.get(at).copied().flatten() {
            let name = self.name(next / 2);
            match step {
                Step::Same | Step::ToCreaterole => {}
                Step::Member => told.push_str(&format!(" → member of {name}")),
                Step::Inherit => told.push_str(&format!(" → inherits from {name}")),
                Step::Admin => told.push_str(&format!(" → ADMIN on {name}")),
                Step::ByCreaterole => told.push_str(&format!(" → CREATEROLE → {name}")),
            }
            at = next;
        }
        Some(told)
    }
}

struct Search {
    ways: Ways,
    /// States with the distance at which they were queued.
    queue: VecDeque<(u32, usize)>,
}

impl Search {
    /// Notes that `from` leads to `to` unless a way that is as short is known.
    fn reach(&mut self, from: usize, to: usize, step: Step, distance: u32, cost: u32) {
        let length = distance + cost;
        let (Some(known), Some(next)) = (self.ways.distance.get_mut(from), self.ways.next.get_mut(from))
        else {
            return;
        };
        if length < *known {
            *known = length;
            *next = Some((to, step));
            if cost == 0 {
                self.queue.push_front((length, from));
            } else {
                self.queue.push_back((length, from));
            }
        }
    }
}

impl Ways {
    fn known(&self, state: usize) -> Option<u32> {
        self.distance
            .get(state)
            .copied()
            .filter(|distance| *distance != FAR)
    }

    /// The number of steps from a role; nothing when there is no way.
    pub(super) fn length(&self, role: usize) -> Option<u32> {
        self.known(state(role, Hold::Become))
    }

    /// The role at the end of a way.
    pub(super) fn end(&self, role: usize) -> usize {
        let mut at = state(role, Hold::Become);
        while let Some((next, _)) = self.next.get(at).copied().flatten() {
            at = next;
        }
        at / 2
    }
}

fn role(row: &Row) -> Role {
    Role {
        oid: row.get("oid").and_then(Value::as_u64).unwrap_or_default(),
        name: text(row, "role").to_owned(),
        can_login: flag(row, "can_login"),
        superuser: flag(row, "superuser"),
        createrole: flag(row, "createrole"),
        replication: flag(row, "replication"),
        bypassrls: flag(row, "bypassrls"),
    }
}

/// The text in a column, empty when there is none.
pub(super) fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a column says true.
pub(super) fn flag(row: &Row, column: &str) -> bool {
    row.get(column) == Some(&Value::Bool(true))
}
