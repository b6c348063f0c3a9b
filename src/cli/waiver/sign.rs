//! `pgdossier waiver sign`: whose word a waiver is, by key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::Utc;
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::arguments::{CatalogArguments, KeyArguments, file_at};
use crate::cli::attested::{Existing, put_file};
use crate::cli::output::Output;
use crate::cli::waivers::RuleArguments;
use crate::cli::{Exit, Stop};
use crate::evidence::sha256_hex;
use crate::sign::{Signer as _, sign_statement};
use crate::signature::{APPROVER, REQUESTER, SignedKind, signature_file};

/// What somebody signs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    /// Whoever approved it.
    Approver,
    /// Whoever asked for it.
    Requester,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The waiver's file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    key: KeyArguments,
    /// What you sign as.
    #[arg(long, value_enum, default_value = "approver")]
    role: Role,
    #[command(flatten)]
    catalog: CatalogArguments,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let (folder, stem) = file_at(&arguments.file)?;
    let loaded = RuleArguments::unpoliced().load(&folder)?;
    let given = arguments.file.file_name().unwrap_or_default();
    let named = |waiver: &&crate::waiver::Waiver| given == waiver.name();
    let waiver = loaded
        .waivers
        .list
        .iter()
        .find(named)
        .ok_or_else(|| Stop::usage(format!("`{}` is no waiver", arguments.file.display())))?;
    let key = arguments.key.load()?;
    let (role, other) = match arguments.role {
        Role::Approver => (APPROVER, REQUESTER),
        Role::Requester => (REQUESTER, APPROVER),
    };
    let name = waiver.name();
    let own = key.public_key().keyid();
    let facts = loaded.facts(waiver, &arguments.catalog.load()?, Utc::now());
    if facts.iter().any(|fact| fact.role == other && fact.keyid == own) {
        return Err(Stop::usage(format!(
            "this key has signed `{name}` as the {other} already; have somebody else sign as the {role}"
        )));
    }
    let bytes = loaded.waivers.files.get(&waiver.file);
    let digest = sha256_hex(bytes.map(Vec::as_slice).unwrap_or_default());
    let none = BTreeMap::new();
    let signature = sign_statement(&key, SignedKind::Waiver, (name, &digest), &none, role);
    let path = folder.join(signature_file(&stem, role, key.public_key().short_keyid()));
    put_file(&path, &signature.map_err(Stop::failed)?, Existing::Replaced)?;
    output.note(&format!(
        "signed {name} as the {role} with the key {}",
        key.public_key().fingerprint()
    ));
    let json = json!({"signature": path, "keyid": own, "role": role, "waiver_sha256": digest});
    output.result(&json, || path.display().to_string());
    Ok(Exit::Good)
}
