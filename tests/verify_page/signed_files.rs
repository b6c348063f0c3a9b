//! Signatures of attestations and waivers, and what a policy demands of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pgdossier::bundle::{Contents, Digest, SealOptions, seal};
use pgdossier::sign::{Signer as _, SigningKey, TrustPolicy, sign_statement};
use pgdossier::signature::{SignedKind, signature_file};
use serde_json::{Value, json};

use crate::sample_bundle::{description, policy, verified};
use crate::second_opinion;

struct People {
    dir: tempfile::TempDir,
    ada: SigningKey,
    bob: SigningKey,
    cyn: SigningKey,
}

impl People {
    fn new() -> Self {
        let key = || SigningKey::generate().unwrap();
        Self {
            dir: tempfile::tempdir().unwrap(),
            ada: key(),
            bob: key(),
            cyn: key(),
        }
    }

    /// A bundle by Ada with one file that people wrote and signatures of it.
    fn sealed(&self, kind: SignedKind, yaml: &[u8], signers: &[(&SigningKey, &str)]) -> PathBuf {
        let mut contents = Contents::new();
        contents
            .insert("controls/access/roles.yaml", b"id: roles\n".to_vec())
            .unwrap();
        contents
            .insert("controls/disks/disk.yaml", b"id: disk\n".to_vec())
            .unwrap();
        let file = format!("{}one.yaml", kind.folder());
        contents.insert(&file, yaml.to_vec()).unwrap();
        let digest = Digest::of(yaml).to_string();
        for (key, role) in signers {
            let signature =
                sign_statement(*key, kind, ("one.yaml", &digest), &BTreeMap::new(), role).unwrap();
            let name = signature_file("one", role, key.public_key().short_keyid());
            contents
                .insert(&format!("{}{name}", kind.folder()), signature)
                .unwrap();
        }
        let cancel = std::sync::atomic::AtomicBool::new(false);
        let options = SealOptions {
            cancel: &cancel,
            threads: None,
        };
        let out = tempfile::tempdir_in(self.dir.path()).unwrap().keep();
        let sealed = seal(
            contents,
            &description("acme"),
            None,
            &self.ada,
            "preparer",
            &out,
            &options,
        );
        sealed.unwrap().archive
    }

    /// Bob may sign what `limits` say; Cyn anything.
    fn policy(&self, limits: &Value, require: Value) -> Value {
        let mut json = serde_json::to_value(policy(&self.ada)).unwrap();
        for (key, owner) in [(&self.bob, "Bob"), (&self.cyn, "Cyn")] {
            let mut other = serde_json::to_value(policy(key)).unwrap()["keys"][0].clone();
            other["owner"] = owner.into();
            other["roles"] = json!(["attestor", "reviewer", "approver", "requester"]);
            if owner == "Bob" {
                other
                    .as_object_mut()
                    .unwrap()
                    .extend(limits.as_object().unwrap().clone());
            }
            json["keys"].as_array_mut().unwrap().push(other);
        }
        json["require"].as_array_mut().unwrap().push(require);
        json
    }
}

/// The codes of what is wrong, for both alike.
fn judged(bundle: &std::path::Path, policy: &Value) -> Vec<String> {
    let trusted: TrustPolicy = serde_json::from_value(policy.clone()).unwrap();
    let verification = verified(bundle, &trusted);
    second_opinion::ask(bundle, policy, &serde_json::to_value(&verification).unwrap());
    verification.failures().map(|one| one.code.to_owned()).collect()
}

#[test]
fn who_may_attest_to_what_is_judged_alike() {
    let people = People::new();
    let attestor = json!({"statement": "attestation", "role": "attestor", "threshold": 1, "distinct_owner_from": ["preparer"]});
    let limits = [
        json!({}),
        json!({"controls": ["roles"]}),
        json!({"controls": ["ro*"]}),
        json!({"sections": ["access"]}),
        json!({"controls": [], "sections": ["disk*"]}),
        json!({"controls": []}),
    ];
    for (yaml, counted) in [
        ("controls: [roles]\n", [true, true, true, true, false, false]),
        ("control: roles\n", [true, true, true, true, false, false]),
        (
            "controls: [roles, disk]\n",
            [true, false, false, false, false, false],
        ),
        (
            "controls:\n- \"roles\"\n- 'roles'\n# more\nby: Bob\n",
            [true, true, true, true, false, false],
        ),
        (
            "other: &a [roles]\ncontrols: *a\n",
            [true, true, true, true, false, false],
        ),
        // About nothing: no limit is exceeded.
        ("by: Bob\n", [true; 6]),
        // What cannot be understood is nothing that a key with limits may sign.
        ("controls: [roles\n", [true, false, false, false, false, false]),
        (
            "controls: [disk]\ncontrols: [roles]\n",
            [true, false, false, false, false, false],
        ),
        (
            "controls: {roles: 1}\n",
            [true, false, false, false, false, false],
        ),
        ("- roles\n", [true, false, false, false, false, false]),
        (
            "controls: [roles]\nx: 1\nx: 2\n",
            [true, false, false, false, false, false],
        ),
    ] {
        let bundle = people.sealed(
            SignedKind::Attestation,
            yaml.as_bytes(),
            &[(&people.bob, "attestor")],
        );
        for (limit, counted) in limits.iter().zip(counted) {
            let expected: &[&str] = if counted { &[] } else { &["require.threshold"] };
            let codes = judged(&bundle, &people.policy(limit, attestor.clone()));
            assert_eq!(codes, expected, "{yaml} {limit}");
        }
    }
}

#[test]
fn duties_are_separated_alike() {
    let people = People::new();
    let (ada, bob, cyn) = (&people.ada, &people.bob, &people.cyn);
    let none = json!({});
    let waiver = |distinct: Value| json!({"statement": "waiver", "role": "approver", "threshold": 1, "distinct_owner_from": distinct});
    let yaml = b"control: roles\n";
    for (signers, distinct, expected) in [
        (
            &[(bob, "requester"), (cyn, "approver")][..],
            json!(["requester"]),
            &[][..],
        ),
        (
            &[(bob, "requester"), (bob, "approver")],
            json!(["requester"]),
            &["waiver.same-owner", "require.threshold"],
        ),
        (
            &[(bob, "requester"), (bob, "approver")],
            json!([]),
            &["waiver.same-owner"],
        ),
        (
            &[(bob, "requester"), (bob, "approver"), (cyn, "approver")],
            json!(["requester"]),
            &[],
        ),
        (
            &[(ada, "approver")],
            json!([]),
            &["waiver.same-owner", "require.threshold"],
        ),
        (&[(bob, "requester")], json!([]), &["require.threshold"]),
        (&[], json!([]), &["require.threshold"]),
        (&[(bob, "reviewer")], json!([]), &["require.threshold"]),
    ] {
        let bundle = people.sealed(SignedKind::Waiver, yaml, signers);
        assert_eq!(judged(&bundle, &people.policy(&none, waiver(distinct))), expected);
    }
    // Whoever attested does not count for the bundle where the policy says so.
    let bundle = people.sealed(
        SignedKind::Attestation,
        b"controls: [roles]\n",
        &[(bob, "attestor"), (ada, "attestor")],
    );
    let assessment = json!({"statement": "assessment", "role": "preparer", "threshold": 1, "distinct_owner_from": ["attestor"]});
    assert_eq!(
        judged(&bundle, &people.policy(&none, assessment)),
        ["require.threshold"]
    );
    let unknown = json!({"statement": "audit", "role": "auditor", "threshold": 1});
    assert_eq!(
        judged(&bundle, &people.policy(&none, unknown)),
        ["require.unsupported"]
    );
}
