//! Where PostgreSQL's server programs are on this machine.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ClusterError;

/// Directory that holds a working `initdb` and `postgres`: `PGBIN`, what `pg_config` says, `PATH`, then where
/// Debian, the PostgreSQL project's RPMs and Homebrew put them, newest first.
///
/// # Errors
/// There is none (the error says what to install), or `PGBIN` is set to a directory that holds none.
pub fn find_server_binaries() -> Result<PathBuf, ClusterError> {
    if let Some(chosen) = env::var_os("PGBIN").filter(|value| !value.is_empty()) {
        return checked(PathBuf::from(chosen));
    }
    candidates()
        .find(|path| holds_server(path))
        .ok_or(ClusterError::NoServerBinaries)
}

/// The directory itself, if it holds a working server.
pub(super) fn checked(path: PathBuf) -> Result<PathBuf, ClusterError> {
    if holds_server(&path) {
        Ok(path)
    } else {
        Err(ClusterError::BadBinaryDirectory { path })
    }
}

fn candidates() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = env::split_paths(&path).collect();
    configured()
        .into_iter()
        .chain(on_path)
        .chain(versioned("/usr/lib/postgresql", "", "bin"))
        .chain(versioned("/usr", "pgsql-", "bin"))
        .chain(versioned("/opt/homebrew/opt", "postgresql@", "bin"))
        .chain(versioned("/usr/local/opt", "postgresql@", "bin"))
        .chain(versioned("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"))
}

fn configured() -> Option<PathBuf> {
    let output = Command::new("pg_config")
        .arg("--bindir")
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(PathBuf::from(text.trim())).filter(|path| path.is_absolute())
}

/// `PARENT/PREFIX<major>/LEAF` for every major version there is, newest first.
fn versioned(parent: &str, prefix: &str, leaf: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let major = name.strip_prefix(prefix)?.split('.').next()?.parse().ok()?;
            Some((major, entry.path().join(leaf)))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

fn holds_server(directory: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| {
        let path = directory.join(program);
        path.is_file()
            && Command::new(&path)
                .arg("--version")
                .stdin(Stdio::null())
                .output()
                .is_ok_and(|output| output.status.success() && output.stdout.starts_with(program.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first_by_number() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["pgsql-9.6", "pgsql-18", "pgsql-10", "other", "pgsql-old"] {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        let found = versioned(parent.path().to_str().unwrap(), "pgsql-", "bin");
        let expected = ["pgsql-18/bin", "pgsql-10/bin", "pgsql-9.6/bin"].map(|tail| parent.path().join(tail));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_directory_whose_programs_do_not_run_holds_no_server() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["initdb", "postgres"] {
            fs::write(directory.path().join(name), "no program").unwrap();
        }
        assert!(!holds_server(directory.path()));
    }
}
