//! Assessments made in code: an ordinary one with every kind of finding, and the same with hostile text everywhere.

mod waivers;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use pgdossier::assessment::{
    Assessment, Definitions, Operator, Period, Summary, TargetRecord, TargetSummary, Tool,
};
use pgdossier::control::{Catalog, Severity};
use pgdossier::evidence::{
    Evidence, Provenance, Query, RawTable, Requirement, Row, ServerIdentity, Table, Visibility, sha256_hex,
};
use pgdossier::finding::{Exception, Finding, Status, Tally};
use serde_json::{Value, json};

/// Everything in one text that could be more than text in HTML, Markdown, a template or a terminal.
pub(super) const HOSTILE: &str = "evil<script>alert(1)</script><img src=x onerror=alert(2)>a|b\n# h\n\n- l\x1b[31m\u{202e}\u{200b}\
    ](javascript:alert(3)) [x](http://evil.example) https://evil.example www.evil.example me@evil.example \
    {{ 1+1 }}{% raw %} `code` ``` --> \"'></style></pre></title> <!-- &lt; &#60; ![i](http://evil.example/i.png) \\| \\";

/// Texts of an assessment: as they are, or replaced by [`HOSTILE`].
#[derive(Clone, Copy)]
pub(super) struct Texts {
    hostile: bool,
}

impl Texts {
    fn of(self, plain: &str) -> String {
        if self.hostile {
            format!("{plain} {HOSTILE}")
        } else {
            plain.to_owned()
        }
    }
}

/// The ordinary assessment and its catalog.
pub(super) fn plain() -> (Assessment, Catalog) {
    make(Texts { hostile: false })
}

/// The hostile one.
pub(super) fn hostile() -> (Assessment, Catalog) {
    make(Texts { hostile: true })
}

fn make(texts: Texts) -> (Assessment, Catalog) {
    let targets = vec![reached(texts), unreached(texts)];
    let summary = Summary {
        format: "pgdossier-assessment/v1".to_owned(),
        id: "acme-2026-Q4".to_owned(),
        organisation: texts.of("Acme"),
        period: Period {
            label: texts.of("2026-Q4"),
            ..Period::parse("2026-Q4").unwrap()
        },
        as_of: as_of(),
        tool: Tool {
            name: "pgdossier".to_owned(),
            version: texts.of("0.1.0"),
            binary_sha256: Some("b".repeat(64)),
        },
        operator: Operator {
            user: texts.of("ada"),
            host: texts.of("bastion"),
        },
        definitions: Definitions {
            catalog_sha256: "c".repeat(64),
            controls: CONTROLS.len(),
            profile: texts.of("default"),
            templates_sha256: "d".repeat(64),
        },
        tally: targets
            .iter()
            .fold(Tally::default(), |sum, target| sum.plus(target.summary.tally)),
        targets: targets.iter().map(|target| target.summary.clone()).collect(),
    };
    let assessment = Assessment {
        summary,
        targets,
        profile: waivers::profile(texts),
        waivers: Some(waivers::record(texts)),
    };
    (assessment, catalog(texts))
}

fn as_of() -> DateTime<Utc> {
    "2026-11-23T11:00:00Z".parse().unwrap()
}

const CONTROLS: &[(&str, &str, &str, &str)] = &[
    (
        "hba-no-trust",
        "Nobody is let in without authentication",
        "access/tcp",
        "critical",
    ),
    ("ssl-on", "Connections can be encrypted", "access/tcp", "high"),
    (
        "verifiers-scram",
        "Passwords are kept as SCRAM verifiers",
        "access/passwords",
        "high",
    ),
    (
        "standby-conflicts",
        "Standbys are told apart",
        "access/passwords",
        "low",
    ),
    (
        "server-room",
        "The server room is locked",
        "physical/room",
        "medium",
    ),
    (
        "provider-audited",
        "The provider is audited",
        "physical/room",
        "medium",
    ),
];

fn catalog(texts: Texts) -> Catalog {
    let section = |id: &str, title: &str| json!({"id": id, "title": texts.of(title), "summary": texts.of("What the section asks."), "origin": "guide"});
    let guide = json!({"title": texts.of("How to Secure PostgreSQL"), "chapters": [
        {"id": "access", "title": texts.of("Access"), "sections":
            [section("access/tcp", "TCP"), section("access/passwords", "Passwords")]},
        {"id": "physical", "title": texts.of("Places"), "sections": [section("physical/room", "Server room")]},
    ]});
    let mut files = BTreeMap::from([("controls/guide.yaml".to_owned(), guide.to_string().into_bytes())]);
    for (id, title, section, severity) in CONTROLS {
        let collector = match *id {
            "server-room" => "attestation",
            "provider-audited" => "certificate",
            "verifiers-scram" => "password-verifiers",
            _ => "hba",
        };
        let control = json!({
            "id": id, "section": section, "severity": severity,
            // A title is one line.
            "title": texts.of(title).replace('\n', " "),
            "rationale": texts.of("Whoever gets in unasked can read everything."),
            "remediation": texts.of("Replace the rule, then reload.\nSee pg_hba.conf."),
            "references": {format!("nist-800-53@r5{}", if texts.hostile { HOSTILE } else { "" }): [texts.of("IA-2")]},
            "parameters": {"minimum": texts.of("1.2")},
            "evidence": [{"collector": collector}],
            "population": texts.of("every rule the server has loaded, in order"),
            "where": "row.auth_method != 'reject'",
            "expect": "row.auth_method != '<trust>|`'",
            "exception": "line {{ row.line }}",
            "when_empty": "not-satisfied",
            "examples": [
                {"note": "good", "row": {"auth_method": "peer"}, "meets": true},
                {"note": "bad", "row": {"auth_method": "trust"}, "meets": false},
            ],
        });
        files.insert(
            format!("controls/{section}/{id}.yaml"),
            yaml(&control).into_bytes(),
        );
    }
    Catalog::from_files(files).unwrap_or_else(|error| panic!("{error}"))
}

/// YAML is a superset of JSON, where the parser keeps to it; escapes keep invisible characters out of the file.
fn yaml(value: &Value) -> String {
    let mut text = String::new();
    for c in value.to_string().chars() {
        match c {
            '\u{202e}' | '\u{200b}' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text
}

fn finding(texts: Texts, control: &str, status: Status, reason: &str) -> Finding {
    let (id, title, section, severity) = CONTROLS.iter().find(|(id, ..)| *id == control).unwrap();
    Finding {
        control: (*id).to_owned(),
        title: texts.of(title),
        section: (*section).to_owned(),
        severity: serde_json::from_value::<Severity>(json!(severity)).unwrap(),
        status,
        reason: texts.of(reason),
        decided_by: format!("controls/{section}/{id}.yaml:12"),
        evidence: None,
        evidence_sha256: None,
        population: 0,
        examined: 0,
        exceptions: Vec::new(),
        waived: Vec::new(),
        missing: Vec::new(),
        parameters: [("minimum".to_owned(), json!(texts.of("1.2")))]
            .into_iter()
            .collect(),
    }
}

fn reached(texts: Texts) -> TargetRecord {
    let evidence = evidence(texts);
    let exceptions: Vec<Exception> = (1..=60)
        .map(|line| Exception {
            line,
            text: texts.of(&format!("line {line} of pg_hba.conf: host app bob{line} trust")),
        })
        .collect();
    let seen = |mut finding: Finding, name: &str| {
        finding.evidence = Some(name.to_owned());
        finding.evidence_sha256 = Some(evidence[name].provenance.sha256.clone());
        finding.population = evidence[name].table.rows.len();
        finding.examined = finding.population;
        finding
    };
    let mut trust = seen(
        finding(
            texts,
            "hba-no-trust",
            Status::NotSatisfied,
            "60 of 61 rows do not meet it",
        ),
        "hba",
    );
    trust.exceptions = exceptions;
    let mut scram = finding(
        texts,
        "verifiers-scram",
        Status::NotEvaluated,
        "the role cannot see what the answer needs",
    );
    scram.evidence = Some("password-verifiers".to_owned());
    scram.missing = vec![texts.of("GRANT SELECT ON pg_catalog.pg_authid TO auditor;")];
    trust.waived = waivers::of_lines(&[2, 60]);
    let room = Finding {
        waived: waivers::of_lines(&[1]),
        exceptions: vec![Exception {
            line: 1,
            text: texts.of("room-2026: expired on 2026-10-31"),
        }],
        ..seen(
            finding(
                texts,
                "server-room",
                Status::NotSatisfied,
                "1 of 1 rows does not meet it",
            ),
            "server-room",
        )
    };
    let findings = vec![
        trust,
        seen(
            finding(texts, "ssl-on", Status::Satisfied, "all 61 rows meet it"),
            "hba",
        ),
        scram,
        finding(
            texts,
            "standby-conflicts",
            Status::NotApplicable,
            "the server is a primary",
        ),
        room,
        seen(
            finding(
                texts,
                "provider-audited",
                Status::Satisfied,
                "the only row meets it",
            ),
            "provider-audited",
        ),
    ];
    TargetRecord {
        summary: TargetSummary {
            id: "db1".to_owned(),
            connection: texts.of("host=db1 port=5432 dbname=postgres user=auditor"),
            tags: vec![texts.of("production")],
            site: Some(texts.of("Frankfurt")),
            server: Some(ServerIdentity {
                system_identifier: Some(texts.of("7391")),
                version: texts.of("PostgreSQL 17.10 on x86_64-linux"),
                version_num: 170_010,
                database: texts.of("postgres"),
                role: texts.of("auditor"),
                standby: false,
                platform: texts.of("self-managed"),
                address: texts.of("10.0.0.5:5432"),
                transport: texts.of("TLSv1.3 TLS13_AES_256_GCM_SHA384"),
            }),
            failure: None,
            warnings: vec![texts.of("the password file can be read by others")],
            tally: Tally::of(&findings),
        },
        evidence,
        findings,
        profile: None,
    }
}

fn unreached(texts: Texts) -> TargetRecord {
    let failure = "connection refused; check that the server runs";
    let findings: Vec<Finding> = CONTROLS
        .iter()
        .map(|(id, ..)| {
            finding(
                texts,
                id,
                Status::NotEvaluated,
                &format!("the server could not be reached: {failure}"),
            )
        })
        .collect();
    TargetRecord {
        summary: TargetSummary {
            id: "db2".to_owned(),
            connection: texts.of("host=db2 port=5432 dbname=postgres user=auditor"),
            tags: Vec::new(),
            site: None,
            server: None,
            failure: Some(texts.of(failure)),
            warnings: Vec::new(),
            tally: Tally::of(&findings),
        },
        evidence: BTreeMap::new(),
        findings,
        profile: None,
    }
}

fn evidence(texts: Texts) -> BTreeMap<String, Evidence> {
    let rules = (0..=60)
        .map(|line| json!({"line": line, "user": texts.of("bob")}))
        .collect();
    let room = json!({
        "id": "room-2026", "statement": texts.of("The room is locked and entries are logged."), "answer": "satisfied",
        "method": "examine", "performed_by": texts.of("Grace Hopper"), "performed_by_role": texts.of("facility manager"),
        "performed_by_organisation": texts.of("Acme Facilities"), "performed_at": "2026-08-01",
        "reviewer": texts.of("Edsger Dijkstra"), "valid_from": "2026-08-01", "expires_at": "2026-10-31",
        "state": "expired", "days_left": -23, "documents_missing": 0, "file": "attestations/room-2026.yaml",
        "documents": [{"name": texts.of("room.pdf"), "path": format!("attachments/{}.pdf", "e".repeat(64)),
            "sha256": "e".repeat(64), "size": 1234, "description": texts.of("photographs of the door"), "state": "present"}],
    });
    let certificate = json!({
        "id": "soc2-2026", "provider": texts.of("Cloud AG"), "issuer": texts.of("Auditors LLP"),
        "scheme": texts.of("SOC 2 Type II"), "number": texts.of("S-17"), "period_from": "2026-01-01",
        "period_to": "2026-12-31", "covers_period": true, "days_uncovered": 0, "sites": [texts.of("Frankfurt")],
        "covers_site": true, "exceptions_noted": [texts.of("one late access review")], "expires_at": "2026-12-31",
        "state": "valid", "days_left": 38, "reviewed_by": texts.of("Barbara Liskov"), "reviewed_at": "2026-09-01",
        "documents": [{"name": texts.of("soc2.pdf"), "description": texts.of("the report"), "state": "missing"}],
        "documents_missing": 1, "file": "attestations/soc2-2026.yaml",
    });
    let mut all: BTreeMap<String, Evidence> = [
        ("hba", "hba", rules),
        ("password-verifiers", "password-verifiers", Vec::new()),
        ("server-room", "attestation", vec![room]),
        ("provider-audited", "certificate", vec![certificate]),
    ]
    .into_iter()
    .map(|(name, collector, rows)| (name.to_owned(), table(texts, name, collector, rows)))
    .collect();
    let verifiers = &mut all.get_mut("password-verifiers").unwrap().provenance;
    verifiers.failure = Some(texts.of("permission denied for table pg_authid"));
    verifiers.visibility = Visibility::new(vec![Requirement {
        need: texts.of("SELECT on pg_catalog.pg_authid"),
        remedy: texts.of("GRANT SELECT ON pg_catalog.pg_authid TO auditor;"),
        held: false,
        columns: Vec::new(),
    }]);
    all
}

fn table(texts: Texts, name: &str, collector: &str, rows: Vec<Value>) -> Evidence {
    let rows: Vec<Row> = rows
        .into_iter()
        .map(|row| row.as_object().unwrap().clone())
        .collect();
    let columns = rows
        .first()
        .map(|row| row.keys().cloned().collect())
        .unwrap_or_default();
    let table = Table { columns, rows };
    let sql = texts.of("SELECT rule_number\n  FROM pg_hba_file_rules");
    Evidence {
        provenance: Provenance {
            name: name.to_owned(),
            collector: collector.to_owned(),
            collector_version: 1,
            arguments: json!({}),
            queries: if collector == "hba" {
                vec![Query {
                    table: texts.of("rules"),
                    database: texts.of("postgres"),
                    sql_sha256: sha256_hex(sql.as_bytes()),
                    sql,
                    snapshot: texts.of("750:750:"),
                    rows: table.rows.len(),
                }]
            } else {
                Vec::new()
            },
            derived_from: vec![RawTable {
                name: texts.of("rules"),
                columns: Vec::new(),
                rows: table.rows.len(),
                sha256: "f".repeat(64),
            }],
            host: None,
            commands: Vec::new(),
            inputs: Vec::new(),
            visibility: Visibility::new(Vec::new()),
            failure: None,
            notes: vec![texts.of("database `legacy` was skipped: it allows no connections")],
            started_at: as_of(),
            finished_at: as_of(),
            server_time: Some(texts.of("2026-11-23 11:00:00.001+00")),
            columns: table.columns.clone(),
            rows: table.rows.len(),
            sha256: sha256_hex(&table.to_ndjson()),
        },
        raw: BTreeMap::new(),
        table,
        written: Default::default(),
    }
}
