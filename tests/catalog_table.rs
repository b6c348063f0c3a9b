//! Every control has a proof, and `docs/proof.md` lists it: control, defect, test.
//!
//! `PROOF_TABLE=write cargo test --test catalog_table` writes the list anew.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a failing test should panic where it fails, and shared parts serve several files"
)]

mod catalog;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use catalog::{Block, blocks_in};
use pgdossier::control::Catalog;

/// Servers that `catalog_defects` has a test for.
const SERVERS: &[&str] = &["13", "14", "15", "16", "17", "18"];

/// A proof that is no block.
struct Elsewhere {
    control: String,
    file: String,
    test: String,
    defect: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The lines `control: test_file::test_name: the defect in words` of `elsewhere.txt`.
fn elsewhere() -> Vec<Elsewhere> {
    let text = std::fs::read_to_string(root().join("tests/catalog/elsewhere.txt")).unwrap();
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let (control, rest) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
            let (test, defect) = rest.split_once(": ").unwrap_or_else(|| panic!("{line}"));
            let (file, test) = test.split_once("::").unwrap_or_else(|| panic!("{line}"));
            Elsewhere {
                control: control.to_owned(),
                file: file.to_owned(),
                test: test.to_owned(),
                defect: defect.to_owned(),
            }
        })
        .collect()
}

/// A file of tests: `tests/NAME.rs`, or a part `NAME/PART` of a folder.
fn source(file: &str) -> Option<String> {
    let path = root().join("tests").join(format!("{file}.rs"));
    std::fs::read_to_string(path).ok()
}

/// The file of each control, relative to the repository, by control and section.
fn controls() -> BTreeMap<String, String> {
    let catalog = Catalog::embedded().unwrap();
    let controls = catalog.controls.iter();
    controls
        .map(|control| {
            let file = format!("controls/{}/{}.yaml", control.section, control.id);
            (control.id.clone(), file)
        })
        .collect()
}

#[test]
fn every_control_has_a_proof() {
    let proven: BTreeSet<String> = blocks_in("defects", "control")
        .iter()
        .map(|block| block.one("control").unwrap().to_owned())
        .chain(elsewhere().into_iter().map(|proof| proof.control))
        .collect();
    let controls: BTreeSet<String> = controls().into_keys().collect();
    let without: Vec<_> = controls.difference(&proven).collect();
    let unknown: Vec<_> = proven.difference(&controls).collect();
    assert!(without.is_empty(), "no defect shows that these work: {without:?}");
    assert!(unknown.is_empty(), "the catalog lacks these: {unknown:?}");
}

#[test]
fn every_block_names_controls_that_are_there_and_a_server_that_is_tested() {
    let controls = controls();
    for block in blocks_in("defects", "control") {
        for also in block.all("also") {
            assert!(
                controls.contains_key(also),
                "{}: `{also}` is no control",
                block.file
            );
        }
        if let Some(server) = block.one("server") {
            assert!(
                SERVERS.contains(&server),
                "{}: no test has the server `{server}`",
                block.file
            );
        }
    }
}

#[test]
fn every_proof_elsewhere_is_a_test() {
    for proof in elsewhere() {
        let source = source(&proof.file).unwrap_or_else(|| panic!("there is no tests/{}.rs", proof.file));
        let test = format!("fn {}()", proof.test);
        let marked = source
            .split(&test)
            .next()
            .unwrap_or_default()
            .trim_end()
            .ends_with("#[test]");
        assert!(
            source.contains(&test) && marked,
            "{}: tests/{}.rs has no test `{}`",
            proof.control,
            proof.file,
            proof.test
        );
    }
}

#[test]
fn the_table_is_current() {
    let path = root().join("docs/proof.md");
    let table = table();
    if std::env::var("PROOF_TABLE").as_deref() == Ok("write") {
        std::fs::write(&path, &table).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == table,
        "docs/proof.md is out of date: run `PROOF_TABLE=write cargo test --test catalog_table`"
    );
}

const HEAD: &str = "\
# How each control is proven

<!-- Generated from tests/catalog by `PROOF_TABLE=write cargo test --test catalog_table`. -->

Each defect is put alone on a real server that is otherwise in order ([tests/catalog/hardened](../tests/catalog/hardened)),
and the whole catalog is judged: the control must be raised with exactly these exceptions, and no other control but those
that the defect truly concerns as well. On the server without any defect nothing is raised. A control that is not in this
list fails the tests.

";

fn table() -> String {
    let (blocks, elsewhere) = (blocks_in("defects", "control"), elsewhere());
    let mut text = HEAD.to_owned();
    let mut by_section: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (control, file) in controls() {
        let section = Path::new(&file)
            .parent()
            .unwrap()
            .strip_prefix("controls")
            .unwrap();
        let section = section.display().to_string();
        by_section.entry(section).or_default().push((control, file));
    }
    for (section, controls) in by_section {
        let _ = writeln!(
            text,
            "## {section}\n\n| control | defect | what is said | also raised | test |\n|---|---|---|---|---|"
        );
        for (control, file) in controls {
            let name = format!("[{control}](../{file})");
            for block in blocks
                .iter()
                .filter(|block| block.one("control") == Some(&control))
            {
                let _ = writeln!(text, "| {name} {}", cells(block));
            }
            for proof in elsewhere.iter().filter(|proof| proof.control == control) {
                let (file, test) = (&proof.file, &proof.test);
                let _ = writeln!(
                    text,
                    "| {name} | {} | | | [{file}::{test}](../tests/{file}.rs) |",
                    proof.defect
                );
            }
        }
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}

/// A block's columns after its control.
fn cells(block: &Block) -> String {
    let server = block.one("server").unwrap_or("17");
    let said = block.all("expect").into_iter().map(code).collect::<Vec<_>>();
    let also = block.all("also").join("<br>");
    format!(
        "| {} | {} | {also} | [on_postgresql_{server}](../tests/catalog/defects/{}) |",
        defect(block, server).join("<br>"),
        said.join("<br>"),
        block.file
    )
}

/// What was done to the server.
fn defect(block: &Block, server: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut tell = |name: &str, after: &str| {
        done.extend(
            block
                .all(name)
                .into_iter()
                .map(|line| format!("{}{after}", code(line))),
        );
    };
    tell("setting", " in postgresql.conf");
    tell("reloaded", " in postgresql.conf, and a reload");
    tell("hba", " first in pg_hba.conf");
    tell("hba-last", " last in pg_hba.conf");
    tell("later", " in pg_hba.conf, without a reload");
    tell("parameter", " in the profile");
    tell("profile", " is the profile");
    match block.one("initdb") {
        None => {}
        Some("none") => done.push("made by `initdb` without arguments".to_owned()),
        Some(arguments) => done.push(format!("made by {}", code(&format!("initdb {arguments}")))),
    }
    let database = block
        .one("database")
        .map_or_else(String::new, |name| format!(" in `{name}`"));
    done.extend(
        block
            .statements
            .iter()
            .map(|sql| format!("{}{database}", code(&one_line(sql)))),
    );
    if done.is_empty() {
        done.push(format!("PostgreSQL {server} itself"));
    }
    done
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A code span that a table's cell can hold.
fn code(text: &str) -> String {
    let text = text.replace('|', "\\|");
    if text.contains('`') {
        format!("`` {text} ``")
    } else {
        format!("`{text}`")
    }
}
