//! A small sealed bundle with salts, a copy of it, the policy that trusts both, and lies that a redactor may tell.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use chrono::{DateTime, TimeDelta, Utc};
use pgdossier::bundle::{
    BundleReader, Contents, Description, Digest, Limits, Redactor, SealOptions, Tool, Verification,
    VerifyOptions, redact, seal, tree_head_of_lines, verify,
};
use pgdossier::salt::Seed;
use pgdossier::sign::{Envelope, Signer, SigningKey, SshSignature, TrustPolicy};
use pgdossier::withholding::{Hidden, Withholding};
use serde_json::{Value, json};

use crate::keep::keep;

pub const HBA: &str = "targets/db1/evidence/hba.ndjson";
pub const ROLES: &str = "targets/db1/evidence/roles.ndjson";
pub const FINDINGS: &str = "targets/db1/findings.json";
const ROWS: &str = "{\"line\":1,\"method\":\"trust\",\"user\":\"all\"}
{\"line\":2,\"method\":\"md5\",\"user\":\"payroll-clerk\"}
{\"line\":3,\"method\":\"peer\",\"user\":\"all\"}
{\"line\":4,\"method\":\"trust\",\"user\":\"payroll-clerk\"}
";

/// A bundle by Ada, and keys of others.
pub struct Made {
    pub dir: tempfile::TempDir,
    pub assessor: SigningKey,
    pub redactor: SigningKey,
    pub reviewer: SigningKey,
    pub bundle: PathBuf,
}

pub fn as_of() -> DateTime<Utc> {
    "2026-10-01T00:00:00Z".parse().unwrap()
}

pub fn tool() -> Tool {
    Tool {
        name: "pgdossier".to_owned(),
        version: "0.1.0".to_owned(),
        commit: None,
    }
}

fn options(cancel: &AtomicBool) -> SealOptions<'_> {
    SealOptions {
        cancel,
        threads: None,
    }
}

impl Made {
    pub fn new(id: &str) -> Self {
        let key = || SigningKey::generate().unwrap();
        let (dir, assessor) = (tempfile::tempdir().unwrap(), key());
        let mut contents = Contents::new();
        let seed = Seed::random().unwrap();
        for (path, text) in [
            ("assessment.json", "{\n  \"organisation\": \"Acme\"\n}\n"),
            (
                FINDINGS,
                "[\n  {\n    \"control\": \"a\",\n    \"reason\": \"payroll-clerk\"\n  }\n]\n",
            ),
            (HBA, ROWS),
            (ROLES, ROWS),
            ("controls/a.yaml", "id: a\n"),
            ("controls/b.yaml", "id: b\n"),
            ("attestations/room.yaml", "by: Ann\n"),
            ("waivers/old.yaml", "id: old\n"),
            ("waivers/old.requester-0123456789abcdef.sigstore.json", "{}\n"),
            ("report/index.html", "<!doctype html>\n"),
        ] {
            let bytes = seed.append(path, text.as_bytes().to_vec());
            contents.insert(path, bytes).unwrap();
        }
        let description = Description {
            id: id.to_owned(),
            series: "acme".to_owned(),
            organisation: "Acme".to_owned(),
            period: "2026-Q4".to_owned(),
            as_of: as_of(),
            tool: tool(),
        };
        let cancel = AtomicBool::new(false);
        let out = dir.path().join("sealed");
        let options = options(&cancel);
        let sealed = seal(
            contents,
            &description,
            None,
            &assessor,
            "assessor",
            &out,
            &options,
        )
        .unwrap();
        Self {
            bundle: sealed.folder,
            assessor,
            redactor: key(),
            reviewer: key(),
            dir,
        }
    }

    /// Rows 2 and 4 hidden in part, row 3 whole, a file absent.
    pub fn withholding() -> Withholding {
        let mut withholding = Withholding::default();
        let fields = || Hidden::Fields(["method".to_owned(), "user".to_owned()].into());
        withholding.cut(HBA, 1, fields(), "names");
        withholding.cut(HBA, 3, fields(), "names");
        withholding.cut(HBA, 2, Hidden::Row, "names");
        withholding.cut(FINDINGS, 0, Hidden::Fields(["reason".to_owned()].into()), "names");
        withholding.file("report/index.html", "made from it");
        withholding
    }

    /// A copy in a new folder.
    pub fn copy(&self, signer: &dyn Signer, role: &str, withholding: &Withholding) -> PathBuf {
        let cancel = AtomicBool::new(false);
        let limits = Limits::default();
        let bundle = BundleReader::open(&self.bundle, &limits).unwrap();
        let bundle = bundle.check_integrity().unwrap();
        let redactor = Redactor {
            signer,
            role,
            at: as_of(),
            tool: &tool(),
        };
        let out = tempfile::tempdir_in(self.dir.path()).unwrap().keep();
        redact(&bundle, withholding, redactor, &out, &options(&cancel))
            .unwrap()
            .folder
    }

    pub fn usual_copy(&self) -> PathBuf {
        self.copy(&self.redactor, "redactor", &Self::withholding())
    }

    pub fn policy(&self) -> TrustPolicy {
        let until = as_of() + TimeDelta::days(365);
        let one = |key: &SigningKey, owner: &str, role: &str| {
            TrustPolicy::single(key.public_key(), owner, role, as_of(), until)
        };
        let mut policy = one(&self.assessor, "Ada", "assessor");
        policy.add(one(&self.redactor, "Rita", "redactor")).unwrap();
        policy.add(one(&self.reviewer, "Rob", "reviewer")).unwrap();
        policy
    }

    pub fn verified(&self, path: &Path) -> Verification {
        verified(path, &self.policy())
    }

    /// The codes of all that is wrong.
    pub fn codes(&self, path: &Path) -> Vec<&'static str> {
        self.verified(path)
            .failures()
            .map(|failure| failure.code)
            .collect()
    }

    /// Signs the statement of a copy again after a change, as a dishonest redactor does.
    pub fn lie(&self, copy: &Path, signer: &dyn Signer, change: impl FnOnce(&mut Value)) {
        let folder = copy.join("redaction");
        let old = folder.read_dir().unwrap().next().unwrap().unwrap().path();
        let envelope = Envelope::from_sigstore_json(&std::fs::read(&old).unwrap()).unwrap();
        let mut statement: Value = serde_json::from_slice(&envelope.payload).unwrap();
        let key = signer.public_key();
        statement["predicate"]["signer"]["keyid"] = key.keyid().into();
        change(&mut statement);
        let role = statement["predicate"]["signer"]["role"]
            .as_str()
            .unwrap()
            .to_owned();
        let mut envelope = Envelope {
            payload: serde_json::to_vec(&statement).unwrap(),
            signature: Vec::new(),
            keyid: key.keyid().to_owned(),
            token: None,
        };
        envelope.signature = signer.sign(&envelope.signed_bytes()).unwrap();
        std::fs::remove_file(old).unwrap();
        let name = format!("{role}-{}.sigstore.json", key.short_keyid());
        std::fs::write(folder.join(name), envelope.to_sigstore_json()).unwrap();
    }

    /// Gives a copy other commitments, or none, and signs for it as whoever sealed and whoever redacted it.
    pub fn commit_to(&self, copy: &Path, commitments: Option<&str>) {
        let (list, path) = (copy.join("MANIFEST.sha256"), copy.join("commitments.txt"));
        let listed = std::fs::read_to_string(&list).unwrap();
        let own = |line: &&str| !line.ends_with("  commitments.txt");
        let mut lines: Vec<String> = listed.lines().filter(own).map(str::to_owned).collect();
        match commitments {
            None => std::fs::remove_file(path).unwrap(),
            Some(text) => {
                std::fs::write(path, text).unwrap();
                lines.push(format!("{}  commitments.txt", Digest::of(text.as_bytes())));
            }
        }
        lines.sort_by(|a, b| a[66..].cmp(&b[66..]));
        let manifest: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let tree = tree_head_of_lines(manifest.as_bytes());
        std::fs::write(list, &manifest).unwrap();
        let path = copy.join("statement.json");
        let mut statement: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        statement["subject"][0]["digest"]["sha256"] = Digest::of(manifest.as_bytes()).to_string().into();
        statement["predicate"]["manifest"] = json!({"size": tree.size, "root": tree.root.to_string()});
        let payload = serde_json::to_vec(&statement).unwrap();
        std::fs::write(path, &payload).unwrap();
        let key = self.assessor.public_key();
        let stem = copy.join(format!("signatures/assessor-{}", key.short_keyid()));
        let ssh = SshSignature::sign(&self.assessor, &payload).unwrap();
        std::fs::write(stem.with_extension("sshsig"), ssh.to_armor()).unwrap();
        let identity = Digest::of(&payload).to_string();
        let mut envelope = Envelope {
            payload,
            signature: Vec::new(),
            keyid: key.keyid().to_owned(),
            token: None,
        };
        envelope.signature = self.assessor.sign(&envelope.signed_bytes()).unwrap();
        std::fs::write(stem.with_extension("sigstore.json"), envelope.to_sigstore_json()).unwrap();
        self.lie(copy, &self.redactor, |redaction| {
            redaction["subject"][0]["digest"]["sha256"] = identity.into();
        });
    }

    /// Changes what a copy shows of a file, and signs for it.
    pub fn show(&self, copy: &Path, path: &str, change: impl FnOnce(String) -> String) {
        let part = copy.join("redacted").join(format!("{path}.rows.ndjson"));
        let text = change(std::fs::read_to_string(&part).unwrap());
        std::fs::write(&part, &text).unwrap();
        let sha256 = pgdossier::evidence::sha256_hex(text.as_bytes());
        self.lie(copy, &self.redactor, |statement| {
            let parts = statement["predicate"]["partlyShown"].as_array_mut().unwrap();
            let part = parts.iter_mut().find(|part| part["path"] == path).unwrap();
            part["sha256"] = sha256.into();
        });
    }
}

pub fn verified(path: &Path, policy: &TrustPolicy) -> Verification {
    let cancel = AtomicBool::new(false);
    let options = VerifyOptions {
        now: as_of() + TimeDelta::days(1),
        allow_withheld: false,
        limits: Limits::default(),
        threads: None,
        cancel: &cancel,
    };
    let verification = verify(path, policy, &options).unwrap();
    let codes: Vec<String> = verification.failures().map(|one| one.code.to_owned()).collect();
    let (policy, verdict) = (
        serde_json::to_string(policy).unwrap(),
        serde_json::to_value(verification.verdict).unwrap(),
    );
    keep(
        "redaction",
        path,
        &policy,
        options.now,
        verdict.as_str().unwrap(),
        &codes,
    );
    crate::second_opinion::ask(
        path,
        &serde_json::from_str(&policy).unwrap(),
        &serde_json::to_value(&verification).unwrap(),
    );
    verification
}
