//! Waivers that somebody made to do harm, or that went wrong.

use std::time::Instant;

use crate::support::{files, names, server, text};
use crate::{LOCAL, NOWHERE, Waivers, judged, waived};

/// Markup, a terminal's control characters and a change of direction, as YAML writes them.
const EVIL: &str = "\"<script>alert(1)</script><img src=x onerror=alert(2)>\\n# Head\\n[a](javascript:alert(3))|\\u001b[31m\\u202e\\u0007\"";

#[test]
fn hostile_text_in_every_field_stays_text() {
    let cluster = server(&[]);
    let worksheet = [
        "constraints",
        "objective",
        "risk",
        "measures",
        "validation",
        "maintenance",
    ]
    .map(|name| format!("  {name}: {EVIL}\n"))
    .concat();
    let person = format!("{{ name: NAME{EVIL}, role: {EVIL}, organisation: {EVIL}, contact: {EVIL} }}");
    let person = person.replace("NAME\"", "\"NAME");
    let waiver = format!(
        "control: hba-no-trust\nreason: {EVIL}\ncompensating_control:\n{worksheet}\
         requested_by: {}\napproved_by: {}\nticket: {EVIL}\nrisk: {{ before: high, after: low }}\n\
         approved_at: 2026-11-01\nexpires_at: 2027-04-30\n",
        person.replace("NAME", "Bob"),
        person.replace("NAME", "Ann")
    );
    let waivers = Waivers::new(&[
        ("a.yaml", &waiver),
        (
            "b.yaml",
            &format!("targets: [{EVIL}]\ntags: [{EVIL}]\n{waiver}").replace("hba-no-trust", EVIL),
        ),
        (
            "c.yaml",
            &format!("rows: 'row.type == {}'\n{waiver}", EVIL.replace('\'', "")),
        ),
    ]);
    let mut shown = Vec::new();
    for arguments in [
        &["waiver", "check"][..],
        &["waiver", "status", "--as-of", "2026-11-23"],
    ] {
        let output = waivers.run(arguments);
        shown.push(text(&output.stdout) + &text(&output.stderr));
    }
    let only = waivers.only(&["hba-no-trust"]);
    let assessed = waivers.assess(&cluster.conninfo("postgres"), &["--profile", &only]);
    assert!(!waived(&assessed.finding("hba-no-trust")).is_empty());
    assert_eq!(judged(&assessed, "b.yaml")["matched"], 0);
    shown.push(assessed.stderr());
    for said in &shown {
        assert!(
            !said.contains('\u{1b}') && !said.contains('\u{202e}') && !said.contains('\u{7}'),
            "{said:?}"
        );
    }
    let mut looked = 0;
    for (path, bytes) in files(&assessed.folder().join("report")) {
        looked += 1;
        let markdown = path.extension().is_some_and(|extension| extension == "md");
        // In Markdown a backslash makes the next character plain.
        let content = text(&bytes).replace("\\<", "").replace("\\[", "");
        for harmful in ["<script>alert", "<img src=x", "\u{202e}", "\u{1b}"] {
            let line = content.lines().find(|line| line.contains(harmful));
            assert_eq!(line, None, "{}: {harmful:?}", path.display());
        }
        let acts = |line: &&str| line.starts_with("# Head") || line.contains("[a](javascript:");
        assert!(
            !markdown || !content.lines().any(|line| acts(&line)),
            "{}",
            path.display()
        );
    }
    assert!(looked >= 2);
    assert_eq!(waivers.replay(&assessed.folder()).0, 0);
}

#[test]
fn files_that_are_none_are_refused_all_at_once() {
    let waivers = Waivers::new(&[("good.yaml", LOCAL)]);
    let folder = waivers.folder();
    let secret = waivers.workspace.write("secret.yaml", "password: hunter2\n");
    std::os::unix::fs::symlink(&secret, folder.join("out.yaml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.join("device.yaml")).unwrap();
    std::os::unix::fs::symlink("nothing", folder.join("dangling.yaml")).unwrap();
    std::fs::create_dir(folder.join("folder.yaml")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(folder.join("pipe.yaml"))
        .status()
        .unwrap();
    assert!(made.success());
    std::fs::write(folder.join("large.yaml"), vec![b'#'; (1 << 20) + 1]).unwrap();
    std::fs::write(folder.join("utf16.yaml"), b"\xff\xfec\0").unwrap();
    std::fs::write(folder.join("na me.yaml"), LOCAL).unwrap();
    std::fs::write(folder.join("GOOD.yml"), LOCAL).unwrap();
    std::fs::write(folder.join("empty.yaml"), "").unwrap();
    std::fs::write(folder.join("ignored.txt"), "no waiver").unwrap();
    let start = Instant::now();
    let output = waivers.run(&["waiver", "check"]);
    assert!(start.elapsed().as_secs() < 5);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for expected in [
        "waivers/out.yaml:0:0: a link leads out of the folder",
        "waivers/device.yaml:0:0: a link leads out of the folder",
        "waivers/dangling.yaml:0:0: there is no such file",
        "waivers/folder.yaml:0:0: it is not a regular file",
        "waivers/pipe.yaml:0:0: it is not a regular file",
        "waivers/large.yaml:0:0: it has 1048577 bytes",
        "waivers/utf16.yaml:1:0: this is not UTF-8 text",
        "waivers/na me.yaml:0:0: a bundle cannot hold this name",
        "has the same name",
        "waivers/empty.yaml",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(
        !said.contains("hunter2") && !said.contains("ignored.txt"),
        "{said}"
    );
    let assessed = waivers.assess(NOWHERE, &[]);
    assert_eq!(assessed.code(), 2);
    assert_eq!(
        waivers.workspace.bundles(),
        Vec::<String>::new(),
        "nothing was written"
    );
}

#[test]
fn bombs_and_deep_nests_are_refused_fast() {
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let item = format!("*a{},", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{item}]\n"));
    }
    let nest = format!("control: {}", "[".repeat(100_000));
    let expression = format!(
        "rows: '{}true'\n{}",
        "(".repeat(20_000),
        LOCAL.replace("rows: row.type == \"local\"\n", "")
    );
    let waivers = Waivers::new(&[
        ("bomb.yaml", &(bomb + LOCAL)),
        ("nest.yaml", &nest),
        ("expression.yaml", &expression),
        ("twice.yaml", &format!("{LOCAL}reason: another\n")),
        ("two.yaml", &format!("{LOCAL}---\n{LOCAL}")),
    ]);
    let start = Instant::now();
    let output = waivers.run(&["waiver", "check"]);
    assert_eq!(
        output.status.code(),
        Some(2),
        "{:?} {}",
        output.status,
        text(&output.stderr)
    );
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    let said = text(&output.stdout);
    for name in ["bomb", "nest", "expression", "twice", "two"] {
        assert!(said.contains(&format!("waivers/{name}.yaml:")), "{name}: {said}");
    }
}

#[test]
fn a_file_that_is_no_signature_is_refused_with_the_way_out() {
    for content in ["\u{0}", "{\"a\":1,\"a\":2}", "{}"] {
        let waivers = Waivers::new(&[
            ("local.yaml", LOCAL),
            ("local.approver-0123456789abcdef.sigstore.json", content),
        ]);
        let assessed = waivers.assess(NOWHERE, &[]);
        assert_eq!(assessed.code(), 2);
        let said = assessed.stderr();
        assert!(
            said.contains("local.approver-0123456789abcdef.sigstore.json:0:0: this is no signature")
                && said.contains("pgdossier waiver sign"),
            "{said}"
        );
        assert_eq!(names(&waivers.workspace.path("bundles")), Vec::<String>::new());
    }
}

#[test]
fn thousands_of_waivers_are_judged_in_a_moment() {
    let waivers = Waivers::new(&[]);
    for number in 0..2000 {
        waivers.put(&format!("w{number}.yaml"), LOCAL);
    }
    let start = Instant::now();
    let (code, json) = waivers.json(&["status", "--as-of", "2026-11-23"]);
    assert_eq!((code, json.as_array().unwrap().len()), (0, 2000));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
