//! `host-files`: every path that matters for the server, with owner, mode and who could replace it.

mod access_list;
mod paths;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::host::{Answered, Entries, Entry, HostView, Lack, Looked, look_at};
use super::{Collector, Deriving, names, no_arguments};
use crate::control::Catalog;
use crate::evidence::{Requirement, Row, Table};
use crate::host::Invocation;
use access_list::AccessLists;
use paths::{Item, Paths, paths};

/// The collector.
pub(super) struct HostFiles;

const COLUMNS: &[&str] = &[
    "purpose",
    "path",
    "exists",
    "type",
    "mode",
    "owner",
    "group",
    "owner_is_server",
    "owner_is_root",
    "group_is_root",
    "group_read",
    "group_write",
    "others_read",
    "others_write",
    "others_execute",
    "others_reach",
    "target",
    "acl",
    "acl_grants",
    "replaceable",
    "in_data_directory",
    "holds_password",
    "unseen",
];

/// Directories whose entries are files of interest too, and what those are.
const LISTED: &[(&str, &str)] = &[
    ("data directory", "data directory entry"),
    ("log directory", "log file"),
    ("library directory", "library"),
    ("binary directory", "binary"),
    ("extension directory", "extension file"),
    ("configuration directory", "configuration file"),
];

impl Collector for HostFiles {
    fn name(&self) -> &'static str {
        "host-files"
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
        let paths = paths(host);
        let of = |items: &BTreeSet<Item>, purposes: &[&str]| -> BTreeSet<String> {
            let wanted = items.iter().filter(|item| purposes.contains(&item.purpose));
            wanted.map(|item| item.path.clone()).collect()
        };
        let mut commands = Vec::new();
        let mut put = |name: &'static str, paths: BTreeSet<String>| {
            if !paths.is_empty() {
                commands.push(Invocation::new(name, paths));
            }
        };
        put(
            "includes",
            of(&paths.told, &["configuration file", "hba file", "ident file"]),
        );
        let directories: Vec<&str> = LISTED.iter().map(|(directory, _)| *directory).collect();
        put("listing", of(&paths.told, &directories));
        commands.extend(
            host.server_uid()
                .map(|uid| Invocation::new("account", [uid.to_owned()])),
        );
        commands.extend(
            host.postmaster()
                .map(|pid| Invocation::new("executable", [pid.to_owned()])),
        );
        let asked = |name: &str| host.answer(name).is_some();
        if !asked("account") || !asked("executable") {
            return commands;
        }
        let mut put = |name: &'static str, paths: BTreeSet<String>| {
            if !paths.is_empty() {
                commands.push(Invocation::new(name, paths));
            }
        };
        put("listing", of(&paths.followed, &directories));
        let both: BTreeSet<Item> = paths.all().cloned().collect();
        put("service-passwords", of(&both, &["service file"]));
        put("profile-passwords", of(&both, &["profile"]));
        let all = of_all(&both);
        put("acls", all.clone());
        if host.answer("acls").is_some_and(Answered::absent) {
            put("acl-marks", all);
        }
        commands.extend(look_at(host, &[&of_all(&paths.told), &of_all(&paths.followed)]));
        commands
    }

    fn lacking(&self, raw: &BTreeMap<String, Table>) -> Vec<Requirement> {
        let Ok(view) = HostView::read(raw) else {
            return Vec::new();
        };
        let (_, lacks, lists) = rows(&view);
        let mut lacking: Vec<Requirement> = lacks.iter().map(Lack::requirement).collect();
        lacking.extend(lists);
        lacking
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let (rows, ..) = rows(&HostView::read(raw)?);
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

fn of_all(items: &BTreeSet<Item>) -> BTreeSet<String> {
    items.iter().map(|item| item.path.clone()).collect()
}

/// The population, what some rows lack, and what the columns of access lists lack.
fn rows(view: &HostView) -> (Vec<Row>, BTreeSet<Lack>, Option<Requirement>) {
    let paths = paths(view);
    let files = Files {
        view,
        entries: Entries::read(view),
        lists: AccessLists::read(view),
        data: view.path("data_directory"),
    };
    let mut rows: Vec<Row> = paths.all().map(|item| files.item(item)).collect();
    rows.extend(
        paths
            .untold
            .iter()
            .map(|untold| unseen(untold.purpose, "", &untold.lack)),
    );
    rows.extend(files.listed(&paths));
    rows.sort_by_key(|row| {
        let text = |column: &str| {
            row.get(column)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        (text("purpose"), text("path"))
    });
    let mut lacks: BTreeSet<Lack> = paths.untold.iter().map(|untold| untold.lack.clone()).collect();
    lacks.extend(files.lacks(&paths));
    (rows, lacks, files.lists.lacking())
}

/// Everything that rows are made of.
struct Files<'a> {
    view: &'a HostView,
    entries: Entries<'a>,
    lists: AccessLists<'a>,
    data: Option<String>,
}

impl Files<'_> {
    /// The row of one path.
    fn item(&self, item: &Item) -> Row {
        match self.seen(item) {
            Ok(Some(entry)) => {
                let mut row = self.row(item.purpose, &item.path, &item.path, entry);
                let target = self.entries.resolved(&item.path);
                let target = (target != item.path).then_some(target);
                let grants = self.lists.grants(&item.path, self.view.server_uid());
                let extra = json!({
                    "target": target,
                    "acl": self.lists.of(&item.path), "acl_grants": grants,
                    "holds_password": self.password(item).ok().flatten(),
                });
                row.extend(extra.as_object().cloned().unwrap_or_default());
                row
            }
            Ok(None) => {
                let mut row = empty(item.purpose, &item.path);
                row.insert("exists".to_owned(), json!(false));
                row
            }
            Err(lack) => unseen(item.purpose, &item.path, &lack),
        }
    }

    /// The file that a path leads to; none when nothing is there.
    fn seen(&self, item: &Item) -> Result<Option<&Entry>, Lack> {
        let target = self.entries.resolved(&item.path);
        match self.entries.look(&target) {
            Looked::There(entry) => self.password(item).map(|_| Some(entry)),
            Looked::Absent => Ok(None),
            Looked::Unseen(lack) => Err(lack),
        }
    }

    /// Whether a file that is searched for passwords holds one.
    fn password(&self, item: &Item) -> Result<Option<bool>, Lack> {
        let command = match item.purpose {
            "service file" => "service-passwords",
            "profile" => "profile-passwords",
            _ => return Ok(None),
        };
        let asked = |answer: &&Answered| answer.parameters.contains(&item.path);
        let Some(answer) = self.view.of(command).find(asked) else {
            return Err(Lack::unasked(&item.path));
        };
        let counts = answer.output.lines().filter_map(|line| line.split_once('\0'));
        let mut counts = counts.filter(|(path, _)| *path == item.path);
        match counts.next() {
            Some((_, count)) => Ok(Some(count.trim() != "0")),
            None => Err(Lack::of(answer)),
        }
    }

    /// What lies in the directories that are listed, but for what has a purpose of its own.
    fn listed(&self, paths: &Paths) -> Vec<Row> {
        let own: BTreeSet<&str> = paths.all().map(|item| item.path.as_str()).collect();
        let mut rows = Vec::new();
        for (item, purpose) in listings(paths) {
            match self.entries.list(&item.path) {
                Ok(entries) => rows.extend(
                    entries
                        .iter()
                        .filter(|entry| !own.contains(entry.path.as_str()))
                        .filter(|entry| purpose != "configuration file" || entry.path.ends_with(".conf"))
                        .map(|entry| {
                            // A directory may be a link itself: what counts is the place that it leads to.
                            let place =
                                entry
                                    .path
                                    .replacen(&item.path, &self.entries.resolved(&item.path), 1);
                            self.row(purpose, &entry.path, &place, entry)
                        }),
                ),
                Err(lack) => rows.push(unseen(purpose, &format!("{}/*", item.path), &lack)),
            }
        }
        rows
    }

    fn lacks(&self, paths: &Paths) -> BTreeSet<Lack> {
        let mut lacks: BTreeSet<Lack> = paths.all().filter_map(|item| self.seen(item).err()).collect();
        lacks.extend(listings(paths).filter_map(|(item, _)| self.entries.list(&item.path).err()));
        lacks
    }

    /// What an entry tells.
    fn row(&self, purpose: &str, path: &str, place: &str, entry: &Entry) -> Row {
        // The mode of a symbolic link means nothing.
        let allows = |bits: u32| entry.kind != 'l' && entry.allows(bits);
        let inside = self.data.as_deref().map(|data| {
            let data = self.entries.resolved(data);
            entry
                .path
                .starts_with(&format!("{}/", data.trim_end_matches('/')))
        });
        let mut row = empty(purpose, path);
        let told = json!({
            "exists": true,
            "type": entry.type_name(),
            "mode": format!("{:04o}", entry.mode),
            "owner": entry.owner, "group": entry.group,
            "owner_is_server": self.view.server_uid() == Some(entry.uid.as_str()),
            "owner_is_root": entry.uid == "0", "group_is_root": entry.gid == "0",
            "group_read": allows(0o040), "group_write": allows(0o020),
            "others_read": allows(0o004), "others_write": allows(0o002), "others_execute": allows(0o001),
            "others_reach": self.entries.others_reach(place),
            "replaceable": self.entries.replaceable(place),
            "in_data_directory": inside,
            "target": (!entry.link.is_empty()).then_some(&entry.link),
        });
        row.extend(told.as_object().cloned().unwrap_or_default());
        row
    }
}

fn listings(paths: &Paths) -> impl Iterator<Item = (&Item, &'static str)> {
    paths.all().filter_map(|item| {
        let (_, purpose) = LISTED.iter().find(|(directory, _)| *directory == item.purpose)?;
        Some((item, *purpose))
    })
}

fn empty(purpose: &str, path: &str) -> Row {
    let mut row: Row = COLUMNS
        .iter()
        .map(|column| ((*column).to_owned(), Value::Null))
        .collect();
    row.insert("purpose".to_owned(), json!(purpose));
    row.insert("path".to_owned(), json!(path));
    row
}

fn unseen(purpose: &str, path: &str, lack: &Lack) -> Row {
    let mut row = empty(purpose, path);
    row.insert("unseen".to_owned(), json!(lack.need));
    row
}
