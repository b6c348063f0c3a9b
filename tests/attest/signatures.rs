//! Whose word a statement is: by key, at collection and in `verify`.

use serde_json::{Value, json};

use crate::support::{Assessed, text};
use crate::{NOWHERE, STORAGE, Statements, exceptions, status};

/// Keys of three people, one of whom has two, and policies.
struct People {
    statements: Statements,
}

impl People {
    fn new() -> Self {
        let storage = format!(
            "{STORAGE}reviewer: {{ name: Tomas Reyes }}\ndocuments: [{{ file: list.csv, description: list }}]\n"
        );
        let statements = Statements::new(&[("s.yaml", &storage), ("list.csv", "Ann")]);
        let people = Self { statements };
        for name in ["priya", "priya2", "tomas", "stranger"] {
            let made =
                people
                    .statements
                    .run(&["keys", "new", "--no-passphrase", "--out", &format!("{name}.pem")]);
            std::fs::write(
                people.statements.workspace.path(&format!("{name}.pub")),
                &made.stdout,
            )
            .unwrap();
        }
        people.trust(
            "priya",
            "Priya Nair",
            "attestor",
            &["--control", "storage-*"],
            "policy.json",
        );
        people.trust("priya2", "Priya Nair", "reviewer", &[], "policy.json");
        people.trust("tomas", "Tomas Reyes", "reviewer", &[], "policy.json");
        people
    }

    /// Adds a key to a policy, which is made if it is not there.
    fn trust(&self, key: &str, owner: &str, role: &str, more: &[&str], policy: &str) {
        let public = format!("{key}.pub");
        let mut arguments = if self.statements.workspace.path(policy).exists() {
            vec!["trust", "add", policy]
        } else {
            vec!["trust", "init", "--out", policy]
        };
        arguments.extend(["--key", &public, "--owner", owner, "--role", role]);
        arguments.extend(["--valid-from", "2026-01-01", "--valid-until", "2028-01-01"]);
        arguments.extend(more);
        let made = self.statements.run(&arguments);
        assert!(made.status.success(), "{}", text(&made.stderr));
    }

    fn sign(&self, key: &str, role: &str) -> std::process::Output {
        let key = format!("{key}.pem");
        self.statements
            .attest(&["sign", "attestations/s.yaml", "--key", &key, "--role", role])
    }

    fn verify(&self, policy: &str, as_of: &str) -> (i32, Vec<String>) {
        let (code, json) = self
            .statements
            .json(&["verify", "--trust", policy, "--as-of", as_of]);
        let rows = json.as_array().unwrap().iter();
        (
            code,
            rows.map(|row| {
                format!(
                    "{} {}",
                    row["role"].as_str().unwrap(),
                    row["state"].as_str().unwrap()
                )
            })
            .collect(),
        )
    }

    fn assess(&self, more: &[&str]) -> Assessed {
        let policy = self.statements.workspace.path("policy.json");
        let mut all = vec!["--attestor-policy", policy.to_str().unwrap()];
        all.extend(more);
        self.statements.assess(NOWHERE, &all)
    }

    fn row(&self, assessed: &Assessed) -> Value {
        let path = assessed
            .folder()
            .join("targets/db1/evidence/storage-encrypted.ndjson");
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(text.lines().next().unwrap()).unwrap()
    }
}

const NOW: &str = "2026-11-23";

#[test]
fn a_signature_counts_for_whom_the_policy_lets_sign_and_for_nobody_else() {
    let people = People::new();
    assert_eq!(
        people.verify("policy.json", NOW),
        (3, vec!["attestor absent".to_owned()])
    );
    assert!(people.sign("priya", "attestor").status.success());
    assert_eq!(
        people.verify("policy.json", NOW),
        (0, vec!["attestor valid".to_owned()])
    );
    let row = people.row(&people.assess(&[]));
    assert_eq!(
        (&row["signature"], &row["signed_by"]),
        (&json!("valid"), &json!("Priya Nair"))
    );
    // The key has a beginning and an end.
    assert_eq!(
        people.verify("policy.json", "2028-01-01").1,
        ["attestor not-authorised"]
    );
    assert_eq!(
        people.verify("policy.json", "2025-12-31").1,
        ["attestor not-authorised"]
    );
    // Another control than those that she may attest to.
    people.trust(
        "priya",
        "Priya Nair",
        "attestor",
        &["--section", "access/*"],
        "access.json",
    );
    assert_eq!(people.verify("access.json", NOW).1, ["attestor not-authorised"]);
    // Another role than the one that she may sign in, and somebody whom nobody knows.
    people.trust("priya", "Priya Nair", "assessor", &[], "role.json");
    assert_eq!(people.verify("role.json", NOW).1, ["attestor not-authorised"]);
    people.trust("tomas", "Tomas Reyes", "attestor", &[], "tomas.json");
    assert_eq!(
        people.verify("tomas.json", NOW),
        (5, vec!["attestor untrusted".to_owned()])
    );
}

#[test]
fn unsigned_is_an_exception_where_a_parameter_says_so() {
    let people = People::new();
    assert_eq!(
        status(&people.assess(&[]).finding("storage-encrypted")),
        "satisfied"
    );
    let profile = people.statements.workspace.write(
        "profile.yaml",
        "name: signed\nparameters: { storage-encrypted: { signature_required: true } }\n",
    );
    let strict = |out: &str| {
        let finding = people
            .assess(&[
                "--profile",
                profile.to_str().unwrap(),
                "--out",
                people.statements.workspace.path(out).to_str().unwrap(),
            ])
            .finding("storage-encrypted");
        (status(&finding), exceptions(&finding))
    };
    let (found, said) = strict("b1");
    assert_eq!(found, "not-satisfied");
    assert!(said[0].contains("signature absent"), "{said:?}");
    assert!(people.sign("stranger", "attestor").status.success());
    assert_eq!(
        strict("b2").0,
        "not-satisfied",
        "a stranger's signature counts for nothing"
    );
    assert!(people.sign("priya", "attestor").status.success());
    assert_eq!(strict("b3").0, "satisfied");
}

#[test]
fn what_changed_since_it_was_signed_is_an_exception_always() {
    for (name, content, said) in [
        (
            "s.yaml",
            "# another line\n",
            "is invalid: the statement was changed since it was signed",
        ),
        ("list.csv", "Eve", "`list.csv` was changed since"),
    ] {
        let people = People::new();
        assert!(people.sign("priya", "attestor").status.success());
        let path = people.statements.folder().join(name);
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{before}{content}")).unwrap();
        // With a policy and without.
        for assessed in [
            people.assess(&[]),
            people.statements.assess(
                NOWHERE,
                &[
                    "--out",
                    people.statements.workspace.path("other").to_str().unwrap(),
                ],
            ),
        ] {
            let finding = assessed.finding("storage-encrypted");
            assert_eq!(status(&finding), "not-satisfied", "{name}");
            assert!(exceptions(&finding)[0].contains(said), "{finding}");
        }
        assert_eq!(
            people.verify("policy.json", NOW),
            (5, vec!["attestor invalid".to_owned()])
        );
    }
}

#[test]
fn a_forged_or_broken_signature_is_invalid_and_does_not_break_the_bundle() {
    let people = People::new();
    assert!(people.sign("priya", "attestor").status.success());
    let names = crate::support::names(&people.statements.folder());
    let name = names
        .iter()
        .find(|name| name.ends_with(".sigstore.json"))
        .unwrap();
    let path = people.statements.folder().join(name);
    let good = std::fs::read_to_string(&path).unwrap();
    let start = good.find("\"sig\": \"").unwrap() + 8;
    let other = if &good[start..=start] == "A" { "B" } else { "A" };
    let forged = format!("{}{other}{}", &good[..start], &good[start + 1..]);
    for (index, content) in [forged.as_str(), "{\"a\":1,\"a\":2}", "\u{0}"]
        .into_iter()
        .enumerate()
    {
        std::fs::write(&path, content).unwrap();
        assert_eq!(people.verify("policy.json", NOW).0, 5);
        let out = people.statements.workspace.path(&format!("b{index}"));
        let assessed = people.assess(&["--out", out.to_str().unwrap()]);
        assert_eq!(status(&assessed.finding("storage-encrypted")), "not-satisfied");
        let verified = people.statements.run(&[
            "verify",
            assessed.folder().to_str().unwrap(),
            "--trust",
            people.statements.workspace.policy().to_str().unwrap(),
        ]);
        std::fs::remove_file(people.statements.workspace.path("trust-policy.json")).unwrap();
        assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stdout));
    }
}

#[test]
fn nobody_reviews_what_they_attested() {
    let people = People::new();
    assert!(people.sign("priya", "attestor").status.success());
    let same_key = people.sign("priya", "reviewer");
    assert_eq!(same_key.status.code(), Some(2));
    assert!(text(&same_key.stderr).contains("somebody else"));
    // Another key of the same owner shows by the policy.
    assert!(people.sign("priya2", "reviewer").status.success());
    assert_eq!(
        people.verify("policy.json", NOW),
        (
            5,
            vec!["attestor valid".to_owned(), "reviewer same-owner".to_owned()]
        )
    );
    let finding = people.assess(&[]).finding("storage-encrypted");
    assert_eq!(status(&finding), "not-satisfied");
    assert!(
        exceptions(&finding)[0].contains("`Priya Nair` signed as the attestor and as the reviewer"),
        "{finding}"
    );

    let people = People::new();
    assert!(people.sign("priya", "attestor").status.success());
    assert!(people.sign("tomas", "reviewer").status.success());
    assert_eq!(people.verify("policy.json", NOW).0, 0);
    assert_eq!(
        status(&people.assess(&[]).finding("storage-encrypted")),
        "satisfied"
    );
}

#[test]
fn a_document_that_was_swapped_is_signed_by_nobody_for_an_auditor() {
    let people = People::new();
    assert!(people.sign("priya", "attestor").status.success());
    people.statements.put("list.csv", "Eve");
    let folder = people.assess(&[]).folder();
    let made = people
        .statements
        .run(&["--format", "json", "keys", "public", "key.pem"]);
    std::fs::write(people.statements.workspace.path("key.pub"), {
        let shown: Value = serde_json::from_slice(&made.stdout).unwrap();
        shown["public_key"].as_str().unwrap().to_owned()
    })
    .unwrap();
    people.trust("key", "Ada Stone", "assessor", &[], "auditor.json");
    let verify = || {
        let folder = folder.to_str().unwrap();
        let verified = people
            .statements
            .run(&["verify", folder, "--trust", "auditor.json", "--as-of", NOW]);
        (verified.status.code(), text(&verified.stdout))
    };
    // The bundle is whole, and says itself that the document was changed.
    let (code, said) = verify();
    assert_eq!(code, Some(0), "{said}");
    people.trust("priya", "Priya Nair", "attestor", &[], "auditor.json");
    let (code, said) = verify();
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("attestations/s.yaml"), "{said}");
}

#[test]
fn a_document_that_is_missing_is_signed_by_nobody() {
    let people = People::new();
    std::fs::remove_file(people.statements.folder().join("list.csv")).unwrap();
    let refused = people.sign("priya", "attestor");
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        text(&refused.stderr).contains("`list.csv` is missing"),
        "{}",
        text(&refused.stderr)
    );
}

/// What the auditor's policy demands of a bundle whose attestation Priya signed and Tomas reviewed.
#[test]
fn duties_are_separated_in_verify_by_key() {
    let people = People::new();
    assert!(people.sign("priya", "attestor").status.success());
    assert!(people.sign("tomas", "reviewer").status.success());
    let assessed_by = |key: &str, out: &str| {
        let key = people.statements.workspace.path(&format!("{key}.pem"));
        let out = people.statements.workspace.path(out);
        let assessed = people.assess(&["--key", key.to_str().unwrap(), "--out", out.to_str().unwrap()]);
        assert_eq!(
            status(&assessed.finding("storage-encrypted")),
            "satisfied",
            "{}",
            assessed.stderr()
        );
        assessed.folder()
    };
    let independent = assessed_by("stranger", "independent");
    let by_attestor = assessed_by("priya2", "by-attestor");
    let key = |name: &str, owner: &str, roles: &[&str]| {
        let public =
            std::fs::read_to_string(people.statements.workspace.path(&format!("{name}.pub"))).unwrap();
        let shown = people
            .statements
            .run(&["--format", "json", "keys", "public", &format!("{name}.pem")]);
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
        json!({"keyid": shown["keyid"], "public_key": public, "owner": owner, "roles": roles,
               "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2036-01-01T00:00:00Z"})
    };
    let keys = json!([
        key("priya", "Priya Nair", &["attestor"]),
        key("priya2", "Priya Nair", &["assessor"]),
        key("tomas", "Tomas Reyes", &["reviewer"]),
        key("stranger", "Ada Stone", &["assessor"]),
    ]);
    let assessor = json!({"statement": "assessment", "role": "assessor", "threshold": 1, "distinct_owner_from": ["attestor", "reviewer"]});
    let attestor = json!({"statement": "attestation", "role": "attestor", "threshold": 1, "distinct_owner_from": ["assessor"]});
    let reviewer = json!({"statement": "attestation", "role": "reviewer", "threshold": 1, "distinct_owner_from": ["attestor"]});
    let verify = |bundle: &std::path::Path, require: &[&Value], keys: &Value| {
        let policy = json!({"version": 1, "keys": keys, "require": require});
        let path = people
            .statements
            .workspace
            .write("auditor.json", &policy.to_string());
        let output = people.statements.run(&[
            "verify",
            bundle.to_str().unwrap(),
            "--trust",
            path.to_str().unwrap(),
        ]);
        (output.status.code().unwrap(), text(&output.stdout))
    };
    let all = [&assessor, &attestor, &reviewer];
    let (code, said) = verify(&independent, &all, &keys);
    assert_eq!(code, 0, "{said}");
    let (code, said) = verify(&by_attestor, &[&assessor], &keys);
    assert_eq!(code, 5, "whoever attested may not assess: {said}");
    let (code, _) = verify(&by_attestor, &[&attestor], &keys);
    assert_eq!(code, 5, "whoever assessed may not attest");
    let plain = json!({"statement": "assessment", "role": "assessor", "threshold": 1});
    assert_eq!(verify(&by_attestor, &[&plain], &keys).0, 0);
    // An attestor whom the auditor lets attest to something else only.
    let mut narrow = keys.clone();
    narrow[0]["sections"] = json!(["access/*"]);
    assert_eq!(verify(&independent, &[&plain, &attestor], &narrow).0, 5);
    narrow[0]["sections"] = json!(["encryption/*"]);
    assert_eq!(verify(&independent, &[&plain, &attestor], &narrow).0, 0);
    // Nobody reviews what they attested, also where the policy forgets to say so.
    let lenient = json!({"statement": "attestation", "role": "reviewer", "threshold": 1});
    assert_eq!(verify(&independent, &[&plain, &lenient], &keys).0, 0);
    let mut one_person = keys.clone();
    one_person[2]["owner"] = json!("Priya Nair");
    assert_eq!(verify(&independent, &[&plain, &lenient], &one_person).0, 5);
    let two = json!({"statement": "attestation", "role": "attestor", "threshold": 2});
    assert_eq!(verify(&independent, &[&plain, &two], &keys).0, 5);
}
