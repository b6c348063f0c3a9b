//! `host-account`: the account that the server runs as: its shell, whether it can log in, and who shares its group.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::host::{Answered, HostView, Lack};
use super::{Collector, Deriving, names, no_arguments};
use crate::control::Catalog;
use crate::evidence::{Requirement, Row, Table};
use crate::host::Invocation;

/// The collector.
pub(super) struct HostAccount;

const COLUMNS: &[&str] = &[
    "account",
    "uid",
    "home",
    "shell",
    "interactive_shell",
    "password",
    "group",
    "group_members",
    "groups",
    "unseen",
];

impl Collector for HostAccount {
    fn name(&self) -> &'static str {
        "host-account"
    }

    fn version(&self) -> u32 {
        1
    }

    fn columns(&self, arguments: &Value, _catalog: &Catalog) -> Result<Vec<String>, String> {
        no_arguments(arguments).map(|()| names(COLUMNS))
    }

    fn reads_host(&self) -> bool {
        true
    }

    fn host_commands(&self, host: &HostView) -> Vec<Invocation> {
        let Some(uid) = host.server_uid() else {
            return Vec::new();
        };
        let mut commands = vec![Invocation::new("account", [uid.to_owned()])];
        if let Some(account) = host.answer("account").and_then(|answer| account(&answer.output)) {
            commands.push(Invocation::new("groups", [account.name.clone()]));
            commands.push(Invocation::new("password-state", [account.name]));
            commands.push(Invocation::new("group", [account.gid]));
        }
        commands
    }

    fn lacking(&self, raw: &BTreeMap<String, Table>) -> Vec<Requirement> {
        let Ok(view) = HostView::read(raw) else {
            return Vec::new();
        };
        let Ok((_, lacks)) = population(&view) else {
            return Vec::new();
        };
        let lacking = lacks.into_iter().map(|(column, lack)| Requirement {
            columns: vec![column.to_owned()],
            ..lack.requirement()
        });
        lacking.collect()
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let (row, _) = population(&HostView::read(raw)?)?;
        Ok(Table {
            columns: names(COLUMNS),
            rows: vec![row],
        })
    }
}

/// A line of `/etc/passwd`, without what nobody asks for.
struct Account {
    name: String,
    gid: String,
    home: String,
    shell: String,
}

fn account(line: &str) -> Option<Account> {
    let fields: Vec<&str> = line.trim_end().split(':').collect();
    let [name, _, _, gid, _, home, shell] = fields.as_slice() else {
        return None;
    };
    let text = |text: &str| text.to_owned();
    Some(Account {
        name: text(name),
        gid: text(gid),
        home: text(home),
        shell: text(shell),
    })
}

fn population(view: &HostView) -> Result<(Row, BTreeMap<&'static str, Lack>), String> {
    let answer = view
        .answer("account")
        .ok_or("the server's account was not looked up")?;
    let mut lacks = BTreeMap::new();
    let Some(account) = account(&answer.output) else {
        // Known to the kernel only, as in a container: nobody logs in as it.
        let row = json!({"account": view.server_account(), "uid": view.server_uid(), "home": null, "shell": null,
                         "interactive_shell": false, "password": "none can be set", "group": null,
                         "group_members": [], "groups": [], "unseen": null});
        if answer.exit != 2 {
            return Err(format!(
                "the server's account could not be looked up: {}",
                answer.error.trim()
            ));
        }
        return Ok((row.as_object().cloned().unwrap_or_default(), lacks));
    };
    let password = match view
        .answer("password-state")
        .map(|answer| (state(answer), answer))
    {
        Some((Some(state), _)) => Some(state),
        Some((None, answer)) => {
            lacks.insert("password", Lack::of(answer));
            None
        }
        None => {
            lacks.insert("password", Lack::unasked("the account's password"));
            None
        }
    };
    let group = view
        .answer("group")
        .map(|answer| answer.output.trim().to_owned())
        .unwrap_or_default();
    let members: BTreeSet<&str> = group.rsplit(':').next().unwrap_or_default().split(',').collect();
    let members: Vec<&str> = members
        .into_iter()
        .filter(|member| !member.is_empty() && *member != account.name && *member != "root")
        .collect();
    let groups = view
        .answer("groups")
        .map(|answer| answer.output.trim().to_owned())
        .unwrap_or_default();
    let row = json!({
        "account": account.name, "uid": view.server_uid(), "home": account.home, "shell": account.shell,
        "interactive_shell": is_interactive(&account.shell), "password": password,
        "group": group.split(':').next(), "group_members": members,
        "groups": groups.split_whitespace().collect::<Vec<_>>(), "unseen": null,
    });
    Ok((row.as_object().cloned().unwrap_or_default(), lacks))
}

/// What `passwd -S` says: locked, set, or none at all.
fn state(answer: &Answered) -> Option<&'static str> {
    match answer.output.split_whitespace().nth(1)? {
        "L" | "LK" => Some("locked"),
        "P" | "PS" => Some("set"),
        "NP" => Some("empty"),
        _ => None,
    }
}

/// An empty shell means `/bin/sh`.
fn is_interactive(shell: &str) -> bool {
    let program = shell.rsplit('/').next().unwrap_or_default();
    !["nologin", "false", "true", "sync", "halt", "shutdown"].contains(&program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_without_a_shell_has_the_default_one() {
        assert!(is_interactive(""));
        assert!(is_interactive("/bin/bash"));
        assert!(!is_interactive("/usr/sbin/nologin"));
        assert!(!is_interactive("/bin/false"));
    }
}
