//! `pgdossier attest sign` and `verify`: whose word a statement is, by key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::arguments::{CatalogArguments, KeyArguments, clock, file_at, parse_time, place};
use crate::cli::attested::{Existing, judge_signatures, put_file, read_statements, statement_file};
use crate::cli::output::Output;
use crate::cli::workspace::WorkspaceArguments;
use crate::cli::{Exit, Stop};
use crate::collect::{AttestedFolder, Document, Keep};
use crate::control::Catalog;
use crate::sign::{TrustPolicy, sign_statement};
use crate::signature::{ATTESTOR, REVIEWER, SignatureFact, SignatureState, SignedKind, signature_file};
use crate::workspace::Workspace;

/// What somebody signs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    /// Whoever performed what is stated.
    Attestor,
    /// Whoever reviewed it.
    Reviewer,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The attestation's file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    key: KeyArguments,
    /// What you sign as.
    #[arg(long, value_enum, default_value = "attestor")]
    role: Role,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let (folder, id) = file_at(&arguments.file)?;
    let mut read = read_statements(&folder, Keep::Digests)?;
    if read.attested.drafts.contains_key(&id) {
        return Err(Stop::usage(format!(
            "`{}` is a draft; fill it in, remove its line `draft: true`, and sign it then",
            arguments.file.display()
        )));
    }
    let (name, digest) = statement_file(&read.attested, &id)
        .ok_or_else(|| Stop::usage(format!("`{}` is no attestation", arguments.file.display())))?;
    let documents = documents(&read, &id)?;
    let key = arguments.key.load()?;
    let (role, other) = match arguments.role {
        Role::Attestor => (ATTESTOR, REVIEWER),
        Role::Reviewer => (REVIEWER, ATTESTOR),
    };
    judge_signatures(
        &mut read.attested,
        &Catalog::embedded().map_err(Stop::failed)?,
        None,
        Utc::now(),
    );
    let mut facts = read.attested.signatures.get(&id).into_iter().flatten();
    let own = key.public_key().keyid();
    if facts.any(|fact| fact.role == other && fact.keyid == own) {
        return Err(Stop::usage(format!(
            "this key has signed `{name}` as the {other} already; have somebody else sign as the {role}"
        )));
    }
    let bytes = sign_statement(
        key.as_ref(),
        SignedKind::Attestation,
        (&name, &digest),
        &documents,
        role,
    )
    .map_err(Stop::failed)?;
    let path = folder.join(signature_file(&id, role, key.public_key().short_keyid()));
    put_file(&path, &bytes, Existing::Replaced)?;
    output.note(&format!(
        "signed {name} and {} documents as the {role} with the key {}",
        documents.len(),
        key.public_key().fingerprint()
    ));
    let json = json!({"signature": path, "keyid": own, "role": role, "statement_sha256": digest, "documents": documents});
    output.result(&json, || path.display().to_string());
    Ok(Exit::Good)
}

/// Digests of a statement's documents. One that cannot be read is nothing that anybody can vouch for.
fn documents(read: &AttestedFolder, id: &str) -> Result<BTreeMap<String, String>, Stop> {
    let referred = read.attested.statement(id).map(|statement| statement.documents());
    let mut digests = BTreeMap::new();
    for reference in referred.unwrap_or_default() {
        let (name, stated) = (&reference.file, reference.sha256.as_deref());
        match read.documents.get(name) {
            Some(Document::Present { attachment, .. })
                if stated.is_none_or(|stated| stated.eq_ignore_ascii_case(&attachment.sha256)) =>
            {
                digests.insert(name.clone(), attachment.sha256.clone());
            }
            Some(Document::Present { .. }) => {
                return Err(Stop::usage(format!(
                    "the document `{name}` is not the one whose digest the attestation states; nothing was signed"
                )));
            }
            Some(Document::Missing(reason)) => {
                return Err(Stop::usage(format!(
                    "the document `{name}` is missing: {reason}; nothing was signed"
                )));
            }
            None => {}
        }
    }
    Ok(digests)
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArguments {
    /// A folder of attestations, or one file; the workspace's, or `attestations`, when absent.
    #[arg(value_name = "DIR|FILE")]
    path: Option<PathBuf>,
    #[command(flatten)]
    workspace: WorkspaceArguments,
    /// The trust policy that says whose signatures count; the workspace's when absent.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// The time at which keys have to be good: a day or RFC 3339; SOURCE_DATE_EPOCH, or now, when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<DateTime<Utc>>,
    #[command(flatten)]
    catalog: CatalogArguments,
}

pub(super) fn verify(arguments: &VerifyArguments, output: &Output) -> Result<Exit, Stop> {
    let catalog = arguments.catalog.load()?;
    let workspace = arguments.workspace.load()?;
    let trust = arguments.trust.as_deref();
    let trust = trust
        .or(workspace.as_ref().and_then(Workspace::trust))
        .ok_or_else(|| {
            Stop::usage("there is no trust policy; name one with --trust, or in pgdossier.yaml under `trust`")
        })?;
    let policy = TrustPolicy::load(trust).map_err(Stop::usage)?;
    let path = arguments.workspace.attestations(arguments.path.as_deref())?;
    let (folder, only) = place(&path)?;
    let folder = if folder.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        folder
    };
    let only = only
        .and_then(Path::file_stem)
        .map(|stem| stem.to_string_lossy().into_owned());
    let mut read = read_statements(&folder, Keep::Digests)?;
    judge_signatures(
        &mut read.attested,
        &catalog,
        Some(&policy),
        clock(arguments.as_of)?,
    );
    let (mut rows, mut unsigned, mut bad) = (Vec::new(), 0, 0);
    for (id, statement) in read.attested.statements() {
        if only.as_deref().is_some_and(|only| only != id) {
            continue;
        }
        let facts = read.attested.signatures.get(id).map_or(&[][..], Vec::as_slice);
        if !facts.iter().any(|fact| fact.role == ATTESTOR) {
            unsigned += 1;
            rows.push(json!({"statement": id, "role": ATTESTOR, "state": "absent", "signed_by": null, "reason": null}));
        }
        for fact in facts {
            let row = verdict(id, fact, facts, statement.controls(), &read);
            bad += usize::from(row.get("state").and_then(Value::as_str) != Some("valid"));
            rows.push(row);
        }
    }
    output.result(&rows, || rows.iter().map(line).collect::<Vec<_>>().join("\n"));
    Ok(match (bad, unsigned) {
        (0, 0) => Exit::Good,
        (0, _) => Exit::Exceptions,
        _ => Exit::Invalid,
    })
}

/// What one signature is worth for all controls of its statement.
fn verdict(
    id: &str,
    fact: &SignatureFact,
    all: &[SignatureFact],
    controls: &[String],
    read: &AttestedFolder,
) -> Value {
    let worth = controls.iter().map(|control| fact.worth_for(control)).max();
    let (state, reason) = worth.unwrap_or((fact.state, fact.reason.clone()));
    let changed = fact
        .documents
        .iter()
        .find(|(name, digest)| match read.documents.get(*name) {
            Some(Document::Present { attachment, .. }) => attachment.sha256 != **digest,
            _ => true,
        });
    let same = fact.role == REVIEWER
        && all
            .iter()
            .any(|other| other.role == ATTESTOR && other.owner.is_some() && other.owner == fact.owner);
    let (state, reason) = match (state, changed) {
        (SignatureState::Valid, Some((name, _))) => (
            "invalid",
            Some(format!(
                "the document `{name}` is missing or was changed since it was signed"
            )),
        ),
        (SignatureState::Valid, None) if same => (
            "same-owner",
            Some("the attestor and the reviewer are the same owner".to_owned()),
        ),
        (state, _) => (state.word(), reason),
    };
    json!({"statement": id, "role": fact.role, "state": state, "signed_by": fact.owner, "keyid": fact.keyid,
           "file": fact.file, "reason": reason})
}

fn line(row: &Value) -> String {
    let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
    let who = match (text("signed_by"), text("keyid")) {
        ("", "") => String::new(),
        ("", keyid) => format!(" by the key {keyid}"),
        (owner, _) => format!(" by {owner}"),
    };
    let why = match text("reason") {
        "" => String::new(),
        reason => format!(": {reason}"),
    };
    format!(
        "{:<40} {:<9} {}{who}{why}",
        text("statement"),
        text("role"),
        text("state")
    )
}
