//! How a target's host is reached.

use schemars::JsonSchema;
use serde::Deserialize;

/// How the host of a target is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum HostAccess {
    /// Here, when the server was reached by a Unix socket or a loopback address; not at all otherwise.
    #[default]
    Automatic,
    /// Not at all.
    None,
    /// This machine is the host.
    Local {
        /// Whether commands that need root are put behind `sudo -n`.
        sudo: bool,
    },
    /// By the user's own `ssh`.
    Ssh {
        /// As `ssh` takes it: a host, `user@host`, or a name from the user's configuration.
        destination: String,
        /// Whether commands that need root are put behind `sudo -n`.
        sudo: bool,
    },
}

/// How the host of a target is reached, as the inventory writes it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "HostAccess")]
pub struct RawHostAccess {
    /// `local`, `none`, or `ssh:DESTINATION` with a destination as `ssh` takes it.
    pub access: String,
    /// Put commands that need root behind `sudo -n`; `pgdossier commands --sudoers` prints the rules for it.
    #[serde(default)]
    pub sudo: bool,
}

impl HostAccess {
    /// Parses `local`, `none`, `auto` or `ssh:DESTINATION`.
    ///
    /// # Errors
    /// What is wrong and how to write it.
    pub fn parse(text: &str, sudo: bool) -> Result<Self, String> {
        match text {
            "none" if sudo => Err("`sudo` says nothing where the host is not looked at".to_owned()),
            "none" => Ok(Self::None),
            "auto" if !sudo => Ok(Self::Automatic),
            "auto" | "local" => Ok(Self::Local { sudo }),
            _ => match text.strip_prefix("ssh:") {
                Some(destination) if is_destination(destination) => Ok(Self::Ssh {
                    destination: destination.to_owned(),
                    sudo,
                }),
                Some(_) => Err(format!(
                    "`{text}` names no host; write `ssh:HOST`, `ssh:USER@HOST` or a name from your ssh configuration"
                )),
                None => Err(format!(
                    "`{text}` is no way to a host; write `local`, `ssh:DESTINATION` or `none`"
                )),
            },
        }
    }

    /// In words, for provenance.
    pub fn describe(&self) -> String {
        match self {
            Self::Automatic => "this machine, if the server runs here".to_owned(),
            Self::None => "none".to_owned(),
            Self::Local { .. } => "this machine".to_owned(),
            Self::Ssh { destination, .. } => format!("ssh {destination}"),
        }
    }
}

/// What `ssh` cannot take for an option, and what holds no blank.
fn is_destination(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && text.chars().all(|c| !c.is_whitespace() && !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_never_an_option() {
        for text in ["ssh:", "ssh:-oProxyCommand=x", "ssh:a b", "ftp:x", ""] {
            assert!(HostAccess::parse(text, false).is_err(), "{text}");
        }
        assert_eq!(
            HostAccess::parse("ssh:ann@db1", true),
            Ok(HostAccess::Ssh {
                destination: "ann@db1".to_owned(),
                sudo: true
            })
        );
    }
}
