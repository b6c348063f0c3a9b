//! `host-storage`: the file system and the devices under the data directory, the write-ahead log, each tablespace and
//! the log directory, and whether an encrypted layer is among them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::host::{HostView, Lack};
use super::{Collector, Deriving, names, no_arguments};
use crate::control::Catalog;
use crate::evidence::{Requirement, Row, Table};
use crate::host::Invocation;

/// The collector.
pub(super) struct HostStorage;

const COLUMNS: &[&str] = &[
    "purpose",
    "path",
    "mount",
    "source",
    "fstype",
    "options",
    "chain",
    "encrypted",
    "separate",
    "unseen",
];

impl Collector for HostStorage {
    fn name(&self) -> &'static str {
        "host-storage"
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
        let paths: BTreeSet<String> = places(host).into_iter().map(|(_, path)| path).collect();
        if paths.is_empty() {
            return Vec::new();
        }
        let resolve = Invocation::new("resolve", paths.iter().cloned());
        let mut commands = vec![
            resolve,
            Invocation::new("devices", []),
            Invocation::new("processor", []),
        ];
        let resolved = resolved(host);
        for target in paths.iter().filter_map(|path| resolved.get(path)) {
            for name in ["mount", "attributes"] {
                let command = Invocation::new(name, [target.clone()]);
                if !commands.contains(&command) {
                    commands.push(command);
                }
            }
        }
        commands
    }

    fn lacking(&self, raw: &BTreeMap<String, Table>) -> Vec<Requirement> {
        let Ok(view) = HostView::read(raw) else {
            return Vec::new();
        };
        if view.path("data_directory").is_none() {
            return vec![Requirement {
                columns: Vec::new(),
                ..Lack::setting("data_directory").requirement()
            }];
        }
        rows(&view).1.iter().map(Lack::requirement).collect()
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let (rows, _) = rows(&HostView::read(raw)?);
        Ok(Table {
            columns: names(COLUMNS),
            rows,
        })
    }
}

/// What is stored where.
fn places(view: &HostView) -> Vec<(&'static str, String)> {
    let Some(data) = view.path("data_directory") else {
        return Vec::new();
    };
    let mut places = vec![("WAL directory", format!("{}/pg_wal", data.trim_end_matches('/')))];
    places.push(("data directory", data));
    let locations = view.facts("tablespace").filter_map(|(_, location)| location);
    let locations = locations.filter(|location| location.starts_with('/'));
    places.extend(locations.map(|location| ("tablespace", location.to_owned())));
    if view.setting("logging_collector") == Some("on")
        && let Some(logs) = view.path("log_directory")
    {
        places.push(("log directory", logs));
    }
    places.sort();
    places
}

/// Where paths lead, once that is known.
fn resolved(view: &HostView) -> BTreeMap<String, String> {
    let answers = view.of("resolve");
    answers
        .flat_map(|answer| {
            let targets = answer.output.split('\0').map(str::to_owned);
            answer.parameters.iter().cloned().zip(targets)
        })
        .filter(|(_, target)| target.starts_with('/'))
        .collect()
}

/// A mounted file system, as `findmnt` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    target: String,
    source: String,
    fstype: String,
    options: String,
    device: String,
}

fn mount(output: &str) -> Option<Mount> {
    let told: Value = serde_json::from_str(output).ok()?;
    let mount = told.get("filesystems")?.get(0)?;
    let text = |name: &str| {
        mount
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Some(Mount {
        target: text("target"),
        source: text("source"),
        fstype: text("fstype"),
        options: text("options"),
        device: text("maj:min"),
    })
}

fn rows(view: &HostView) -> (Vec<Row>, BTreeSet<Lack>) {
    let resolved = resolved(view);
    let devices = view.answer("devices").map(|answer| answer.output.as_str());
    let metal = view
        .answer("processor")
        .and_then(|answer| is_metal(&answer.output));
    let of = |name: &str, path: &str| {
        let target = resolved.get(path)?;
        view.answers
            .iter()
            .find(|answer| answer.name == name && answer.parameters.first() == Some(target))
    };
    let data = places(view)
        .into_iter()
        .find(|(purpose, _)| *purpose == "data directory");
    let data_mount = data.and_then(|(_, path)| mount(&of("mount", &path)?.output));
    let (mut rows, mut lacks) = (Vec::new(), BTreeSet::new());
    for (purpose, path) in places(view) {
        let mut row: Row = COLUMNS
            .iter()
            .map(|column| ((*column).to_owned(), Value::Null))
            .collect();
        row.insert("purpose".to_owned(), json!(purpose));
        row.insert("path".to_owned(), json!(path));
        let judged = of("mount", &path).map(|answer| (mount(&answer.output), answer));
        let lack = match judged {
            Some((Some(mount), _)) => {
                let attributes = of("attributes", &path).map_or("", |answer| answer.output.as_str());
                let storage = storage(&mount, devices.unwrap_or_default(), attributes, metal);
                let told = json!({
                    "mount": mount.target, "source": mount.source, "fstype": mount.fstype, "options": mount.options,
                    "chain": storage.chain, "encrypted": storage.encrypted.ok(),
                    "separate": data_mount.as_ref().map(|data| data.device != mount.device),
                });
                row.extend(told.as_object().cloned().unwrap_or_default());
                storage.encrypted.err().map(|reason| Lack {
                    need: format!("whether `{path}` is encrypted ({reason})"),
                    remedy: "attest to it by the control `storage-encrypted`".to_owned(),
                })
            }
            Some((None, answer)) => Some(Lack::of(answer)),
            None => Some(Lack::unasked(&path)),
        };
        if let Some(lack) = lack {
            row.insert("unseen".to_owned(), json!(lack.need));
            lacks.insert(lack);
        }
        rows.push(row);
    }
    (rows, lacks)
}

/// The devices under a file system in words, and whether data is encrypted on its way to them, or why that is not known.
struct Storage {
    chain: String,
    encrypted: Result<bool, &'static str>,
}

fn storage(mount: &Mount, devices: &str, attributes: &str, metal: Option<bool>) -> Storage {
    let told: Value = serde_json::from_str(devices).unwrap_or_default();
    let top = told.get("blockdevices").and_then(Value::as_array);
    let device = top.and_then(|devices| devices.iter().find_map(|device| find(device, &mount.device)));
    let chain = match device {
        Some(device) => format!("{} on {}", mount.fstype, describe(device)),
        None => format!("{} on {}", mount.fstype, mount.source),
    };
    // `lsattr` shows what the file system itself encrypts.
    let by_file_system = attributes
        .split_whitespace()
        .next()
        .is_some_and(|flags| flags.contains('E'));
    let encrypted = match device {
        _ if by_file_system => Ok(true),
        Some(device) if is_encrypted(device) => Ok(true),
        None => Err("its file system shows no block device of this host"),
        Some(_) if metal != Some(true) => {
            Err("no encrypted layer is seen from inside a virtual machine, and one may lie beneath it")
        }
        Some(_) => Ok(false),
    };
    Storage { chain, encrypted }
}

/// The device with this number, at any depth.
fn find<'a>(device: &'a Value, number: &str) -> Option<&'a Value> {
    if device.get("maj:min").and_then(Value::as_str) == Some(number) && !number.is_empty() {
        return Some(device);
    }
    below(device).iter().find_map(|device| find(device, number))
}

fn below(device: &Value) -> &[Value] {
    device
        .get("children")
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Whether every way down to a disk passes through an encrypted layer.
fn is_encrypted(device: &Value) -> bool {
    if device.get("type").and_then(Value::as_str) == Some("crypt") {
        return true;
    }
    let below = below(device);
    !below.is_empty() && below.iter().all(is_encrypted)
}

fn describe(device: &Value) -> String {
    let text = |name: &str| device.get(name).and_then(Value::as_str).unwrap_or("?");
    let own = format!("{} ({})", text("name"), text("type"));
    let rest: Vec<String> = below(device).iter().map(describe).collect();
    match rest.as_slice() {
        [] => own,
        [one] => format!("{own} on {one}"),
        several => format!("{own} on [{}]", several.join("; ")),
    }
}

/// Whether the processor says that it is no virtual one; only x86 processors say either.
fn is_metal(flags: &str) -> Option<bool> {
    let (name, flags) = flags.split_once(':')?;
    (name.trim() == "flags").then(|| !flags.split_whitespace().any(|flag| flag == "hypervisor"))
}

#[cfg(test)]
mod tests;
