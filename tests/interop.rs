//! What we write is checked by programs that know nothing of us, and what they write is read by us.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may panic and print"
)]

mod sample_bundle;

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pgdossier::bundle::Sealed;
use pgdossier::sign::{
    Envelope, Passphrase, SSH_NAMESPACE, Scheme, Signer as _, SigningKey, write_private_key,
};
use sample_bundle::sealed_after;

struct Sample {
    dir: tempfile::TempDir,
    key: SigningKey,
    sealed: Sealed,
    stem: String,
}

impl Sample {
    fn new() -> Self {
        Self::of(Scheme::Ed25519)
    }

    fn of(scheme: Scheme) -> Self {
        let (dir, key) = (
            tempfile::tempdir().unwrap(),
            SigningKey::generate_for(scheme).unwrap(),
        );
        let sealed = sealed_after(None, "acme-2026-Q4", &key, dir.path()).unwrap();
        std::fs::write(dir.path().join("signer.pem"), key.public_key().to_pem()).unwrap();
        let stem = format!("signatures/preparer-{}", key.public_key().short_keyid());
        Self {
            dir,
            key,
            sealed,
            stem,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn envelope(&self) -> PathBuf {
        self.sealed.folder.join(format!("{}.sigstore.json", self.stem))
    }
}

fn run(program: impl AsRef<OsStr>, arguments: &[&OsStr], input: Option<&Path>, folder: &Path) -> Output {
    let program = program.as_ref();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    if let Some(input) = input {
        command.stdin(std::fs::File::open(input).unwrap());
    }
    command.output().unwrap_or_else(|error| {
        panic!(
            "cannot run {}: {error}; see scripts/install-interop.sh",
            program.display()
        )
    })
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// The command's words, split at blanks; paths in them have none.
fn succeeds(line: &str, folder: &Path) -> bool {
    let mut words = line.split_whitespace().map(OsStr::new);
    let program = words.next().unwrap();
    run(program, &words.collect::<Vec<_>>(), None, folder)
        .status
        .success()
}

#[test]
fn sha256sum_checks_the_manifest() {
    let sample = Sample::new();
    let check = "sha256sum --quiet --strict --check MANIFEST.sha256";
    assert!(succeeds(check, &sample.sealed.folder));
    std::fs::write(sample.sealed.folder.join("report/index.html"), "forged").unwrap();
    assert!(!succeeds(check, &sample.sealed.folder));
}

#[test]
fn openssl_verifies_the_envelope() {
    openssl_verifies(
        Scheme::Ed25519,
        "openssl pkeyutl -verify -pubin -inkey signer.pem -rawin -in pae -sigfile signature",
    );
    openssl_verifies(
        Scheme::P256,
        "openssl dgst -sha256 -verify signer.pem -signature signature pae",
    );
}

fn openssl_verifies(scheme: Scheme, verify: &str) {
    let sample = Sample::of(scheme);
    let envelope = Envelope::from_sigstore_json(&std::fs::read(sample.envelope()).unwrap()).unwrap();
    std::fs::write(sample.path("signature"), &envelope.signature).unwrap();
    // Written from the specification, not with our own encoder.
    let mut pae = format!(
        "DSSEv1 28 application/vnd.in-toto+json {} ",
        envelope.payload.len()
    )
    .into_bytes();
    pae.extend_from_slice(&std::fs::read(sample.sealed.folder.join("statement.json")).unwrap());
    std::fs::write(sample.path("pae"), &pae).unwrap();
    assert!(succeeds(verify, sample.dir.path()));
    pae.push(b' ');
    std::fs::write(sample.path("pae"), &pae).unwrap();
    assert!(!succeeds(verify, sample.dir.path()));
}

#[test]
fn ssh_keygen_verifies_the_statement() {
    // The length of an ECDSA signature varies, and with it what follows the armor.
    ssh_keygen_verifies(Scheme::Ed25519);
    for _ in 0..8 {
        ssh_keygen_verifies(Scheme::P256);
    }
}

fn ssh_keygen_verifies(scheme: Scheme) {
    let sample = Sample::of(scheme);
    std::fs::write(
        sample.path("allowed_signers"),
        format!("ada@acme.example {}\n", sample.key.public_key().to_ssh()),
    )
    .unwrap();
    let signature = sample.sealed.folder.join(format!("{}.sshsig", sample.stem));
    let statement = sample.sealed.folder.join("statement.json");
    let verify = |who: &str, namespace: &str| {
        let words = [
            "-Y",
            "verify",
            "-f",
            "allowed_signers",
            "-I",
            who,
            "-n",
            namespace,
            "-s",
        ];
        let mut arguments: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
        arguments.push(signature.as_os_str());
        run("ssh-keygen", &arguments, Some(&statement), sample.dir.path())
            .status
            .success()
    };
    assert!(verify("ada@acme.example", SSH_NAMESPACE));
    assert!(!verify("ada@acme.example", "file"));
    assert!(!verify("eve@acme.example", SSH_NAMESPACE));
    std::fs::write(&statement, "{}").unwrap();
    assert!(!verify("ada@acme.example", SSH_NAMESPACE));
}

fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop-venv/bin/python");
    assert!(
        python.exists(),
        "the independent checkers are not installed; run scripts/install-interop.sh"
    );
    python
}

const CHECK_IN_PYTHON: &str = r#"
import json, sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf.json_format import ParseDict
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

bundle_file, key_file, keyid = sys.argv[1:]
bundle = json.load(open(bundle_file))
assert bundle["verificationMaterial"]["publicKey"]["hint"] == keyid
envelope = Envelope.from_dict(bundle["dsseEnvelope"])
key = SSlibKey.from_crypto(load_pem_public_key(open(key_file, "rb").read()), keyid=keyid)
envelope.verify([key], 1)
statement = json.loads(envelope.payload)
Statement.copy_from_pb(ParseDict(statement, statement_pb2.Statement())).validate()
print(statement["subject"][0]["name"], statement["predicateType"])
"#;

#[test]
fn securesystemslib_verifies_the_envelope_and_in_toto_accepts_the_statement() {
    for scheme in [Scheme::Ed25519, Scheme::P256] {
        securesystemslib_verifies(scheme);
    }
}

fn securesystemslib_verifies(scheme: Scheme) {
    let (sample, other) = (Sample::of(scheme), SigningKey::generate_for(scheme).unwrap());
    let check = || {
        let (envelope, key) = (sample.envelope(), sample.path("signer.pem"));
        let keyid = OsStr::new(sample.key.public_key().keyid());
        let arguments = [
            "-c".as_ref(),
            CHECK_IN_PYTHON.as_ref(),
            envelope.as_os_str(),
            key.as_os_str(),
            keyid,
        ];
        run(python(), &arguments, None, sample.dir.path())
    };
    let output = check();
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(text(&output), "MANIFEST.sha256 urn:pgdossier:assessment:v1\n");
    std::fs::write(sample.path("signer.pem"), other.public_key().to_pem()).unwrap();
    let output = check();
    assert!(text(&output).contains("VerificationError"), "{}", text(&output));
}

const CHECK_IN_NODE: &str = r#"
const { readFileSync } = require('fs');
const { bundleFromJSON } = require('@sigstore/bundle');
const { toSignedEntity, toTrustMaterial, Verifier } = require('@sigstore/verify');
const [file, key, hint] = process.argv.slice(1);
const pem = readFileSync(key, 'utf8');
const rawBytes = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
const nothing = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
const keys = { [hint]: { hint, rawBytes, validFor: { start: new Date(0) }, keyDetails: Number(process.env.DETAILS) } };
const trusted = toTrustMaterial(nothing, keys);
const entity = toSignedEntity(bundleFromJSON(JSON.parse(readFileSync(file, 'utf8'))));
new Verifier(trusted, { ctlogThreshold: 0, tlogThreshold: 0, timestampThreshold: 0 }).verify(entity);
console.log('verified');
"#;

#[test]
fn sigstore_verifies_the_bundle_of_a_raw_key() {
    for scheme in [Scheme::Ed25519, Scheme::P256] {
        let (sample, other) = (Sample::of(scheme), SigningKey::generate_for(scheme).unwrap());
        let check = || {
            let node = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop-node");
            let mut command = Command::new("node");
            command.arg("-e").arg(CHECK_IN_NODE).current_dir(&node);
            command.arg(sample.envelope()).arg(sample.path("signer.pem"));
            // PKIX_ED25519 and PKIX_ECDSA_P256_SHA_256 of Sigstore's list.
            let details = if scheme == Scheme::Ed25519 { "7" } else { "5" };
            command
                .arg(sample.key.public_key().keyid())
                .env("DETAILS", details);
            command
                .output()
                .unwrap_or_else(|error| panic!("cannot run node: {error}; see scripts/install-interop.sh"))
        };
        let output = check();
        assert_eq!(text(&output), "verified\n");
        std::fs::write(sample.path("signer.pem"), other.public_key().to_pem()).unwrap();
        let output = check();
        assert!(
            text(&output).contains("signature verification failed"),
            "{}",
            text(&output)
        );
    }
}

#[test]
fn unzip_and_python_read_the_archive_as_the_folder() {
    let sample = Sample::new();
    assert!(succeeds("unzip -tq acme-2026-Q4.zip", sample.dir.path()));
    let extract = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; z.extractall('extracted')";
    let output = run(
        python(),
        &["-c".as_ref(), extract.as_ref(), sample.sealed.archive.as_os_str()],
        None,
        sample.dir.path(),
    );
    assert!(output.status.success(), "{}", text(&output));
    assert!(succeeds(
        "diff -r acme-2026-Q4 extracted/acme-2026-Q4",
        sample.dir.path()
    ));
}

#[test]
fn openssl_reads_our_keys_and_we_read_its() {
    let (dir, key) = (tempfile::tempdir().unwrap(), SigningKey::generate().unwrap());
    let passphrase = Passphrase::new("correct horse".to_owned());
    write_private_key(&dir.path().join("plain.pem"), &key.to_pkcs8_pem()).unwrap();
    write_private_key(
        &dir.path().join("encrypted.pem"),
        &key.to_encrypted_pem(&passphrase).unwrap(),
    )
    .unwrap();
    let public_half = |arguments: &[&str]| {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        text(&run("openssl", &arguments, None, dir.path()))
    };
    let ours = key.public_key().to_pem();
    assert_eq!(public_half(&["pkey", "-in", "plain.pem", "-pubout"]), ours);
    let encrypted = |password: &str| {
        let password = format!("pass:{password}");
        public_half(&["pkey", "-in", "encrypted.pem", "-passin", &password, "-pubout"])
    };
    assert_eq!(encrypted("correct horse"), ours);
    assert!(!encrypted("battery staple").contains("PUBLIC KEY"));

    assert!(succeeds(
        "openssl genpkey -algorithm ed25519 -out theirs.pem",
        dir.path()
    ));
    assert!(succeeds(
        "openssl genpkey -algorithm ed25519 -aes-256-cbc -pass pass:theirs -out theirs-encrypted.pem",
        dir.path()
    ));
    for name in ["theirs.pem", "theirs-encrypted.pem"] {
        let file = dir.path().join(name);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let loaded = SigningKey::load(&file, || Ok("theirs".to_owned().into())).unwrap();
        assert_eq!(
            public_half(&["pkey", "-in", name, "-passin", "pass:theirs", "-pubout"]),
            loaded.public_key().to_pem()
        );
    }
}

#[test]
fn a_wrong_passphrase_and_a_key_that_others_can_read_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let pgdossier = |arguments: &[&str], passphrase: &str| {
        Command::new(env!("CARGO_BIN_EXE_pgdossier"))
            .args(arguments)
            .current_dir(dir.path())
            .env("PGDOSSIER_PASSPHRASE", passphrase)
            .output()
            .unwrap()
    };
    let made = pgdossier(&["keys", "new", "--out", "key.pem"], "correct horse");
    assert!(made.status.success(), "{}", text(&made));
    let key = dir.path().join("key.pem");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    assert!(
        pgdossier(&["keys", "public", "key.pem"], "correct horse")
            .status
            .success()
    );

    let wrong = pgdossier(&["keys", "public", "key.pem"], "battery staple");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong).contains("the passphrase does not open `key.pem`"),
        "{}",
        text(&wrong)
    );

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let loose = pgdossier(&["keys", "public", "key.pem"], "correct horse");
    assert_eq!(loose.status.code(), Some(2));
    assert!(text(&loose).contains("`chmod 600 key.pem`"), "{}", text(&loose));
}
