//! Who signed the attestations in a bundle: by key, so that duties are separated by more than names.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::VerifyOptions;
use crate::attestation::{SIGNATURE_SUFFIX, SignedStatement};
use crate::bundle::digest::Digest;
use crate::bundle::failure::Failure;
use crate::bundle::store::Store;
use crate::sign::{Envelope, Requirement, SigningTime, TrustPolicy, TrustedKey, key_fault, signing_key};
use crate::yaml;

/// How a trust policy calls these statements.
pub(super) const KIND: &str = "attestation";
const FOLDER: &str = "attestations/";

/// Signatures of attestations by keys of the policy.
pub(super) struct Signatures<'a> {
    /// The statements' files, each with those who signed these very bytes.
    statements: BTreeMap<String, Vec<Signer<'a>>>,
}

/// A statement's file, as far as a signature of it is concerned.
struct StatementFile {
    digest: String,
    controls: Vec<(String, String)>,
}

/// Only what a statement answers.
#[derive(Deserialize, JsonSchema)]
struct Answering {
    controls: Vec<String>,
}

struct Signer<'a> {
    key: &'a TrustedKey,
    role: String,
    /// Whether the key is good and may sign in this role.
    counts: bool,
}

/// Reads them all. Whether the files are those of the manifest is another step's question.
pub(super) fn read<'a>(
    store: &Store,
    policy: &'a TrustPolicy,
    options: &VerifyOptions<'_>,
    time: SigningTime<'_>,
) -> Signatures<'a> {
    let limit = options.limits.held_bytes;
    let (mut files_read, mut statements) = (BTreeMap::new(), BTreeMap::new());
    let names = store
        .entries()
        .iter()
        .filter_map(|entry| entry.path.strip_prefix(FOLDER));
    let (signatures, files): (Vec<&str>, Vec<&str>) =
        names.partition(|name| name.ends_with(SIGNATURE_SUFFIX));
    for name in files
        .into_iter()
        .filter(|name| name.ends_with(".yaml") || name.ends_with(".yml"))
    {
        statements.insert(name.to_owned(), Vec::new());
        if let Ok(bytes) = store.read(&format!("{FOLDER}{name}"), limit) {
            let file = StatementFile {
                digest: Digest::of(&bytes).to_string(),
                controls: controls(store, name, &bytes),
            };
            files_read.insert(name, file);
        }
    }
    for name in signatures {
        let Ok(bytes) = store.read(&format!("{FOLDER}{name}"), limit) else {
            continue;
        };
        if let Some((statement, signer)) = signer(&bytes, policy, &files_read, time)
            && let Some(signers) = statements.get_mut(&statement)
        {
            signers.push(signer);
        }
    }
    Signatures { statements }
}

/// The controls that a statement answers, each with the section that the bundle's catalog has it in.
fn controls(store: &Store, name: &str, bytes: &[u8]) -> Vec<(String, String)> {
    let named = yaml::parse::<Answering>(name, bytes).map_or_else(|_| Vec::new(), |parsed| parsed.controls);
    named
        .into_iter()
        .map(|control| {
            let end = format!("/{control}.yaml");
            let section = store
                .entries()
                .iter()
                .find_map(|entry| entry.path.strip_prefix("controls/")?.strip_suffix(&end));
            let section = section.unwrap_or_default().to_owned();
            (control, section)
        })
        .collect()
}

/// Who made a signature, and of which statement; nobody when it is not by a key of the policy over these bytes.
fn signer<'a>(
    bytes: &[u8],
    policy: &'a TrustPolicy,
    files: &BTreeMap<&str, StatementFile>,
    time: SigningTime<'_>,
) -> Option<(String, Signer<'a>)> {
    let envelope = Envelope::from_sigstore_json(bytes).ok()?;
    let key = signing_key(&envelope, policy)?;
    let signed = SignedStatement::parse(&envelope.payload).ok()?;
    let (name, digest) = signed.statement();
    let file = files.get(name).filter(|file| file.digest == digest)?;
    let role = signed.role().to_owned();
    let authorised = file
        .controls
        .iter()
        .all(|(control, section)| key.may_attest(control, section));
    let counts = signed.keyid() == key.keyid
        && key.roles.contains(&role)
        && authorised
        && key_fault(key, time).is_none();
    Some((name.to_owned(), Signer { key, role, counts }))
}

impl Signatures<'_> {
    /// The owners of all keys that signed in one of these roles.
    pub(super) fn owners_in(&self, roles: &[String]) -> BTreeSet<&str> {
        let signers = self.statements.values().flatten();
        signers
            .filter(|signer| roles.contains(&signer.role))
            .map(|signer| signer.key.owner.as_str())
            .collect()
    }

    /// The statements that too few others signed in the role that is wanted.
    pub(super) fn unmet(&self, wanted: &Requirement, excluded: &BTreeSet<&str>) -> Vec<Failure> {
        let mut failures = Vec::new();
        for (name, signers) in &self.statements {
            let own: BTreeSet<&str> = signers
                .iter()
                .filter(|signer| wanted.distinct_owner_from.contains(&signer.role))
                .map(|signer| signer.key.owner.as_str())
                .collect();
            let owners: BTreeSet<&str> = signers
                .iter()
                .filter(|signer| signer.counts && signer.role == wanted.role)
                .map(|signer| signer.key.owner.as_str())
                .filter(|owner| !own.contains(owner) && !excluded.contains(owner))
                .collect();
            if owners.len() < wanted.threshold {
                let message = format!(
                    "the policy requires each attestation signed by {} owner(s) in role `{}`; {} did",
                    wanted.threshold,
                    wanted.role.escape_default(),
                    owners.len()
                );
                failures.push(Failure::at(
                    "require.threshold",
                    &format!("{FOLDER}{name}"),
                    message,
                ));
            }
        }
        failures
    }
}
