//! Good bundles of each kind, and the policy that trusts them.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use pgdossier::bundle::{
    BundleReader, Contents, Decision, Description, IntactBundle, Limits, Redactor, Reviewer, SealOptions,
    Sealed, Tool, Verdict, VerifyOptions, put_unlisted, redact, review, seal, verify,
};
use pgdossier::salt::Seed;
use pgdossier::sign::{Envelope, Scheme, Signer, SigningKey, TimestampRequest, TrustPolicy, seal_token};
use pgdossier::withholding::{Hidden, Withholding};
use serde_json::json;

use crate::authority::Authority;
use crate::sample_bundle::texts;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sealed,
    ReviewedAndStamped,
    Redacted,
}

/// The keys of everybody, who is trusted to tell the time, and when all this is.
pub struct Keys {
    now: DateTime<Utc>,
    ed25519: SigningKey,
    p256: SigningKey,
    reviewer: SigningKey,
    authorities: [Authority; 2],
    policy: TrustPolicy,
}

pub struct Made<'k> {
    pub kind: Kind,
    pub folder: PathBuf,
    pub archive: PathBuf,
    keys: &'k Keys,
}

impl Made<'_> {
    /// Whether it verifies as it did when it was made.
    pub fn is_good(&self, bundle: &Path) -> bool {
        let options = VerifyOptions {
            now: self.keys.now + TimeDelta::hours(1),
            allow_withheld: false,
            limits: Limits::default(),
            threads: std::num::NonZeroUsize::new(1),
            cancel: &AtomicBool::new(false),
        };
        let verification = verify(bundle, &self.keys.policy, &options).unwrap();
        let whole = match self.kind {
            Kind::Redacted => Verdict::ValidWithWithheldFiles,
            Kind::Sealed | Kind::ReviewedAndStamped => Verdict::Valid,
        };
        let reviews = if self.kind == Kind::ReviewedAndStamped {
            2
        } else {
            0
        };
        verification.verdict == whole && verification.reviews.len() == reviews
    }
}

impl Keys {
    pub fn new() -> Self {
        let key = |scheme| SigningKey::generate_for(scheme).unwrap();
        let (ed25519, p256, reviewer) = (key(Scheme::Ed25519), key(Scheme::P256), key(Scheme::P256));
        let now = Utc::now().trunc_subsecs(0);
        let authorities = ["rsa:2048", "ec -pkeyopt ec_paramgen_curve:P-256"].map(Authority::new);
        let entry = |key: &SigningKey, owner: &str, roles: &[&str]| {
            json!({"keyid": key.public_key().keyid(), "public_key": key.public_key().to_pem(), "owner": owner, "roles": roles,
                   "valid_from": now - TimeDelta::days(30), "valid_until": now + TimeDelta::days(30)})
        };
        let roots = authorities
            .each_ref()
            .map(|one| String::from_utf8(one.read("root.pem")).unwrap());
        let policy = json!({
            "version": 1,
            "keys": [entry(&ed25519, "Ada", &["preparer"]), entry(&p256, "Bea", &["preparer", "reviewer"]),
                     entry(&reviewer, "Ines", &["reviewer"])],
            "require": [{"statement": "assessment", "role": "preparer", "threshold": 1}],
            "timestamp": {"roots": roots, "required": false},
        });
        let policy = TrustPolicy::from_json(policy.to_string().as_bytes()).unwrap();
        Self {
            now,
            ed25519,
            p256,
            reviewer,
            authorities,
            policy,
        }
    }

    pub fn make(&self, kind: Kind, out: &Path) -> Made<'_> {
        let signer = match kind {
            Kind::ReviewedAndStamped => &self.p256,
            Kind::Sealed | Kind::Redacted => &self.ed25519,
        };
        let earlier = self.seal(None, "acme-2026-Q3", signer, out);
        let sealed = self.seal(Some(&earlier.folder), "acme-2026-Q4", signer, out);
        let (mut folder, mut archive) = (sealed.folder, sealed.archive);
        match kind {
            Kind::Sealed => {}
            Kind::ReviewedAndStamped => {
                self.review(&folder, &archive);
                self.stamp(&folder, &archive);
            }
            Kind::Redacted => (folder, archive) = self.redact(&folder, &out.join("copy")),
        }
        Made {
            kind,
            folder,
            archive,
            keys: self,
        }
    }

    fn seal(&self, previous: Option<&Path>, id: &str, signer: &dyn Signer, out: &Path) -> Sealed {
        let seed = Seed::random().unwrap();
        let mut salted = Contents::new();
        for (path, text) in texts(id) {
            salted.insert(path, seed.append(path, text.into_bytes())).unwrap();
        }
        let description = Description {
            as_of: self.now - TimeDelta::hours(1),
            ..crate::sample_bundle::description(id)
        };
        let options = SealOptions {
            cancel: &AtomicBool::new(false),
            threads: None,
        };
        seal(salted, &description, previous, signer, "preparer", out, &options).unwrap()
    }

    /// By keys of both kinds.
    fn review(&self, folder: &Path, archive: &Path) {
        for (signer, comment) in [
            (&self.reviewer, ""),
            (&self.ed25519, "Compared with the tickets."),
        ] {
            let role = if comment.is_empty() {
                "reviewer"
            } else {
                "preparer"
            };
            let reviewer = Reviewer {
                signer,
                role,
                decision: Decision::Approve,
                comment,
                at: self.now,
                tool: &tool(),
            };
            let file = review(&opened(folder), reviewer).unwrap();
            for bundle in [folder, archive] {
                put_unlisted(bundle, std::slice::from_ref(&file)).unwrap();
            }
        }
    }

    /// The bundle's signature by one authority, the reviews by the other.
    fn stamp(&self, folder: &Path, archive: &Path) {
        for (path, mut envelope) in opened(folder).envelopes().unwrap() {
            let authority = &self.authorities[usize::from(path.starts_with("reviews/"))];
            let request = TimestampRequest::new(&envelope.signature).unwrap();
            let response = authority.answer(&request.to_der().unwrap());
            let (token, _) = seal_token(&response, &envelope.signature, None, None).unwrap();
            envelope = Envelope {
                token: Some(token),
                ..envelope
            };
            let files = [(path, envelope.to_sigstore_json())];
            for bundle in [folder, archive] {
                put_unlisted(bundle, &files).unwrap();
            }
        }
    }

    /// A row, fields of another one and whole files.
    fn redact(&self, folder: &Path, out: &Path) -> (PathBuf, PathBuf) {
        let mut withholding = Withholding::default();
        let hba = "targets/db1/evidence/hba.ndjson";
        withholding.cut(hba, 0, Hidden::Fields(["line".to_owned()].into()), "names");
        withholding.cut(hba, 1, Hidden::Row, "names");
        withholding.file("report/index.html", "made from it");
        let redactor = Redactor {
            signer: &self.ed25519,
            role: "preparer",
            at: self.now,
            tool: &tool(),
        };
        let options = SealOptions {
            cancel: &AtomicBool::new(false),
            threads: None,
        };
        let copy = redact(&opened(folder), &withholding, redactor, out, &options).unwrap();
        (copy.folder, copy.archive)
    }
}

fn opened(folder: &Path) -> IntactBundle {
    let bundle = BundleReader::open(folder, &Limits::default()).unwrap();
    bundle.check_integrity().unwrap()
}

fn tool() -> Tool {
    crate::sample_bundle::description("a").tool
}
