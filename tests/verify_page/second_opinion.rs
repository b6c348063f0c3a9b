//! Asks the page about everything that the command has judged, and compares.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::browser;

/// How many bundles both have judged.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// The page has to come to what the command came to: its verdict, each step's outcome, each failure's name and place,
/// who signed and reviewed, what is withheld. How it says so is its own.
pub(crate) fn ask(bundle: &Path, policy: &Value, command: &Value) {
    ask_with(bundle, policy, command, false);
}

pub(crate) fn ask_with(bundle: &Path, policy: &Value, command: &Value, allow_withheld: bool) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.json");
    std::fs::write(&file, policy.to_string()).unwrap();
    let answer = browser::hold().ask(&json!({
        "deed": "judge", "bundle": bundle, "dropped": bundle.is_dir(), "policy": file, "asOf": command["as_of"],
        "allowWithheld": allow_withheld,
    }));
    compare_answer(&answer, command);
}

/// Compares what the page showed with what the command found.
pub(crate) fn compare_answer(answer: &Value, command: &Value) {
    println!("{} judged", ASKED.fetch_add(1, Ordering::Relaxed) + 1);
    let text = answer["json"].as_str();
    let result = text.unwrap_or_else(|| panic!("the page gave no verdict: {answer}"));
    let page: Value = serde_json::from_str(result).unwrap();
    if has_links(command) {
        let opened = &page["checks"][0];
        let note = opened["notes"][0].as_str().unwrap_or_default();
        let said = opened["outcome"] == "failed" || note.contains("neither links nor special files");
        assert!(said, "{page:#}");
        return;
    }
    let mut differences = Vec::new();
    compare("", &comparable(&page), &comparable(command), &mut differences);
    let checks = &page["checks"];
    assert!(
        differences.is_empty(),
        "{}\npage: {checks:#}",
        differences.join("\n")
    );
}

/// What no browser shows of a folder; the page says so.
fn has_links(command: &Value) -> bool {
    let failures = command["checks"][0]["failures"].as_array().unwrap();
    failures
        .iter()
        .any(|failure| failure["code"] == "folder.link" || failure["code"] == "folder.special-file")
}

/// Without the words of failures and notes.
fn comparable(result: &Value) -> Value {
    let mut result = result.clone();
    for check in result["checks"].as_array_mut().unwrap() {
        check.as_object_mut().unwrap().remove("notes");
        for failure in check["failures"].as_array_mut().unwrap() {
            failure.as_object_mut().unwrap().remove("message");
        }
    }
    result
}

fn compare(place: &str, page: &Value, command: &Value, differences: &mut Vec<String>) {
    match (page, command) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            for (key, value) in one {
                compare(&format!("{place}/{key}"), value, &other[key], differences);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (value, expected)) in one.iter().zip(other).enumerate() {
                compare(&format!("{place}/{index}"), value, expected, differences);
            }
        }
        _ if page == command => {}
        _ => differences.push(format!("{place}: the page has {page}, the command {command}")),
    }
}
