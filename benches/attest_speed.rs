//! How fast ten thousand attestations are read and judged.
//!
//! `cargo bench --bench attest_speed` prints both; the best of five runs counts.
#![allow(clippy::print_stdout, clippy::unwrap_used)] // a bench prints, and may stop on the first surprise

use std::time::{Duration, Instant};

use pgdossier::assessment::Period;
use pgdossier::attestation::Subject;
use pgdossier::collect::{self, Keep};
use pgdossier::control::Catalog;

const STATEMENTS: usize = 10_000;
const ROUNDS: usize = 5;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..STATEMENTS {
        let text = format!(
            "kind: attestation\ncontrols: [storage-encrypted]\ntargets: [db{number}, server]\nstatement: >-\n  The data directory \
             and the write-ahead log lie on a LUKS2 volume.\nanswer: satisfied\nmethod: examine\nperformed_by: {{ name: \
             Priya Nair, role: database engineer }}\nperformed_at: 2026-11-01\nexpires_at: 2027-04-30\n"
        );
        std::fs::write(folder.path().join(format!("s{number}.yaml")), text).unwrap();
    }
    let catalog = Catalog::embedded().unwrap();
    catalog.compile().unwrap();
    let control = catalog.control("storage-encrypted").unwrap();
    let period = Period::parse("2026-Q4").unwrap();
    let as_of = "2026-11-23T09:00:00Z".parse().unwrap();
    let subject = Subject {
        target: Some("server"),
        tags: &[],
        site: None,
    };
    let (mut reading, mut judging) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let read = collect::read_attestations(folder.path(), Keep::Copies).unwrap();
        reading = reading.min(began.elapsed());
        let began = Instant::now();
        let about = ("attestation", control.id.as_str());
        let rows = collect::attested_rows(about, subject, &read, &catalog, &period, as_of);
        let mut expect = control.expect.evaluator(&control.parameters).unwrap();
        let good = rows.iter().filter(|row| expect.holds(row).unwrap()).count();
        judging = judging.min(began.elapsed());
        assert_eq!(good, STATEMENTS);
    }
    println!("{STATEMENTS} attestations: read in {reading:.0?}, judged in {judging:.0?}");
}
