//! What connections take from the process's surroundings, as one value that tests can make.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Environment variables, home folder and name of the operating system's user.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `PG…` variables.
    pub variables: BTreeMap<String, String>,
    /// The user's home folder.
    pub home: Option<PathBuf>,
    /// The user's name.
    pub user: Option<String>,
}

impl Environment {
    /// This process's own.
    pub fn from_process() -> Self {
        let account = Account::of_process();
        Self {
            variables: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .filter(|(name, _)| name.starts_with("PG"))
                .collect(),
            home: std::env::var_os("HOME")
                .map(PathBuf::from)
                .filter(|home| home.is_absolute())
                .or_else(|| account.as_ref().map(|account| account.home.clone())),
            user: account.map(|account| account.name),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// A file in the user's `~/.postgresql`.
    pub(super) fn client_file(&self, name: &str) -> Option<PathBuf> {
        Some(self.home.as_ref()?.join(".postgresql").join(name))
    }
}

/// Values stay hidden: any of them may be a password.
impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("home", &self.home)
            .field("user", &self.user)
            .finish()
    }
}

/// An account of the operating system.
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    home: PathBuf,
}

impl Account {
    fn of_process() -> Option<Self> {
        let uid = rustix::process::geteuid().as_raw();
        Self::all().find(|account| account.uid == uid)
    }

    /// The account with this number, as `/etc/passwd` lists it.
    pub(super) fn by_uid(uid: u32) -> Option<Self> {
        Self::all().find(|account| account.uid == uid)
    }

    fn all() -> impl Iterator<Item = Self> {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let accounts: Vec<Self> = passwd
            .lines()
            .filter_map(|line| {
                let fields: Vec<&str> = line.split(':').collect();
                match fields.as_slice() {
                    [name, _, uid, _, _, home, ..] => Some(Self {
                        name: (*name).to_owned(),
                        uid: uid.parse().ok()?,
                        home: PathBuf::from(home),
                    }),
                    _ => None,
                }
            })
            .collect();
        accounts.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_variables_are_never_shown() {
        let environment = Environment {
            variables: [("PGPASSWORD".to_owned(), "hush".to_owned())].into(),
            ..Environment::default()
        };
        let shown = format!("{environment:?}");
        assert!(shown.contains("PGPASSWORD") && !shown.contains("hush"), "{shown}");
    }
}
