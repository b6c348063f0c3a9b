//! `host-processes`: every process of the host, whether the server is its ancestor, and whether a password stands in its
//! arguments or environment. Neither of them ever leaves the host.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::host::{Answered, HostView, Lack};
use super::{Collector, Deriving, names, no_arguments};
use crate::control::Catalog;
use crate::evidence::{Requirement, Row, Table};
use crate::host::Invocation;

/// The collector.
pub(super) struct HostProcesses;

const COLUMNS: &[&str] = &[
    "pid",
    "parent",
    "program",
    "account",
    "uid",
    "role",
    "password_in_arguments",
    "password_in_environment",
    "umask",
    "core_dumps",
    "unseen",
];

impl Collector for HostProcesses {
    fn name(&self) -> &'static str {
        "host-processes"
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
        let mut commands: Vec<Invocation> = [
            "processes",
            "password-arguments",
            "password-environments",
            "uri-environments",
        ]
        .into_iter()
        .map(|name| Invocation::new(name, []))
        .collect();
        if let Some(postmaster) = host.postmaster() {
            commands.push(Invocation::new("status", [postmaster.to_owned()]));
            commands.push(Invocation::new("limits", [postmaster.to_owned()]));
        }
        commands
    }

    fn lacking(&self, raw: &BTreeMap<String, Table>) -> Vec<Requirement> {
        let Ok(view) = HostView::read(raw) else {
            return Vec::new();
        };
        let searches = Searches::read(&view);
        let mut lacking = Vec::new();
        for (search, column) in [
            (&searches.arguments, "password_in_arguments"),
            (&searches.environments, "password_in_environment"),
            (&searches.uris, "password_in_environment"),
        ] {
            lacking.extend(search.lacking(column, view.fact("host", "uid") == Some("0")));
        }
        if view.of("processes").all(|answer| answer.output.is_empty()) {
            lacking.push(Requirement {
                columns: Vec::new(),
                ..Lack::unasked("the host's processes").requirement()
            });
        }
        lacking
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let view = HostView::read(raw)?;
        let searches = Searches::read(&view);
        let tree = tree(&view);
        let mut rows: Vec<Row> = processes(&view)
            .iter()
            .filter_map(|process| row(process, &view, &searches, &tree).as_object().cloned())
            .collect();
        rows.sort_by_key(|row| row.get("pid").and_then(Value::as_u64));
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

/// A line of the command `processes`.
struct Process {
    pid: String,
    parent: String,
    uid: String,
    account: String,
    program: String,
}

fn processes(view: &HostView) -> Vec<Process> {
    let lines = view.of("processes").flat_map(|answer| answer.output.lines());
    lines
        .filter_map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            let (pid, parent, uid, account) = (words.next()?, words.next()?, words.next()?, words.next()?);
            Some(Process {
                pid,
                parent,
                uid,
                account,
                program: words.collect::<Vec<_>>().join(" "),
            })
        })
        .collect()
}

/// The server's first process and all that descend from it.
pub(super) fn tree(view: &HostView) -> BTreeSet<String> {
    let mut tree: BTreeSet<String> = view.postmaster().map(str::to_owned).into_iter().collect();
    let processes = processes(view);
    loop {
        let before = tree.len();
        for process in &processes {
            if tree.contains(&process.parent) {
                tree.insert(process.pid.clone());
            }
        }
        if tree.len() == before {
            return tree;
        }
    }
}

/// One search through the arguments or environments of all processes.
struct Search<'a> {
    answer: Option<&'a Answered>,
    found: BTreeSet<&'a str>,
    refused: BTreeSet<&'a str>,
    /// Whether the search as a whole gave nothing.
    failed: bool,
}

impl<'a> Search<'a> {
    fn read(view: &'a HostView, name: &str) -> Self {
        let answer = view.answers.iter().find(|answer| answer.name == name);
        let lines = |text: &'a str| text.lines();
        let found = answer.map(|answer| lines(&answer.output).filter_map(pid).collect());
        let refused = answer.map(|answer| {
            let denied =
                lines(&answer.error).filter(|line| line.contains("denied") || line.contains("not permitted"));
            denied.filter_map(pid).collect::<BTreeSet<_>>()
        });
        let refused = refused.unwrap_or_default();
        // A process that ended meanwhile makes the search fail a little, and is no loss.
        let failed = answer.is_none_or(|answer| {
            answer.absent() || answer.exit == 126 || refused.is_empty() && answer.denied()
        });
        Self {
            answer,
            found: found.unwrap_or_default(),
            refused,
            failed,
        }
    }

    /// Whether this process holds what was searched; none when it could not be looked at.
    fn holds(&self, pid: &str) -> Option<bool> {
        if self.found.contains(pid) {
            Some(true)
        } else if self.failed || self.refused.contains(pid) {
            None
        } else {
            Some(false)
        }
    }

    fn lacking(&self, column: &str, as_root: bool) -> Option<Requirement> {
        let lacks = self.failed || !self.refused.is_empty();
        let columns = vec![column.to_owned()];
        lacks.then(|| match self.answer {
            // Root of a container may not look into processes of others either.
            Some(answer) if as_root && !self.failed => Requirement {
                need: format!(
                    "the capability SYS_PTRACE on the host for the command `{}`, which was refused {} processes",
                    answer.name,
                    self.refused.len()
                ),
                remedy: "run pgdossier as root of the host itself, outside of containers".to_owned(),
                held: false,
                columns,
            },
            Some(answer) => Requirement {
                columns,
                ..Lack::of(answer).requirement()
            },
            None => Requirement {
                columns,
                ..Lack::unasked("the host's processes").requirement()
            },
        })
    }
}

/// The process that a path of `/proc` is about.
fn pid(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("/proc/")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end).filter(|pid| !pid.is_empty())
}

struct Searches<'a> {
    arguments: Search<'a>,
    environments: Search<'a>,
    uris: Search<'a>,
}

impl<'a> Searches<'a> {
    fn read(view: &'a HostView) -> Self {
        Self {
            arguments: Search::read(view, "password-arguments"),
            environments: Search::read(view, "password-environments"),
            uris: Search::read(view, "uri-environments"),
        }
    }
}

fn row(process: &Process, view: &HostView, searches: &Searches<'_>, tree: &BTreeSet<String>) -> Value {
    let pid = process.pid.as_str();
    let first = view.postmaster() == Some(pid);
    let own = tree.contains(pid) || view.server_uid() == Some(process.uid.as_str());
    let role = match (first, tree.contains(pid)) {
        (true, _) => "server",
        (_, true) => "child of the server",
        _ if own => "the server's account",
        _ => "other",
    };
    let variable = searches.environments.holds(pid);
    // Applications keep connection URIs in their environment; the server's own account has no need of one.
    let uri = if own {
        searches.uris.holds(pid)
    } else {
        Some(false)
    };
    let environment = match (variable, uri) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    };
    let about_server = |name: &str, read: fn(&str) -> Option<String>| {
        let answer = view.answers.iter().find(|answer| answer.name == name);
        answer.filter(|_| first).and_then(|answer| read(&answer.output))
    };
    json!({
        "pid": pid.parse::<u64>().ok(), "parent": process.parent.parse::<u64>().ok(), "program": process.program,
        "account": process.account, "uid": process.uid, "role": role,
        "password_in_arguments": searches.arguments.holds(pid),
        "password_in_environment": environment,
        "umask": about_server("status", umask),
        "core_dumps": about_server("limits", core_limit).map(|limit| limit != "0"),
        "unseen": null,
    })
}

fn umask(status: &str) -> Option<String> {
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    Some(line.trim().to_owned())
}

/// The soft limit of core dumps.
fn core_limit(limits: &str) -> Option<String> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"))?;
    line.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_named_by_its_path_wherever_it_stands() {
        assert_eq!(pid("/proc/12/environ"), Some("12"));
        assert_eq!(pid("grep: /proc/7/environ: Permission denied"), Some("7"));
        assert_eq!(pid("/proc/self/environ"), None);
    }
}
