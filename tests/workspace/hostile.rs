//! A workspace whose file is wrong, or is not there.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::{names, text};
use crate::{AUTUMN, Laid, NOWHERE, code};

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
            "organisation: a\nkey: command:/bin/true\n".to_owned(),
            "pgdossier.yaml:2:6: `key` names a program",
            "give it with --key",
        ),
        (
            "organisation: a\nkey: 'pkcs11:token=a?module-path=/tmp/x.so'\n".to_owned(),
            "pgdossier.yaml:2:6: `key` names a program or a library",
            "give it with --key",
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
