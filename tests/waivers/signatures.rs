//! Whose word a waiver is: by key, in an assessment and in `verify`.

use serde_json::{Value, json};

use crate::support::{Assessed, names, server, text};
use crate::{LOCAL, NOWHERE, Waivers, judged, waived};

/// Keys of three people, one of whom has two, and a policy for those who may approve.
struct People {
    waivers: Waivers,
    only: String,
}

impl People {
    fn new() -> Self {
        let waivers = Waivers::new(&[("local.yaml", LOCAL)]);
        let only = waivers.only(&["hba-no-trust"]);
        let people = Self { waivers, only };
        for name in ["ann", "ann2", "bob", "ceo", "stranger"] {
            let file = format!("{name}.pem");
            let made = people
                .waivers
                .run(&["keys", "new", "--no-passphrase", "--out", &file]);
            std::fs::write(
                people.waivers.workspace.path(&format!("{name}.pub")),
                &made.stdout,
            )
            .unwrap();
        }
        people.trust("ann", "Ann Stone", "approver", &[], "policy.json");
        people.trust("ceo", "Cleo Ode", "approver", &[], "policy.json");
        people.trust("bob", "Bob Reed", "requester", &[], "policy.json");
        people.trust("ann2", "Ann Stone", "requester", &[], "policy.json");
        people
    }

    /// Adds a key to a policy, which is made if it is not there.
    fn trust(&self, key: &str, owner: &str, role: &str, more: &[&str], policy: &str) {
        let public = format!("{key}.pub");
        let verb = if self.waivers.workspace.path(policy).exists() {
            ["trust", "add", policy].to_vec()
        } else {
            ["trust", "init", "--out", policy].to_vec()
        };
        let arguments = [
            &verb[..],
            &["--key", &public, "--owner", owner, "--role", role],
            &["--valid-from", "2026-01-01", "--valid-until", "2028-01-01"],
            more,
        ];
        let made = self.waivers.run(&arguments.concat());
        assert!(made.status.success(), "{}", text(&made.stderr));
    }

    fn sign(&self, key: &str, role: &str) -> std::process::Output {
        let key = format!("{key}.pem");
        self.waivers.run(&[
            "waiver",
            "sign",
            "waivers/local.yaml",
            "--key",
            &key,
            "--role",
            role,
        ])
    }

    fn signed(&self, key: &str, role: &str) {
        let output = self.sign(key, role);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    /// State and signature under a policy.
    fn status(&self, policy: &str, as_of: &str) -> (i32, Value, Value) {
        let (code, json) = self
            .waivers
            .json(&["status", "--waiver-policy", policy, "--as-of", as_of]);
        (
            code,
            json[0]["state"].clone(),
            json[0]["signature"]["state"].clone(),
        )
    }

    fn assess(&self, connection: &str, more: &[&str]) -> Assessed {
        let mut all = vec!["--profile", &self.only];
        all.extend(more);
        self.waivers.assess(connection, &all)
    }
}

const NOW: &str = "2026-11-23";

#[test]
fn a_policy_demands_the_signature_of_somebody_who_may_approve() {
    let cluster = server(&[]);
    let (people, connection) = (People::new(), cluster.conninfo("postgres"));
    let under = |policy: &str| people.status(policy, NOW);
    assert_eq!(under("policy.json"), (3, json!("unsigned"), json!("absent")));
    let assess = |out: &str| people.assess(&connection, &["--waiver-policy", "policy.json", "--out", out]);
    let unsigned = assess("b1");
    assert!(waived(&unsigned.finding("hba-no-trust")).is_empty());
    assert_eq!(judged(&unsigned, "local.yaml")["state"], "unsigned");
    assert!(
        unsigned
            .stderr()
            .contains("it lacks a signature that is demanded")
    );
    // Without a policy, nobody demands one.
    assert_eq!(
        waived(
            &people
                .assess(&connection, &["--out", "b2"])
                .finding("hba-no-trust")
        )
        .len(),
        2
    );

    people.signed("stranger", "approver");
    assert_eq!(under("policy.json"), (3, json!("refused"), json!("refused")));
    people.signed("ann", "approver");
    assert_eq!(under("policy.json"), (0, json!("valid"), json!("accepted")));
    people.signed("bob", "requester");
    let signed = assess("b3");
    assert_eq!(waived(&signed.finding("hba-no-trust")).len(), 2);
    let waiver = judged(&signed, "local.yaml");
    assert_eq!(
        waiver["signature"],
        json!({"state": "accepted", "owners": ["Ann Stone"]})
    );
    let report = std::fs::read_to_string(signed.folder().join("report/index.html")).unwrap();
    assert!(report.contains("by Ann Stone"));
    // The bundle holds the policy that it was held to, so that a replay comes to the same.
    let (code, said) = people.waivers.replay(&signed.folder());
    assert_eq!(code, 0, "{said}");
    assert_eq!(people.waivers.replay(&unsigned.folder()).0, 0);

    // The key's days, its role and its controls.
    assert_eq!(people.status("policy.json", "2028-01-01").1, "expired");
    people.trust(
        "ann",
        "Ann Stone",
        "approver",
        &["--control", "ssl-*"],
        "other.json",
    );
    assert_eq!(under("other.json").1, "refused");
    people.trust(
        "ann",
        "Ann Stone",
        "approver",
        &["--section", "authentication/*"],
        "own.json",
    );
    assert_eq!(under("own.json").1, "valid");
    let path = people.waivers.workspace.path("policy.json");
    let policy = std::fs::read_to_string(&path).unwrap();
    for (from, to) in [
        ("\"2028-01-01T23:59:59Z\"", "\"2026-11-23T23:59:59Z\""),
        ("\"approver\"\n      ]", "\"assessor\"\n      ]"),
    ] {
        assert!(policy.contains(from), "{policy}");
        people
            .waivers
            .workspace
            .write("changed.json", &policy.replace(from, to));
        assert_eq!(under("changed.json").1, "refused", "{to}");
    }
    // Two different approvers.
    let two = policy.replace("\"threshold\": 1", "\"threshold\": 2");
    people.waivers.workspace.write("two.json", &two);
    assert_eq!(under("two.json"), (3, json!("unsigned"), json!("accepted")));
    people.signed("ceo", "approver");
    assert_eq!(under("two.json").0, 0);
}

#[test]
fn what_changed_since_it_was_signed_counts_for_nothing() {
    let cluster = server(&[]);
    let (people, connection) = (People::new(), cluster.conninfo("postgres"));
    people.signed("ann", "approver");
    people
        .waivers
        .put("local.yaml", &LOCAL.replace("\"local\"", "\"host\""));
    assert_eq!(people.status("policy.json", NOW).1, "refused");
    // With a policy and without.
    for (out, more) in [("b1", &["--waiver-policy", "policy.json"][..]), ("b2", &[])] {
        let assessed = people.assess(&connection, &[&["--out", out][..], more].concat());
        assert!(waived(&assessed.finding("hba-no-trust")).is_empty());
        assert!(
            assessed
                .stderr()
                .contains("the waiver was changed since it was signed"),
            "{}",
            assessed.stderr()
        );
        assert_eq!(people.waivers.replay(&assessed.folder()).0, 0);
    }
    // A signature of another file, under this one's name.
    people.waivers.put("local.yaml", LOCAL);
    let folder = people.waivers.folder();
    let signature = names(&folder)
        .into_iter()
        .find(|name| name.ends_with(".json"))
        .unwrap();
    let other = signature.replace("local.", "other.");
    std::fs::rename(folder.join(&signature), folder.join(&other)).unwrap();
    people.waivers.put("other.yaml", &format!("# another\n{LOCAL}"));
    let (code, lines) = people
        .waivers
        .json(&["status", "--waiver-policy", "policy.json", "--as-of", NOW]);
    assert_eq!((code, &lines[1]["state"]), (3, &json!("refused")));
    assert_eq!(lines[0]["state"], "unsigned");
    // One that belongs to no waiver is told, and left out of the bundle.
    std::fs::remove_file(folder.join("other.yaml")).unwrap();
    let lonely = people.assess(NOWHERE, &["--out", "b3"]);
    assert!(
        lonely.stderr().contains("is the signature of no waiver"),
        "{}",
        lonely.stderr()
    );
    assert!(!lonely.folder().join("waivers").join(&other).exists());
    assert_eq!(people.waivers.replay(&lonely.folder()).0, 0);
}

#[test]
fn nobody_approves_what_they_asked_for() {
    let cluster = server(&[]);
    let (people, connection) = (People::new(), cluster.conninfo("postgres"));
    people.signed("bob", "requester");
    let same_key = people.sign("bob", "approver");
    assert_eq!(same_key.status.code(), Some(2));
    assert!(
        text(&same_key.stderr).contains("somebody else"),
        "{}",
        text(&same_key.stderr)
    );
    // Another key of the same owner shows by the policy.
    people.signed("ann", "approver");
    assert_eq!(people.status("policy.json", NOW).1, "valid");
    people.signed("ann2", "requester");
    assert_eq!(people.status("policy.json", NOW).1, "refused");
    let assessed = people.assess(&connection, &["--waiver-policy", "policy.json"]);
    assert!(waived(&assessed.finding("hba-no-trust")).is_empty());
    assert!(
        assessed
            .stderr()
            .contains("Ann Stone asked for it, and so may not approve it"),
        "{}",
        assessed.stderr()
    );
    // Somebody else's approval stands.
    people.signed("ceo", "approver");
    assert_eq!(people.status("policy.json", NOW).1, "valid");
}

#[test]
fn nobody_approves_a_waiver_in_their_own_assessment() {
    let cluster = server(&[]);
    let (people, connection) = (People::new(), cluster.conninfo("postgres"));
    people.signed("ann", "approver");
    for (out, key, policy, said) in [
        (
            "b1",
            "ann.pem",
            &["--waiver-policy", "policy.json"][..],
            "Ann Stone seals the assessment",
        ),
        (
            "b2",
            "ann2.pem",
            &["--waiver-policy", "policy.json"],
            "Ann Stone seals the assessment",
        ),
        ("b3", "ann.pem", &[], "seals the assessment"),
    ] {
        let assessed = people.assess(&connection, &[&["--out", out, "--key", key][..], policy].concat());
        assert!(waived(&assessed.finding("hba-no-trust")).is_empty(), "{out}");
        assert!(assessed.stderr().contains(said), "{}", assessed.stderr());
        assert_eq!(people.waivers.replay(&assessed.folder()).0, 0, "{out}");
    }
}

/// What an auditor's own policy says of bundles, whatever whoever made them says.
#[test]
fn duties_are_separated_in_verify_by_key() {
    let cluster = server(&[]);
    let (people, connection) = (People::new(), cluster.conninfo("postgres"));
    let bundle = |key: &str, out: &str| {
        let key = format!("{key}.pem");
        people
            .assess(&connection, &["--key", &key, "--out", out])
            .folder()
    };
    let unsigned = bundle("stranger", "unsigned");
    people.signed("ann", "approver");
    people.signed("bob", "requester");
    let independent = bundle("stranger", "independent");
    let by_approver = bundle("ann2", "by-approver");
    people.signed("ann2", "requester");
    let by_requester = bundle("stranger", "by-requester");

    let key = |name: &str, owner: &str, roles: &[&str]| {
        let public = std::fs::read_to_string(people.waivers.workspace.path(&format!("{name}.pub"))).unwrap();
        let shown = people
            .waivers
            .run(&["--format", "json", "keys", "public", &format!("{name}.pem")]);
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
        json!({"keyid": shown["keyid"], "public_key": public, "owner": owner, "roles": roles,
               "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2036-01-01T00:00:00Z"})
    };
    let keys = json!([
        key("ann", "Ann Stone", &["approver"]),
        key("ann2", "Ann Stone", &["assessor", "requester"]),
        key("bob", "Bob Reed", &["requester"]),
        key("stranger", "Ada Moss", &["assessor"]),
    ]);
    let plain = json!({"statement": "assessment", "role": "assessor", "threshold": 1});
    let waiver = json!({"statement": "waiver", "role": "approver", "threshold": 1, "distinct_owner_from": ["requester", "assessor"]});
    let verify = |bundle: &std::path::Path, require: &[&Value], keys: &Value| {
        let policy = json!({"version": 1, "keys": keys, "require": require});
        let path = people
            .waivers
            .workspace
            .write("auditor.json", &policy.to_string());
        let output = people.waivers.run(&[
            "verify",
            bundle.to_str().unwrap(),
            "--trust",
            path.to_str().unwrap(),
        ]);
        (output.status.code().unwrap(), text(&output.stdout))
    };
    let (code, said) = verify(&independent, &[&plain, &waiver], &keys);
    assert_eq!(code, 0, "{said}");
    // A policy that demands no signature does not let anybody approve for themselves.
    for bundle in [&by_approver, &by_requester] {
        let (code, said) = verify(bundle, &[&plain], &keys);
        assert_eq!(code, 5, "{said}");
        assert!(
            said.contains("waivers/local.yaml: it is approved by nobody but Ann Stone")
                && said.contains("waiver.same-owner"),
            "{said}"
        );
    }
    assert_eq!(verify(&unsigned, &[&plain], &keys).0, 0);
    let (code, said) = verify(&unsigned, &[&plain, &waiver], &keys);
    assert_eq!(code, 5);
    assert!(
        said.contains("waivers/local.yaml: the policy requires each waiver signed by 1 owner(s)"),
        "{said}"
    );
    // Keys whose owners the auditor does not know prove nothing, and break nothing.
    let few = json!([keys[3]]);
    assert_eq!(verify(&by_requester, &[&plain], &few).0, 0);
    assert_eq!(verify(&independent, &[&plain, &waiver], &few).0, 5);
    let mut narrow = keys.clone();
    narrow[0]["controls"] = json!(["ssl-*"]);
    assert_eq!(verify(&independent, &[&plain, &waiver], &narrow).0, 5);
    narrow[0]["controls"] = json!(["hba-*"]);
    assert_eq!(verify(&independent, &[&plain, &waiver], &narrow).0, 0);
    // Who approves may be kept from assessing by the requirement for assessments too.
    let strict = json!({"statement": "assessment", "role": "assessor", "threshold": 1, "distinct_owner_from": ["approver"]});
    assert_eq!(verify(&independent, &[&strict], &keys).0, 0);
}

#[test]
fn a_policy_that_says_nothing_of_waivers_is_refused() {
    let people = People::new();
    people.trust("ann", "Ann Stone", "assessor", &[], "assessor.json");
    let refused = people.assess(NOWHERE, &["--waiver-policy", "assessor.json"]);
    assert_eq!(refused.code(), 2);
    assert!(
        refused.stderr().contains("pgdossier trust init --role approver"),
        "{}",
        refused.stderr()
    );
    let mut command = people.waivers.workspace.assess();
    let path = people.waivers.workspace.path("policy.json");
    let output = command
        .arg("--waiver-policy")
        .arg(path)
        .arg(NOWHERE)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--waiver-policy needs --waivers"));
}
