//! The unprivileged account a cluster runs as when its owner is root.

use std::os::unix::process::CommandExt;
use std::process::Command;

use super::ClusterError;

/// An entry of `/etc/passwd` that takes root's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAccount {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

impl ServerAccount {
    /// `None` when this process is not root and so can run a server as itself; else `postgres` or `nobody`.
    ///
    /// # Errors
    /// This process is root and neither account exists.
    pub fn when_root() -> Result<Option<Self>, ClusterError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| entry(&passwd, name))
            .map(Some)
            .ok_or(ClusterError::NoAccount)
    }

    /// Makes the command run as this account. The standard library clears root's supplementary groups with it.
    pub(super) fn run(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}

fn entry(passwd: &str, wanted: &str) -> Option<ServerAccount> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| *name == wanted)?;
        let uid = fields.nth(1)?.parse().ok().filter(|uid| *uid != 0)?;
        let gid = fields.next()?.parse().ok()?;
        Some(ServerAccount {
            name: name.to_owned(),
            uid,
            gid,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_from_its_line_and_never_with_roots_id() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\nnobody:x:65534:65533:n,,:/x:/bin/false\n";
        let found = ServerAccount {
            name: "nobody".into(),
            uid: 65534,
            gid: 65533,
        };
        assert_eq!(entry(passwd, "nobody"), Some(found));
        assert_eq!(entry(passwd, "postgres"), None);
        assert_eq!(entry(passwd, "toor"), None);
    }
}
