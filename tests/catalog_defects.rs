//! Each defect alone, on a server that is otherwise in order, raises exactly its control with exactly its exceptions.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a failing test should panic where it fails, and shared parts serve several files"
)]

mod catalog;
#[path = "catalog/hardened/mod.rs"]
mod hardened;
mod support;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use catalog::{Block, blocks_in};
use hardened::{Given, Hardened, Judge};
use pgdossier::control::Catalog;
use pgdossier::finding::{Finding, Status};
use pgdossier::profile::Profile;

/// Profiles that the server in order is judged by. Blocks are judged by the first, unless they name another.
const PROFILES: &[&str] = &["baseline", "strict"];

/// What is so of these servers whatever their configuration: they have no pgaudit, and their superuser comes by a
/// password, for the tests run as another account.
fn unavoidable(major: u32) -> &'static [&'static str] {
    match major {
        // Past its end of life.
        13 | 14 => &["hba-local-peer", "pgaudit-loaded", "version-supported"],
        // Behind what packages carry.
        15 => &["hba-local-peer", "pgaudit-loaded", "version-latest-minor"],
        _ => &["hba-local-peer", "pgaudit-loaded"],
    }
}

fn with_status(findings: &[Finding], status: Status) -> BTreeSet<&str> {
    let found = findings.iter().filter(|finding| finding.status == status);
    found.map(|finding| finding.control.as_str()).collect()
}

fn told(finding: &Finding) -> String {
    let texts = finding.exceptions.iter().map(|exception| exception.text.as_str());
    let texts: Vec<&str> = texts.chain(finding.missing.iter().map(String::as_str)).collect();
    format!("    {}: {} {texts:#?}", finding.control, finding.reason)
}

/// What is wrong with the findings on a server that has this defect alone.
fn wrong(judge: &Judge, block: &Block, findings: &[Finding], major: u32) -> Vec<String> {
    let control = block.one("control").unwrap();
    let mut expected: BTreeSet<&str> = block.all("also").into_iter().chain([control]).collect();
    expected.extend(unavoidable(major));
    let judged: BTreeSet<&str> = findings.iter().map(|finding| finding.control.as_str()).collect();
    let unjudged = expected
        .difference(&judged)
        .filter(|name| !unavoidable(major).contains(name));
    let mut wrong: Vec<String> = unjudged
        .map(|name| format!("  the profile leaves {name} out"))
        .collect();
    for finding in findings {
        let name = finding.control.as_str();
        let raised = finding.status == Status::NotSatisfied;
        if raised != expected.contains(name) || unseen(judge, finding) {
            wrong.push(format!("  {}\n{}", finding.status.word(), told(finding)));
        } else if name == control && !says_exactly(block, finding) {
            wrong.push(format!(
                "  it must say {:?}\n{}",
                block.all("expect"),
                told(finding)
            ));
        }
    }
    wrong
}

/// Whether nothing was concluded where it should have been. The superuser comes by the socket, from which the network
/// cannot be seen.
fn unseen(judge: &Judge, finding: &Finding) -> bool {
    finding.status == Status::NotEvaluated
        && !judge.looks_at_the_host(&finding.control)
        && !finding.reason.contains("reached through a Unix socket")
}

/// Whether the exceptions are those that the block expects, and no others.
fn says_exactly(block: &Block, finding: &Finding) -> bool {
    let words = block.all("expect");
    let count = block
        .one("count")
        .map_or(words.len(), |count| count.parse().unwrap());
    let texts: Vec<&str> = finding
        .exceptions
        .iter()
        .map(|exception| exception.text.as_str())
        .collect();
    assert!(count > 0, "every block says what to expect: {block:?}");
    texts.len() == count
        && words
            .iter()
            .all(|words| texts.iter().any(|text| text.contains(words)))
        && texts
            .iter()
            .all(|text| words.iter().any(|words| text.contains(words)))
}

/// The major version of the server that a block is about.
fn major(block: &Block) -> u32 {
    let server = block.one("server").unwrap_or("17");
    server.parse().expect("`server` is a major version")
}

/// The profile that a block is judged by, with its lines `parameter: CONTROL NAME = VALUE`.
fn profile(judge: &Judge, block: &Block) -> Profile {
    let mut profile = judge.profile(block.one("profile").unwrap_or(PROFILES[0]));
    for line in block.all("parameter") {
        let (place, value) = line.split_once(" = ").expect("CONTROL NAME = VALUE");
        let (control, name) = place.split_once(' ').expect("CONTROL NAME = VALUE");
        let parameters = profile.parameters.entry(control.to_owned()).or_default();
        parameters.insert(name.to_owned(), serde_json::from_str(value).expect("JSON"));
    }
    profile
}

/// All that is wrong, from a few threads.
fn everything_wrong(hardened: &Hardened, judge: &Judge, blocks: &[Block]) -> Vec<String> {
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(block) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let server = hardened.start(Some(block));
            let findings = judge.findings(server.connection(), &profile(judge, block));
            let found = wrong(judge, block, &findings, hardened.major);
            if !found.is_empty() {
                let title = format!(
                    "{}: {} {:?}",
                    block.file,
                    block.one("control").unwrap(),
                    block.all("expect")
                );
                all.lock().unwrap().push(format!("{title}\n{}", found.join("\n")));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(work);
        }
    });
    all.into_inner().unwrap()
}

/// Nothing is raised on the server in order, and nothing is left unseen.
fn nothing_is_raised_in_order(hardened: &Hardened, judge: &Judge) {
    let server = hardened.start(None);
    for name in PROFILES {
        let findings = judge.findings(server.connection(), &judge.profile(name));
        let raised = with_status(&findings, Status::NotSatisfied);
        let unavoidable: BTreeSet<&str> = unavoidable(hardened.major).iter().copied().collect();
        let surprises: Vec<String> = findings
            .iter()
            .filter(|finding| raised.contains(finding.control.as_str()) || unseen(judge, finding))
            .filter(|finding| !unavoidable.contains(finding.control.as_str()))
            .map(told)
            .collect();
        assert!(surprises.is_empty(), "by {name}:\n{}", surprises.join("\n"));
    }
}

fn each_defect_alone(version: u32) {
    let (hardened, judge) = (Hardened::make(version), Judge::new());
    nothing_is_raised_in_order(&hardened, &judge);
    let only = std::env::var("ONLY_DEFECTS_OF").ok();
    let blocks: Vec<Block> = blocks_in("defects", "control")
        .into_iter()
        .filter(|block| major(block) == version)
        .filter(|block| {
            only.as_deref()
                .is_none_or(|only| block.one("control") == Some(only))
        })
        .collect();
    let wrong = everything_wrong(&hardened, &judge, &blocks);
    assert!(
        wrong.is_empty(),
        "{} of {} defects\n{}",
        wrong.len(),
        blocks.len(),
        wrong.join("\n")
    );
}

#[test]
fn on_postgresql_13() {
    each_defect_alone(13);
}

#[test]
fn on_postgresql_14() {
    each_defect_alone(14);
}

#[test]
fn on_postgresql_15() {
    each_defect_alone(15);
}

#[test]
fn on_postgresql_16() {
    each_defect_alone(16);
}

#[test]
fn on_postgresql_17() {
    each_defect_alone(17);
}

#[test]
fn on_postgresql_18() {
    each_defect_alone(18);
}

/// Each control that people answer, with a statement of every other that is sound.
#[test]
fn an_unsound_statement_raises_its_control_alone() {
    let (hardened, judge) = (Hardened::make(17), Judge::new());
    let strict = judge.profile("strict");
    let server = hardened.start(None);
    let attestations = judge.people.attestation.iter().flat_map(|control| {
        [Given::Expired, Given::NotSatisfied, Given::Withdrawn].map(|given| (control, given))
    });
    let certificates = judge.people.certificate.iter();
    let certificates =
        certificates.flat_map(|control| [Given::Expired, Given::NotSatisfied].map(|given| (control, given)));
    let all = attestations.chain(certificates);
    // What is about managed platforms alone is proven in tests/platforms.rs.
    for (control, given) in all.filter(|(control, _)| judge.is_about_servers_of_ones_own(control)) {
        let findings = judge.findings_given(server.connection(), &strict, control, given);
        let raised = with_status(&findings, Status::NotSatisfied);
        let mut expected = BTreeSet::from([control.as_str()]);
        expected.extend(unavoidable(hardened.major));
        assert_eq!(raised, expected, "{given:?}");
        assert!(!findings.iter().any(|finding| unseen(&judge, finding)));
        let finding = findings
            .iter()
            .find(|finding| finding.control == *control)
            .unwrap();
        assert_eq!(finding.exceptions.len(), 1, "{finding:?}");
    }
}

#[test]
fn every_shared_query_is_used() {
    let catalog = Catalog::embedded().unwrap();
    let used: BTreeSet<&str> = catalog
        .controls
        .iter()
        .flat_map(|control| &control.evidence)
        .filter_map(|request| request.arguments.get("query")?.as_str())
        .collect();
    let written: BTreeSet<&str> = catalog.queries.keys().map(String::as_str).collect();
    assert_eq!(written, used);
}

#[test]
fn a_major_version_that_nobody_listed_is_no_pass() {
    let catalog = Catalog::embedded().unwrap();
    let control = catalog.control("version-supported").unwrap();
    let row = serde_json::json!({"version": "99.0", "major": "99", "today": "2026-01-01"});
    let mut expect = control.expect.evaluator(&control.parameters).unwrap();
    // An expression that fails on a row is not evaluated, whatever other rows say.
    expect.holds(row.as_object().unwrap()).unwrap_err();
}
