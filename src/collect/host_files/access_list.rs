//! Access control lists of files, as `getfacl` or the mark of `ls` tells them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::host::{Answered, HostView};
use crate::evidence::Requirement;

/// What is known of access control lists.
pub(super) struct AccessLists<'a> {
    answer: Option<&'a Answered>,
    marks: Option<&'a Answered>,
    lists: BTreeMap<String, Vec<String>>,
}

impl<'a> AccessLists<'a> {
    pub(super) fn read(view: &'a HostView) -> Self {
        let answer = view.answer("acls");
        Self {
            answer,
            marks: view.answer("acl-marks"),
            lists: answer.map(|answer| lists(&answer.output)).unwrap_or_default(),
        }
    }

    /// The list of a path that exists: its entries, `false` when it has none, `true` when it has one that could not be
    /// read, null when that is not known.
    pub(super) fn of(&self, path: &str) -> Value {
        match self.answer {
            Some(answer) if answer.absent() => self.marked(path).map_or(Value::Null, Value::Bool),
            Some(answer) if is_denied(answer, path) => Value::Null,
            Some(_) => self.lists.get(path).map_or(json!(false), |list| json!(list)),
            None => Value::Null,
        }
    }

    /// Rights that a list gives to accounts and groups besides root and the server's account, the mask applied; null
    /// when the list could not be read.
    pub(super) fn grants(&self, path: &str, server_uid: Option<&str>) -> Value {
        match self.of(path) {
            Value::Bool(false) => json!([]),
            Value::Array(_) => {
                let list = self.lists.get(path).map(Vec::as_slice).unwrap_or_default();
                json!(given(list, server_uid))
            }
            _ => Value::Null,
        }
    }

    /// What reading all lists lacks.
    pub(super) fn lacking(&self) -> Option<Requirement> {
        let columns = vec!["acl_grants".to_owned()];
        let answer = self.answer?;
        if answer.absent() {
            let marked = answer
                .parameters
                .iter()
                .any(|path| self.marked(path) != Some(false));
            return marked.then(|| Requirement {
                need: "`getfacl` on the host".to_owned(),
                remedy: "install the package acl".to_owned(),
                held: false,
                columns,
            });
        }
        let denied = answer.parameters.iter().any(|path| is_denied(answer, path));
        denied.then(|| answer.requirement(columns))
    }

    /// The plus that `ls` puts behind the mode.
    fn marked(&self, path: &str) -> Option<bool> {
        let marks = self.marks?;
        let quoted = format!("\"{path}\"");
        let line = marks.output.lines().find(|line| line.contains(&quoted));
        match line {
            Some(line) => Some(line.chars().nth(10) == Some('+')),
            None if marks.error.contains(path) && marks.error.contains("No such file") => Some(false),
            None => None,
        }
    }
}

fn is_denied(answer: &Answered, path: &str) -> bool {
    let line = answer
        .error
        .lines()
        .find(|line| line.contains(&format!("{path}: ")));
    match line {
        Some(line) => !line.contains("No such file or directory") && !line.contains("Not a directory"),
        // Refused as a whole, as `sudo` does.
        None => answer.exit != 0 && answer.denied() && !answer.error.contains("getfacl: "),
    }
}

/// `getfacl`'s answer: files that have a list, with its entries.
fn lists(output: &str) -> BTreeMap<String, Vec<String>> {
    let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut path = String::new();
    for line in output.lines() {
        match line.strip_prefix("# file: ") {
            Some(name) => path = unescaped(name),
            None if line.starts_with('#') || line.is_empty() => {}
            None => lists.entry(path.clone()).or_default().push(line.to_owned()),
        }
    }
    lists
}

/// `\040` is a blank.
fn unescaped(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match (first, code) {
            (b'\\', Some(code)) => {
                bytes.push(code);
                rest = after.get(3..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Named entries with effective rights: `user:1001:rwx`, `#effective:r--` when the mask takes something away.
fn given(list: &[String], server_uid: Option<&str>) -> Vec<String> {
    let named = list.iter().filter_map(|line| {
        let (entry, effective) = match line.split_once("#effective:") {
            Some((entry, effective)) => (entry.trim(), Some(effective.trim())),
            None => (line.trim(), None),
        };
        let parts: Vec<&str> = entry.split(':').collect();
        let [kind @ ("user" | "group"), who, rights] = parts.as_slice() else {
            return None;
        };
        let rights = effective.unwrap_or(rights);
        let own = *who == "0" || *kind == "user" && server_uid == Some(*who);
        (!who.is_empty() && !own && rights != "---").then(|| format!("{kind} {who}: {rights}"))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_list_really_gives_to_others_counts() {
        let output = "# file: /d/a\\040b\n# owner: 101\n# group: 104\nuser::rw-\nuser:1001:rwx\t\t#effective:r--\nuser:101:rw-\ngroup::r--\ngroup:7:rw-\t\t#effective:---\nmask::r--\nother::---\n\n";
        let lists = lists(output);
        let list = &lists["/d/a b"];
        assert_eq!(given(list, Some("101")), ["user 1001: r--"]);
    }
}
