//! `pgdossier keys`: make keys and show their public half.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::arguments::OpeningArguments;
use super::output::Output;
use super::{Exit, Stop};
use crate::sign::{
    KeyReference, PassphraseSource, PublicKey, Scheme, Signer as _, SigningKey, write_private_key,
};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a key that only you can read, protected by a passphrase.
    New {
        /// ed25519, or p256 (ECDSA) for services and devices that know no other.
        #[arg(long, value_name = "KIND", default_value = "ed25519")]
        algorithm: Scheme,
        /// Where to write it; never overwrites.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// A file whose first line is the passphrase; else PGDOSSIER_PASSPHRASE, else it is asked.
        #[arg(long, value_name = "FILE", conflicts_with = "no_passphrase")]
        passphrase_file: Option<PathBuf>,
        /// Leave the key unprotected: whoever reads the file can sign.
        #[arg(long)]
        no_passphrase: bool,
    },
    /// Print the public half of a private key, for trust policies and for openssl.
    Public {
        /// The private key: a file, ssh-agent:…, or pkcs11:…
        #[arg(value_name = "KEY")]
        key: KeyReference,
        #[command(flatten)]
        opening: OpeningArguments,
    },
}

pub(super) fn run(verb: &Verb, output: &Output) -> Result<Exit, Stop> {
    match verb {
        Verb::New {
            algorithm,
            out,
            passphrase_file,
            no_passphrase,
        } => {
            if out.exists() {
                return Err(Stop::usage(format!(
                    "`{}` exists already, and keys are never overwritten; choose another name",
                    out.display()
                )));
            }
            let key = SigningKey::generate_for(*algorithm).map_err(Stop::failed)?;
            let pem = if *no_passphrase {
                key.to_pkcs8_pem()
            } else {
                let source = PassphraseSource::choose(passphrase_file.as_deref());
                let passphrase = source.read_new(out).map_err(Stop::usage)?;
                key.to_encrypted_pem(&passphrase).map_err(Stop::failed)?
            };
            write_private_key(out, &pem).map_err(Stop::failed)?;
            output.note(&format!("wrote the private key to {} (mode 0600)", out.display()));
            show(key.public_key(), output);
        }
        Verb::Public { key, opening } => show(opening.open(key)?.public_key(), output),
    }
    Ok(Exit::Good)
}

fn show(key: &PublicKey, output: &Output) {
    output.note(&format!(
        "key id {}\nfingerprint {}",
        key.keyid(),
        key.fingerprint()
    ));
    let json = json!({"keyid": key.keyid(), "public_key": key.to_pem(), "ssh": key.to_ssh(), "fingerprint": key.fingerprint()});
    output.result(&json, || key.to_pem());
}
