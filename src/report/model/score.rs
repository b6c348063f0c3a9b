//! The score as it is, with what rests on people's word, and with what is waived.

use serde::Serialize;

use crate::assessment::TargetRecord;
use crate::finding::{Score, Status};

#[derive(Serialize)]
pub(super) struct ScoreView {
    /// `80 % (8 of 10)`.
    raw: String,
    /// How many of the satisfied findings rest on what people or third parties state.
    attested: usize,
    /// Findings with exceptions, all of which are waived.
    waived: usize,
    with_waivers: String,
}

impl ScoreView {
    pub(super) fn of(targets: &[&TargetRecord]) -> Self {
        let score = Score::of(targets.iter().flat_map(|target| &target.findings));
        let shown = |percent: Option<usize>, good: usize| match percent {
            Some(percent) => format!("{percent} % ({good} of {})", score.applicable),
            None => "nothing applies".to_owned(),
        };
        Self {
            raw: shown(score.raw(), score.satisfied),
            attested: targets.iter().map(|target| attested_in(target)).sum(),
            waived: score.waived,
            with_waivers: shown(score.with_waivers(), score.satisfied + score.waived),
        }
    }
}

fn attested_in(target: &TargetRecord) -> usize {
    let good = |finding: &&crate::finding::Finding| finding.status == Status::Satisfied;
    let findings = target.findings.iter().filter(good);
    findings
        .filter(|finding| is_attested(target, finding.evidence.as_deref()))
        .count()
}

/// Whether an evidence is what people or third parties state.
pub(super) fn is_attested(target: &TargetRecord, evidence: Option<&str>) -> bool {
    evidence
        .and_then(|name| target.evidence.get(name))
        .is_some_and(|evidence| {
            ["attestation", "certificate"].contains(&evidence.provenance.collector.as_str())
        })
}
