//! Who signed the attestations and waivers in a bundle: by key, so that duties are separated by more than names.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::bundle::digest::Digest;
use crate::bundle::failure::Failure;
use crate::bundle::layout::ATTACHMENTS;
use crate::bundle::manifest::Manifest;
use crate::bundle::store::Store;
use crate::folder::is_yaml;
use crate::sign::{Envelope, Requirement, SigningTime, TrustPolicy, TrustedKey, key_fault, signing_key};
use crate::signature::{
    APPROVER, ATTESTOR, REQUESTER, REVIEWER, SIGNATURE_SUFFIX, SignedKind, SignedStatement,
};
use crate::yaml;

/// Signatures of one kind of file by keys of the policy.
pub(super) struct Signatures<'a> {
    pub(super) kind: SignedKind,
    /// The files, each with those who signed these very bytes.
    files: BTreeMap<String, Vec<Signer<'a>>>,
}

/// A file, as far as a signature of it is concerned.
struct SignedFile {
    digest: String,
    /// Absent when it cannot be understood.
    controls: Option<Vec<(String, String)>>,
}

/// Only the controls that a file is about: several, or the one of a waiver.
#[derive(Deserialize, JsonSchema)]
struct About {
    #[serde(default)]
    controls: Vec<String>,
    #[serde(default)]
    control: Option<String>,
}

struct Signer<'a> {
    key: &'a TrustedKey,
    role: String,
    /// Whether the key is good and may sign in this role, and the bundle has the documents that it signed.
    counts: bool,
}

/// Where they are read from.
#[derive(Clone, Copy)]
pub(super) struct Sealed<'s> {
    pub(super) store: &'s Store,
    pub(super) manifest: &'s Manifest,
    /// The largest file that is read.
    pub(super) limit: u64,
}

impl Sealed<'_> {
    /// A file as it was sealed: nothing that anybody put in its place is parsed or believed.
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let bytes = self.store.read(path, self.limit).ok()?;
        (self.manifest.find(path)? == Digest::of(&bytes)).then_some(bytes)
    }

    /// Whether a document with this digest was sealed, here or withheld. Its name says so, and so must its bytes.
    fn has_document(&self, sha256: &str) -> bool {
        let start = format!("{ATTACHMENTS}{sha256}.");
        let lines = self.manifest.lines.iter();
        lines
            .filter(|line| line.path.starts_with(&start))
            .any(|line| line.sha256.to_string() == sha256)
    }
}

/// Reads them all, as far as they are as they were sealed.
pub(super) fn read<'a>(
    kind: SignedKind,
    sealed: Sealed<'_>,
    policy: &'a TrustPolicy,
    time: SigningTime<'_>,
) -> Signatures<'a> {
    let folder = kind.folder();
    let (mut files_read, mut signed) = (BTreeMap::new(), BTreeMap::new());
    let names = sealed
        .store
        .entries()
        .iter()
        .filter_map(|entry| entry.path.strip_prefix(folder));
    let (signatures, files): (Vec<&str>, Vec<&str>) =
        names.partition(|name| name.ends_with(SIGNATURE_SUFFIX));
    for name in files.into_iter().filter(|name| is_yaml(name)) {
        signed.insert(name.to_owned(), Vec::new());
        if let Some(bytes) = sealed.read(&format!("{folder}{name}")) {
            let file = SignedFile {
                digest: Digest::of(&bytes).to_string(),
                controls: controls(sealed.store, name, &bytes),
            };
            files_read.insert(name, file);
        }
    }
    for name in signatures {
        let Some(bytes) = sealed.read(&format!("{folder}{name}")) else {
            continue;
        };
        if let Some((file, signer)) = signer(kind, &bytes, policy, &files_read, sealed, time)
            && let Some(signers) = signed.get_mut(&file)
        {
            signers.push(signer);
        }
    }
    Signatures { kind, files: signed }
}

/// The controls that a file is about, each with the section that the bundle's catalog has it in.
fn controls(store: &Store, name: &str, bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let about: About = yaml::parse(name, bytes).ok()?;
    let controls = about.controls.into_iter().chain(about.control).map(|control| {
        let end = format!("/{control}.yaml");
        let section = store
            .entries()
            .iter()
            .find_map(|entry| entry.path.strip_prefix("controls/")?.strip_suffix(&end));
        let section = section.unwrap_or_default().to_owned();
        (control, section)
    });
    Some(controls.collect())
}

/// Who made a signature, and of which file; nobody when it is not by a key of the policy over these bytes.
fn signer<'a>(
    kind: SignedKind,
    bytes: &[u8],
    policy: &'a TrustPolicy,
    files: &BTreeMap<&str, SignedFile>,
    sealed: Sealed<'_>,
    time: SigningTime<'_>,
) -> Option<(String, Signer<'a>)> {
    let envelope = Envelope::from_sigstore_json(bytes).ok()?;
    let key = signing_key(&envelope, policy)?;
    let signed = SignedStatement::parse(kind, &envelope.payload).ok()?;
    let (name, digest) = signed.statement();
    let file = files.get(name).filter(|file| file.digest == digest)?;
    let role = signed.role().to_owned();
    let authorised = match &file.controls {
        Some(controls) => controls
            .iter()
            .all(|(control, section)| key.may_attest(control, section)),
        // Whoever may sign for some controls cannot have this counted for any by making it hard to read.
        None => !key.has_limits(),
    };
    let mut documents = signed.documents().into_values();
    let counts = signed.keyid() == key.keyid
        && documents.all(|sha256| sealed.has_document(&sha256))
        && key.roles.contains(&role)
        && authorised
        && key_fault(key, time).is_none();
    Some((name.to_owned(), Signer { key, role, counts }))
}

impl Signatures<'_> {
    /// The owners of all keys that signed in one of these roles.
    pub(super) fn owners_in(&self, roles: &[String]) -> BTreeSet<&str> {
        let signers = self.files.values().flatten();
        signers
            .filter(|signer| roles.contains(&signer.role))
            .map(|signer| signer.key.owner.as_str())
            .collect()
    }

    /// The waivers that nobody approved but who asked for them, or who sealed the bundle: no policy allows that.
    pub(super) fn approved_by_themselves(&self, sealers: &BTreeSet<&str>) -> Vec<Failure> {
        let mut failures = Vec::new();
        for (name, signers) in &self.files {
            let owners = |role: &str| -> BTreeSet<&str> {
                let signed = signers.iter().filter(|signer| signer.role == role);
                signed.map(|signer| signer.key.owner.as_str()).collect()
            };
            let (approvers, requesters) = (owners(APPROVER), owners(REQUESTER));
            let concerned = |owner: &&str| requesters.contains(owner) || sealers.contains(owner);
            if !approvers.is_empty() && approvers.iter().all(concerned) {
                let owners = approvers.into_iter().collect::<Vec<_>>().join(", ");
                let message = format!(
                    "it is approved by nobody but {}, who asked for it or made the assessment",
                    owners.escape_default()
                );
                failures.push(Failure::at("waiver.same-owner", &self.path(name), message));
            }
        }
        failures
    }

    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.kind.folder())
    }

    /// The files that too few others signed in the role that is wanted.
    pub(super) fn unmet(&self, wanted: &Requirement, excluded: &BTreeSet<&str>) -> Vec<Failure> {
        let mut failures = Vec::new();
        for (name, signers) in &self.files {
            let own: BTreeSet<&str> = signers
                .iter()
                .filter(|signer| {
                    // Nobody reviews what they attested, whatever the policy says.
                    let attested = wanted.role == REVIEWER && signer.role == ATTESTOR;
                    attested || wanted.distinct_owner_from.contains(&signer.role)
                })
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
                    "the policy requires each {} signed by {} owner(s) in role `{}`; {} did",
                    self.kind.word(),
                    wanted.threshold,
                    wanted.role.escape_default(),
                    owners.len()
                );
                failures.push(Failure::at("require.threshold", &self.path(name), message));
            }
        }
        failures
    }
}
