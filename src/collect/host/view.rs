//! What is known of a host, read back from raw tables.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{COMMANDS, SERVER};
use crate::evidence::{Requirement, Row, Table};

/// What is known of a host: what its server told, and what commands answered. Read from raw tables, so that a replay
/// sees exactly what was seen when it was gathered.
pub struct HostView {
    facts: BTreeMap<(String, String), Option<String>>,
    /// Answers in the order in which they were asked.
    pub answers: Vec<Answered>,
}

/// A command's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The command's name in the fixed set.
    pub name: String,
    /// Its parameters.
    pub parameters: Vec<String>,
    /// As it was run.
    pub command: String,
    /// Its exit code; 127 when the program is not there.
    pub exit: i32,
    /// Its standard output, with secrets masked.
    pub output: String,
    /// Its standard error, with secrets masked.
    pub error: String,
}

impl Answered {
    /// Whether the program is not there.
    pub fn absent(&self) -> bool {
        self.exit == 127 || self.error.contains("command not found")
    }

    /// Whether it was refused for want of rights.
    pub fn denied(&self) -> bool {
        let said = self.error.to_ascii_lowercase();
        [
            "permission denied",
            "operation not permitted",
            "must be root",
            "need to be root",
            "you need to be",
            "may not view",
            "sudo:",
        ]
        .iter()
        .any(|words| said.contains(words))
    }

    /// What is missing for this command's complete answer, and the one line that allows it.
    pub fn requirement(&self, columns: Vec<String>) -> Requirement {
        Requirement {
            need: format!("root on the host for the command `{}`", self.name),
            remedy: format!(
                "run pgdossier as root there, or add what `pgdossier commands --sudoers` prints for `{}` and set `sudo: true`",
                self.name
            ),
            held: false,
            columns,
        }
    }
}

impl HostView {
    /// Reads raw tables back.
    ///
    /// # Errors
    /// The host was not looked at.
    pub fn read(raw: &BTreeMap<String, Table>) -> Result<Self, String> {
        let (Some(server), Some(commands)) = (raw.get(SERVER), raw.get(COMMANDS)) else {
            return Err("the host was not looked at".to_owned());
        };
        Ok(Self {
            facts: server.rows.iter().map(fact).collect(),
            answers: commands.rows.iter().map(answered).collect(),
        })
    }

    /// What the server told by this kind and name.
    pub fn fact(&self, kind: &str, name: &str) -> Option<&str> {
        self.facts.get(&(kind.to_owned(), name.to_owned()))?.as_deref()
    }

    /// A setting's value; none when it is empty, or may not be seen.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.fact("setting", name).filter(|value| !value.is_empty())
    }

    /// Whether the server told anything of this kind.
    pub fn facts<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + 'a {
        let of_kind = self.facts.iter().filter(move |((known, _), _)| known == kind);
        of_kind.map(|((_, name), value)| (name.as_str(), value.as_deref()))
    }

    /// The server's first process.
    pub fn postmaster(&self) -> Option<&str> {
        self.fact("host", "postmaster")
    }

    /// The numeric id of the account that the server runs as.
    pub fn server_uid(&self) -> Option<&str> {
        self.fact("host", "server_uid")
    }

    /// The name of that account.
    pub fn server_account(&self) -> Option<&str> {
        self.fact("host", "server_account")
    }

    /// A path of a setting as it lies on the host: relative ones begin in the data directory.
    pub fn path(&self, setting: &str) -> Option<String> {
        let value = self.setting(setting)?;
        if value.starts_with('/') {
            return Some(value.to_owned());
        }
        Some(format!(
            "{}/{value}",
            self.setting("data_directory")?.trim_end_matches('/')
        ))
    }

    /// The answers of one command.
    pub fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Answered> + 'a {
        self.answers.iter().filter(move |answer| answer.name == name)
    }

    /// The first answer of one command.
    pub fn answer(&self, name: &str) -> Option<&Answered> {
        self.answers.iter().find(|answer| answer.name == name)
    }
}

pub(super) fn fact(row: &Row) -> ((String, String), Option<String>) {
    let text = |column: &str| row.get(column).and_then(Value::as_str).map(str::to_owned);
    (
        (text("kind").unwrap_or_default(), text("name").unwrap_or_default()),
        text("value"),
    )
}

fn answered(row: &Row) -> Answered {
    let text = |column: &str| {
        row.get(column)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let parameters = row
        .get("parameters")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    Answered {
        name: text("name"),
        parameters: parameters.filter_map(Value::as_str).map(str::to_owned).collect(),
        command: text("command"),
        exit: row
            .get("exit")
            .and_then(Value::as_i64)
            .and_then(|exit| i32::try_from(exit).ok())
            .unwrap_or(-1),
        output: text("output"),
        error: text("error"),
    }
}
