//! Odd forms that a signer, an auditor or a collector could write: both accept them, or neither does.

use std::path::{Path, PathBuf};

use pgdossier::sign::{Envelope, Scheme, Signer as _, SigningKey, TrustPolicy};
use serde_json::{Value, json};

use crate::bundle_attacks::steps::{Step, Tampering};
use crate::sample_bundle::{policy, sealed_after, verified};
use crate::{browser, second_opinion};

/// A bundle in a folder of its own whose statement is changed and signed again by who may sign it.
struct Restated {
    dir: tempfile::TempDir,
    key: SigningKey,
    folder: PathBuf,
    statement: String,
}

impl Restated {
    fn new() -> Self {
        let (dir, key) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap());
        let folder = sealed_after(None, "acme", &key, dir.path()).unwrap().folder;
        let statement = std::fs::read_to_string(folder.join("statement.json")).unwrap();
        Self {
            dir,
            key,
            folder,
            statement,
        }
    }

    fn tampering(&self) -> Tampering<'_> {
        Tampering {
            bundle: &self.folder,
            earlier: self.dir.path(),
            key: &self.key,
            reviewer: &self.key,
        }
    }

    /// The codes of what is wrong with it, for both alike.
    fn judged(&self, statement: &str) -> Vec<String> {
        std::fs::write(self.folder.join("statement.json"), statement).unwrap();
        self.tampering().carry_out(&Step::Sign);
        judged(&self.folder, &policy(&self.key))
    }
}

fn judged(bundle: &Path, policy: &TrustPolicy) -> Vec<String> {
    let verification = verified(bundle, policy);
    let command = serde_json::to_value(&verification).unwrap();
    second_opinion::ask(bundle, &serde_json::to_value(policy).unwrap(), &command);
    verification.failures().map(|one| one.code.to_owned()).collect()
}

#[test]
fn a_statement_is_read_alike() {
    let restated = Restated::new();
    let good = restated.statement.clone();
    assert_eq!(restated.judged(&good), Vec::<String>::new());
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        restated.judged(&good.replacen(from, to, 1))
    };
    let time = "\"asOf\": \"2026-10-01T00:00:00Z\"";
    for same in [
        "\"asOf\": \"2026-10-01T00:00:00.000Z\"",
        "\"asOf\": \"2026-10-01T02:00:00+02:00\"",
        "\"asOf\": \"2026-09-30T23:59:60.5Z\"",
        "\"asOf\": \"2026-10-01t00:00:00z\"",
        "\"as\\u004ff\": \"2026-10-01T00:00:00Z\"",
        "\t\"asOf\"\r\n:\"2026-10-01T00:00:00Z\"",
    ] {
        assert_eq!(with(time, same), Vec::<String>::new(), "{same}");
    }
    for other in [
        "\"asOf\": \"2026-10-01\"",
        "\"asOf\": \"2026-10-01T00:00Z\"",
        "\"asOf\": \"2026-10-01T00:00:00\"",
        "\"asOf\": \"2026-10-01 00:00:00 UTC\"",
        "\"asOf\": \"2026-10-01T00:00:00 Z\"",
        "\"asOf\": \" 2026-10-01T00:00:00Z\"",
        "\"asOf\": \"2026-10-01T24:00:00Z\"",
        "\"asOf\": \"2026-02-30T00:00:00Z\"",
        "\"asOf\": \"12026-10-01T00:00:00Z\"",
        "\"asOf\": 1790812800",
        "\"asOf\": null",
        "\"asOf\": \"2026-10-01T00:00:00Z\", \"asOf\": \"2026-10-01T00:00:00Z\"",
        "\"asOf\": \"2026-10-01T00:00:00Z\", \"as\\u004ff\": \"2026-10-01T00:00:00Z\"",
        "\"more\": 1, \"asOf\": \"2026-10-01T00:00:00Z\"",
    ] {
        assert_eq!(with(time, other), ["statement.format"], "{other}");
    }
    let tool = "\"name\": \"pgdossier\",";
    for same in [
        "\"name\": \"pgdossier\", \"commit\": null,",
        "\"name\": \"\\ud83d\\ude00\",",
    ] {
        assert_eq!(with(tool, same), Vec::<String>::new(), "{same}");
    }
    for other in [
        "\"name\": \"\\ud83d\",",
        "\"name\": \"\\ude00\\ud83d\",",
        "\"name\": \"a\u{1}\",",
        "\"name\": \"\\x\",",
        "\"name\": \"pgdossier\", \"commit\": 1,",
        "\"name\": [\"pgdossier\"],",
        "'name': \"pgdossier\",",
        "\"name\": \"pgdossier\",, ",
    ] {
        assert_eq!(with(tool, other), ["statement.format"], "{other}");
    }
    let index = "\"index\": 0";
    for other in [
        "\"index\": 0.0",
        "\"index\": -0",
        "\"index\": 00",
        "\"index\": 0e0",
        "\"index\": \"0\"",
        "\"index\": 18446744073709551616",
    ] {
        assert_eq!(with(index, other), ["statement.format"], "{other}");
    }
    assert_eq!(with(index, "\"index\": 18446744073709551615"), ["chain.size"]);
    // Nothing is an object but an object.
    let digest: Value = serde_json::from_str(&good).unwrap();
    let digest = digest["predicate"]["manifest"].clone();
    let as_list = format!("\"manifest\": [{}, {}]", digest["size"], digest["root"]);
    let start = good.find("\"manifest\": {").unwrap();
    let end = start + good[start..].find('}').unwrap() + 1;
    let listed = format!("{}{as_list}{}", &good[..start], &good[end..]);
    assert_eq!(restated.judged(&listed), ["statement.format"]);
    for whole in ["[]", "null", "", "\u{feff}{}", "{}", "1"] {
        assert_eq!(restated.judged(whole), ["statement.format"], "{whole}");
    }
    for after in [" ", "\n\n", "\t"] {
        assert_eq!(restated.judged(&format!("{good}{after}")), Vec::<String>::new());
    }
    for after in ["x", "\u{a0}", "{}", "\0"] {
        assert_eq!(restated.judged(&format!("{good}{after}")), ["statement.format"]);
    }
}

/// The order of the group of P-256.
const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// `order - number`, of big-endian numbers.
fn negative(number: &[u8]) -> Vec<u8> {
    let mut result = hex::decode(ORDER).unwrap();
    let padded = [vec![0; 32], number.to_vec()].concat();
    let number = &padded[padded.len() - 32..];
    let mut borrow = 0;
    for at in (0..32).rev() {
        let difference = i32::from(result[at]) - i32::from(number[at]) - borrow;
        borrow = i32::from(difference < 0);
        result[at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    result
}

/// A sequence of two integers, each with as many zeros before it as are given.
fn der(numbers: [&[u8]; 2], zeros: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for number in numbers {
        let short: Vec<u8> = number.iter().copied().skip_while(|digit| *digit == 0).collect();
        let zeros = zeros + usize::from(short[0] & 0x80 != 0);
        body.extend([2, u8::try_from(zeros + short.len()).unwrap()]);
        body.extend(vec![0; zeros]);
        body.extend(short);
    }
    [vec![0x30, u8::try_from(body.len()).unwrap()], body].concat()
}

#[test]
fn an_ecdsa_signature_has_one_form() {
    let (dir, key) = (
        tempfile::tempdir().unwrap(),
        SigningKey::generate_for(Scheme::P256).unwrap(),
    );
    let folder = sealed_after(None, "acme", &key, dir.path()).unwrap().folder;
    let name = format!(
        "signatures/preparer-{}.sigstore.json",
        key.public_key().short_keyid()
    );
    let file = folder.join(name);
    let good = Envelope::from_sigstore_json(&std::fs::read(&file).unwrap()).unwrap();
    let length = usize::from(good.signature[3]);
    let (r, s) = (&good.signature[4..4 + length], &good.signature[6 + length..]);
    let with = |signature: Vec<u8>| {
        let envelope = Envelope {
            signature,
            ..good.clone()
        };
        std::fs::write(&file, envelope.to_sigstore_json()).unwrap();
        judged(&folder, &policy(&key))
    };
    assert_eq!(with(der([r, s], 0)), Vec::<String>::new());
    let bad = ["signature.bad"];
    assert_eq!(with(der([r, &negative(s)], 0)), bad, "the larger s");
    assert_eq!(with(der([&negative(r), s], 0)), bad);
    assert_eq!(with(der([s, r], 0)), bad);
    assert_eq!(with(der([r, s], 1)), bad, "not the shortest");
    assert_eq!(with([der([r, s], 0), vec![0]].concat()), bad, "something follows");
    assert_eq!(with(vec![0; 64]), bad);
    assert_eq!(with(Vec::new()), bad);
}

#[test]
fn a_record_is_read_alike() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let deep_objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let good = [
        "{}",
        "[]",
        "1",
        "\"x\"",
        "null",
        " {\"a\":1} ",
        "{\"a\":{\"a\":1}}",
        "-0",
        "1e308",
        "0.5E-400",
        "1E+2",
        "\"\\u0000\\ud83d\\ude00\\/\"",
        "\"\u{7f}\u{2028}\"",
        "{\"a\":1,\"b\":1}",
        "123456789012345678901234567890",
        "{\"\":1}",
        "{\"__proto__\":1,\"constructor\":2}",
    ];
    let bad = [
        "",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":1}",
        "[{\"b\":[{\"a\":1,\"a\":2}]}]",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "NaN",
        "Infinity",
        "-",
        "1e400",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "'x'",
        "\"\t\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"\\u12g4\"",
        "\"",
        "\"\\",
        "tru",
        "nulll",
        "{} {}",
        "/**/1",
        "\u{feff}1",
        "{\"a\" 1}",
        "[1 2]",
        "{1:2}",
        "\u{b}1",
        "{\"__proto__\":1,\"__proto__\":2}",
    ];
    let mut files: Vec<(String, Vec<u8>, bool)> = Vec::new();
    let mut add = |kind: &str, bytes: Vec<u8>, fine: bool| {
        let number = files.len();
        files.push((format!("records/{number:03}.{kind}"), bytes, fine));
    };
    for (texts, fine) in [(&good[..], true), (&bad[..], false)] {
        for text in texts {
            add("json", text.as_bytes().to_vec(), fine);
            add("ndjson", format!("{{}}\n{text}\n").into_bytes(), fine);
        }
    }
    for (depth, fine) in [(126, true), (127, true), (128, false), (5000, false)] {
        add("json", nested(depth).into_bytes(), fine);
        add("json", deep_objects(depth).into_bytes(), fine);
    }
    add("json", b"\"\xff\"".to_vec(), false);
    add("json", b"\"\xed\xa0\x80\"".to_vec(), false);
    add("ndjson", b"\"\xc3\"\n".to_vec(), false);
    add("ndjson", Vec::new(), true);
    add("ndjson", b"\n".to_vec(), false);
    add("ndjson", b"1\n\n2\n".to_vec(), false);
    add("ndjson", b"1\r\n2\r\n".to_vec(), true);
    add("ndjson", b"1\n2".to_vec(), false);
    add(
        "ndjson",
        format!("\"{}\"\n", "x".repeat((8 << 20) - 3)).into_bytes(),
        true,
    );
    add(
        "ndjson",
        format!("\"{}\"\n", "x".repeat((8 << 20) - 2)).into_bytes(),
        false,
    );
    add(
        "ndjson",
        format!("1\n\"{}\"\n1\n", "é".repeat(3 << 20)).into_bytes(),
        true,
    );
    // No honest program seals such records; who holds a key can.
    let restated = Restated::new();
    std::fs::create_dir(restated.folder.join("records")).unwrap();
    for (path, bytes, _) in &files {
        std::fs::write(restated.folder.join(path), bytes).unwrap();
    }
    restated.tampering().carry_out(&Step::Reseal);
    let verification = verified(&restated.folder, &policy(&restated.key));
    let found: Vec<&str> = verification
        .failures()
        .filter_map(|one| one.path.as_deref())
        .collect();
    let expected: Vec<&str> = files
        .iter()
        .filter(|file| !file.2)
        .map(|file| file.0.as_str())
        .collect();
    assert_eq!(found, expected);
    judged(&restated.folder, &policy(&restated.key));
}

#[test]
fn a_policy_is_accepted_alike() {
    let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    let good = serde_json::to_value(policy(&key)).unwrap();
    let second = serde_json::to_value(policy(&other)).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut changed = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap()[name] = value;
        changed.to_string()
    };
    let pem = good["keys"][0]["public_key"].as_str().unwrap().to_owned();
    let twice = json!([good["keys"][0], good["keys"][0]]);
    let text = good.to_string();
    let cases = [
        (text.clone(), true),
        (format!(" \n{text}\n"), true),
        (format!("{text}x"), false),
        (
            text.replacen("\"version\":1", "\"version\":1,\"version\":1", 1),
            false,
        ),
        (with("/version", json!(2)), false),
        (with("/version", json!(1.0)), false),
        (with("/more", json!(1)), false),
        (with("/require", json!([])), false),
        (with("/keys", json!([])), true),
        (with("/keys", twice), false),
        (with("/keys", json!([good["keys"][0], second["keys"][0]])), true),
        (with("/keys", json!([[1]])), false),
        (with("/timestamp", Value::Null), true),
        (with("/timestamp", json!({"roots": [], "required": true})), true),
        (
            with("/timestamp", json!({"roots": ["x"], "required": true})),
            false,
        ),
        (with("/timestamp", json!([[], true])), false),
        (
            with("/series", json!({"id": "a", "size": 0, "root": "00"})),
            false,
        ),
        (
            with("/series", json!({"id": "a", "size": 0, "root": "0".repeat(64)})),
            true,
        ),
        (
            with("/series", json!({"id": "a", "size": -1, "root": "0".repeat(64)})),
            false,
        ),
    ];
    let of_key = |name: &str, value: Value, fine: bool| {
        let mut changed = good.clone();
        changed["keys"][0][name] = value;
        (changed.to_string(), fine)
    };
    let of_require = |name: &str, value: Value, fine: bool| {
        let mut changed = good.clone();
        changed["require"][0][name] = value;
        (changed.to_string(), fine)
    };
    let of_keys = [
        of_key("owner", json!(" \t\u{85}\u{2003}"), false),
        of_key("owner", json!("\u{feff}"), true),
        of_key("roles", json!([]), false),
        of_key("roles", json!("preparer"), false),
        of_key("controls", json!(["a*"]), true),
        of_key("controls", Value::Null, true),
        of_key("keyid", json!("00"), false),
        of_key(
            "keyid",
            json!(good["keys"][0]["keyid"].as_str().unwrap().to_uppercase()),
            false,
        ),
        of_key("public_key", second["keys"][0]["public_key"].clone(), false),
        of_key("public_key", json!(pem.replace("PUBLIC", "PRIVATE")), false),
        of_key("public_key", json!(pem.replace('\n', "\r\n")), true),
        of_key("public_key", json!(format!("hello\n{pem}\nbye")), true),
        of_key(
            "public_key",
            json!(format!(
                "{pem}{}",
                second["keys"][0]["public_key"].as_str().unwrap()
            )),
            true,
        ),
        of_key("public_key", json!(pem.replace("END PUBLIC", "END OTHER")), false),
        of_key("public_key", json!(""), false),
        of_key("valid_from", json!("2030-01-01T00:00:00Z"), false),
        of_key("valid_from", json!("2026-01-01"), false),
        of_key("valid_from", json!("2026-01-01 00:00:00 UTC"), false),
        of_key("valid_until", json!("2026-10-01T00:00:00Z"), false),
        of_key("revoked_reason", json!("superseded"), false),
        of_key("revoked_at", json!("2026-10-01T00:00:00Z"), true),
        of_key("more", json!(1), false),
        of_require("threshold", json!(0), false),
        of_require("threshold", json!(u64::MAX), true),
        of_require("distinct_owner_from", Value::Null, false),
        of_require("role", json!(1), false),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.json");
    for (json, fine) in cases.into_iter().chain(of_keys) {
        assert_eq!(
            TrustPolicy::from_json(json.as_bytes()).is_ok(),
            fine,
            "the command: {json}"
        );
        std::fs::write(&file, &json).unwrap();
        let mut browser = browser::hold();
        browser.ask(&json!({"deed": "fresh"}));
        let shown = browser.ask(&json!({"deed": "policy", "policy": file}));
        let state = shown["state"].as_str().unwrap();
        assert_eq!(
            state == "policy.json is the policy.",
            fine,
            "the page: {state} {json}"
        );
    }
}
