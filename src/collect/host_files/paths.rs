//! Which paths on a host matter, and for what: all told by the server, or by what a path that it told leads to.

use std::collections::BTreeSet;

use super::super::host::{HostView, Lack};

/// A path and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    pub(super) path: String,
    pub(super) purpose: &'static str,
}

/// A purpose whose paths could not be told.
pub(super) struct Untold {
    pub(super) purpose: &'static str,
    pub(super) lack: Lack,
}

/// Paths by what became known first: what the server told, and what followed from it on the host.
#[derive(Default)]
pub(super) struct Paths {
    pub(super) told: BTreeSet<Item>,
    pub(super) followed: BTreeSet<Item>,
    pub(super) untold: Vec<Untold>,
}

/// Settings that name one file, and what it is for.
const FILES: &[(&str, &str)] = &[
    ("data_directory", "data directory"),
    ("config_file", "configuration file"),
    ("hba_file", "hba file"),
    ("ident_file", "ident file"),
    ("ssl_cert_file", "tls certificate"),
    ("ssl_key_file", "tls key"),
    ("ssl_ca_file", "tls ca"),
    ("ssl_crl_file", "tls crl"),
    ("ssl_crl_dir", "tls crl"),
    ("krb_server_keyfile", "keytab"),
];

/// Files in the home directory of the server's account.
const HOME: &[(&str, &str)] = &[
    (".pgpass", "password file"),
    (".pg_service.conf", "service file"),
    (".psql_history", "psql history"),
    (".profile", "profile"),
    (".bash_profile", "profile"),
    (".bashrc", "profile"),
];

const PROFILES: &[&str] = &["/etc/profile", "/etc/environment", "/etc/bash.bashrc"];

/// Everything known so far.
pub(super) fn paths(view: &HostView) -> Paths {
    let mut paths = Paths::default();
    told(view, &mut paths);
    followed(view, &mut paths);
    let told = &paths.told;
    paths.followed.retain(|item| !told.contains(item));
    paths
}

fn told(view: &HostView, paths: &mut Paths) {
    for (setting, purpose) in FILES {
        if let Some(path) = view.path(setting) {
            // FILE:/etc/krb5.keytab
            let path = path
                .rsplit_once("FILE:")
                .map_or(path.clone(), |(_, path)| path.to_owned());
            paths.told.insert(item(path, purpose));
        }
    }
    if view.setting("data_directory").is_none() {
        for purpose in ["data directory", "data directory entry", "configuration file"] {
            paths.lacking(purpose, Lack::setting("data_directory"));
        }
    }
    for (kind, purpose) in [
        ("configuration-file", "configuration file"),
        ("hba-file", "hba file"),
        ("ident-file", "ident file"),
    ] {
        let files = view.facts(kind).map(|(path, _)| item(path.to_owned(), purpose));
        paths.told.extend(files.filter(|item| item.path.starts_with('/')));
    }
    if view.facts("configuration-file").next().is_none() {
        let lack = Lack {
            need: "SELECT on pg_catalog.pg_file_settings".to_owned(),
            remedy: "grant the role what `pgdossier grants` prints".to_owned(),
        };
        paths.lacking("configuration file", lack);
    }
    if let Some(data) = view.path("data_directory") {
        let data = data.trim_end_matches('/');
        let own = format!("{data}/postgresql.auto.conf");
        paths.told.insert(item(own, "configuration file"));
        paths.told.insert(item(format!("{data}/pg_wal"), "WAL directory"));
    }
    // What the server runs by itself, from the settings that are commands.
    let programs = view
        .facts("program")
        .map(|(path, _)| item(path.to_owned(), "command"));
    paths.told.extend(programs);
    for (_, location) in view.facts("tablespace") {
        if let Some(location) = location.filter(|location| location.starts_with('/')) {
            paths.told.insert(item(location.to_owned(), "tablespace"));
        }
    }
    if view.setting("logging_collector") == Some("on")
        && let Some(directory) = view.path("log_directory")
    {
        paths.told.insert(item(directory, "log directory"));
    }
    directories(view, paths);
}

/// Where programs and libraries lie, when the server may be asked.
fn directories(view: &HostView, paths: &mut Paths) {
    let known = |name: &str| view.fact("directory", name).map(str::to_owned);
    for (name, purpose) in [("BINDIR", "binary directory"), ("PKGLIBDIR", "library directory")] {
        paths.told.extend(known(name).map(|path| item(path, purpose)));
    }
    if let Some(share) = known("SHAREDIR") {
        paths
            .told
            .insert(item(format!("{share}/extension"), "extension directory"));
    }
    if let Some(system) = known("SYSCONFDIR") {
        paths
            .told
            .insert(item(format!("{system}/pg_service.conf"), "service file"));
    }
    for (setting, purpose) in [
        ("dynamic_library_path", "library directory"),
        ("extension_control_path", "extension directory"),
    ] {
        let listed = view.setting(setting).unwrap_or_default().split(':');
        let absolute = listed.filter(|path| path.starts_with('/'));
        paths
            .told
            .extend(absolute.map(|path| item(path.to_owned(), purpose)));
    }
    if view.facts("directory").next().is_none() {
        let lack = || Lack {
            need: "EXECUTE on function pg_catalog.pg_config()".to_owned(),
            remedy:
                "GRANT EXECUTE ON FUNCTION pg_catalog.pg_config() TO the role that pgdossier connects as;"
                    .to_owned(),
        };
        for purpose in [
            "library directory",
            "library",
            "extension directory",
            "extension file",
            "service file",
        ] {
            paths.lacking(purpose, lack());
        }
        if view.answer("executable").is_none_or(|answer| answer.exit != 0) {
            paths.lacking("binary directory", lack());
            paths.lacking("binary", lack());
        }
    }
}

fn followed(view: &HostView, paths: &mut Paths) {
    let program = view.answer("executable").map(|answer| answer.output.trim());
    if let Some((directory, _)) = program.and_then(|program| program.rsplit_once('/'))
        && view.fact("directory", "BINDIR").is_none()
        && directory.starts_with('/')
    {
        paths
            .followed
            .insert(item(directory.to_owned(), "binary directory"));
    }
    match home(view) {
        Ok(Some(home)) => {
            for (name, purpose) in HOME {
                paths.followed.insert(item(format!("{home}/{name}"), purpose));
            }
        }
        Ok(None) => {}
        Err(lack) => {
            for purpose in ["password file", "service file", "psql history", "profile"] {
                paths.lacking(purpose, lack.clone());
            }
        }
    }
    for path in PROFILES {
        paths.followed.insert(item((*path).to_owned(), "profile"));
    }
    for answer in view.of("includes") {
        for (file, directive) in included(&answer.output) {
            let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            let (keyword, target) = directive;
            let target = if target.starts_with('/') {
                target
            } else {
                format!("{folder}/{target}")
            };
            let purpose = if keyword == "include_dir" {
                "configuration directory"
            } else {
                "configuration file"
            };
            paths
                .followed
                .insert(item(target.trim_end_matches('/').to_owned(), purpose));
        }
    }
}

/// The home directory of the server's account; none for an account that has no such place.
pub(super) fn home(view: &HostView) -> Result<Option<String>, Lack> {
    let Some(answer) = view.answer("account") else {
        return Err(Lack::unasked("the server's account"));
    };
    let fields: Vec<&str> = answer.output.trim_end().split(':').collect();
    match fields.as_slice() {
        [_, _, _, _, _, home, _] if home.starts_with('/') && *home != "/" => {
            Ok(Some(home.trim_end_matches('/').to_owned()))
        }
        // An account that only the kernel knows has no files of its own.
        _ => Ok(None),
    }
}

/// Lines of the command `includes`: which file says what, as keyword and target.
fn included(output: &str) -> Vec<(String, (String, String))> {
    let mut found = Vec::new();
    for line in output.lines() {
        let Some((file, text)) = line.split_once('\0') else {
            continue;
        };
        let text = text.trim().trim_start_matches('@');
        let end = text
            .find(|c: char| c.is_whitespace() || c == '=')
            .unwrap_or(text.len());
        let (keyword, rest) = text.split_at(end);
        let target = rest
            .trim_start_matches(|c: char| c.is_whitespace() || c == '=')
            .trim();
        let target = target.trim_matches(['\'', '"']).replace("''", "'");
        if !target.is_empty() {
            found.push((file.to_owned(), (keyword.to_ascii_lowercase(), target)));
        }
    }
    found
}

fn item(path: String, purpose: &'static str) -> Item {
    Item { path, purpose }
}

impl Paths {
    fn lacking(&mut self, purpose: &'static str, lack: Lack) {
        self.untold.push(Untold { purpose, lack });
    }

    /// All items, each once.
    pub(super) fn all(&self) -> impl Iterator<Item = &Item> {
        self.told.iter().chain(&self.followed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn included_files_are_read_from_both_kinds_of_configuration() {
        let output = "/e/postgresql.conf\0include_dir 'conf.d'\n/e/pg_hba.conf\0include more.conf\n/e/a\0  Include = 'x y.conf' ";
        let found: Vec<String> = included(output)
            .into_iter()
            .map(|(file, (keyword, target))| format!("{file} {keyword} {target}"))
            .collect();
        assert_eq!(
            found,
            [
                "/e/postgresql.conf include_dir conf.d",
                "/e/pg_hba.conf include more.conf",
                "/e/a include x y.conf"
            ]
        );
    }
}
