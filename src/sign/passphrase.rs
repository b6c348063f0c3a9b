//! Where a passphrase comes from: a file, the environment or a prompt.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::SignError;
use super::key_file::read_secret;

/// The environment variable that holds a passphrase for unattended runs.
pub const PASSPHRASE_VARIABLE: &str = "PGDOSSIER_PASSPHRASE";

/// A passphrase, wiped from memory when dropped.
pub type Passphrase = Zeroizing<String>;

/// Where to take the passphrase of a private key from, when one is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassphraseSource {
    /// The first line of a file that only its owner can read.
    File(PathBuf),
    /// The environment variable of this name.
    Environment(&'static str),
    /// Asked on the terminal.
    Prompt,
}

impl PassphraseSource {
    /// The file if one is given, else [`PASSPHRASE_VARIABLE`] if it is set, else the terminal.
    pub fn choose(file: Option<&Path>) -> Self {
        match file {
            Some(path) => Self::File(path.to_owned()),
            None if std::env::var_os(PASSPHRASE_VARIABLE).is_some() => Self::Environment(PASSPHRASE_VARIABLE),
            None => Self::Prompt,
        }
    }

    /// The passphrase that opens an existing key file; `key` names it in the prompt.
    ///
    /// # Errors
    /// [`SignError::NoPassphrase`] when there is none to be had, [`SignError::EmptyPassphrase`],
    /// [`SignError::LooseMode`] for a file that others can read.
    pub fn read(&self, key: &Path) -> Result<Passphrase, SignError> {
        self.answer(&format!("Passphrase of {}: ", key.display()))
    }

    /// The secret from where it is; only a prompt shows `question`.
    ///
    /// # Errors
    /// As [`PassphraseSource::read`].
    pub(super) fn answer(&self, question: &str) -> Result<Passphrase, SignError> {
        let passphrase = match self {
            Self::File(path) => first_line(path)?,
            Self::Environment(name) => {
                Passphrase::new(std::env::var(name).map_err(|error| SignError::NoPassphrase {
                    reason: format!("the environment variable `{name}` is unusable: {error}"),
                })?)
            }
            Self::Prompt => ask(question)?,
        };
        if passphrase.is_empty() {
            Err(SignError::EmptyPassphrase)
        } else {
            Ok(passphrase)
        }
    }

    /// The passphrase for a key that is being made; a prompt asks twice.
    ///
    /// # Errors
    /// As [`PassphraseSource::read`], and [`SignError::PassphrasesDiffer`].
    pub fn read_new(&self, key: &Path) -> Result<Passphrase, SignError> {
        let first = self.read(key)?;
        if *self == Self::Prompt && *first != *ask("The same again: ")? {
            return Err(SignError::PassphrasesDiffer);
        }
        Ok(first)
    }
}

fn first_line(path: &Path) -> Result<Passphrase, SignError> {
    let bytes = read_secret(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| SignError::NoPassphrase {
        reason: format!("`{}` is not UTF-8 text", path.display()),
    })?;
    Ok(Passphrase::new(
        text.lines().next().unwrap_or_default().to_owned(),
    ))
}

fn ask(prompt: &str) -> Result<Passphrase, SignError> {
    rpassword::prompt_password(prompt)
        .map(Passphrase::new)
        .map_err(|error| SignError::NoPassphrase {
            reason: format!("cannot ask on the terminal ({error})"),
        })
}
