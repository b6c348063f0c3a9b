//! Reviews as people make them: approvals and rejections of a finished bundle, and what policies make of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may panic

mod sample_bundle;
#[path = "second_opinion/nobody.rs"]
mod second_opinion;
mod support;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use pgdossier::bundle::Sealed;
use pgdossier::sign::{Scheme, Signer as _, SigningKey};
use serde_json::{Value, json};
use support::text;
use tempfile::TempDir;

const DECIDED: &str = "2026-10-01T12:00:00Z";
const LATER: &str = "2026-10-02T00:00:00Z";

/// A bundle that Ada prepared, and the keys and the policy of those who look at it.
struct Office {
    folder: TempDir,
    sealed: Sealed,
}

impl Office {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::generate().unwrap();
        let sealed = sample_bundle::sealed_after(None, "acme", &key, folder.path()).unwrap();
        let office = Self { folder, sealed };
        office.keep("ada", &key);
        office.keep("ada-too", &SigningKey::generate().unwrap());
        office.keep("ines", &SigningKey::generate_for(Scheme::P256).unwrap());
        office.keep("tomas", &SigningKey::generate().unwrap());
        office.trust(&["init", "--out", "policy.json"], "ada", "Ada", "preparer");
        office
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn keep(&self, name: &str, key: &SigningKey) {
        let file = self.path(&format!("{name}.pem"));
        std::fs::write(&file, key.to_pkcs8_pem().as_bytes()).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        std::fs::write(self.path(&format!("{name}.pub")), key.public_key().to_pem()).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        support::pgdossier()
            .current_dir(self.folder.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn trust(&self, how: &[&str], key: &str, owner: &str, role: &str) {
        let public = format!("{key}.pub");
        let who = ["--key", &public, "--owner", owner, "--role", role];
        let dates = ["--valid-from", "2026-01-01", "--valid-until", "2028-01-01"];
        self.done(&[&["trust"][..], how, &who, &dates].concat());
    }

    /// PCI DSS's rule that reviews are made by others than the performers, and a reviewer.
    fn require_review(&self, threshold: &str) {
        self.trust(
            &[
                "add",
                "policy.json",
                "--require",
                "review",
                "--threshold",
                threshold,
                "--distinct-owner-from",
                "preparer",
            ],
            "ines",
            "Ines",
            "reviewer",
        );
    }

    fn review(&self, key: &str, decision: &str, comment: &str) -> Output {
        let key = format!("{key}.pem");
        self.run(&[
            "review",
            "acme",
            "--decision",
            decision,
            "--comment",
            comment,
            "--key",
            &key,
            "--as-of",
            DECIDED,
        ])
    }

    fn verified(&self, bundle: &Path) -> Value {
        let output = self.run(&[
            "--format",
            "json",
            "verify",
            "--trust",
            "policy.json",
            "--as-of",
            LATER,
            bundle.to_str().unwrap(),
        ]);
        let json: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
        let code = if json["verdict"] == "invalid" { 5 } else { 0 };
        assert_eq!(output.status.code(), Some(code));
        let policy = std::fs::read(self.path("policy.json")).unwrap();
        let policy = serde_json::from_slice(&policy).unwrap();
        crate::second_opinion::ask(&self.path(bundle.to_str().unwrap()), &policy, &json);
        json
    }

    /// The codes of all failures, the same in the folder and the archive.
    fn failures(&self) -> Vec<String> {
        let [folder, archive] =
            [&self.sealed.folder, &self.sealed.archive].map(|form| codes(&self.verified(form)));
        assert_eq!(folder, archive);
        folder
    }

    fn review_file(&self) -> PathBuf {
        let reviews = self.sealed.folder.join("reviews");
        reviews.join(&support::names(&reviews)[0])
    }
}

fn codes(verification: &Value) -> Vec<String> {
    let checks = verification["checks"].as_array().unwrap().iter();
    checks
        .flat_map(|check| check["failures"].as_array().unwrap())
        .map(|failure| failure["code"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn somebody_elses_approval_meets_the_policy() {
    let office = Office::new();
    assert_eq!(office.failures(), [""; 0]);
    office.require_review("1");
    assert_eq!(office.failures(), ["require.threshold"]);
    let before = std::fs::read(office.sealed.folder.join("statement.json")).unwrap();

    let approved = office.review("ines", "approve", "Every superuser has a ticket.");
    assert!(approved.status.success(), "{}", text(&approved.stderr));
    assert!(text(&approved.stderr).contains("who sealed the bundle was not checked"));
    assert_eq!(office.failures(), [""; 0]);
    let verified = office.verified(&office.sealed.archive);
    assert_eq!(verified["reviews"].as_array().unwrap().len(), 1);
    let review = &verified["reviews"][0];
    assert_eq!(
        (
            &review["owner"],
            &review["decision"],
            &review["comment"],
            &review["signer"]["role"]
        ),
        (
            &json!("Ines"),
            &json!("approve"),
            &json!("Every superuser has a ticket."),
            &json!("reviewer")
        )
    );
    let said = office.done(&["verify", "acme", "--trust", "policy.json", "--as-of", LATER]);
    assert!(
        said.contains("approved at 2026-10-01T12:00:00Z by Ines as reviewer"),
        "{said}"
    );
    assert!(said.contains("\"Every superuser has a ticket.\""), "{said}");
    assert_eq!(
        std::fs::read(office.sealed.folder.join("statement.json")).unwrap(),
        before
    );

    // Whoever takes it away gains nothing.
    std::fs::remove_dir_all(office.sealed.folder.join("reviews")).unwrap();
    assert_eq!(
        codes(&office.verified(&office.sealed.folder)),
        ["require.threshold"]
    );
}

#[test]
fn nobody_reviews_their_own_work() {
    let office = Office::new();
    office.require_review("1");
    let own = office.review("ada", "approve", "");
    assert_eq!(own.status.code(), Some(2));
    assert!(
        text(&own.stderr).contains("this key signed the bundle itself"),
        "{}",
        text(&own.stderr)
    );
    assert!(!office.sealed.folder.join("reviews").exists());

    // Nor with a second key: owners count, not keys.
    office.trust(&["add", "policy.json"], "ada-too", "Ada", "reviewer");
    assert!(office.review("ada-too", "approve", "").status.success());
    assert_eq!(office.failures(), ["require.threshold"]);
}

#[test]
fn a_threshold_counts_owners_and_strangers_count_for_nothing() {
    let office = Office::new();
    office.require_review("2");
    for key in ["ines", "tomas"] {
        assert!(office.review(key, "approve", "").status.success());
    }
    assert_eq!(office.failures(), ["require.threshold"]);
    let verified = office.verified(&office.sealed.folder);
    let notes = verified["checks"].to_string();
    assert!(
        notes.contains("by a key that the policy does not name"),
        "{notes}"
    );
    office.trust(&["add", "policy.json"], "tomas", "Tomas", "reviewer");
    assert_eq!(office.failures(), [""; 0]);
    let reviews = office.verified(&office.sealed.folder)["reviews"].clone();
    assert_eq!(reviews.as_array().unwrap().len(), 2);
}

#[test]
fn a_rejection_fails_until_its_maker_decides_otherwise() {
    let office = Office::new();
    office.trust(&["add", "policy.json"], "ines", "Ines", "reviewer");
    let silent = office.review("ines", "reject", " ");
    assert_eq!(silent.status.code(), Some(2));
    assert!(text(&silent.stderr).contains("a rejection needs a comment"));

    // The policy asks for no review, and still nobody may overlook this one.
    let comment = "db2 is missing\u{1b}[2J";
    assert!(office.review("ines", "reject", comment).status.success());
    assert_eq!(office.failures(), ["review.rejected"]);
    let said = office.run(&["verify", "acme", "--trust", "policy.json", "--as-of", LATER]);
    let said = text(&said.stdout);
    assert!(
        said.contains("rejected at 2026-10-01T12:00:00Z by Ines"),
        "{said}"
    );
    assert!(
        said.contains("db2 is missing") && !said.contains('\u{1b}'),
        "{said}"
    );

    assert!(
        office
            .review("ines", "approve", "db2 was retired in May")
            .status
            .success()
    );
    assert_eq!(office.failures(), [""; 0]);
}

#[test]
fn nothing_is_signed_that_does_not_verify() {
    let office = Office::new();
    let report = office.sealed.folder.join("report/index.html");
    let good = std::fs::read(&report).unwrap();
    std::fs::write(&report, "all is well").unwrap();
    let damaged = office.review("ines", "approve", "");
    assert_eq!(damaged.status.code(), Some(5), "{}", text(&damaged.stderr));
    std::fs::write(&report, good).unwrap();

    // A bundle of somebody whom the reviewer's policy does not know.
    office.trust(&["init", "--out", "mine.json"], "tomas", "Tomas", "preparer");
    let review = |policy: &str, as_of: &str| {
        office.run(&[
            "review",
            "acme",
            "--decision",
            "approve",
            "--key",
            "ines.pem",
            "--trust",
            policy,
            "--as-of",
            as_of,
        ])
    };
    let unknown = review("mine.json", DECIDED);
    assert_eq!(unknown.status.code(), Some(5));
    assert!(
        text(&unknown.stderr).contains("nothing was signed"),
        "{}",
        text(&unknown.stderr)
    );
    let early = review("policy.json", "2026-09-30T23:00:00Z");
    assert!(!early.status.success());
    assert!(!office.sealed.folder.join("reviews").exists());

    // What is missing is this very review.
    office.require_review("1");
    let known = review("policy.json", DECIDED);
    assert!(known.status.success(), "{}", text(&known.stderr));
    assert!(!text(&known.stderr).contains("not checked"));
    assert_eq!(office.failures(), [""; 0]);
}

#[test]
fn a_policy_is_shown_in_words_and_a_key_revoked_in_it() {
    let office = Office::new();
    office.require_review("1");
    office.done(&[
        "trust",
        "add",
        "policy.json",
        "--key",
        "ines.pub",
        "--owner",
        "Ines",
        "--role",
        "approver",
    ]);
    assert!(office.review("ines", "approve", "").status.success());
    let said = office.done(&["trust", "show", "policy.json", "--as-of", LATER]);
    for line in [
        "Ada signs as preparer",
        "Ines signs as reviewer, approver",
        "the assessment signed by 1 owner as preparer",
        "the bundle approved by 1 owner as reviewer, none of whom signed as preparer",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert!(!said.contains("not good"), "{said}");

    let clash = office.run(&[
        "trust",
        "add",
        "policy.json",
        "--key",
        "ines.pub",
        "--owner",
        "Eve",
        "--role",
        "reviewer",
    ]);
    assert_eq!(clash.status.code(), Some(2));
    assert!(
        text(&clash.stderr).contains("as that of Ines"),
        "{}",
        text(&clash.stderr)
    );
    let nobody = office.run(&[
        "trust",
        "revoke",
        "policy.json",
        "--keyid",
        "zz",
        "--reason",
        "superseded",
    ]);
    assert_eq!(nobody.status.code(), Some(2));

    let revoke = [
        "trust",
        "revoke",
        "policy.json",
        "--key",
        "ines.pub",
        "--reason",
        "key-compromise",
        "--at",
        LATER,
    ];
    office.done(&revoke);
    assert_eq!(
        office.run(&revoke).status.code(),
        Some(2),
        "it is revoked already"
    );
    assert_eq!(office.failures(), ["require.threshold", "review.key"]);
    let said = office.done(&["trust", "show", "policy.json", "--as-of", LATER]);
    assert!(said.contains("not good: the key"), "{said}");
}

#[test]
fn any_changed_byte_of_a_review_is_noticed() {
    let office = Office::new();
    office.trust(&["add", "policy.json"], "ines", "Ines", "reviewer");
    assert!(office.review("ines", "approve", "Fine.").status.success());
    let file = office.review_file();
    let good = std::fs::read(&file).unwrap();
    let policy = pgdossier::sign::TrustPolicy::load(&office.path("policy.json")).unwrap();
    assert!(sample_bundle::is_valid(&office.sealed.folder, &policy));
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&file, bad).unwrap();
        assert!(
            !sample_bundle::is_valid(&office.sealed.folder, &policy),
            "byte {at} can change unnoticed"
        );
    }
}

/// An SSH agent that has a key, and signs with anything but that. Ends with the tests.
fn lying_agent(socket: &Path, public: &pgdossier::sign::PublicKey) {
    use std::io::{Read as _, Write as _};
    let text = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let blob = {
        let encoded = public.to_ssh();
        let encoded = encoded.split(' ').nth(1).unwrap();
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded).unwrap()
    };
    let identities = [&[12, 0, 0, 0, 1][..], &text(&blob), &text(b"ines")].concat();
    let signature = [text(b"ssh-ed25519"), text(&[7; 64])].concat();
    let signed = [&[14][..], &text(&signature)].concat();
    let listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 4];
            while stream.read_exact(&mut length).is_ok() {
                let mut question = vec![0; u32::from_be_bytes(length) as usize];
                stream.read_exact(&mut question).unwrap();
                // 11 asks for identities, 13 for a signature.
                let answer = if question[0] == 11 { &identities } else { &signed };
                stream.write_all(&text(answer)).unwrap();
            }
        }
    });
}

#[test]
fn an_agent_that_signs_something_else_leaves_nothing() {
    let office = Office::new();
    let key = SigningKey::generate().unwrap();
    lying_agent(&office.path("agent"), key.public_key());
    let output = support::pgdossier()
        .current_dir(office.folder.path())
        .env("SSH_AUTH_SOCK", office.path("agent"))
        .args([
            "review",
            "acme",
            "--decision",
            "approve",
            "--key",
            "ssh-agent:",
            "--as-of",
            DECIDED,
        ])
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("returned a signature that does not verify"),
        "{said}"
    );
    assert!(!office.sealed.folder.join("reviews").exists());
    assert_eq!(office.failures(), [""; 0]);
}

#[test]
fn the_commands_in_the_bundle_show_the_review_that_is_by_the_key_at_hand() {
    let office = Office::new();
    for key in ["ines", "tomas"] {
        assert!(office.review(key, "approve", key).status.success());
    }
    let page = std::fs::read_to_string(office.sealed.folder.join("VERIFY.md")).unwrap();
    let block = page
        .split("```bash\n")
        .find(|block| block.contains("for review in"))
        .unwrap();
    let block = block.split("```").next().unwrap();
    for (key, other) in [("ines", "tomas"), ("tomas", "ines")] {
        std::fs::copy(office.path(&format!("{key}.pub")), office.path("reviewer.pem")).unwrap();
        let mut shell = std::process::Command::new("sh");
        let output = shell
            .args(["-euc", block])
            .current_dir(&office.sealed.folder)
            .output()
            .unwrap();
        let said = text(&output.stdout);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(said.contains(&format!("\"comment\": \"{key}\"")), "{said}");
        assert!(!said.contains(&format!("\"comment\": \"{other}\"")), "{said}");
        assert!(
            said.contains("not by this key, or about another bundle: reviews/"),
            "{said}"
        );
    }
}
