//! `host-sockets`: each Unix socket of the server, who may connect to it, and who could put a false one in its place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::host::{Entries, Entry, HostView, Lack, Looked, look_at};
use super::{Collector, Deriving, names, no_arguments};
use crate::control::Catalog;
use crate::evidence::{Requirement, Row, Table};
use crate::host::Invocation;

/// The collector.
pub(super) struct HostSockets;

const COLUMNS: &[&str] = &[
    "path",
    "directory",
    "abstract",
    "exists",
    "mode",
    "owner",
    "group",
    "owner_is_server",
    "directory_mode",
    "directory_owner",
    "directory_group",
    "directory_owner_is_trusted",
    "directory_others_write",
    "replaceable",
    "everybody",
    "who_may_connect",
    "unseen",
];

impl Collector for HostSockets {
    fn name(&self) -> &'static str {
        "host-sockets"
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
        let sockets = sockets(host).unwrap_or_default().into_iter();
        let paths: BTreeSet<String> = sockets
            .filter(|socket| socket.directory.starts_with('/'))
            .map(|socket| socket.path)
            .collect();
        look_at(host, &[&paths])
    }

    fn lacking(&self, raw: &BTreeMap<String, Table>) -> Vec<Requirement> {
        let Ok(view) = HostView::read(raw) else {
            return Vec::new();
        };
        match rows(&view) {
            Ok((_, lacks)) => lacks.iter().map(Lack::requirement).collect(),
            Err(lack) => vec![Requirement {
                columns: Vec::new(),
                ..lack.requirement()
            }],
        }
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let (rows, _) = rows(&HostView::read(raw)?).map_err(|lack| format!("{} is unknown", lack.need))?;
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

struct Socket {
    directory: String,
    path: String,
}

fn sockets(view: &HostView) -> Result<Vec<Socket>, Lack> {
    let list = view
        .fact("setting", "unix_socket_directories")
        .ok_or_else(|| Lack::setting("unix_socket_directories"))?;
    let port = view.setting("port").ok_or_else(|| Lack::setting("port"))?;
    let directories = split_list(list).into_iter();
    Ok(directories
        .map(|directory| Socket {
            path: format!("{}/.s.PGSQL.{port}", directory.trim_end_matches('/')),
            directory,
        })
        .collect())
}

/// The server's list of directories: separated by commas, an entry with commas or blanks in double quotes.
fn split_list(list: &str) -> Vec<String> {
    let (mut entries, mut entry, mut quoted, mut was_quoted) = (Vec::new(), String::new(), false, false);
    let mut rest = list.chars().peekable();
    let mut push = |entry: &mut String, was_quoted: &mut bool| {
        let text = if *was_quoted {
            entry.clone()
        } else {
            entry.trim().to_owned()
        };
        if !text.is_empty() {
            entries.push(text);
        }
        entry.clear();
        *was_quoted = false;
    };
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                entry.push('"');
                rest.next();
            }
            '"' if quoted => quoted = false,
            '"' if entry.trim().is_empty() => {
                entry.clear();
                quoted = true;
                was_quoted = true;
            }
            ',' if !quoted => push(&mut entry, &mut was_quoted),
            c if was_quoted && !quoted && c.is_whitespace() => {}
            c => entry.push(c),
        }
    }
    push(&mut entry, &mut was_quoted);
    entries
}

fn rows(view: &HostView) -> Result<(Vec<Row>, BTreeSet<Lack>), Lack> {
    let entries = Entries::read(view);
    let mut lacks = BTreeSet::new();
    let mut rows = Vec::new();
    for socket in sockets(view)? {
        let mut row: Row = COLUMNS
            .iter()
            .map(|column| ((*column).to_owned(), Value::Null))
            .collect();
        let told = if socket.directory.starts_with('/') {
            in_file_system(view, &entries, &socket)
        } else {
            // A name without a file has no mode: whoever is on the host may connect, and bind it when it is free.
            Ok(
                json!({"abstract": true, "exists": true, "everybody": true, "who_may_connect": "everybody",
                      "owner_is_server": true, "directory_owner_is_trusted": true, "directory_others_write": true,
                      "replaceable": []}),
            )
        };
        let told = told.unwrap_or_else(|lack| {
            let told = json!({"unseen": lack.need});
            lacks.insert(lack);
            told
        });
        row.extend(told.as_object().cloned().unwrap_or_default());
        row.insert("path".to_owned(), json!(socket.path));
        row.insert("directory".to_owned(), json!(socket.directory));
        rows.push(row);
    }
    rows.sort_by_key(|row| row.get("path").map(ToString::to_string));
    Ok((rows, lacks))
}

fn in_file_system(view: &HostView, entries: &Entries<'_>, socket: &Socket) -> Result<Value, Lack> {
    let target = entries.resolved(&socket.path);
    let entry = match entries.look(&target) {
        Looked::There(entry) => entry,
        Looked::Absent => {
            return Ok(
                json!({"abstract": false, "exists": false, "everybody": false, "who_may_connect": "nobody",
                             "owner_is_server": false}),
            );
        }
        Looked::Unseen(lack) => return Err(lack),
    };
    let folder = target.rsplit_once('/').map_or("/", |(folder, _)| folder);
    let Looked::There(directory) = entries.look(folder) else {
        return Err(Lack::unasked(folder));
    };
    let mut above = Vec::new();
    for path in entries.above(&target) {
        let Looked::There(entry) = entries.look(&path) else {
            return Err(Lack::unasked(&path));
        };
        above.push(entry);
    }
    let barriers = barriers(entry, &above);
    let who = if barriers.is_empty() {
        "everybody".to_owned()
    } else {
        barriers.into_iter().collect::<Vec<_>>().join(", ")
    };
    Ok(json!({
        "abstract": false,
        "exists": entry.kind == 's',
        "mode": format!("{:04o}", entry.mode), "owner": entry.owner, "group": entry.group,
        "owner_is_server": view.server_uid() == Some(entry.uid.as_str()),
        "directory_mode": format!("{:04o}", directory.mode),
        "directory_owner": directory.owner, "directory_group": directory.group,
        "directory_owner_is_trusted": entries.is_trusted(&directory.uid),
        // Whoever cannot come to the directory cannot write there either.
        "directory_others_write": directory.allows(0o003) && entries.others_reach(folder) != Some(false),
        "replaceable": entries.replaceable(&target),
        "everybody": who == "everybody",
        "who_may_connect": who,
    }))
}

/// Whom each file on the way lets through, where that is not everybody: write permission on the socket, search
/// permission on the directories.
fn barriers(socket: &Entry, above: &[&Entry]) -> BTreeSet<String> {
    let directories = above.iter().filter(|entry| entry.kind == 'd');
    let gates = directories.map(|entry| (*entry, 0o1)).chain([(socket, 0o2)]);
    gates
        .filter(|(entry, right)| !entry.allows(*right))
        .map(|(entry, right)| {
            if entry.allows(right << 3) {
                format!("group {}", entry.group)
            } else {
                format!("only {}", entry.owner)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_read_as_the_server_reads_them() {
        assert_eq!(
            split_list(r#"/a, "/b, c" ,@d,"/e""f""#),
            ["/a", "/b, c", "@d", "/e\"f"]
        );
        assert!(split_list("").is_empty());
    }
}
