//! Reports as people meet them: what a reader finds in them, and that nothing hostile in them comes alive.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a helper of a test fails as a test does: by panicking

#[path = "report/browser.rs"]
mod browser;
#[path = "support/chromium.rs"]
mod chromium;
#[path = "report/fixture.rs"]
mod fixture;

use std::collections::{BTreeMap, BTreeSet};

use pgdossier::escape;
use pgdossier::report::{Report, Templates, control_reference, render};
use pulldown_cmark::{Event, Options, Parser, Tag};
use regex::Regex;

fn plain() -> Report {
    let (assessment, catalog) = fixture::plain();
    render(&assessment, &catalog, &Templates::embedded()).unwrap()
}

fn hostile() -> Report {
    let (assessment, catalog) = fixture::hostile();
    render(&assessment, &catalog, &Templates::embedded()).unwrap()
}

fn captures(pattern: &str, text: &str) -> Vec<String> {
    Regex::new(pattern)
        .unwrap()
        .captures_iter(text)
        .map(|found| found[1].to_owned())
        .collect()
}

/// The text of the element with this id, up to the next element of the same kind, without markup.
fn part(html: &str, id: &str) -> String {
    let start = html
        .find(&format!("id=\"{id}\""))
        .unwrap_or_else(|| panic!("no element has the id {id}"));
    let opening = html[..start].rfind('<').unwrap();
    let tag = captures("^<([a-z0-9]+)", &html[opening..]).remove(0);
    let rest = &html[start..];
    let end = rest.find(&format!("</{tag}>")).unwrap();
    words(&format!("<{}", &rest[..end]))
}

fn words(html: &str) -> String {
    let bare = Regex::new("<[^>]*>").unwrap().replace_all(html, " ");
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_summary_tells_in_words_what_was_found() {
    let report = plain();
    let summary = part(&report.html, "summary");
    for expected in [
        "2 ✕ not satisfied",
        "7 ? not evaluated",
        "2 ✓ satisfied",
        "1 – not applicable",
        "2 of 12 findings on 2 servers have exceptions, and 7 could not be evaluated.",
        "GRANT SELECT ON pg_catalog.pg_authid TO auditor;",
        "expired room-2026 , counted until 2026-10-31",
        "expiring soc2-2026 , counts until 2026-12-31 (38 days left)",
        "db2 could not be reached",
    ] {
        assert!(summary.contains(expected), "`{expected}` is not in: {summary}");
    }
    let critical = summary.find("Nobody is let in without authentication").unwrap();
    let medium = summary.find("The server room is locked").unwrap();
    assert!(critical < medium, "the gravest comes first");
}

#[test]
fn a_finding_shows_fifty_exceptions_and_where_the_others_are() {
    let html = plain().html;
    let finding = part(&html, "db1--hba-no-trust");
    assert!(finding.contains("line 51 of pg_hba.conf") && !finding.contains("line 52 of pg_hba.conf"));
    assert!(
        finding.contains("and 10 more (2 waived) in targets/db1/evidence/hba.ndjson"),
        "{finding}"
    );
    assert!(
        finding.contains("61 rows in the population, 61 examined, 60 exceptions"),
        "{finding}"
    );
    assert!(finding.contains("controls/access/tcp/hba-no-trust.yaml:12"));
}

#[test]
fn what_was_not_seen_never_looks_like_a_pass() {
    let html = plain().html;
    for anchor in ["db1--verifiers-scram", "db2--hba-no-trust", "db2--ssl-on"] {
        let finding = part(&html, anchor);
        assert!(finding.contains("not evaluated"), "{finding}");
        assert!(finding.contains("the population was not seen"), "{finding}");
        let rest = finding.replace("not satisfied", "").replace("satisfied:", "");
        assert!(
            !rest.contains("satisfied") && !rest.contains("0 rows") && !rest.contains("0 exceptions"),
            "{finding}"
        );
    }
    let evidence = part(&html, "evidence--db1--password-verifiers");
    assert!(
        evidence.contains("incomplete") && evidence.contains("none seen"),
        "{evidence}"
    );
    assert!(!evidence.contains("Rows 0"), "{evidence}");
    let passwords = captures(
        "(?s)<section id=\"access-passwords\"[^>]*>.*?<h2[^>]*>(.*?)</h2>",
        &html,
    )
    .remove(0);
    assert!(words(&passwords).contains("not evaluated"), "{passwords}");
}

#[test]
fn attestations_name_who_when_until_when_and_on_what() {
    let html = plain().html;
    let room = part(&html, "statement-room-2026-expired");
    for expected in [
        "expired",
        "Grace Hopper, facility manager, Acme Facilities",
        "Edsger Dijkstra",
        "2026-08-01",
        "2026-10-31",
        "examine",
        "room.pdf",
        "eeeeeeeeeeee",
    ] {
        assert!(room.contains(expected), "`{expected}` is not in: {room}");
    }
    let certificate = part(&html, "statement-soc2-2026-valid");
    for expected in [
        "SOC 2 Type II",
        "Cloud AG",
        "S-17",
        "2026-01-01 to 2026-12-31",
        "one late access review",
        "missing",
    ] {
        assert!(
            certificate.contains(expected),
            "`{expected}` is not in: {certificate}"
        );
    }
}

#[test]
fn waivers_stand_beside_the_raw_status_and_change_none() {
    let report = plain();
    let summary = part(&report.html, "summary");
    for expected in [
        "2 ✕ not satisfied",
        // Two of six are satisfied on the server that answered, of which one rests on a certificate; one more is waived.
        "db1 40 % (2 of 5) 1 1 60 % (3 of 5)",
        "All 18 % (2 of 11) 1 1 27 % (3 of 11)",
        "60 2 waived, 58 not",
        "1 all waived",
        "expired waivers/a.yaml:1 for hba-no-trust , until 2026-12-23: it counted until 2026-12-23",
        "not-yet-valid waivers/b.yaml:1",
        "too-long waivers/c.yaml:1",
        "refused waivers/d.yaml:1 for hba-no-trust , until 2026-12-23: changed",
        "unsigned waivers/e.yaml:1",
        "no exception matches it: remove it, or correct what it names",
        "its expression failed: on row 3: no such key: user",
        "the control was not evaluated on db2",
        "unmatched waivers/f.yaml:1",
        "failed waivers/g.yaml:1",
        "expiring waivers/local.yaml:4",
    ] {
        assert!(summary.contains(expected), "`{expected}` is not in: {summary}");
    }
    let trust = part(&report.html, "db1--hba-no-trust");
    assert!(trust.starts_with("✕ not satisfied 2 waived, 58 not"), "{trust}");
    // What nobody answers for comes first, so that it is shown before anything else.
    assert!(
        trust.contains("line 51 of pg_hba.conf") && !trust.contains("bob2 trust"),
        "{trust}"
    );
    assert!(
        trust.contains("and 10 more (2 waived) in targets/db1/evidence/hba.ndjson"),
        "{trust}"
    );
    let room = part(&report.html, "db1--server-room");
    assert!(room.starts_with("✕ not satisfied attested all waived"), "{room}");
    assert!(room.contains("waived by waivers/local.yaml:4"), "{room}");
    let waiver = part(&report.html, "waiver-waivers_2f_local.yaml_3a_4");
    for expected in [
        "db1 with a tag of production",
        "3 of 60 exceptions waived",
        "Ann, owner, Acme",
        "high before, low after",
        "SEC-1",
        "Each quarter.",
    ] {
        assert!(waiver.contains(expected), "`{expected}` is not in: {waiver}");
    }
    let expired = part(&report.html, "waiver-waivers_2f_a.yaml_3a_1");
    assert!(
        expired.contains("2 of 60 exceptions match, and none is waived by it"),
        "{expired}"
    );
    for expected in [
        "**✕ not satisfied** (2 waived, 58 not) on db1",
        "**✕ not satisfied** (attested) (all waived) on db1",
        "row 1 (waived by waivers/local.yaml:4): room-2026",
        "| waivers/a.yaml:1 | hba-no-trust | expired |",
        "### waivers/local.yaml:4: expiring",
        "| db1 | 40 % (2 of 5) | 1 | 1 | 60 % (3 of 5) |",
    ] {
        let bare = report.markdown.replace('\\', "");
        assert!(bare.contains(expected), "`{expected}` is not in the Markdown");
    }
}

#[test]
fn the_statement_of_applicability_names_every_control_and_who_decided() {
    let report = plain();
    let part = part(&report.html, "applicability");
    assert!(
        part.contains("Standbys are told apart no There is no standby. Eve 2026-10-01"),
        "{part}"
    );
    assert!(part.contains("hba-no-trust yes the profile selects it"), "{part}");
    let bare = report.markdown.replace('\\', "");
    assert!(bare.contains("| Standbys are told apart | no | There is no standby. | Eve | 2026-10-01 |"));
}

#[test]
fn evidence_shows_its_query_and_its_provenance() {
    let hba = part(&plain().html, "evidence--db1--hba");
    for expected in [
        "SELECT rule_number FROM pg_hba_file_rules",
        "750:750:",
        "hba (version 1)",
        "61 rows",
        "legacy",
    ] {
        assert!(hba.contains(expected), "`{expected}` is not in: {hba}");
    }
}

#[test]
fn links_lead_somewhere_and_headings_are_in_order() {
    let report = plain();
    for (path, html) in [
        ("report/index.html", &report.html),
        ("report/targets/db1.html", &report.targets["db1"]),
    ] {
        let ids = captures(" id=\"([^\"]*)\"", html);
        let unique: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(ids.len(), unique.len(), "{path}: an id is used twice");
        for link in captures("href=\"([^\"]*)\"", html) {
            if let Some(anchor) = link.strip_prefix('#') {
                assert!(ids.iter().any(|id| id == anchor), "{path}: {link} leads nowhere");
                continue;
            }
            let inside = link.trim_start_matches("../");
            let up = (link.len() - inside.len()) / 3;
            let top = up == path.matches('/').count();
            let folders = [
                "targets/db1/evidence/",
                "attachments/",
                "attestations/",
                "waivers/",
                "controls/",
                "VERIFY.md",
            ];
            let other_page =
                link == "../index.html" || link == "targets/db1.html" || link == "targets/db2.html";
            assert!(
                other_page || top && folders.iter().any(|start| inside.starts_with(start)),
                "{path}: {link} leads out of the bundle, or to nothing in it"
            );
        }
        let levels: Vec<u8> = captures("<h([1-6])", html)
            .iter()
            .map(|level| level.parse().unwrap())
            .collect();
        assert_eq!(levels.first(), Some(&1));
        assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
        for pair in levels.windows(2) {
            assert!(
                pair[1] <= pair[0] + 1,
                "{path}: a heading of level {} follows one of {}",
                pair[1],
                pair[0]
            );
        }
    }
}

#[test]
fn a_page_for_each_server_where_there_are_several() {
    let report = plain();
    assert_eq!(report.targets.keys().collect::<Vec<_>>(), ["db1", "db2"]);
    assert!(
        !report.targets["db1"].contains("db2"),
        "a server's page is about that server"
    );
    let (mut assessment, catalog) = fixture::plain();
    assessment.targets.truncate(1);
    assert!(
        render(&assessment, &catalog, &Templates::embedded())
            .unwrap()
            .targets
            .is_empty()
    );
}

#[test]
fn the_same_assessment_gives_the_same_bytes() {
    assert_eq!(plain(), plain());
}

/// What Markdown comes to: the nesting of its elements, its links, and all its text.
fn structure(markdown: &str) -> (Vec<String>, Vec<String>, String) {
    let (mut shape, mut links, mut text) = (Vec::new(), Vec::new(), String::new());
    for event in Parser::new_ext(
        markdown,
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES,
    ) {
        match event {
            Event::Start(tag) => {
                if let Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } = &tag {
                    links.push(dest_url.to_string());
                    shape.push("link".to_owned());
                } else if let Tag::Heading { level, .. } = &tag {
                    shape.push(format!("heading {level}"));
                } else {
                    shape.push(format!("{tag:?}"));
                }
            }
            Event::End(tag) => shape.push(format!("{tag:?}")),
            Event::Text(part) => text.push_str(&part),
            Event::Code(part) => {
                shape.push("code".to_owned());
                text.push_str(&part);
            }
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            other => panic!("{other:?} has no place in a report"),
        }
    }
    (shape, links, text)
}

#[test]
fn markdown_of_hostile_text_is_text() {
    let (quiet, _, _) = structure(&plain().markdown);
    let source = hostile().markdown;
    let (shape, links, text) = structure(&source);
    for (index, (expected, found)) in quiet.iter().zip(&shape).enumerate() {
        assert_eq!(expected, found, "element {index} of the page");
    }
    assert_eq!(quiet.len(), shape.len());
    assert!(links.iter().all(|link| link.starts_with("../")), "{links:?}");
    assert!(
        text.contains("<script>alert(1)</script>")
            && text.contains("{{ 1+1 }}")
            && text.contains("\\u{202e}")
    );
    assert_eq!(
        text.matches("evil<script>").count(),
        text.matches("![i](http://evil.example/i.png) \\|").count(),
        "a text was cut, as by a cell that ended early"
    );
    assert!(!source.contains(['\x1b', '\u{202e}', '\u{200b}']));
    for bare in ["https://evil", " www.evil", "me@evil"] {
        let prose: String = outside_fences(&source);
        assert!(!prose.contains(bare), "`{bare}` becomes a link by itself");
    }
}

fn outside_fences(markdown: &str) -> String {
    let mut fence: Option<&str> = None;
    let mut prose = String::new();
    for line in markdown.lines() {
        let ticks = &line[..line.len() - line.trim_start_matches('`').len()];
        match fence {
            Some(open) if ticks == open && line == open => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => {
                prose.push_str(line);
                prose.push('\n');
            }
        }
    }
    prose
}

#[test]
fn the_control_reference_of_hostile_text_is_text() {
    let reference = |catalog| control_reference(&catalog, &Templates::embedded()).unwrap();
    let (quiet, links, text) = structure(&reference(fixture::plain().1));
    assert!(links.is_empty() && text.contains("hba-no-trust") && text.contains("Nobody is let in"));
    let (shape, links, _) = structure(&reference(fixture::hostile().1));
    assert_eq!(quiet, shape);
    assert!(links.is_empty(), "{links:?}");
}

#[test]
fn a_terminal_shows_hostile_text_on_one_line() {
    let shown = escape::terminal(fixture::HOSTILE);
    assert!(
        shown
            .chars()
            .all(|c| !c.is_control() && !('\u{200b}'..='\u{202e}').contains(&c)),
        "{shown}"
    );
    assert!(shown.contains("\\u{1b}[31m") && shown.contains("\\u{202e}") && shown.contains("\\u{a}"));
}

#[test]
fn a_browser_shows_hostile_text_and_runs_nothing() {
    let (quiet, page) = (browser::open(&plain().html), browser::open(&hostile().html));
    let elements = |dom: &str| {
        let mut counts = BTreeMap::new();
        captures("<([a-zA-Z][a-zA-Z0-9]*)[ />]", &dom.replace(">", " >"))
            .into_iter()
            .for_each(|name| *counts.entry(name).or_insert(0) += 1);
        counts
    };
    assert_eq!(
        elements(&quiet.dom),
        elements(&page.dom),
        "hostile text changed what the page consists of"
    );
    assert!(
        page.dom.contains("evil&lt;script&gt;alert(1)&lt;/script&gt;"),
        "the role's name is shown as it is"
    );
    assert!(page.dom.contains("{{ 1+1 }}") && page.dom.contains("\\u{202e}"));
    let outside = Regex::new(r#"url\(|@import|<link|<script|\ssrc=|href="[a-z]+:"#).unwrap();
    assert_eq!(
        outside.find(&quiet.dom).map(|found| found.as_str()),
        None,
        "the page refers to the outside"
    );
    for opened in [quiet, page] {
        assert_eq!(opened.console, Vec::<String>::new());
        assert_eq!(opened.requests, Vec::<String>::new());
    }
}

#[test]
fn a_folder_of_templates_overrides_single_files() {
    let folder = tempfile::tempdir().unwrap();
    let own = || Templates::from_folder(folder.path());
    let (assessment, catalog) = fixture::hostile();
    std::fs::write(folder.path().join("report.md"), "{{ tool }}\n").unwrap();
    let templates = own().unwrap();
    let report = render(&assessment, &catalog, &templates).unwrap();
    assert!(
        report.markdown.starts_with("pgdossier 0.1.0 evil\\<script\\>"),
        "{}",
        report.markdown
    );
    assert_eq!(report.html, hostile().html);
    assert_ne!(templates.digest(), Templates::embedded().digest());

    std::fs::write(folder.path().join("report.md"), "{{ no_such_name }}\n").unwrap();
    let error = render(&assessment, &catalog, &own().unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("report.md") && error.contains("no_such_name"),
        "{error}"
    );

    std::fs::write(folder.path().join("report.md"), "{% if %}").unwrap();
    let error = own().err().unwrap().to_string();
    assert!(error.contains("report.md"), "{error}");

    std::fs::rename(folder.path().join("report.md"), folder.path().join("raport.md")).unwrap();
    let error = own().err().unwrap().to_string();
    assert!(
        error.contains("`raport.md`") && error.contains("report.md"),
        "{error}"
    );
}
