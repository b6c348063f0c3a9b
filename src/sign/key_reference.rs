//! How a signing key is named: a file, or who else holds it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::agent::AgentSigner;
use super::command::CommandSigner;
use super::{PassphraseSource, PublicKey, SignError, Signer, SigningKey};

/// A key, by who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyReference {
    /// A key file.
    File(PathBuf),
    /// `ssh-agent:`, then a fingerprint, a comment or nothing.
    Agent(String),
    /// `pkcs11:…`, a URI of RFC 7512.
    Pkcs11(String),
    /// `command:`, then words split at blanks, or a JSON array of them.
    Command(Vec<String>),
}

/// What opening a key may need.
#[derive(Debug, Clone)]
pub struct Opening {
    /// Where a passphrase or PIN comes from.
    pub passphrase: PassphraseSource,
    /// The only key that may sign.
    pub public_key: Option<PublicKey>,
    /// How long an agent or a command may take for one signature.
    pub time_limit: Duration,
}

impl FromStr for KeyReference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(wanted) = text.strip_prefix("ssh-agent:") {
            return Ok(Self::Agent(wanted.to_owned()));
        }
        if text.starts_with("pkcs11:") {
            return if text.contains("pin-value=") {
                Err(
                    "a PIN has no place on a command line: use pin-source=file:…, --passphrase-file or \
                     PGDOSSIER_PASSPHRASE"
                        .to_owned(),
                )
            } else {
                Ok(Self::Pkcs11(text.to_owned()))
            };
        }
        let Some(command) = text.strip_prefix("command:") else {
            return Ok(Self::File(text.into()));
        };
        let words: Vec<String> = if command.starts_with('[') {
            serde_json::from_str(command)
                .map_err(|error| format!("the command is not a JSON array of words: {error}"))?
        } else {
            command.split_whitespace().map(str::to_owned).collect()
        };
        if words.is_empty() {
            Err("`command:` names no program".to_owned())
        } else {
            Ok(Self::Command(words))
        }
    }
}

impl fmt::Display for KeyReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "key file `{}`", path.display()),
            Self::Agent(_) => f.write_str("ssh-agent"),
            Self::Pkcs11(_) => f.write_str("PKCS#11 token"),
            Self::Command(words) => {
                write!(
                    f,
                    "signing command `{}`",
                    words.first().map_or("", String::as_str)
                )
            }
        }
    }
}

impl KeyReference {
    /// Finds the key and makes it ready to sign.
    ///
    /// # Errors
    /// What its holder reports, and [`SignError::OtherKey`] when it is not the one that must sign.
    pub fn open(&self, opening: &Opening) -> Result<Box<dyn Signer + Send>, SignError> {
        let signer = self.signer(opening)?;
        match &opening.public_key {
            Some(wanted) if wanted != signer.public_key() => Err(SignError::OtherKey {
                holder: self.to_string(),
                found: signer.public_key().keyid().to_owned(),
                wanted: wanted.keyid().to_owned(),
            }),
            _ => Ok(signer),
        }
    }

    fn signer(&self, opening: &Opening) -> Result<Box<dyn Signer + Send>, SignError> {
        match self {
            Self::File(path) => Ok(Box::new(SigningKey::load(path, || {
                opening.passphrase.read(path)
            })?)),
            Self::Agent(wanted) => Ok(Box::new(AgentSigner::open(wanted, opening.time_limit)?)),
            Self::Pkcs11(uri) => pkcs11(uri, opening),
            Self::Command(words) => {
                let public = opening.public_key.clone().ok_or_else(|| SignError::Holder {
                    holder: self.to_string(),
                    reason:
                        "a command signs only with a key that is known beforehand; name its public half with \
                             `--public-key`"
                            .to_owned(),
                })?;
                Ok(Box::new(CommandSigner::new(
                    words.clone(),
                    public,
                    opening.time_limit,
                )))
            }
        }
    }

    /// Whether opening it can need a passphrase or PIN.
    pub fn may_need_passphrase(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Pkcs11(uri) => !uri.contains("pin-source="),
            Self::Agent(_) | Self::Command(_) => false,
        }
    }
}

#[cfg(feature = "pkcs11")]
fn pkcs11(uri: &str, opening: &Opening) -> Result<Box<dyn Signer + Send>, SignError> {
    let signer = super::pkcs11::Pkcs11Signer::open(uri, opening)?;
    Ok(Box::new(signer))
}

#[cfg(not(feature = "pkcs11"))]
fn pkcs11(_: &str, _: &Opening) -> Result<Box<dyn Signer + Send>, SignError> {
    Err(SignError::Holder {
        holder: "PKCS#11 token".to_owned(),
        reason: "this program was built without it; build with `cargo build --release --features pkcs11`"
            .to_owned(),
    })
}
