//! Waivers for an assessment: read, and their signatures held against a policy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::Args;

use super::attested::folder_stop;
use super::{Exit, Stop};
use crate::bundle::IntactBundle;
use crate::control::Catalog;
use crate::evidence::sha256_hex;
use crate::folder;
use crate::record;
use crate::sign::{Envelope, Judging, Requirement, TrustPolicy, judge_signature};
use crate::signature::{APPROVER, SIGNATURE_SUFFIX, SignatureFact, SignedKind};
use crate::waiver::{LONGEST, Rules, Sealer, Signature, Waiver, WaiverRecord, Waivers};
use crate::yaml::Place;

/// Where the policy lies in a bundle, so that a replay holds signatures against the same one.
const POLICY: &str = "waivers/trust-policy.json";

/// What waivers are held to.
#[derive(Debug, Clone, Args)]
pub(super) struct RuleArguments {
    /// A trust policy that says how many approvers have to sign a waiver, and whose signatures count.
    #[arg(long, value_name = "FILE")]
    pub(super) waiver_policy: Option<PathBuf>,
    /// The longest that a waiver may last.
    #[arg(long, value_name = "DAYS", default_value_t = LONGEST)]
    pub(super) waiver_max_days: u32,
}

/// Waivers whose signatures have not been looked at yet.
pub(super) struct Loaded {
    pub(super) waivers: Waivers,
    policy: Option<TrustPolicy>,
}

impl RuleArguments {
    /// Nobody's signature is asked about, and nothing is too long.
    pub(super) fn unpoliced() -> Self {
        Self {
            waiver_policy: None,
            waiver_max_days: u32::MAX,
        }
    }

    /// The waivers of a folder, held to these rules.
    pub(super) fn load(&self, folder: &Path) -> Result<Loaded, Stop> {
        let waivers = Waivers::from_folder(folder).map_err(folder_stop)?;
        refuse_broken(&waivers, folder)?;
        let policy = self.waiver_policy.as_deref().map(load_policy).transpose()?;
        Ok(Loaded::new(waivers, policy, self.waiver_max_days))
    }
}

/// What is no signature at all has no place in a bundle, whose records have to be well formed.
fn refuse_broken(waivers: &Waivers, folder: &Path) -> Result<(), Stop> {
    let signatures = waivers
        .files
        .iter()
        .filter(|(name, _)| name.ends_with(SIGNATURE_SUFFIX));
    let broken = signatures.filter_map(|(name, bytes)| {
        let error = Envelope::from_sigstore_json(bytes).err()?;
        let message = format!("this is no signature: {error}");
        let help = "remove it, or have it signed again with `pgdossier waiver sign`";
        Some(Place::default().problem(name, message, help))
    });
    let problems = folder::as_named(broken.collect(), folder, SignedKind::Waiver);
    if problems.0.is_empty() {
        Ok(())
    } else {
        Err(Stop::usage(problems))
    }
}

fn load_policy(path: &Path) -> Result<TrustPolicy, Stop> {
    let policy = TrustPolicy::load(path).map_err(Stop::usage)?;
    match for_waivers(&policy).collect::<Vec<_>>().as_slice() {
        [one] if one.role == APPROVER => Ok(policy),
        list => Err(Stop::usage(format!(
            "`{}` has {} requirements for the statement `waiver`, and must have one, for the role `{APPROVER}`: \
             `pgdossier trust init --role {APPROVER}` writes such a policy",
            path.display(),
            list.len()
        ))),
    }
}

fn for_waivers(policy: &TrustPolicy) -> impl Iterator<Item = &Requirement> {
    let word = SignedKind::Waiver.word();
    policy
        .require
        .iter()
        .filter(move |requirement| requirement.statement == word)
}

impl Loaded {
    fn new(mut waivers: Waivers, policy: Option<TrustPolicy>, longest: u32) -> Self {
        waivers.rules = Rules {
            longest,
            signatures: policy
                .as_ref()
                .and_then(|policy| for_waivers(policy).next())
                .map_or(0, |requirement| requirement.threshold),
        };
        if let Some(policy) = &policy {
            waivers.files.insert(POLICY.to_owned(), record::to_json(policy));
        }
        Self { waivers, policy }
    }

    /// The waivers that a bundle holds; none when it was made without.
    pub(super) fn from_bundle(
        bundle: &IntactBundle,
        sealed: Option<&WaiverRecord>,
    ) -> Result<Option<Self>, Stop> {
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let wrong = |message: String| Stop {
            exit: Exit::Invalid,
            message,
        };
        let mut files = BTreeMap::new();
        let own = |path: &&str| path.starts_with(SignedKind::Waiver.folder());
        for path in bundle.paths().filter(own) {
            let bytes = bundle.read(path).map_err(|error| wrong(error.to_string()))?;
            files.insert(path.to_owned(), bytes);
        }
        let policy = files
            .remove(POLICY)
            .map(|bytes| TrustPolicy::from_json(&bytes))
            .transpose()
            .map_err(|error| wrong(error.to_string()))?;
        let waivers = Waivers::from_files(files).map_err(|problems| wrong(problems.to_string()))?;
        Ok(Some(Self::new(waivers, policy, sealed.rules.longest)))
    }

    /// Looks at signatures. `sealer` is the key that seals the assessment.
    pub(super) fn check(mut self, catalog: &Catalog, as_of: DateTime<Utc>, sealer: Option<&str>) -> Waivers {
        let holds = |keyid: &str| {
            let keys = &self.policy.as_ref()?.keys;
            let key = keys.iter().find(|key| key.keyid == keyid)?;
            Some(key.owner.as_str())
        };
        let sealer = Sealer {
            keyid: sealer,
            owner: sealer.and_then(holds),
        };
        let found: Vec<Signature> = self
            .waivers
            .list
            .iter()
            .map(|waiver| Signature::of(&self.facts(waiver, catalog, as_of), &waiver.control, sealer))
            .collect();
        for (waiver, signature) in self.waivers.list.iter_mut().zip(found) {
            waiver.signature = signature;
        }
        self.waivers
    }

    /// What is known of each signature beside a waiver.
    pub(super) fn facts(
        &self,
        waiver: &Waiver,
        catalog: &Catalog,
        as_of: DateTime<Utc>,
    ) -> Vec<SignatureFact> {
        let bytes = self.waivers.files.get(&waiver.file);
        let digest = sha256_hex(bytes.map(Vec::as_slice).unwrap_or_default());
        let section = catalog
            .control(&waiver.control)
            .map_or_else(String::new, |control| control.section.clone());
        let controls = [(waiver.control.clone(), section)];
        let judging = Judging {
            kind: SignedKind::Waiver,
            policy: self.policy.as_ref(),
            now: as_of,
            controls: &controls,
        };
        self.waivers
            .signatures_of(&waiver.file)
            .map(|(name, json)| judge_signature(name, json, (waiver.name(), &digest), judging))
            .collect()
    }
}
