//! `host-packages`: the package that the server's program belongs to, its version, and who publishes it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::host::{HostView, Lack};
use super::{Collector, Deriving, names, no_arguments};
use crate::control::Catalog;
use crate::evidence::{Requirement, Row, Table};
use crate::host::Invocation;

/// The collector.
pub(super) struct HostPackages;

const COLUMNS: &[&str] = &[
    "program",
    "replaced",
    "package",
    "version",
    "candidate",
    "origins",
    "unseen",
];

impl Collector for HostPackages {
    fn name(&self) -> &'static str {
        "host-packages"
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
        let Some(postmaster) = host.postmaster() else {
            return Vec::new();
        };
        let mut commands = vec![Invocation::new("executable", [postmaster.to_owned()])];
        if let Ok((program, _)) = program(host) {
            commands.push(Invocation::new("package", [program.clone()]));
            commands.push(Invocation::new("package-rpm", [program]));
        }
        if let Some(package) = debian_package(host) {
            commands.push(Invocation::new("package-policy", [package]));
            commands.push(Invocation::new("package-sources", []));
        }
        commands
    }

    fn lacking(&self, raw: &BTreeMap<String, Table>) -> Vec<Requirement> {
        let Ok(view) = HostView::read(raw) else {
            return Vec::new();
        };
        let (_, lack) = population(&view);
        lack.iter().map(Lack::requirement).collect()
    }

    fn derive(&self, raw: &BTreeMap<String, Table>, _context: &Deriving<'_>) -> Result<Table, String> {
        let (row, _) = population(&HostView::read(raw)?);
        Ok(Table {
            columns: names(COLUMNS),
            rows: vec![row],
        })
    }
}

/// The server's program, and whether its file has been replaced or removed since the server began.
fn program(view: &HostView) -> Result<(String, bool), Lack> {
    if let Some(answer) = view.answer("executable") {
        let path = answer.output.trim_end_matches('\n');
        if answer.exit == 0 && path.starts_with('/') {
            return Ok(match path.strip_suffix(" (deleted)") {
                Some(path) => (path.to_owned(), true),
                None => (path.to_owned(), false),
            });
        }
        return Err(Lack::of(answer));
    }
    Err(Lack::unasked("the server's program"))
}

fn debian_package(view: &HostView) -> Option<String> {
    let answer = view.answer("package").filter(|answer| answer.exit == 0)?;
    let line = answer
        .output
        .lines()
        .find(|line| !line.starts_with("diversion"))?;
    let (packages, _) = line.split_once(": ")?;
    packages.split(", ").next().map(str::to_owned)
}

fn population(view: &HostView) -> (Row, Option<Lack>) {
    let mut row: Row = COLUMNS
        .iter()
        .map(|column| ((*column).to_owned(), Value::Null))
        .collect();
    let lack = match told(view) {
        Ok(told) => {
            row.extend(told.as_object().cloned().unwrap_or_default());
            None
        }
        Err((told, lack)) => {
            row.extend(told.as_object().cloned().unwrap_or_default());
            Some(lack)
        }
    };
    row.insert("unseen".to_owned(), json!(lack.as_ref().map(|lack| &lack.need)));
    (row, lack)
}

fn told(view: &HostView) -> Result<Value, (Value, Lack)> {
    let (program, replaced) = program(view).map_err(|lack| (json!({}), lack))?;
    if let Some(package) = debian_package(view) {
        let policy = view
            .answer("package-policy")
            .map_or("", |answer| answer.output.as_str());
        let sources = view
            .answer("package-sources")
            .map_or("", |answer| answer.output.as_str());
        let origins = origins(policy, sources);
        let told = json!({
            "program": program, "replaced": replaced, "package": package,
            "version": field(policy, "Installed:"), "candidate": field(policy, "Candidate:"), "origins": origins,
        });
        if origins.is_empty() {
            let lack = Lack {
                need: format!("the source of the package {package}"),
                remedy: "run `apt-get update` on the host, so that it knows its package sources".to_owned(),
            };
            return Err((told, lack));
        }
        return Ok(told);
    }
    if let Some(answer) = view.answer("package-rpm").filter(|answer| answer.exit == 0) {
        let fields: Vec<&str> = answer.output.trim_end().split('\t').collect();
        if let [package, version, vendor] = fields.as_slice() {
            return Ok(
                json!({"program": program, "replaced": replaced, "package": package, "version": version,
                             "origins": [vendor]}),
            );
        }
    }
    let managers = ["package", "package-rpm"].map(|name| view.answer(name));
    let asked = managers.iter().flatten().find(|answer| !answer.absent());
    match asked {
        // A package manager answered, and does not know the program.
        Some(_) => Ok(json!({"program": program, "replaced": replaced, "origins": []})),
        None => {
            let lack = Lack {
                need: "a package manager on the host (dpkg or rpm)".to_owned(),
                remedy: "say in a waiver where the server's programs come from".to_owned(),
            };
            Err((json!({"program": program, "replaced": replaced}), lack))
        }
    }
}

fn field(policy: &str, name: &str) -> Option<String> {
    let line = policy.lines().find_map(|line| line.trim().strip_prefix(name))?;
    Some(line.trim().to_owned()).filter(|version| version != "(none)")
}

/// Who publishes the sources that have the installed version; those of any version when no source has it any more.
fn origins(policy: &str, sources: &str) -> BTreeSet<String> {
    let publishers = publishers(sources);
    let (mut installed, mut all, mut current) = (BTreeSet::new(), BTreeSet::new(), false);
    for line in policy
        .lines()
        .skip_while(|line| !line.contains("Version table:"))
        .skip(1)
    {
        let source = line.trim();
        // Versions are indented by five characters, their sources by more.
        if !line.starts_with("        ") {
            current = source.starts_with("***");
            continue;
        }
        let Some((_, place)) = source.split_once(' ') else {
            continue;
        };
        if let Some(publisher) = publishers.get(place.trim()) {
            all.insert(publisher.clone());
            if current {
                installed.insert(publisher.clone());
            }
        }
    }
    if installed.is_empty() { all } else { installed }
}

/// Sources as `apt-cache policy` lists them, to their publishers (`o=` of the release).
fn publishers(sources: &str) -> BTreeMap<String, String> {
    let mut publishers = BTreeMap::new();
    let mut place = None;
    for line in sources.lines() {
        let text = line.trim();
        if let Some(release) = text.strip_prefix("release ") {
            let publisher = release.split(',').find_map(|part| part.strip_prefix("o="));
            if let (Some(place), Some(publisher)) = (place.take(), publisher) {
                publishers.insert(place, publisher.to_owned());
            }
        } else if let Some((_, rest)) = text.split_once(' ')
            && text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        {
            place = Some(rest.trim().to_owned());
        }
    }
    publishers
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCES: &str = "Package files:\n 100 /var/lib/dpkg/status\n     release a=now\n 500 http://mirror/debian bookworm/main amd64 Packages\n     release v=12.15,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64\n     origin mirror\n 500 http://else/apt x/main amd64 Packages\n     release o=Stranger,a=x\n     origin else\nPinned packages:\n";

    #[test]
    fn a_package_comes_from_where_its_installed_version_comes_from() {
        let policy = "p:\n  Installed: 1\n  Candidate: 2\n  Version table:\n     2 500\n        500 http://else/apt x/main amd64 Packages\n *** 1 500\n        500 http://mirror/debian bookworm/main amd64 Packages\n        100 /var/lib/dpkg/status\n";
        assert_eq!(origins(policy, SOURCES), BTreeSet::from(["Debian".to_owned()]));
        assert_eq!(field(policy, "Candidate:").as_deref(), Some("2"));
        let superseded = policy.replace(
            "        500 http://mirror/debian bookworm/main amd64 Packages\n",
            "",
        );
        assert_eq!(
            origins(&superseded, SOURCES),
            BTreeSet::from(["Stranger".to_owned()])
        );
    }
}
