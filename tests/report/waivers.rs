//! Waivers and a profile's exclusions, of every kind that a report shows.

use pgdossier::finding::Waived;
use pgdossier::profile::Profile;
use pgdossier::waiver::WaiverRecord;
use serde_json::{Value, json};

use super::{CONTROLS, Texts};

/// The waiver that counts.
const VALID: &str = "waivers/local.yaml:4";

pub(super) fn of_lines(lines: &[usize]) -> Vec<Waived> {
    let waived = lines.iter().map(|line| Waived {
        line: Some(*line),
        by: VALID.to_owned(),
    });
    waived.collect()
}

/// One that counts, and one for each reason why a waiver does not.
pub(super) fn record(texts: Texts) -> WaiverRecord {
    let absent = json!({"state": "absent"});
    let mut failing = waiver(texts, "g.yaml", "valid", 400, 0, &absent);
    failing["failure"] = json!(texts.of("on row 3: no such key: user"));
    let mut unseen = waiver(texts, "h.yaml", "valid", 400, 0, &absent);
    unseen["unseen"] = json!([texts.of("db2")]);
    let accepted = json!({"state": "accepted", "owners": [texts.of("Ann")]});
    let mut local = waiver(texts, "local.yaml", "valid", 30, 3, &accepted);
    local["line"] = json!(4);
    let record = json!({
        "rules": {"longest": 366, "signatures": 1},
        "waivers": [
            waiver(texts, "a.yaml", "expired", -1, 2, &accepted),
            waiver(texts, "b.yaml", "not-yet-valid", 90, 0, &absent),
            waiver(texts, "c.yaml", "too-long", 900, 0, &absent),
            waiver(texts, "d.yaml", "refused", 90, 0, &json!({"state": "refused", "reason": texts.of("changed")})),
            waiver(texts, "e.yaml", "unsigned", 90, 0, &json!({"state": "unchecked", "keys": [texts.of("0123")]})),
            waiver(texts, "f.yaml", "valid", 400, 0, &absent),
            failing, unseen, local,
        ],
    });
    serde_json::from_value(record).unwrap()
}

fn waiver(texts: Texts, file: &str, state: &str, left: i64, matched: usize, signature: &Value) -> Value {
    let person = |name: &str| json!({"name": texts.of(name), "role": texts.of("owner"), "organisation": texts.of("Acme"), "contact": null});
    json!({
        "file": format!("waivers/{file}"), "line": 1, "control": texts.of("hba-no-trust"),
        "targets": [texts.of("db1")], "tags": [texts.of("production")], "rows": texts.of("row.type == 'local'"),
        "words": {
            "reason": texts.of("The old client cannot."),
            "compensating_control": {
                "constraints": texts.of("The vendor is gone."), "objective": texts.of("Nobody gets in."),
                "risk": texts.of("A local account."), "measures": texts.of("One account on the host."),
                "validation": texts.of("Tried."), "maintenance": texts.of("Each quarter."),
            },
            "requested_by": person("Bob"), "approved_by": person("Ann"), "ticket": texts.of("SEC-1"),
            "risk": {"before": "high", "after": "low"}, "approved_at": "2026-11-01", "expires_at": "2026-12-23",
        },
        "signature": signature, "state": state, "days_left": left, "matched": matched,
    })
}

/// All controls, one of which somebody excluded.
pub(super) fn profile(texts: Texts) -> Profile {
    let controls: Vec<&str> = CONTROLS.iter().map(|(id, ..)| *id).collect();
    let profile = json!({
        "name": texts.of("default"), "controls": controls, "parameters": {},
        "excluded": {"standby-conflicts": {
            "reason": texts.of("There is no standby."), "decided_by": texts.of("Eve"), "decided_at": "2026-10-01",
        }},
    });
    serde_json::from_value(profile).unwrap()
}
