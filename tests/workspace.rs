//! Workspaces: laid out, assessed without arguments, continued, and hostile ones.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub)] // a test may stop on the first surprise

mod support;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use support::{Assessed, files, names, pgdossier, server, text};
use tempfile::TempDir;

/// 2026-11-23T09:00:00Z
const AUTUMN: &str = "1795424400";
/// 2027-02-23T09:00:00Z
const WINTER: &str = "1803373200";
const NOWHERE: &str = "host=/nonexistent-pgdossier dbname=postgres user=nobody";

/// A workspace that `init` laid out.
struct Laid {
    folder: TempDir,
}

impl Laid {
    fn new(connection: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let laid = Self { folder };
        let mut command = laid.bare(AUTUMN);
        command.current_dir(laid.folder.path());
        command.args(["init", "w", "--no-passphrase", "--organisation", "Acme"]);
        let output = command
            .args(["--connection", connection])
            .args(more)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        laid
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("w")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn replace(&self, name: &str, from: &str, to: &str) {
        let content = self.read(name);
        assert!(content.contains(from), "{from}: {content}");
        std::fs::write(self.path(name), content.replacen(from, to, 1)).unwrap();
    }

    fn bare(&self, clock: &str) -> Command {
        let mut command = pgdossier();
        command
            .env("HOME", self.folder.path())
            .env("SOURCE_DATE_EPOCH", clock);
        command
    }

    /// The program, run in the workspace.
    fn at(&self, clock: &str) -> Command {
        let mut command = self.bare(clock);
        command.current_dir(self.root());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.at(AUTUMN).args(arguments).output().unwrap()
    }

    /// Assesses without any argument but the form of the output.
    fn assess_at(&self, clock: &str) -> Assessed {
        let mut assessed = Assessed::new(
            self.at(clock)
                .args(["--format", "json", "assess"])
                .output()
                .unwrap(),
        );
        for key in ["folder", "archive", "report"] {
            if let Some(path) = assessed.json[key].as_str().map(|path| self.path(path)) {
                assessed.json[key] = path.to_str().unwrap().into();
            }
        }
        assessed
    }

    fn verify_at(&self, clock: &str, bundle: &Path) -> Output {
        let mut command = self.at(clock);
        command.arg("verify").arg(bundle);
        command.args(["--trust", "trust-policy.json"]).output().unwrap()
    }

    /// `attest status` as JSON, with its exit code.
    fn status(&self, control: &str) -> (i32, Value) {
        let output = self.run(&["--format", "json", "attest", "status"]);
        let lines: Value = serde_json::from_slice(&output.stdout).unwrap();
        let line = lines
            .as_array()
            .unwrap()
            .iter()
            .find(|line| line["control"] == control);
        (
            output.status.code().unwrap(),
            line.cloned().unwrap_or(Value::Null),
        )
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// What a bundle states of its place in its series.
fn chain(folder: &Path) -> Value {
    let bytes = std::fs::read(folder.join("statement.json")).unwrap();
    let statement: Value = serde_json::from_slice(&bytes).unwrap();
    statement["predicate"]["chain"].clone()
}

#[test]
fn a_new_workspace_assesses_without_arguments_and_the_next_quarter_continues_its_series() {
    let cluster = server(&[]);
    let laid = Laid::new(&cluster.tcp_conninfo("postgres"), &["--site", "own"]);
    let first = laid.assess_at(AUTUMN);
    assert_eq!(first.code(), 3, "{}", first.stderr());
    let summary: Value =
        serde_json::from_slice(&std::fs::read(first.folder().join("assessment.json")).unwrap()).unwrap();
    assert_eq!(summary["organisation"], "Acme");
    assert_eq!(summary["period"]["label"], "2026-Q4");
    assert!(first.finding("hba-no-trust")["status"] == "not-satisfied");
    let verified = laid.verify_at(AUTUMN, &first.folder());
    assert_eq!(code(&verified), 0, "{}", text(&verified.stdout));
    assert_eq!(chain(&first.folder())["index"], 0);

    // Nothing was attested yet: no draft counts, and each says what to do.
    let findings = first.findings();
    let drafted: Vec<String> = names(&laid.path("attestations"))
        .iter()
        .filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    assert!(drafted.len() >= 8, "{drafted:?}");
    for control in &drafted {
        let finding = findings
            .iter()
            .find(|finding| finding["control"] == **control)
            .unwrap();
        assert_eq!(finding["status"], "not-evaluated", "{finding}");
        let missing = finding["missing"].to_string();
        assert!(
            missing.contains(&format!("attestations/{control}.yaml is a draft")),
            "{missing}"
        );
    }
    assert!(
        !first.folder().join("attestations").exists(),
        "drafts are no evidence"
    );
    // What is not about such a site is left out by name, with the reason.
    let racks = first.finding("physical-locked-racks");
    assert_eq!(racks["status"], "not-applicable", "{racks}");
    assert!(racks.to_string().contains("premises of our own"), "{racks}");

    let again = laid.assess_at(WINTER);
    assert_eq!(again.code(), 3, "{}", again.stderr());
    assert!(
        again.stderr().contains("continuing the series after"),
        "{}",
        again.stderr()
    );
    let chain = chain(&again.folder());
    assert_eq!(
        (&chain["index"], &chain["series"]),
        (&Value::from(1), &Value::from("Acme"))
    );
    let verified = laid.verify_at(WINTER, &again.archive());
    assert_eq!(code(&verified), 0, "{}", text(&verified.stdout));

    // The archive alone can be continued too.
    std::fs::remove_dir_all(again.folder()).unwrap();
    let third = laid.assess_at("1806000000");
    assert_eq!(place_in_series(&third), 2);
}

fn place_in_series(assessed: &Assessed) -> u64 {
    chain(&assessed.folder())["index"].as_u64().unwrap()
}

#[test]
fn a_bundle_that_cannot_be_followed_stops_the_run_before_anything_is_sealed() {
    let laid = Laid::new(NOWHERE, &[]);
    let first = laid.assess_at(AUTUMN);
    assert_eq!(first.code(), 4, "{}", first.stderr());
    // A second one that begins the series anew.
    let out = laid.path("elsewhere");
    let mut anew = laid.at(WINTER);
    anew.args(["assess", "--out"]).arg(&out);
    assert_eq!(code(&anew.output().unwrap()), 4);
    for name in names(&out) {
        std::fs::rename(out.join(&name), laid.path("bundles").join(&name)).unwrap();
    }
    let before = names(&laid.path("bundles"));
    let forked = laid.assess_at("1806000000");
    assert_eq!(forked.code(), 2);
    assert!(
        forked.stderr().contains("both claim place 0"),
        "{}",
        forked.stderr()
    );
    assert!(forked.stderr().contains("--previous"), "{}", forked.stderr());
    let path = first.folder().join("statement.json");
    std::fs::write(path, "{}").unwrap();
    let damaged = laid.assess_at("1806000000");
    assert_eq!(damaged.code(), 1);
    assert!(damaged.stderr().contains("--previous"), "{}", damaged.stderr());
    assert_eq!(names(&laid.path("bundles")), before);
}

/// A statement about a control that asks no questions, complete.
const STORAGE: &str = "controls: [storage-encrypted]
statement: All volumes lie on LUKS.
answer: satisfied
method: examine
performed_by: { name: Priya Nair }
performed_at: 2026-11-01
expires_at: 2027-04-30
";

#[test]
fn a_draft_counts_only_once_it_is_complete_and_no_draft_any_more() {
    let laid = Laid::new(NOWHERE, &[]);
    let file = "attestations/storage-encrypted.yaml";
    let (exit, line) = laid.status("storage-encrypted");
    assert_eq!((exit, &line["state"]), (3, &Value::from("draft")), "{line}");
    // The draft as it is cannot be signed, and is not replaced once somebody has written in it.
    let refused = laid.run(&["attest", "sign", file, "--key", "keys/assessor.pem"]);
    assert_eq!(code(&refused), 2);
    assert!(
        text(&refused.stderr).contains("is a draft"),
        "{}",
        text(&refused.stderr)
    );

    let status_of = |clock: &str| laid.assess_at(clock).finding("storage-encrypted")["status"].clone();
    for (content, expected) in [
        // Complete, and still called a draft.
        (format!("kind: attestation\ndraft: true\n{STORAGE}"), "draft"),
        (
            format!("{{ \"kind\": attestation, \"draft\": true, {} }}", flow(STORAGE)),
            "draft",
        ),
        (format!("kind: attestation\n{STORAGE}"), "valid"),
        (format!("kind: attestation\ndraft: false\n{STORAGE}"), "valid"),
    ] {
        std::fs::write(laid.path(file), &content).unwrap();
        let (_, line) = laid.status("storage-encrypted");
        assert_eq!(line["state"], expected, "{content}");
        let checked = laid.run(&["attest", "check"]);
        assert_eq!(code(&checked), 0, "{content}: {}", text(&checked.stdout));
    }
    assert_eq!(status_of(AUTUMN), "satisfied");
    // Half filled in: a draft may lack things, but what is there has to be right.
    for (content, expected) in [
        (
            "kind: attestation\ncontrols: [storage-encrypted]\n",
            "1:1: `answer` is missing",
        ),
        (
            "kind: attestation\ndraft: true\ncontrols: [storage-encrypted]\nanswer: perhaps\n",
            "4:9: `answer` is `perhaps`",
        ),
        (
            "kind: attestation\ndraft: true\ncontrols: [storage-encrypted]\nanswr: satisfied\n",
            "4:1: unknown field `answr`\n    help: did you mean `answer`?",
        ),
        (
            "kind: attestation\ndraft: yes\ncontrols: [storage-encrypted]\n",
            "2:8: `draft` is",
        ),
        (
            "kind: waiver\ndraft: true\ncontrols: []\n",
            "1:7: the kind `waiver` is not known",
        ),
    ] {
        std::fs::write(laid.path(file), content).unwrap();
        let checked = laid.run(&["attest", "check"]);
        let said = text(&checked.stdout);
        assert!(
            said.contains(&format!("storage-encrypted.yaml:{expected}")),
            "{content}: {said}"
        );
        assert_eq!(laid.assess_at("1795510800").code(), 2, "{content}");
    }
}

fn flow(yaml: &str) -> String {
    yaml.trim().replace('\n', ", ")
}

#[test]
fn attest_new_takes_the_place_of_a_draft_only_while_nobody_has_written_in_it() {
    let laid = Laid::new(NOWHERE, &[]);
    let given = [
        "attest",
        "new",
        "storage-encrypted",
        "--set",
        "statement=All volumes lie on LUKS.",
        "--set",
        "answer=satisfied",
        "--set",
        "performed_by.name=Priya Nair",
        "--set",
        "expires_at=2027-04-30",
    ];
    let file = "attestations/storage-encrypted.yaml";
    let draft = laid.read(file);
    laid.replace(file, "# method: examine", "method: test");
    let refused = laid.run(&given);
    assert_eq!(code(&refused), 2);
    assert!(
        text(&refused.stderr).contains("not overwritten"),
        "{}",
        text(&refused.stderr)
    );
    std::fs::write(laid.path(file), draft).unwrap();
    let written = laid.run(&given);
    assert_eq!(code(&written), 0, "{}", text(&written.stderr));
    let first = laid.read(file);
    assert!(
        first.starts_with("# yaml-language-server: $schema=../.schemas/attestation.schema.json\n"),
        "{first}"
    );
    assert_eq!(laid.status("storage-encrypted").1["state"], "valid");
    // A draft of its own, for a control that has a statement already, hides nothing.
    let another = laid.run(&[
        "attest",
        "new",
        "storage-encrypted",
        "--draft",
        "--id",
        "next-year",
    ]);
    assert_eq!(code(&another), 0, "{}", text(&another.stderr));
    assert_eq!(laid.status("storage-encrypted").1["state"], "valid");
}

#[test]
fn flags_override_the_workspace_and_another_folder_can_be_named() {
    let cluster = server(&[]);
    let laid = Laid::new(NOWHERE, &[]);
    let mut command = laid.bare(AUTUMN);
    command.current_dir(laid.folder.path());
    command.args([
        "--format",
        "json",
        "assess",
        "--workspace",
        "w",
        "--organisation",
        "Other",
        "--period",
        "2026-11",
        "--profile",
        "stig",
        "--out",
        "elsewhere",
        "--host-access",
        "none",
    ]);
    let mut assessed = Assessed::new(command.arg(cluster.tcp_conninfo("postgres")).output().unwrap());
    assert_eq!(assessed.code(), 3, "{}", assessed.stderr());
    let folder = laid.folder.path().join(assessed.json["folder"].as_str().unwrap());
    assessed.json["folder"] = folder.to_str().unwrap().into();
    let summary: Value =
        serde_json::from_slice(&std::fs::read(folder.join("assessment.json")).unwrap()).unwrap();
    assert_eq!(summary["organisation"], "Other");
    assert_eq!(summary["period"]["label"], "2026-11");
    assert_eq!(summary["definitions"]["profile"], "stig");
    assert_eq!(chain(&folder)["series"], "Other");
    assert!(
        folder.starts_with(laid.folder.path().join("elsewhere")),
        "{}",
        folder.display()
    );
    assert!(!laid.path("bundles").exists());
    // The workspace's attestations, from elsewhere.
    let mut status = laid.bare(AUTUMN);
    status.current_dir(laid.folder.path());
    let status = status
        .args(["attest", "status", "--workspace", "w"])
        .output()
        .unwrap();
    assert_eq!(code(&status), 3);
    assert!(
        text(&status.stdout).contains("draft "),
        "{}",
        text(&status.stdout)
    );
}

#[test]
fn without_a_workspace_it_is_said_what_is_missing_and_folders_above_are_not_searched() {
    let laid = Laid::new(NOWHERE, &[]);
    let below = laid.path("below");
    std::fs::create_dir(&below).unwrap();
    for (arguments, expected) in [
        (&["assess"][..], "which servers to assess"),
        (&["assess", NOWHERE], "--organisation"),
        (&["assess", NOWHERE, "--organisation", "A"], "--key"),
        (
            &["assess", "--workspace", "."],
            "`.` is no workspace: it has no pgdossier.yaml; `pgdossier init` makes one",
        ),
        (
            &[
                "assess",
                NOWHERE,
                "--organisation",
                "A",
                "--attestor-policy",
                "p.json",
            ],
            "--attestations",
        ),
        (&["attest", "verify"], "there is no trust policy"),
    ] {
        let output = laid
            .at(AUTUMN)
            .current_dir(&below)
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(code(&output), 2, "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    assert!(names(&below).is_empty());
    // Nobody's workspace says whom an auditor trusts.
    let output = laid.run(&["verify", "bundles/x.zip"]);
    assert_eq!(code(&output), 2);
    assert!(
        text(&output.stderr).contains("--trust"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn what_is_wrong_with_the_file_is_told_with_its_place_and_a_fix_and_nothing_is_written() {
    let bomb: String = std::iter::once("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned())
        .chain((1..12).map(|level| {
            let items = format!("*a{},", level - 1).repeat(10);
            format!("a{level}: &a{level} [{items}]\n")
        }))
        .chain(["organisation: Acme\n".to_owned()])
        .collect();
    let laid = Laid::new(NOWHERE, &[]);
    symlink("/etc", laid.path("out-link")).unwrap();
    symlink("/etc/hostname", laid.path("file-link.yaml")).unwrap();
    symlink("nowhere", laid.path("dangling")).unwrap();
    std::fs::create_dir(laid.path("folder")).unwrap();
    std::fs::write(laid.path("plain"), "x").unwrap();
    let good = laid.read("pgdossier.yaml");
    let inventory = "organisation: Acme\ninventory: ";
    for (content, expected) in [
        (bomb.clone(), "pgdossier.yaml:", "anchors and aliases are limited"),
        ("organisation: [a\n".to_owned(), "pgdossier.yaml:", ""),
        (
            "{}\n".to_owned(),
            "pgdossier.yaml:1:1: `organisation` is missing",
            "add `organisation: …`",
        ),
        (
            "organisation: 1\nout: [x]\n".to_owned(),
            "pgdossier.yaml:2:6: `out` is a list, and must be string",
            "",
        ),
        (
            "organisation: ' '\n".to_owned(),
            "pgdossier.yaml:1:15: `organisation` is empty",
            "write it",
        ),
        (
            "organisation: a\norganisation: b\n".to_owned(),
            "pgdossier.yaml:2:1: duplicate",
            "keep one",
        ),
        (
            "organisation: a\ninventry: x\n".to_owned(),
            "pgdossier.yaml:2:1: unknown field `inventry`",
            "`inventory`?",
        ),
        (
            format!("{inventory}../inventory.yaml\n"),
            "pgdossier.yaml:2:12: `inventory` leads out of the workspace",
            "in this folder",
        ),
        (
            format!("{inventory}/etc/passwd\n"),
            "pgdossier.yaml:2:12: `inventory` leads out",
            "in this folder",
        ),
        (
            format!("{inventory}a/../../b\n"),
            "pgdossier.yaml:2:12: `inventory` leads out",
            "in this folder",
        ),
        (
            format!("{inventory}''\n"),
            "pgdossier.yaml:2:12: `inventory` leads out",
            "",
        ),
        (
            format!("{inventory}\"a\\0b\"\n"),
            "pgdossier.yaml:2:12: `inventory` is",
            "",
        ),
        (
            format!("{inventory}file-link.yaml\n"),
            "pgdossier.yaml:2:12: `inventory` is `file-link.yaml`: a link leads out",
            "",
        ),
        (
            format!("{inventory}absent.yaml\n"),
            "pgdossier.yaml:2:12: `inventory` is `absent.yaml`: there is no such file",
            "",
        ),
        (
            format!("{inventory}folder\n"),
            "pgdossier.yaml:2:12: `inventory` is `folder`: it is a folder",
            "",
        ),
        (
            "organisation: a\nattestations: plain\n".to_owned(),
            "pgdossier.yaml:2:15: `attestations` is `plain`: it is no folder",
            "",
        ),
        (
            "organisation: a\nattestations: out-link\n".to_owned(),
            "pgdossier.yaml:2:15: `attestations` is `out-link`: a link leads out",
            "",
        ),
        (
            "organisation: a\nwaivers: ..\n".to_owned(),
            "pgdossier.yaml:2:10: `waivers` leads out",
            "",
        ),
        (
            "organisation: a\nprofile: ../profile.yaml\n".to_owned(),
            "pgdossier.yaml:2:10: `profile` leads out",
            "",
        ),
        (
            "organisation: a\ntrust: out-link/passwd\n".to_owned(),
            "pgdossier.yaml:2:8: `trust` is `out-link/passwd`: a link leads out",
            "",
        ),
        (
            "organisation: a\nkey: ../key.pem\n".to_owned(),
            "pgdossier.yaml:2:6: `key` leads out",
            "absolute path",
        ),
        (
            "organisation: a\nkey: out-link/x.pem\n".to_owned(),
            "pgdossier.yaml:2:6: `key` is",
            "absolute path",
        ),
        (
            "organisation: a\nout: out-link\n".to_owned(),
            "pgdossier.yaml:2:6: `out` is `out-link`: a link leads out",
            "--out",
        ),
        (
            "organisation: a\nout: out-link/deep/er\n".to_owned(),
            "pgdossier.yaml:2:6: `out` is",
            "--out",
        ),
        (
            "organisation: a\nout: dangling\n".to_owned(),
            "pgdossier.yaml:2:6: `out` is `dangling`",
            "--out",
        ),
        (
            "organisation: a\nout: /tmp\n".to_owned(),
            "pgdossier.yaml:2:6: `out` leads out",
            "--out",
        ),
        (
            "organisation: ''\ninventory: ..\nout: ..\n".to_owned(),
            "pgdossier.yaml:1:15: `organisation` is empty",
            "pgdossier.yaml:3:6: `out` leads out",
        ),
    ]
    .map(|(content, first, second)| (content, [first, second]))
    {
        std::fs::write(laid.path("pgdossier.yaml"), &content).unwrap();
        let output = laid.run(&["assess"]);
        let said = text(&output.stderr);
        assert_eq!(code(&output), 2, "{content}: {said}");
        for part in expected {
            assert!(said.contains(part), "{content}\n{part}\n{said}");
        }
        assert!(!laid.path("bundles").exists(), "{content}");
    }
    // A default that is a link leads no further than a written one.
    symlink(laid.folder.path(), laid.path("bundles")).unwrap();
    std::fs::write(laid.path("pgdossier.yaml"), "organisation: a\n").unwrap();
    let output = laid.run(&["assess"]);
    assert!(text(&output.stderr).contains("pgdossier.yaml:1:1: `out` is `bundles`: a link leads out"));
    std::fs::remove_file(laid.path("bundles")).unwrap();
    std::fs::write(laid.path("pgdossier.yaml"), good).unwrap();
    assert_eq!(code(&laid.run(&["assess"])), 4);
}

#[test]
fn a_file_that_is_none_is_refused_at_once() {
    let laid = Laid::new(NOWHERE, &[]);
    let path = laid.path("pgdossier.yaml");
    let refused = |expected: &str| {
        let output = laid.run(&["assess"]);
        let said = text(&output.stderr);
        assert!([1, 2].contains(&code(&output)), "{said}");
        assert!(said.contains("pgdossier.yaml"), "{said}");
        assert!(said.contains(expected), "{said}");
    };
    std::fs::write(&path, b"organisation: \xff\n").unwrap();
    refused("pgdossier.yaml:1:0: this is not UTF-8 text");
    std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    refused("it is larger than 1048576 bytes");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    refused("it is not a regular file");
    std::fs::remove_dir(&path).unwrap();
    // Nothing waits for somebody to write into a pipe.
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    refused("it is not a regular file");
    std::fs::remove_file(&path).unwrap();
    symlink("/etc/hostname", &path).unwrap();
    refused("a link leads out of the folder");
    std::fs::remove_file(&path).unwrap();
    symlink("nowhere", &path).unwrap();
    refused("there is no such file");
}

/// Everything that git would commit, with what is in it.
fn staged(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "core.quotePath=false"])
            .args(arguments)
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        output.stdout
    };
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    let listed = text(&git(&["ls-files", "-z"]));
    let names = listed.split('\0').filter(|name| !name.is_empty());
    names
        .map(|name| (name.to_owned(), git(&["show", &format!(":{name}")])))
        .collect()
}

#[test]
fn version_control_never_sees_a_key_or_a_passphrase() {
    let laid = Laid::new(NOWHERE, &[]);
    laid.assess_at(AUTUMN);
    let all = staged(&laid.root());
    assert!(all.iter().any(|(name, _)| name == "pgdossier.yaml"));
    assert!(
        all.iter().any(|(name, _)| name.starts_with("bundles/")),
        "the series goes on from here"
    );
    assert!(all.iter().any(|(name, _)| name == "assessor.pub"));
    no_secret(&all, "no passphrase here");

    // A key and a passphrase that lie in the folder already, under names that no pattern foresees.
    let folder = tempfile::tempdir().unwrap();
    let secret = "correct horse [battery] staple";
    let (key, passphrase) = ("my *signing* [key]!.txt", "#words");
    std::fs::write(folder.path().join(passphrase), format!("{secret}\n")).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(folder.path().join(passphrase), private).unwrap();
    for arguments in [
        &["keys", "new", "--out", key, "--passphrase-file", passphrase][..],
        &["init", "--key", key, "--passphrase-file", passphrase],
    ] {
        let output = pgdossier()
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    }
    assert!(folder.path().join(key).exists());
    no_secret(&staged(folder.path()), secret);
    let settings = std::fs::read_to_string(folder.path().join("pgdossier.yaml")).unwrap();
    assert!(
        settings.contains("key: \"my *signing* [key]!.txt\""),
        "{settings}"
    );
    let output = pgdossier()
        .args(["assess", "--passphrase-file", passphrase, NOWHERE])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(code(&output), 4, "{}", text(&output.stderr));

    // Rules of one's own stay as they are, even those that would let everything in.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".gitignore"), "!*\n!keys/\n!*.pem\n").unwrap();
    let output = pgdossier()
        .args(["init", "--no-passphrase"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("the .gitignore that was there stays"));
    let kept = std::fs::read_to_string(folder.path().join(".gitignore")).unwrap();
    assert_eq!(kept, "!*\n!keys/\n!*.pem\n");
    no_secret(&staged(folder.path()), "no passphrase here");
}

fn no_secret(all: &[(String, Vec<u8>)], passphrase: &str) {
    assert!(all.len() > 10, "{all:?}");
    for (name, bytes) in all {
        let content = text(bytes);
        assert!(!content.contains("PRIVATE KEY"), "{name}");
        assert!(!content.contains(passphrase), "{name}");
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_is_half_made() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("attestations")).unwrap();
    std::fs::write(folder.path().join("attestations/mine.yaml"), "mine").unwrap();
    std::fs::write(folder.path().join("profile.yaml"), "mine too").unwrap();
    let before = files(folder.path());
    let init = |arguments: &[&str]| {
        let mut command = pgdossier();
        command.arg("init").args(arguments).current_dir(folder.path());
        command.output().unwrap()
    };
    let refused = init(&["--no-passphrase"]);
    assert_eq!(code(&refused), 2);
    assert!(
        text(&refused.stderr).contains("has attestations, profile.yaml already"),
        "{}",
        text(&refused.stderr)
    );
    // No passphrase is to be had.
    let refused = init(&["new/deep"]);
    assert_eq!(code(&refused), 2);
    assert!(
        text(&refused.stderr).contains("PGDOSSIER_PASSPHRASE"),
        "{}",
        text(&refused.stderr)
    );
    // Passwords would lie in the inventory for all to read.
    for connection in [
        "postgresql://ann:s3cret@db1/postgres",
        "postgresql://ann@db1/postgres?password=s3cret",
        "host=db1 password = 's3cret'",
    ] {
        let refused = init(&["new", "--no-passphrase", "--connection", connection]);
        assert_eq!(code(&refused), 2);
        let said = text(&refused.stderr);
        assert!(
            said.contains("password file") && !said.contains("s3cret"),
            "{said}"
        );
    }
    let refused = init(&[
        "new",
        "--no-passphrase",
        "--connection",
        "host=db1 sslmod=require",
    ]);
    assert_eq!(code(&refused), 2);
    assert!(
        text(&refused.stderr).contains("did you mean `sslmode`"),
        "{}",
        text(&refused.stderr)
    );
    assert_eq!(files(folder.path()), before);
    let made = init(&["fresh", "--no-passphrase"]);
    assert_eq!(code(&made), 0, "{}", text(&made.stderr));
    let before = files(&folder.path().join("fresh"));
    let again = init(&["fresh", "--no-passphrase"]);
    assert_eq!(code(&again), 2);
    assert!(
        text(&again.stderr).contains("pgdossier.yaml` exists already"),
        "{}",
        text(&again.stderr)
    );
    assert_eq!(files(&folder.path().join("fresh")), before);
    assert!(
        !names(folder.path())
            .iter()
            .any(|name| name.starts_with(".pgdossier-"))
    );
}

#[test]
fn a_key_in_a_new_workspace_is_private_and_protected_by_the_passphrase() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let output = pgdossier()
        .args(["init", "--organisation", "Acme", "--connection", NOWHERE])
        .env("PGDOSSIER_PASSPHRASE", "a passphrase")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let mode = |name: &str| {
        let metadata = std::fs::metadata(folder.path().join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!((mode("keys"), mode("keys/assessor.pem")), (0o700, 0o600));
    let pem = std::fs::read_to_string(folder.path().join("keys/assessor.pem")).unwrap();
    assert!(pem.contains("ENCRYPTED PRIVATE KEY"), "{pem}");
    for (passphrase, expected) in [("another", 2), ("a passphrase", 4)] {
        let output = pgdossier()
            .arg("assess")
            .env("PGDOSSIER_PASSPHRASE", passphrase)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert_eq!(code(&output), expected, "{}", text(&output.stderr));
    }
}

#[test]
fn waivers_are_never_left_out_in_silence() {
    let laid = Laid::new(NOWHERE, &[]);
    assert_eq!(laid.assess_at(AUTUMN).code(), 4);
    std::fs::write(laid.path("waivers/x.yaml"), "control: hba-no-trust\n").unwrap();
    let refused = laid.assess_at(WINTER);
    assert_eq!(refused.code(), 2);
    assert!(
        refused.stderr().contains("waivers/x.yaml"),
        "{}",
        refused.stderr()
    );
}

#[test]
fn every_command_of_the_page_works() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/workspace.md")).unwrap();
    let cluster = server(&[]);
    let example = "host=db1.example.com dbname=postgres user=pgdossier sslmode=verify-full";
    assert!(
        page.matches(example).count() >= 2,
        "the page's example has changed"
    );
    let page = page.replace(example, &cluster.tcp_conninfo("postgres"));
    let blocks: Vec<&str> = page
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 8, "{}", blocks.len());
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_pgdossier")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-c", &format!("set -eu\n{}", blocks.join("\n"))])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("HOME", folder.path())
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("PGDOSSIER_PASSPHRASE", "a passphrase")
        .env("SOURCE_DATE_EPOCH", AUTUMN)
        .output()
        .unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{said}");
    for expected in [
        "physical-locked-racks              physical-locked-racks",
        "exit code 3",
        "attestor  valid by Ines Marten",
        "continuing the series after bundles/2026-Q4-example-ag-20261123T090000Z",
        "13. requirements of the policy: ok",
        "cloud-soc2-2026",
    ] {
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
    assert_eq!(said.matches("\nvalid; time not proven").count(), 3, "{said}");
    let report = |workspace: &str, period: &str| {
        let bundles = folder.path().join(workspace).join("bundles");
        let named = names(&bundles);
        let found = named
            .iter()
            .find(|name| name.starts_with(period) && !name.ends_with(".zip"));
        std::fs::read_to_string(bundles.join(found.unwrap()).join("report/report.md")).unwrap()
    };
    let colocation = report("shop", "2027-Q1");
    assert!(
        colocation.contains("Ines Marten") && colocation.contains("rack 14"),
        "{colocation}"
    );
    let cloud = report("cloud", "2026-Q4");
    assert!(
        cloud.contains("Example Cloud") && cloud.contains("on a cloud provider"),
        "{cloud}"
    );
}
