//! `pgdossier commands`: everything that is ever run on a server's host, and rules of `sudo` for it.

use clap::Args;
use serde_json::json;

use super::output::Output;
use super::{Exit, Stop};
use crate::host::{COMMANDS, Command};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print rules for a sudoers file instead, for the account that pgdossier logs in with (sudo 1.9.10 or later).
    #[arg(long, value_name = "ACCOUNT")]
    sudoers: Option<String>,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let json: Vec<_> = COMMANDS
        .iter()
        .map(|command| {
            json!({"name": command.name, "command": command.template(), "parameters": command.parameters.describe(),
                   "root": command.root, "purpose": command.purpose, "sudoers": command.sudo_rule()})
        })
        .collect();
    match &arguments.sudoers {
        Some(account) if !is_account(account) => {
            return Err(Stop::usage(format!("`{account}` is no account's name")));
        }
        Some(account) => output.result(&json, || sudoers(account)),
        None => output.result(&json, list),
    }
    Ok(Exit::Good)
}

fn list() -> String {
    let mut text =
        "All that pgdossier runs on a server's host. Every command only reads; {} stands for what the \
                    third line says. Commands marked root see everything only as root.\n"
            .to_owned();
    for command in COMMANDS {
        text.push_str(&format!(
            "\n{}{}\n    {}\n    {}\n",
            command.template(),
            if command.root { "  (root)" } else { "" },
            command.purpose,
            command.parameters.describe()
        ));
    }
    text
}

fn sudoers(account: &str) -> String {
    let mut text = "# Read-only commands of pgdossier; check with `visudo -c`.\n".to_owned();
    for command in COMMANDS.iter().filter(|command| command.root) {
        text.push_str(&format!("# {}: {}\n", command.name, command.purpose));
        text.push_str(&format!(
            "{account} ALL=(root) NOPASSWD: {}\n",
            Command::sudo_rule(command)
        ));
    }
    text
}

fn is_account(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}
