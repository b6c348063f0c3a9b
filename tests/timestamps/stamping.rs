//! Stamping as people do it, over HTTP and by hand, and what a proven time changes.

use std::process::Command;
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use pgdossier::sign::Scheme;
use serde_json::json;

use super::authority::{Authority, granted, serve, serve_encrypted, serve_nothing};
use super::support::{self, text};
use super::{Desk, codes};

#[test]
fn folder_and_archive_are_stamped_and_stay_what_they_were() {
    for (scheme, kind) in [
        (Scheme::Ed25519, "rsa:2048"),
        (Scheme::P256, "ec -pkeyopt ec_paramgen_curve:P-256"),
        (Scheme::Ed25519, "ec -pkeyopt ec_paramgen_curve:P-384"),
    ] {
        let (desk, authority) = (Desk::of(scheme), Arc::new(Authority::new(kind)));
        desk.trust(&authority.path("root.pem"), true);
        assert_eq!(desk.failures(), ["time.not-proven"]);
        let url = {
            let authority = authority.clone();
            serve(move |request| granted(&authority.answer(request)))
        };
        // Either form can be named; both get the token.
        let (named, begun) = match scheme {
            Scheme::Ed25519 => (&desk.sealed.archive, Utc::now()),
            Scheme::P256 => (&desk.sealed.folder, Utc::now()),
        };
        let output = desk.timestamp(named, &["--tsa", &url, "--trust", "policy.json"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(
            text(&output.stdout).contains("says CN=tsa"),
            "{}",
            text(&output.stdout)
        );
        for form in [&desk.sealed.folder, &desk.sealed.archive] {
            let verified = desk.verified(form);
            assert_eq!(verified["verdict"], "valid", "{verified:#}");
            assert_eq!(verified["time"], "proven");
            let by = &verified["signers"][0]["signed_by"];
            assert_eq!(by["authority"], "CN=tsa");
            let time: chrono::DateTime<Utc> = by["time"].as_str().unwrap().parse().unwrap();
            assert!(
                time > begun && time < Utc::now() + TimeDelta::seconds(2),
                "{time}"
            );
        }
        assert_eq!(
            support::names(desk.folder.path()),
            ["acme", "acme.zip", "policy.json", "signer.pem"]
        );

        // The commands in the bundle, as written there.
        std::fs::copy(authority.path("root.pem"), desk.path("authority.pem")).unwrap();
        let page = std::fs::read_to_string(desk.sealed.folder.join("VERIFY.md")).unwrap();
        for block in page
            .split("```")
            .filter_map(|part| part.strip_prefix("sh\n").or_else(|| part.strip_prefix("bash\n")))
        {
            let mut shell = Command::new("sh");
            shell.args(["-euc", block]).current_dir(&desk.sealed.folder);
            let output = shell.output().unwrap();
            assert!(output.status.success(), "{block}\n{}", text(&output.stderr));
        }
        let read = Command::new("unzip")
            .arg("-tq")
            .arg(&desk.sealed.archive)
            .output();
        assert!(read.unwrap().status.success());

        let again = desk.timestamp(named, &["--tsa", &url]);
        assert_eq!(again.status.code(), Some(2));
        assert!(text(&again.stderr).contains("has a token already"));
    }
}

const CHECK_IN_NODE: &str = r#"
const { readFileSync } = require('fs');
const { bundleFromJSON } = require('@sigstore/bundle');
const { toSignedEntity, toTrustMaterial, Verifier } = require('@sigstore/verify');
const [file, key, hint, ...chain] = process.argv.slice(1);
const der = (path) => Buffer.from(readFileSync(path, 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64');
const validFor = { start: new Date(0) };
const certificates = chain.map((path) => ({ rawBytes: der(path) }));
const authority = { subject: {}, uri: '', certChain: { certificates }, validFor };
const root = { certificateAuthorities: [], timestampAuthorities: [authority], tlogs: [], ctlogs: [] };
const keys = { [hint]: { hint, rawBytes: der(key), validFor, keyDetails: 7 } };
const entity = toSignedEntity(bundleFromJSON(JSON.parse(readFileSync(file, 'utf8'))));
const options = { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 1 };
new Verifier(toTrustMaterial(root, keys), options).verify(entity);
console.log('verified');
"#;

#[test]
fn sigstore_verifies_the_token_too() {
    let (desk, authority) = (Desk::new(), Authority::new("ec -pkeyopt ec_paramgen_curve:P-256"));
    // This checker reads fractions of three digits alone, and openssl writes none that are zero at the end.
    let configuration = String::from_utf8(authority.read("openssl.cnf")).unwrap();
    let seconds = configuration.replace("clock_precision_digits = 3", "clock_precision_digits = 0");
    assert_ne!(seconds, configuration);
    std::fs::write(authority.path("openssl.cnf"), seconds).unwrap();
    let envelope = desk.sealed.folder.join(&desk.signature);
    let check = || {
        let node = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop-node");
        let mut command = Command::new("node");
        command.args(["-e", CHECK_IN_NODE]).current_dir(&node);
        command
            .arg(&envelope)
            .arg(desk.path("signer.pem"))
            .arg(desk.envelope().keyid);
        command.args(["tsa.pem", "middle.pem", "root.pem"].map(|name| authority.path(name)));
        let output = command.output().expect("node; see scripts/install-interop.sh");
        text(&[output.stdout, output.stderr].concat())
    };
    assert!(check().contains("expected 1 timestamps, got 0"));
    desk.timestamp(&desk.sealed.folder, &["--request", "q"]);
    let answer = authority.answer(&std::fs::read(desk.path("q")).unwrap());
    std::fs::write(desk.path("r"), answer).unwrap();
    assert!(
        desk.timestamp(&desk.sealed.folder, &["--response", "r"])
            .status
            .success()
    );
    assert_eq!(check(), "verified\n");
}

#[test]
fn a_request_and_its_response_are_carried_by_hand() {
    let (desk, authority) = (Desk::new(), Authority::new("rsa:2048"));
    let stranger = Authority::new("ec -pkeyopt ec_paramgen_curve:P-256");
    let bundle = desk.sealed.archive.clone();
    let ok = |arguments: &[&str]| {
        let output = desk.timestamp(&bundle, arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    let refused = |arguments: &[&str], reason: &str| {
        let before = std::fs::read(&bundle).unwrap();
        let output = desk.timestamp(&bundle, arguments);
        assert!(matches!(output.status.code(), Some(1 | 2)));
        assert!(text(&output.stderr).contains(reason), "{}", text(&output.stderr));
        assert_eq!(std::fs::read(&bundle).unwrap(), before);
    };
    ok(&["--request", "first.tsq"]);
    ok(&["--request", "second.tsq"]);
    refused(&["--request", "first.tsq"], "exists already");
    refused(&[], "--tsa");
    let answer = |name: &str| authority.answer(&std::fs::read(desk.path(name)).unwrap());
    std::fs::write(desk.path("second.tsr"), answer("second.tsq")).unwrap();
    let other = Desk::new();
    assert!(
        other
            .timestamp(&other.sealed.folder, &["--request", "x.tsq"])
            .status
            .success()
    );
    let elsewhere = authority.answer(&std::fs::read(other.path("x.tsq")).unwrap());
    std::fs::write(desk.path("other.tsr"), elsewhere).unwrap();

    refused(&["--response", "first.tsq"], "it is not a time-stamp response");
    refused(&["--response", "other.tsr"], "it is over other bytes");
    refused(
        &["--response", "second.tsr", "--request", "first.tsq"],
        "it answers another request",
    );
    std::fs::copy(other.path("x.tsq"), desk.path("x.tsq")).unwrap();
    refused(
        &["--response", "second.tsr", "--request", "x.tsq"],
        "asks about another signature",
    );
    desk.trust(&stranger.path("root.pem"), false);
    refused(
        &["--response", "second.tsr", "--trust", "policy.json"],
        "no root of the policy stands",
    );
    ok(&["--response", "second.tsr", "--request", "second.tsq"]);

    // Nobody is bound to believe that authority.
    assert_eq!(codes(&desk.verified(&bundle)), ["timestamp.untrusted"]);
    let mut policy = desk.policy();
    policy.as_object_mut().unwrap().remove("timestamp");
    desk.set_policy(&policy);
    let verified = desk.verified(&bundle);
    assert_eq!(
        (&verified["verdict"], &verified["time"]),
        (&json!("valid"), &json!("not-proven"))
    );
    desk.trust(&authority.path("root.pem"), true);
    assert_eq!(desk.verified(&bundle)["time"], "proven");
}

#[test]
fn a_key_is_judged_at_the_time_that_is_proven() {
    let (desk, authority) = (Desk::new(), Authority::new("ec -pkeyopt ec_paramgen_curve:P-256"));
    let folder = desk.sealed.folder.clone();
    desk.trust(&authority.path("root.pem"), false);
    let (before, after) = (Utc::now() - TimeDelta::hours(1), Utc::now() + TimeDelta::hours(1));
    let later = Utc::now() + TimeDelta::days(30);
    let with = |changes: serde_json::Value| {
        let mut policy = desk.policy();
        let key = policy["keys"][0].as_object_mut().unwrap();
        key.remove("revoked_at");
        key.remove("revoked_reason");
        key.insert("valid_until".into(), json!("2099-01-01T00:00:00Z"));
        key.extend(changes.as_object().unwrap().clone());
        desk.set_policy(&policy);
        codes(&desk.verified_at(&folder, later))
    };
    let compromised = |at| json!({"revoked_at": at, "revoked_reason": "key-compromise"});
    assert_eq!(
        with(json!({"valid_until": after})),
        ["key.expired", "require.threshold"]
    );
    assert_eq!(with(compromised(after)), ["key.revoked", "require.threshold"]);
    // Even before that was found out, as far as anybody can prove.
    assert_eq!(
        codes(&desk.verified(&folder)),
        ["key.revoked", "require.threshold"]
    );

    desk.timestamp(&folder, &["--request", "q"]);
    std::fs::write(
        desk.path("r"),
        authority.answer(&std::fs::read(desk.path("q")).unwrap()),
    )
    .unwrap();
    assert!(desk.timestamp(&folder, &["--response", "r"]).status.success());
    // Good when it signed, whatever came later.
    assert_eq!(with(json!({"valid_until": after})), Vec::<String>::new());
    assert_eq!(with(compromised(after)), Vec::<String>::new());
    assert_eq!(
        with(json!({"revoked_at": after, "revoked_reason": "superseded"})),
        Vec::<String>::new()
    );
    // Bad before it signed.
    assert_eq!(
        with(json!({"valid_until": before})),
        ["key.expired", "require.threshold"]
    );
    assert_eq!(with(compromised(before)), ["key.revoked", "require.threshold"]);
    assert_eq!(
        with(json!({"revoked_at": before, "revoked_reason": "superseded"})),
        ["key.revoked", "require.threshold"]
    );
    // A time that is still to come proves nothing.
    with(json!({}));
    let early = desk.verified_at(&folder, Utc::now() - TimeDelta::days(1));
    assert_eq!(codes(&early), ["time.future"]);
}

#[test]
fn an_authority_that_does_not_answer_well_changes_nothing() {
    let desk = Desk::new();
    let before = support::files(desk.folder.path());
    let refused = |url: &str, reason: &str| {
        let output = desk.timestamp(&desk.sealed.folder, &["--tsa", url, "--timeout", "2"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(reason), "{}", text(&output.stderr));
        assert_eq!(support::files(desk.folder.path()), before);
    };
    let fixed = |reply: &str| {
        let reply = reply.as_bytes().to_vec();
        serve(move |_| reply.clone())
    };
    refused(&fixed("500 Oops\r\nContent-Length: 0\r\n\r\n"), "it answered 500");
    refused(
        &fixed("302 Found\r\nLocation: http://127.0.0.1:1/other\r\nContent-Length: 0\r\n\r\n"),
        "it sends us to http://127.0.0.1:1/other",
    );
    refused(
        &fixed("200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi"),
        "it answered with `text/html`",
    );
    refused(
        &serve(|_| granted(b"nonsense")),
        "it is not a time-stamp response",
    );
    refused(
        &serve(|_| granted(&vec![0x30; 2 << 20])),
        "its answer cannot be read",
    );
    let no = [0x30, 9, 0x30, 7, 2, 1, 2, 0x30, 2, 0x0c, 0];
    refused(&serve(move |_| granted(&no)), "the authority refused (status 2)");
    let (silent, _listener) = serve_nothing();
    refused(&silent, "cannot be asked: timeout");
    refused("http://127.0.0.1:1/tsa", "cannot be asked");
    refused("ftp://127.0.0.1/tsa", "cannot be asked");
    refused(
        "http://ann:secret@127.0.0.1/tsa",
        "a password has no place in its address",
    );
}

#[test]
fn an_authority_behind_tls_has_to_be_the_one_that_is_named() {
    let (desk, authority) = (
        Desk::new(),
        Arc::new(Authority::new("ec -pkeyopt ec_paramgen_curve:P-256")),
    );
    let url = serve_encrypted(
        move |request| granted(&authority.answer(request)),
        &desk.path("tls.pem"),
    );
    std::fs::write(desk.path("empty.pem"), "").unwrap();
    let with_roots = |roots: &str| {
        support::pgdossier()
            .current_dir(desk.folder.path())
            .env("SSL_CERT_FILE", desk.path(roots))
            .env_remove("SSL_CERT_DIR")
            .args(["timestamp", "acme", "--tsa", &url])
            .output()
            .unwrap()
    };
    let stranger = with_roots("signer.pem");
    assert_eq!(stranger.status.code(), Some(1));
    assert!(
        text(&stranger.stderr).contains("invalid peer certificate"),
        "{}",
        text(&stranger.stderr)
    );
    let known = with_roots("tls.pem");
    assert!(known.status.success(), "{}", text(&known.stderr));
}
