//! Who may hold the key: files of two kinds, an SSH agent, a hardware module, a command; and what happens when they fail.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may panic and print

mod sample_bundle;
mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use support::{Workspace, pgdossier, text};

const ATTESTATION: &str = "kind: attestation
controls: [storage-encrypted]
statement: All volumes lie on LUKS.
answer: satisfied
method: examine
performed_by: { name: Priya Nair }
performed_at: 2026-11-01
expires_at: 2027-04-30
";

/// A server that nobody can reach: what is sealed then is a bundle all the same.
const NOWHERE: &str = "host=/nonexistent-pgdossier dbname=postgres user=nobody";

/// Where keys are made and bundles sealed, with no key of its own in use.
struct Desk {
    workspace: Workspace,
}

impl Desk {
    fn new() -> Self {
        Self {
            workspace: Workspace::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.workspace.path(name)
    }

    /// Runs a tool in the folder; it has to work.
    fn tool(&self, line: &str) -> String {
        // `''` is an empty word.
        let mut words = line.split_whitespace().map(|word| word.trim_matches('\''));
        let output = Command::new(words.next().unwrap())
            .args(words)
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .current_dir(self.workspace.folder.path())
            .env("SSH_AUTH_SOCK", self.path("agent"))
            .env_remove("DISPLAY")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn private(&self, name: &str) {
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn command(&self) -> Command {
        self.here(pgdossier())
    }

    fn here(&self, mut command: Command) -> Command {
        command
            .current_dir(self.workspace.folder.path())
            .env("SSH_AUTH_SOCK", self.path("agent"))
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"));
        command
    }

    fn assess(&self, key: &str, more: &[&str]) -> Output {
        let mut command = self.here(self.workspace.assess_with(key));
        command.args(more).arg(NOWHERE).output().unwrap()
    }

    /// Assesses, and verifies folder and archive with a policy that was made for the key's public half.
    fn sealed(&self, key: &str, public: &str, more: &[&str]) -> PathBuf {
        let output = self.assess(key, more);
        assert!(
            matches!(output.status.code(), Some(0 | 3 | 4)),
            "{}",
            text(&output.stderr)
        );
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let made = self
            .command()
            .args(["trust", "init", "--owner", "Ann", "--valid-from", "2026-01-01"])
            .args([
                "--valid-until",
                "2027-12-31",
                "--out",
                "policy.json",
                "--key",
                public,
            ])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
        for form in ["folder", "archive"] {
            let verified = self
                .command()
                .args(["verify", json[form].as_str().unwrap(), "--trust", "policy.json"])
                .args(["--as-of", "2026-11-24"])
                .output()
                .unwrap();
            assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stdout));
        }
        self.path(json["folder"].as_str().unwrap())
    }

    /// Signs an attestation and fails; nothing may be left. Returns what was said.
    fn refused(&self, key: &str, more: &[&str]) -> String {
        self.workspace.write("attestations/room.yaml", ATTESTATION);
        let output = self
            .command()
            .args(["attest", "sign", "attestations/room.yaml", "--key", key])
            .args(more)
            .output()
            .unwrap();
        assert!(
            matches!(output.status.code(), Some(1 | 2)),
            "{}",
            text(&output.stdout)
        );
        assert_eq!(support::names(&self.path("attestations")), ["room.yaml"]);
        text(&output.stderr)
    }

    /// Assesses and fails in the end; nothing may be left. Returns what was said.
    fn refused_to_seal(&self, key: &str, more: &[&str]) -> String {
        let output = self.assess(key, more);
        assert!(
            matches!(output.status.code(), Some(1 | 2)),
            "{}",
            text(&output.stdout)
        );
        assert_eq!(self.workspace.bundles(), Vec::<String>::new());
        text(&output.stderr)
    }

    /// Room for the next bundle, which has the same name.
    fn again(&self) {
        std::fs::remove_dir_all(self.path("bundles")).unwrap();
        std::fs::remove_file(self.path("policy.json")).unwrap();
    }

    /// A program that answers as told, with `$1` and so on.
    fn script(&self, name: &str, body: &str) -> String {
        let path = self.workspace.write(name, &format!("#!/bin/sh\n{body}\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn public_half(desk: &Desk, key: &str, to: &str) {
    let shown = desk.command().args(["keys", "public", key]).output().unwrap();
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    std::fs::write(desk.path(to), shown.stdout).unwrap();
}

#[test]
fn a_p256_key_file_signs_what_everybody_can_check() {
    let desk = Desk::new();
    let made = desk
        .command()
        .args(["keys", "new", "--algorithm", "p256", "--out", "p256.pem"])
        .env("PGDOSSIER_PASSPHRASE", "correct-horse")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    std::fs::write(desk.path("public.pem"), &made.stdout).unwrap();
    // openssl opens the very file.
    let theirs = desk.tool("openssl pkey -in p256.pem -passin pass:correct-horse -pubout");
    assert_eq!(theirs, text(&made.stdout));
    std::fs::write(desk.path("pass"), "correct-horse\n").unwrap();
    desk.private("pass");
    let folder = desk.sealed("p256.pem", "public.pem", &["--passphrase-file", "pass"]);

    // The commands in the bundle, as written for this kind of key.
    std::fs::copy(desk.path("public.pem"), folder.join("../signer.pem")).unwrap();
    let instructions = std::fs::read_to_string(folder.join("VERIFY.md")).unwrap();
    let blocks = instructions.split("```sh\n").skip(1);
    let blocks: Vec<&str> = blocks.map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 4);
    let run = |block: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-euc", block]).current_dir(&folder).output().unwrap()
    };
    for block in &blocks {
        let output = run(block);
        assert!(output.status.success(), "{block}\n{}", text(&output.stderr));
    }
    std::fs::write(folder.join("statement.json"), "{}").unwrap();
    for block in &blocks[2..] {
        assert!(!run(block).status.success(), "{block}");
    }
}

/// `n - s` for the s of a signature in DER, with r and s of 32 bytes or 33.
fn with_the_other_s(der: &[u8]) -> Vec<u8> {
    let order = hex::decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").unwrap();
    let (r_end, s_start) = (4 + usize::from(der[3]), 6 + usize::from(der[3]));
    let mut other = vec![0; 32];
    let s = &der[s_start..];
    let mut borrow = 0;
    for place in 0..32 {
        let digit = s.len().checked_sub(place + 1).map_or(0, |at| i32::from(s[at]));
        let left = i32::from(order[31 - place]) - digit - borrow;
        borrow = i32::from(left < 0);
        other[31 - place] = u8::try_from(left.rem_euclid(256)).unwrap();
    }
    if other[0] & 0x80 != 0 {
        other.insert(0, 0);
    }
    let body = [&der[2..r_end], &[2, u8::try_from(other.len()).unwrap()], &other].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()], body.as_slice()].concat()
}

#[test]
fn an_ecdsa_signature_written_the_other_way_is_another_signature() {
    use pgdossier::sign::{Envelope, Scheme, Signer as _, SigningKey};
    let (folder, key) = (
        tempfile::tempdir().unwrap(),
        SigningKey::generate_for(Scheme::P256).unwrap(),
    );
    let sealed = sample_bundle::sealed_after(None, "acme", &key, folder.path()).unwrap();
    let policy = sample_bundle::policy(&key);
    assert!(sample_bundle::is_valid(&sealed.folder, &policy));
    let name = format!(
        "signatures/preparer-{}.sigstore.json",
        key.public_key().short_keyid()
    );
    let file = sealed.folder.join(name);
    let mut envelope = Envelope::from_sigstore_json(&std::fs::read(&file).unwrap()).unwrap();
    let signed = envelope.signed_bytes();
    envelope.signature = with_the_other_s(&envelope.signature);
    std::fs::write(&file, envelope.to_sigstore_json()).unwrap();
    // For others it is as good as the first.
    std::fs::write(folder.path().join("signed"), signed).unwrap();
    std::fs::write(folder.path().join("signature"), &envelope.signature).unwrap();
    std::fs::write(folder.path().join("key"), key.public_key().to_pem()).unwrap();
    let openssl = Command::new("openssl")
        .args([
            "dgst",
            "-sha256",
            "-verify",
            "key",
            "-signature",
            "signature",
            "signed",
        ])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(openssl.status.success(), "{}", text(&openssl.stderr));
    let verification = sample_bundle::verified(&sealed.folder, &policy);
    let codes: Vec<&str> = verification.failures().map(|failure| failure.code).collect();
    assert_eq!(codes, ["signature.bad"]);
}

#[test]
fn keys_of_openssl_sign_and_what_does_not_fit_is_named() {
    let desk = Desk::new();
    for (name, algorithm) in [
        ("ed", "-algorithm ed25519"),
        ("ec", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256"),
        (
            "locked",
            "-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes-256-cbc -pass pass:theirs",
        ),
        ("p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384"),
        ("rsa", "-algorithm RSA"),
    ] {
        desk.tool(&format!("openssl genpkey {algorithm} -out {name}.pem"));
        desk.private(&format!("{name}.pem"));
    }
    for name in ["ed", "ec", "locked"] {
        let theirs = desk.tool(&format!(
            "openssl pkey -in {name}.pem -passin pass:theirs -pubout"
        ));
        let ours = desk
            .command()
            .args(["keys", "public", &format!("{name}.pem")])
            .env("PGDOSSIER_PASSPHRASE", "theirs")
            .output()
            .unwrap();
        assert_eq!(text(&ours.stdout), theirs, "{}", text(&ours.stderr));
    }
    public_half(&desk, "ec.pem", "ec.pub");
    desk.sealed("ec.pem", "ec.pub", &["--public-key", "ec.pub"]);
    desk.tool("openssl ecparam -name prime256v1 -genkey -noout -out bare.pem");
    desk.private("bare.pem");
    let desk_refuses = |key: &str, public: &[&str], reason: &str| {
        let said = desk.refused(key, public);
        assert!(said.contains(reason), "{key}: {said}");
    };
    desk_refuses("p384.pem", &[], "its curve is 1.3.132.0.34; of ECDSA only P-256");
    desk_refuses("rsa.pem", &[], "its algorithm is 1.2.840.113549.1.1.1");
    desk_refuses("bare.pem", &[], "openssl pkcs8 -topk8");
    desk_refuses(
        "ed.pem",
        &["--public-key", "ec.pub"],
        "that must sign; nothing was signed",
    );
}

/// An agent of our own, which ends with the test.
struct Agent(Child);

impl Agent {
    fn start(desk: &Desk) -> Self {
        let started = Self(
            Command::new("ssh-agent")
                .arg("-D")
                .arg("-a")
                .arg(desk.path("agent"))
                .env("SSH_ASKPASS", "/bin/false")
                .env("SSH_ASKPASS_REQUIRE", "force")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let listening = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            desk.path("agent").exists()
        });
        assert!(listening, "ssh-agent does not listen");
        started
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_ssh_agent_signs_with_the_key_that_is_named() {
    let desk = Desk::new();
    let said = desk.refused("ssh-agent:ann", &[]);
    assert!(
        said.contains("ssh-agent at `") && said.contains("it cannot be asked"),
        "{said}"
    );
    let _agent = Agent::start(&desk);
    assert!(desk.refused("ssh-agent:ann", &[]).contains("it holds no key"));
    for (kind, comment) in [
        ("ed25519", "ann"),
        ("ecdsa -b 256", "bob"),
        ("rsa -b 2048", "carl"),
    ] {
        desk.tool(&format!(
            "ssh-keygen -q -t {kind} -f {comment} -C {comment} -N ''"
        ));
        desk.tool(&format!("ssh-add -q {comment}"));
    }
    let fingerprint = |name: &str| {
        let line = desk.tool(&format!("ssh-keygen -l -f {name}.pub"));
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    for (name, key) in [
        ("ann", "ssh-agent:ann".to_owned()),
        ("bob", format!("ssh-agent:{}", fingerprint("bob"))),
    ] {
        let public = format!("{name}.pem");
        public_half(&desk, &key, &public);
        let blob = std::fs::read_to_string(desk.path(&format!("{name}.pub"))).unwrap();
        if name == "bob" {
            // The same key, as ssh-keygen tells it.
            let theirs = desk.tool("ssh-keygen -e -m PKCS8 -f bob.pub");
            assert_eq!(std::fs::read_to_string(desk.path(&public)).unwrap(), theirs);
        }
        let folder = desk.sealed(&key, &public, &[]);
        std::fs::write(desk.path("allowed"), format!("{name} {blob}")).unwrap();
        let signature = support::files(&folder.join("signatures"))
            .into_iter()
            .find(|(path, _)| path.extension().unwrap() == "sshsig")
            .unwrap();
        let checked = Command::new("ssh-keygen")
            .args(["-Y", "verify", "-n", "pgdossier-bundle", "-I", name, "-f"])
            .arg(desk.path("allowed"))
            .arg("-s")
            .arg(signature.0)
            .stdin(std::fs::File::open(folder.join("statement.json")).unwrap())
            .output()
            .unwrap();
        assert!(checked.status.success(), "{}", text(&checked.stderr));
        desk.again();
    }
    let refusals = [
        ("ssh-agent:eve".to_owned(), "no key `eve`; it holds SHA256:"),
        ("ssh-agent:carl".to_owned(), "is a `ssh-rsa`; only ssh-ed25519"),
        ("ssh-agent:".to_owned(), "more than one key fits"),
    ];
    for (key, reason) in refusals {
        let said = desk.refused(&key, &[]);
        assert!(said.contains(reason), "{key}: {said}");
    }
    // Its owner is asked and does not agree: everything was assessed, and nothing is kept.
    desk.tool("ssh-add -q -D");
    desk.tool("ssh-add -q -c ann");
    let said = desk.refused_to_seal("ssh-agent:ann", &[]);
    assert!(said.contains("was the request declined"), "{said}");
}

/// The first block of `docs/signers.md` that is a script.
fn documented_script() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/signers.md");
    let page = std::fs::read_to_string(page).unwrap();
    let start = page.find("#!/bin/sh\n").unwrap() + "#!/bin/sh\n".len();
    page[start..].split("```").next().unwrap().to_owned()
}

#[test]
fn the_documented_command_signs_with_both_kinds_of_keys() {
    let desk = Desk::new();
    let signer = desk.script("sign with openssl", &documented_script());
    for kind in ["ed25519", "p256"] {
        let made = desk
            .command()
            .args([
                "keys",
                "new",
                "--no-passphrase",
                "--algorithm",
                kind,
                "--out",
                kind,
            ])
            .output()
            .unwrap();
        assert!(made.status.success());
        let public = format!("{kind}.pub");
        std::fs::write(desk.path(&public), &made.stdout).unwrap();
        let key = format!("command:{}", serde_json::json!([signer, kind]));
        assert!(
            desk.refused(&key, &[])
                .contains("name its public half with `--public-key`")
        );
        desk.sealed(&key, &public, &["--public-key", &public]);
        desk.again();
    }
}

#[test]
fn a_command_that_fails_in_any_way_leaves_nothing() {
    let desk = Desk::new();
    public_half(&desk, "key.pem", "public.pem");
    let refused = |body: &str, more: &[&str]| {
        let program = desk.script("signer", body);
        let mut arguments = vec!["--public-key", "public.pem"];
        arguments.extend(more);
        desk.refused(&format!("command:{program} argument"), &arguments)
    };
    let signature = |length: usize| {
        format!("printf '{{\"version\":1,\"signature\":\"%s\"}}' $(head -c {length} /dev/zero | base64 -w0)")
    };
    for (body, more, reason) in [
        // A signature, but not by that key over these bytes.
        (
            signature(64),
            &[][..],
            "returned a signature that does not verify",
        ),
        (signature(10), &[], "returned a signature that does not verify"),
        ("exit 7".to_owned(), &[], "it ended with exit status: 7"),
        (
            "exec sleep 30".to_owned(),
            &["--signer-timeout", "1"],
            "it gave no answer within 1 seconds",
        ),
        // Its answer is there, but it does not end.
        (
            format!("{}; exec >&- sleep 30", signature(64)),
            &["--signer-timeout", "1"],
            "it gave no answer within 1 seconds",
        ),
        ("yes".to_owned(), &[], "its answer is larger than 65536 bytes"),
        (
            "echo hello".to_owned(),
            &[],
            "its answer is not the one JSON object",
        ),
        (
            r#"echo '{"version":1,"error":"locked\u001b[31m"}'; exit 1"#.to_owned(),
            &[],
            r"it refused to sign: locked\u{1b}[31m",
        ),
        (
            r#"echo '{"version":2,"signature":""}'"#.to_owned(),
            &[],
            "version 2 of the protocol",
        ),
        (
            r#"echo '{"version":1}'"#.to_owned(),
            &[],
            "exactly one of `signature` and `error`",
        ),
        (
            r#"echo '{"version":1,"signature":"?"}'"#.to_owned(),
            &[],
            "is not base64",
        ),
    ] {
        let said = refused(&body, more);
        assert!(said.contains(reason), "{body}: {said}");
    }
    // The same when a whole assessment comes to its end with it.
    let program = desk.script("signer", &signature(64));
    let said = desk.refused_to_seal(&format!("command:{program}"), &["--public-key", "public.pem"]);
    assert!(said.contains("nothing was written"), "{said}");
    let said = desk.refused("command:/nonexistent/signer", &["--public-key", "public.pem"]);
    assert!(said.contains("it cannot be started"), "{said}");
    assert!(desk.refused("command: ", &[]).contains("names no program"));
}

#[test]
fn a_command_sees_the_question_and_none_of_our_secrets() {
    let desk = Desk::new();
    public_half(&desk, "key.pem", "public.pem");
    let program = desk.script(
        "signer",
        "cat > question; env > environment; echo $# \"$@\" > arguments; exit 1",
    );
    let output = desk
        .command()
        .env("PGDOSSIER_PASSPHRASE", "correct horse")
        .args([
            "assess",
            "--period",
            "2026-Q4",
            "--organisation",
            "Acme",
            "--host-access",
            "none",
        ])
        .args([
            "--public-key",
            "public.pem",
            "--key",
            &format!("command:{program} $HOME ;id"),
        ])
        .arg(NOWHERE)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let question = std::fs::read_to_string(desk.path("question")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&question).unwrap();
    assert_eq!(
        (json["version"].as_u64(), json["scheme"].as_str()),
        (Some(1), Some("ed25519"))
    );
    assert_eq!(question.lines().count(), 1);
    let environment = std::fs::read_to_string(desk.path("environment")).unwrap();
    assert!(environment.contains("PATH=") && !environment.contains("correct horse"));
    // No shell has touched the words.
    assert_eq!(
        std::fs::read_to_string(desk.path("arguments")).unwrap(),
        "2 $HOME ;id\n"
    );
}

#[test]
fn a_pin_on_the_command_line_is_refused() {
    let said = Desk::new().refused("pkcs11:token=a?pin-value=1234", &[]);
    assert!(said.contains("a PIN has no place on a command line"), "{said}");
    assert!(
        !said.contains("pin-value=1234") || said.contains("invalid value"),
        "{said}"
    );
}

#[cfg(not(feature = "pkcs11"))]
#[test]
fn without_the_feature_a_token_is_refused_with_the_way_to_build_it() {
    let said = Desk::new().refused("pkcs11:token=a", &[]);
    assert!(said.contains("--features pkcs11"), "{said}");
}

#[cfg(feature = "pkcs11")]
mod pkcs11 {
    use super::*;

    const MODULES: [&str; 3] = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
    ];

    /// A token of SoftHSM2 in the test's own folder.
    struct Token {
        desk: Desk,
        module: &'static str,
    }

    impl Token {
        fn new() -> Self {
            let module = MODULES.into_iter().find(|module| Path::new(module).exists());
            let module = module.expect("SoftHSM2 is not installed; run scripts/install-test-needs");
            let desk = Desk::new();
            std::fs::create_dir(desk.path("tokens")).unwrap();
            let folder = desk.path("tokens").display().to_string();
            desk.workspace.write(
                "softhsm2.conf",
                &format!("directories.tokendir = {folder}\nobjectstore.backend = file\nlog.level = ERROR\n"),
            );
            desk.workspace.write("pin", "1234\n");
            desk.private("pin");
            desk.tool("softhsm2-util --init-token --free --label acme --pin 1234 --so-pin 5678");
            Self { desk, module }
        }

        /// Brings a key of openssl's making into the token.
        fn import(&self, name: &str, algorithm: &str, id: &str) {
            self.desk
                .tool(&format!("openssl genpkey {algorithm} -out {name}.pem"));
            self.desk
                .tool(&format!("openssl pkey -in {name}.pem -pubout -out {name}.pub"));
            self.desk.tool(&format!(
                "softhsm2-util --import {name}.pem --token acme --label {name} --id {id} --pin 1234"
            ));
        }

        fn uri(&self, rest: &str) -> String {
            format!("pkcs11:{rest}?module-path={}", self.module)
        }
    }

    #[test]
    fn a_token_signs_with_both_kinds_of_keys() {
        let token = Token::new();
        token.import("ec", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "01");
        token.import("ed", "-algorithm ed25519", "02");
        token.import("p384", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "03");
        let desk = &token.desk;
        for name in ["ec", "ed"] {
            let key = token.uri(&format!("token=acme;object={name}"));
            desk.sealed(&key, &format!("{name}.pub"), &["--passphrase-file", "pin"]);
            desk.again();
        }
        desk.sealed(
            &format!("{}&pin-source=file:pin", token.uri("token=acme;id=%01")),
            "ec.pub",
            &[],
        );
        desk.again();
        for (uri, more, reason) in [
            (
                "token=other;object=ec",
                &["--passphrase-file", "pin"][..],
                "no token fits the URI; there are: acme",
            ),
            (
                "token=acme",
                &["--passphrase-file", "pin"],
                "more than one private key fits",
            ),
            (
                "token=acme;object=eve",
                &["--passphrase-file", "pin"],
                "no private key fits",
            ),
            (
                "token=acme;object=p384",
                &["--passphrase-file", "pin"],
                "on another curve",
            ),
            (
                "token=acme;object=ec",
                &["--passphrase-file", "wrong"],
                "the PIN is wrong",
            ),
            ("token=acme;object=ec", &[], "no passphrase or PIN"),
            (
                "token=acme;object=ec",
                &["--passphrase-file", "pin", "--public-key", "ed.pub"],
                "that must sign",
            ),
        ] {
            token.desk.workspace.write("wrong", "4321\n");
            token.desk.private("wrong");
            let said = desk.refused(&token.uri(uri), more);
            assert!(said.contains(reason), "{uri}: {said}");
        }
        let said = desk.refused("pkcs11:token=acme", &["--passphrase-file", "pin"]);
        assert!(said.contains("no library is named"), "{said}");
        let said = desk.refused("pkcs11:token=acme?module-path=/nonexistent.so", &[]);
        assert!(said.contains("the library `/nonexistent.so`"), "{said}");
    }
}
