//! The connection service file (`pg_service.conf`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::conninfo::check_keyword;
use super::environment::Environment;

/// The keywords of a service: from the user's file, else from the system's.
///
/// # Errors
/// The service is nowhere, or its file is wrong.
pub(super) fn find(
    name: &str,
    file: Option<&str>,
    environment: &Environment,
) -> Result<BTreeMap<String, String>, String> {
    let user = file
        .or_else(|| environment.get("PGSERVICEFILE"))
        .map(PathBuf::from)
        .or_else(|| Some(environment.home.as_ref()?.join(".pg_service.conf")));
    let system = environment
        .get("PGSYSCONFDIR")
        .unwrap_or("/etc/postgresql-common");
    let files = user
        .into_iter()
        .chain([Path::new(system).join("pg_service.conf")]);
    let mut looked = Vec::new();
    for file in files {
        looked.push(file.display().to_string());
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        if let Some(keywords) =
            section(&text, name).map_err(|error| format!("{}: {error}", file.display()))?
        {
            return Ok(keywords);
        }
    }
    Err(format!("there is no service `{name}` in {}", looked.join(" or ")))
}

fn section(text: &str, name: &str) -> Result<Option<BTreeMap<String, String>>, String> {
    let mut found: Option<BTreeMap<String, String>> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            if found.is_some() {
                break;
            }
            found = (header == name).then(BTreeMap::new);
        } else if let Some(keywords) = &mut found {
            let (key, value) = line
                .split_once('=')
                .ok_or_else(|| format!("line {} has no `=`", index + 1))?;
            if ["service", "servicefile"].contains(&key.trim()) {
                return Err(format!(
                    "line {}: a service cannot name another service",
                    index + 1
                ));
            }
            check_keyword(key.trim()).map_err(|error| format!("line {}: {error}", index + 1))?;
            keywords
                .entry(key.trim().to_owned())
                .or_insert_with(|| value.trim().to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_mentions_count_and_bad_lines_are_named() {
        let text = "# mine\n[a]\nhost=h1\nhost=h2\n\n[b]\nhost=h3\n";
        let host = |name: &str| section(text, name).unwrap().map(|found| found["host"].clone());
        assert_eq!(host("a").as_deref(), Some("h1"));
        assert_eq!(host("b").as_deref(), Some("h3"));
        assert_eq!(host("c"), None);
        for (line, expected) in [
            ("hots=x", "`host`"),
            ("host", "no `=`"),
            ("service=b", "another service"),
            ("require_auth=none", "not supported"),
        ] {
            let error = section(&format!("[a]\n{line}\n"), "a").unwrap_err();
            assert!(error.contains("line 2") && error.contains(expected), "{error}");
        }
    }
}
