//! A page of the documents, run as a new user would.

use std::path::Path;
use std::process::{Command, Output};

/// A page below `docs`.
pub fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Runs all commands of a page, one after the other, in a folder and at a time; there have to be some blocks of them.
pub fn run(page: &str, folder: &Path, clock: &str, environment: &[(&str, &str)]) -> Output {
    let blocks: Vec<&str> = page
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 4, "{}", blocks.len());
    let program = Path::new(env!("CARGO_BIN_EXE_pgdossier")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    Command::new("bash")
        .args(["-c", &format!("set -eu\n{}", blocks.join("\n"))])
        .current_dir(folder)
        .env("PATH", path)
        .env("HOME", folder)
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("PGDOSSIER_PASSPHRASE", "a passphrase")
        .env("SOURCE_DATE_EPOCH", clock)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}
