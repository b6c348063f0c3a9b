//! What is known of a path on a host: its owner and mode, where it leads, and who could put another one in its place.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answered, HostView};
use crate::evidence::Requirement;
use crate::host::Invocation;

/// What a row could not be told for want of, and what to do about it. The row says so in its column `unseen`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::collect) struct Lack {
    pub(in crate::collect) need: String,
    pub(in crate::collect) remedy: String,
}

impl Lack {
    /// That a command needs root, or failed.
    pub(in crate::collect) fn of(answer: &Answered) -> Self {
        let Requirement { need, remedy, .. } = answer.requirement(Vec::new());
        if answer.absent() {
            let remedy = format!(
                "install the program that `pgdossier commands` lists as `{}`",
                answer.name
            );
            let need = format!("the program of the command `{}` on the host", answer.name);
            return Self { need, remedy };
        }
        Self { need, remedy }
    }

    /// That a setting may not be seen.
    pub(in crate::collect) fn setting(name: &str) -> Self {
        Self {
            need: format!("the setting {name}"),
            remedy: "GRANT pg_read_all_settings TO the role that pgdossier connects as;".to_owned(),
        }
    }

    /// That nobody asked: a mistake, or an answer that never came.
    pub(in crate::collect) fn unasked(what: &str) -> Self {
        Self {
            need: format!("an answer about {what}"),
            remedy: "run the assessment again".to_owned(),
        }
    }

    /// As visibility lists it: about the rows that name it, not about all.
    pub(in crate::collect) fn requirement(&self) -> Requirement {
        Requirement {
            need: self.need.clone(),
            remedy: self.remedy.clone(),
            held: false,
            columns: vec!["unseen".to_owned()],
        }
    }
}

/// A file as `find` told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::collect) struct Entry {
    pub(in crate::collect) path: String,
    pub(in crate::collect) kind: char,
    pub(in crate::collect) mode: u32,
    pub(in crate::collect) uid: String,
    pub(in crate::collect) owner: String,
    pub(in crate::collect) gid: String,
    pub(in crate::collect) group: String,
    pub(in crate::collect) link: String,
}

impl Entry {
    pub(in crate::collect) fn allows(&self, bits: u32) -> bool {
        self.mode & bits == bits
    }

    pub(in crate::collect) fn type_name(&self) -> &'static str {
        match self.kind {
            'd' => "directory",
            'f' => "file",
            'l' => "link",
            's' => "socket",
            'p' => "pipe",
            'b' | 'c' => "device",
            _ => "other",
        }
    }
}

/// Whether a path is there.
pub(in crate::collect) enum Looked<'a> {
    There(&'a Entry),
    Absent,
    Unseen(Lack),
}

/// Everything that `entries`, `listing` and `resolve` told.
pub(in crate::collect) struct Entries<'a> {
    view: &'a HostView,
    by_path: BTreeMap<String, Entry>,
    resolved: BTreeMap<String, String>,
}

impl<'a> Entries<'a> {
    pub(in crate::collect) fn read(view: &'a HostView) -> Self {
        let found = view.of("listing").chain(view.of("entries"));
        let by_path = found
            .flat_map(|answer| parse(&answer.output))
            .map(|entry| (entry.path.clone(), entry))
            .collect();
        let resolved = view
            .of("resolve")
            .flat_map(|answer| {
                answer
                    .parameters
                    .iter()
                    .cloned()
                    .zip(answer.output.split('\0').map(str::to_owned))
            })
            .filter(|(_, to)| to.starts_with('/'))
            .collect();
        Self {
            view,
            by_path,
            resolved,
        }
    }

    /// Where a path leads when symbolic links are followed; itself when that is not known.
    pub(in crate::collect) fn resolved(&self, path: &str) -> String {
        self.resolved
            .get(path)
            .cloned()
            .unwrap_or_else(|| path.to_owned())
    }

    /// The path itself, whatever it is.
    pub(in crate::collect) fn look(&self, path: &str) -> Looked<'_> {
        if let Some(entry) = self.by_path.get(path) {
            return Looked::There(entry);
        }
        let asked = |answer: &&Answered| answer.parameters.iter().any(|asked| asked == path);
        match self.view.of("entries").find(asked) {
            Some(answer) if is_missing(answer, path) => Looked::Absent,
            Some(answer) => Looked::Unseen(Lack::of(answer)),
            None => Looked::Unseen(Lack::unasked(path)),
        }
    }

    /// What lies directly in a directory; why that is not known.
    pub(in crate::collect) fn list(&self, directory: &str) -> Result<Vec<Entry>, Lack> {
        let asked = |answer: &&Answered| answer.parameters.iter().any(|asked| asked == directory);
        let answer = self
            .view
            .of("listing")
            .find(asked)
            .ok_or_else(|| Lack::unasked(directory))?;
        if is_missing(answer, directory) {
            return Ok(Vec::new());
        }
        if answer.exit != 0 && (answer.output.is_empty() || answer.error.contains(directory)) {
            return Err(Lack::of(answer));
        }
        let below = format!("{}/", directory.trim_end_matches('/'));
        let entries = parse(&answer.output).into_iter();
        Ok(entries
            .filter(|entry| {
                entry
                    .path
                    .strip_prefix(&below)
                    .is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
            })
            .collect())
    }

    /// Every directory above a path, as it is written and as it resolves.
    pub(in crate::collect) fn above(&self, path: &str) -> BTreeSet<String> {
        let mut all: BTreeSet<String> = ancestors(path).collect();
        all.extend(ancestors(&self.resolved(path)));
        all
    }

    /// Directories above a path in which somebody besides root and the server's account could put another file in its
    /// place; none when they could not all be seen.
    pub(in crate::collect) fn replaceable(&self, path: &str) -> Option<Vec<String>> {
        let mut open = Vec::new();
        for directory in self.above(path) {
            let Looked::There(entry) = self.look(&directory) else {
                return None;
            };
            if entry.kind == 'd' && entry.allows(0o002) && !entry.allows(0o1000) {
                open.push(format!("{directory} (everybody may write)"));
            } else if !self.is_trusted(&entry.uid) {
                open.push(format!("{directory} (belongs to {})", entry.owner));
            }
        }
        Some(open)
    }

    /// Whether everybody may pass through all directories above the place that a path leads to.
    pub(in crate::collect) fn others_reach(&self, path: &str) -> Option<bool> {
        for directory in ancestors(&self.resolved(path)) {
            match self.look(&directory) {
                Looked::There(entry) if entry.kind == 'd' && !entry.allows(0o001) => return Some(false),
                Looked::There(_) => {}
                Looked::Absent | Looked::Unseen(_) => return None,
            }
        }
        Some(true)
    }

    /// Whether an account is root or the server's own.
    pub(in crate::collect) fn is_trusted(&self, uid: &str) -> bool {
        uid == "0" || self.view.server_uid() == Some(uid)
    }
}

/// The commands that look at these paths: first where they lead, then, once that is known, the paths, their targets and
/// all directories above them.
pub(in crate::collect) fn look_at(view: &HostView, batches: &[&BTreeSet<String>]) -> Vec<Invocation> {
    let mut commands = Vec::new();
    let mut known = true;
    for paths in batches.iter().filter(|paths| !paths.is_empty()) {
        let resolve = Invocation::new("resolve", paths.iter().cloned());
        known &= view
            .of("resolve")
            .any(|answer| answer.parameters == resolve.parameters);
        commands.push(resolve);
    }
    let all: BTreeSet<&String> = batches.iter().copied().flatten().collect();
    if known && !all.is_empty() {
        let entries = Entries::read(view);
        let mut wanted = BTreeSet::new();
        for path in all {
            wanted.insert(path.clone());
            wanted.insert(entries.resolved(path));
            wanted.extend(entries.above(path));
        }
        commands.push(Invocation::new("entries", wanted));
    }
    commands
}

fn ancestors(path: &str) -> impl Iterator<Item = String> + '_ {
    let ends = path.match_indices('/').map(|(at, _)| at);
    ends.map(|end| match path.get(..end) {
        None | Some("") => "/".to_owned(),
        Some(above) => above.to_owned(),
    })
    .filter(move |above| above != path)
}

fn is_missing(answer: &Answered, path: &str) -> bool {
    answer.error.lines().any(|line| {
        let about = line.contains(&format!("'{path}'")) || line.contains(&format!("{path}: "));
        about && (line.contains("No such file or directory") || line.contains("Not a directory"))
    })
}

/// Takes `find`'s answer apart: type, mode, owner and group, then the link's target, then the path, each ended by NUL.
fn parse(output: &str) -> Vec<Entry> {
    let mut parts = output.split('\0');
    let mut entries = Vec::new();
    while let (Some(facts), Some(link), Some(path)) = (parts.next(), parts.next(), parts.next()) {
        let facts: Vec<&str> = facts.split('\t').collect();
        let [kind, mode, uid, owner, gid, group] = facts.as_slice() else {
            continue;
        };
        let (Some(kind), Ok(mode)) = (kind.chars().next(), u32::from_str_radix(mode, 8)) else {
            continue;
        };
        entries.push(Entry {
            path: path.to_owned(),
            kind,
            mode,
            uid: (*uid).to_owned(),
            owner: (*owner).to_owned(),
            gid: (*gid).to_owned(),
            group: (*group).to_owned(),
            link: link.to_owned(),
        });
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_links_cannot_pass_for_other_columns() {
        let output = "l\t777\t5\tbob\t5\tbob\0/a\t/b\0/d/x\ty\0f\t4755\t0\troot\t0\troot\0\0/d/two\nlines\0";
        let entries = parse(output);
        assert_eq!(entries[0].path, "/d/x\ty");
        assert_eq!(entries[0].link, "/a\t/b");
        assert_eq!(entries[1].mode, 0o4755);
        assert_eq!(entries[1].path, "/d/two\nlines");
    }

    #[test]
    fn everything_above_a_path_is_named_once() {
        let above: Vec<String> = ancestors("/a/b/c").collect();
        assert_eq!(above, ["/", "/a", "/a/b"]);
        assert_eq!(ancestors("/").count(), 0);
    }
}
