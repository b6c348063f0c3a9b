//! What a dishonest signer can seal, whose signature is good: `replay` and `report` say what does not follow from the
//! records, and nothing passes that they did not look at.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may panic

mod support;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use pgdossier::bundle::{BundleReader, Contents, Description, Limits, SealOptions, Tool, seal};
use pgdossier::sign::{Passphrase, SignError, SigningKey};
use serde_json::Value;
use support::{Workspace, pgdossier, text};

/// A server that nobody can reach: what is sealed then is a bundle all the same.
const NOWHERE: &str = "host=/nonexistent-pgdossier dbname=postgres user=nobody";

struct Liar {
    workspace: Workspace,
    honest: PathBuf,
    policy: PathBuf,
}

impl Liar {
    fn new() -> Self {
        let workspace = Workspace::new();
        let honest = workspace.assessed(NOWHERE).folder();
        let policy = workspace.policy();
        Self {
            workspace,
            honest,
            policy,
        }
    }

    /// Seals the honest bundle's files again, with a change, and with the same key.
    fn seal(&self, id: &str, change: impl Fn(&str, Vec<u8>) -> Vec<u8>, more: &[(&str, &str)]) -> PathBuf {
        let bundle = BundleReader::open(&self.honest, &Limits::default()).unwrap();
        let bundle = bundle.check_integrity().unwrap();
        let mut contents = Contents::new();
        let made = ["VERIFY.md", "commitments.txt", "chain/leaves.txt"];
        for path in bundle.paths().filter(|path| !made.contains(path)) {
            let bytes = change(path, bundle.read(path).unwrap());
            contents.insert(path, bytes).unwrap();
        }
        for (path, text) in more {
            contents.insert(path, text.as_bytes().to_vec()).unwrap();
        }
        let stated = &bundle.statement().predicate;
        let description = Description {
            id: stated.bundle_id.clone(),
            series: "acme".to_owned(),
            organisation: stated.organisation.clone(),
            period: stated.period.clone(),
            as_of: stated.as_of,
            tool: Tool {
                ..stated.tool.clone()
            },
        };
        let none = || -> Result<Passphrase, SignError> { panic!("the key has no passphrase") };
        let key = SigningKey::load(&self.workspace.path("key.pem"), none).unwrap();
        let options = SealOptions {
            cancel: &AtomicBool::new(false),
            threads: None,
        };
        let out = self.workspace.path(id);
        seal(contents, &description, None, &key, "assessor", &out, &options)
            .unwrap()
            .folder
    }

    /// The same, with a text in one file replaced.
    fn seal_instead(&self, id: &str, file: &str, from: &str, to: &str) -> PathBuf {
        let change = |path: &str, bytes: Vec<u8>| {
            if path != file {
                return bytes;
            }
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(from), "{text}");
            text.replace(from, to).into_bytes()
        };
        self.seal(id, change, &[])
    }

    fn run(&self, verb: &str, bundle: &Path) -> (Option<i32>, Value) {
        let output = pgdossier()
            .args(["--format", "json", verb])
            .arg(bundle)
            .output()
            .unwrap();
        let json = serde_json::from_slice(&output.stdout);
        let json = json.unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
        // The signature itself is good: only what it is over is a lie.
        let mut verify = pgdossier();
        verify
            .args(["verify", "--as-of", "2026-11-24", "--trust"])
            .arg(&self.policy);
        let verified = verify.arg(bundle).output().unwrap();
        assert!(verified.status.success(), "{}", text(&verified.stdout));
        (output.status.code(), json)
    }
}

#[test]
fn the_head_of_an_assessment_says_what_its_parts_say() {
    let liar = Liar::new();
    let same = liar.seal("same", |_, bytes| bytes, &[]);
    for verb in ["replay", "report"] {
        assert_eq!(
            liar.run(verb, &same).0,
            Some(0),
            "the honest bundle, sealed again"
        );
    }
    let head = std::fs::read_to_string(liar.honest.join("assessment.json")).unwrap();
    let json: Value = serde_json::from_str(&head).unwrap();
    let count = format!("\"not-evaluated\": {}", json["tally"]["not-evaluated"]);
    let target = json["targets"][0]["id"].as_str().unwrap();
    let catalog = json["definitions"]["catalog_sha256"].as_str().unwrap();
    let last_quarter = "\"label\": \"2026-Q3\",\n    \"from\": \"2026-07-01\",\n    \"to\": \"2026-09-30\"";
    let this_quarter = "\"label\": \"2026-Q4\",\n    \"from\": \"2026-10-01\",\n    \"to\": \"2026-12-31\"";
    for (id, from, to, told) in [
        (
            "tally",
            count.as_str(),
            "\"not-evaluated\": 0",
            "the numbers of findings differ",
        ),
        ("period", this_quarter, last_quarter, "the period is not what"),
        (
            "days",
            "\"from\": \"2026-10-01\"",
            "\"from\": \"2026-01-01\"",
            "the days of the period",
        ),
        (
            "name",
            "\"organisation\": \"Acme\"",
            "\"organisation\": \"Other\"",
            "the organisation is not what",
        ),
        (
            "clock",
            "\"as_of\": \"2026-11-23",
            "\"as_of\": \"2026-11-22",
            "the assessment's time is not what",
        ),
        (
            "catalog",
            catalog,
            &"0".repeat(64),
            "the catalog's digest is not what",
        ),
        (
            "profile",
            "\"profile\": \"baseline\"",
            "\"profile\": \"strict\"",
            "the profile's name is not what",
        ),
    ] {
        let sealed = liar.seal_instead(id, "assessment.json", from, to);
        let (code, json) = liar.run("replay", &sealed);
        assert_eq!(code, Some(5), "{id}: {json:#}");
        assert!(json["differing"].to_string().contains(told), "{id}: {json:#}");
    }

    let hidden = liar.seal(
        "hidden",
        |_, bytes| bytes,
        &[("targets/zz/findings.json", "[]\n")],
    );
    let (code, json) = liar.run("replay", &hidden);
    assert_eq!(code, Some(5));
    assert!(
        json["differing"].to_string().contains("target `zz` is not in it"),
        "{json:#} {target}"
    );
}

#[test]
fn a_report_that_says_something_else_is_told() {
    let liar = Liar::new();
    let changed = liar.seal_instead("changed", "report/report.md", "Acme", "Acme, all is well");
    let more = liar.seal(
        "more",
        |_, bytes| bytes,
        &[("report/summary.html", "<h1>All is well</h1>")],
    );
    for (bundle, path) in [(changed, "report/report.md"), (more, "report/summary.html")] {
        let (code, json) = liar.run("report", &bundle);
        assert_eq!(
            (code, &json["identical"]),
            (Some(5), &Value::from(false)),
            "{json:#}"
        );
        assert_eq!(json["differing"], serde_json::json!([path]));
    }

    // Templates that this program does not have: nobody can say whether the report is what they make.
    let head: Value =
        serde_json::from_slice(&std::fs::read(liar.honest.join("assessment.json")).unwrap()).unwrap();
    let templates = head["definitions"]["templates_sha256"].as_str().unwrap();
    let other = liar.seal_instead("templates", "assessment.json", templates, &"0".repeat(64));
    let (code, json) = liar.run("report", &other);
    assert_eq!(
        (code, &json["same_templates"]),
        (Some(4), &Value::from(false)),
        "{json:#}"
    );
}

#[test]
fn a_script_that_replay_did_not_make_never_passes() {
    let liar = Liar::new();
    for (id, script, code, list) in [
        ("own", "-- pgdossier-kit/v1\n\\! id\n", 5, "differing"),
        ("old", "-- pgdossier-kit/v0\n\\! id\n", 4, "not_compared"),
        ("longer", "-- pgdossier-kit/v12\n\\! id\n", 4, "not_compared"),
        ("bare", "\\! id\n", 4, "not_compared"),
    ] {
        let sealed = liar.seal(id, |_, bytes| bytes, &[("kit/db1.sql", script)]);
        let (found, json) = liar.run("replay", &sealed);
        assert_eq!(
            (found, &json["identical"]),
            (Some(code), &Value::from(false)),
            "{id}: {json:#}"
        );
        assert!(json[list].to_string().contains("kit/db1.sql"), "{id}: {json:#}");
    }
}
