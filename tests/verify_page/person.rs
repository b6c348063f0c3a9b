//! The page as a person uses it: what it shows of hostile texts, what it saves, asks the network for and complains about.

use pgdossier::bundle::{Contents, Description, SealOptions, Tool, seal};
use pgdossier::sign::{Signer as _, SigningKey};
use serde_json::{Value, json};

use crate::browser;
use crate::sample_bundle::{as_of, policy, sealed_after, verified};
use crate::second_opinion;

const SCRIPT: &str = "<script>alert(1)</script><img src=x onerror=alert(2)><b>bold</b>";
const NOW: &str = "2026-10-02T00:00:00Z";

fn write(folder: &tempfile::TempDir, policy: &Value) -> std::path::PathBuf {
    let file = folder.path().join("policy.json");
    std::fs::write(&file, policy.to_string()).unwrap();
    file
}

fn quiet(browser: &mut browser::Held) {
    let noise = browser.ask(&json!({"deed": "noise"}));
    assert_eq!(noise["complaints"], json!([]), "the page complained");
    assert_eq!(noise["asked"], json!([]), "the page asked for something");
}

#[test]
fn hostile_texts_are_text() {
    let (dir, key) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap());
    let cancel = std::sync::atomic::AtomicBool::new(false);
    let options = SealOptions {
        cancel: &cancel,
        threads: None,
    };
    let description = Description {
        id: "acme".to_owned(),
        series: SCRIPT.to_owned(),
        organisation: SCRIPT.to_owned(),
        period: format!("{SCRIPT}\u{202e}\u{1b}[2J"),
        as_of: as_of(),
        tool: Tool {
            name: SCRIPT.to_owned(),
            version: "1".to_owned(),
            commit: None,
        },
    };
    let mut contents = Contents::new();
    contents.insert("a.json", b"{}".to_vec()).unwrap();
    let sealed = seal(
        contents,
        &description,
        None,
        &key,
        "preparer",
        dir.path(),
        &options,
    )
    .unwrap();
    let mut json = serde_json::to_value(policy(&key)).unwrap();
    json["keys"][0]["owner"] = SCRIPT.into();
    json["keys"][0]["roles"] = json!(["preparer", SCRIPT]);
    json["require"]
        .as_array_mut()
        .unwrap()
        .push(json!({"statement": SCRIPT, "role": SCRIPT, "threshold": 1}));
    // A name that no bundle may have, in a folder.
    std::fs::write(sealed.folder.join("<img src=x onerror=alert(3)>"), "x").unwrap();
    let trusted = serde_json::from_value(json.clone()).unwrap();
    for bundle in [&sealed.archive, &sealed.folder] {
        let command = serde_json::to_value(verified(bundle, &trusted)).unwrap();
        let mut browser = browser::hold();
        let file = write(&dir, &json);
        // A dialog shows the file with that name; dropping the folder does not.
        let question = json!({"deed": "judge", "bundle": bundle, "folder": bundle.is_dir(), "policy": file, "asOf": NOW, "allowWithheld": false});
        second_opinion::compare_answer(&browser.ask(&question), &command);
        let shown = browser.ask(&json!({"deed": "shown"}));
        assert!(shown["text"].as_str().unwrap().contains("<b>bold</b>"), "{shown}");
        for element in shown["elements"].as_array().unwrap() {
            assert!(
                !["script", "img", "b", "a", "iframe"].contains(&element.as_str().unwrap()),
                "{element}"
            );
        }
        quiet(&mut browser);
    }
}

#[test]
fn a_person_reads_the_verdict_and_saves_it() {
    let (dir, key) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap());
    let sealed = sealed_after(None, "acme-2026-Q4", &key, dir.path()).unwrap();
    let trusted = policy(&key);
    let json = serde_json::to_value(&trusted).unwrap();
    let file = write(&dir, &json);
    let mut browser = browser::hold();
    let question = json!({"deed": "judge", "bundle": sealed.folder, "folder": true, "policy": file, "asOf": NOW, "allowWithheld": false});
    let answer = browser.ask(&question);
    assert!(
        answer["verdict"].as_str().unwrap().starts_with("Valid\n"),
        "{answer}"
    );
    assert_eq!(browser.ask(&json!({"deed": "accessibility"}))["found"], json!([]));
    let shown = browser.ask(&json!({"deed": "shown"}));
    let text = shown["text"].as_str().unwrap();
    let fingerprint = key.public_key().fingerprint();
    for expected in [
        key.public_key().keyid(),
        &fingerprint,
        "Compare each fingerprint with its owner by another channel",
        "Never use one that came with the bundle",
        "the moment of signing rests on the signer's word",
        "organisation\nAcme",
        "What this does not prove",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    assert_eq!(text.matches("✓ holds").count(), 14);
    let saved = browser.ask(&json!({"deed": "save"}));
    assert_eq!(saved["name"], "acme-2026-Q4.verification.json");
    let saved = std::fs::read(saved["path"].as_str().unwrap()).unwrap();
    let saved: Value = serde_json::from_slice(&saved).unwrap();
    let mut command = serde_json::to_value(verified(&sealed.folder, &trusted)).unwrap();
    // Of a folder, the page says what it does not see.
    command["checks"][0]["notes"] = saved["checks"][0]["notes"].clone();
    assert_eq!(saved, command);
    quiet(&mut browser);

    std::fs::remove_file(sealed.folder.join("report/index.html")).unwrap();
    std::fs::remove_dir(sealed.folder.join("report")).unwrap();
    let answer = browser.ask(&question);
    let verdict = answer["verdict"].as_str().unwrap();
    assert!(
        verdict.starts_with("Invalid\n")
            && verdict.contains("report/index.html: it is listed in the manifest but missing file.absent"),
        "{verdict}"
    );
    assert_eq!(browser.ask(&json!({"deed": "accessibility"}))["found"], json!([]));
    let mut allowed = question.clone();
    allowed["allowWithheld"] = true.into();
    let answer = browser.ask(&allowed);
    assert!(
        answer["verdict"]
            .as_str()
            .unwrap()
            .starts_with("Valid, with withheld files\n"),
        "{answer}"
    );
    let mut later = question;
    later["asOf"] = "2028-01-01".into();
    let answer = browser.ask(&later);
    assert!(
        answer["verdict"].as_str().unwrap().contains("key.expired"),
        "{answer}"
    );
    quiet(&mut browser);
}
