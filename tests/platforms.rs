//! Managed platforms: what the provider holds is answered by a provider's certificate, never by a pass.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub, dead_code)] // a test may stop on the first surprise

#[path = "catalog/hardened/statements.rs"]
mod statements;

use std::collections::BTreeMap;

use pgdossier::assessment::Period;
use pgdossier::attestation::{Attested, Subject};
use pgdossier::collect::{self, Deriving, Plan, Reading};
use pgdossier::control::{Catalog, TargetFacts};
use pgdossier::evaluate::{Evaluating, evaluate};
use pgdossier::evidence::{Evidence, Provenance, Requirement, Visibility, Written};
use pgdossier::finding::{Finding, Status};
use pgdossier::profile::Profile;
use serde_json::json;
use statements::{Given, People};

/// What the provider of a managed platform holds.
const PROVIDERS: &[&str] = &["provider-operates-host", "provider-encrypts-storage"];

/// The findings on a server that shows this platform, of which nothing but statements was collected.
fn findings(catalog: &Catalog, platform: &str, attested: &Attested) -> Vec<Finding> {
    let profile = Profile::shipped("strict", catalog).unwrap();
    let facts = TargetFacts {
        major: Some(17),
        platform: Some(platform.to_owned()),
    };
    let plan = Plan::new(catalog, &profile, &facts);
    let period = Period::parse("2026-Q4").unwrap();
    let mut evidence = BTreeMap::new();
    for (name, planned) in &plan.evidence {
        let reading = Reading {
            control: planned.control,
            subject: Subject {
                target: Some("server"),
                tags: &[],
                site: None,
            },
            attested,
            documents: &People::documents(),
        };
        let Some(read) = planned.collector.read(&reading) else {
            continue;
        };
        let context = Deriving {
            arguments: planned.arguments,
            catalog,
            as_of: "2026-11-23T09:00:00Z".parse().unwrap(),
            period: &period,
            site: None,
            inputs: &BTreeMap::new(),
        };
        let missing = read.missing.map(|(need, remedy)| Requirement {
            need,
            remedy,
            held: false,
            columns: Vec::new(),
        });
        let raw = BTreeMap::from([("statements".to_owned(), read.table)]);
        let table = planned.collector.derive(&raw, &context).unwrap();
        let provenance = json!({
            "name": name, "collector": planned.collector.name(), "collector_version": 1, "arguments": {},
            "visibility": Visibility::new(missing.into_iter().collect()), "columns": table.columns,
            "rows": table.rows.len(), "sha256": "", "started_at": context.as_of, "finished_at": context.as_of,
        });
        let provenance: Provenance = serde_json::from_value(provenance).unwrap();
        let written = Written::default();
        evidence.insert(
            name.clone(),
            Evidence {
                provenance,
                raw,
                table,
                written,
            },
        );
    }
    evaluate(Evaluating {
        catalog,
        profile: &profile,
        facts: &facts,
        failure: None,
        evidence: &evidence,
        assignments: &plan.assignments,
    })
}

fn status(findings: &[Finding], control: &str) -> Status {
    let found = findings.iter().find(|finding| finding.control == control);
    found.unwrap_or_else(|| panic!("no finding for {control}")).status
}

#[test]
fn what_the_provider_holds_is_certified_and_never_passed() {
    let catalog = Catalog::embedded().unwrap();
    catalog.compile().unwrap_or_else(|problems| panic!("{problems}"));
    let people = People::of(&catalog);
    for platform in ["rds", "aurora", "cloud-sql", "azure"] {
        let silent = findings(&catalog, platform, &Attested::default());
        let sound = findings(&catalog, platform, &people.statements(None));
        for control in PROVIDERS {
            assert_eq!(
                status(&silent, control),
                Status::NotEvaluated,
                "{platform} {control}"
            );
            assert_eq!(status(&sound, control), Status::Satisfied, "{platform} {control}");
            for given in [Given::Expired, Given::NotSatisfied] {
                let unsound = findings(&catalog, platform, &people.statements(Some((control, given))));
                let raised: Vec<&str> = unsound
                    .iter()
                    .filter(|finding| finding.status == Status::NotSatisfied)
                    .map(|finding| finding.control.as_str())
                    .collect();
                assert_eq!(raised, [*control], "{platform} {given:?}");
            }
        }
        // The host is out of sight there: no control about it may have anything but the certificate speak for it.
        for control in &catalog.controls {
            let requests = control.evidence.iter();
            let mut collectors = requests.filter_map(|request| collect::collector(&request.collector));
            if collectors.any(|collector| collector.reads_host()) {
                assert_eq!(
                    status(&sound, &control.id),
                    Status::NotApplicable,
                    "{}",
                    control.id
                );
            }
        }
    }
}

#[test]
fn a_server_of_ones_own_needs_no_provider() {
    let catalog = Catalog::embedded().unwrap();
    catalog.compile().unwrap_or_else(|problems| panic!("{problems}"));
    let own = findings(&catalog, "self-managed", &Attested::default());
    for control in PROVIDERS {
        assert_eq!(status(&own, control), Status::NotApplicable, "{control}");
    }
}
