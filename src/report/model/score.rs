//! The score as it is, with what rests on people's word, and with what is waived.

use serde::Serialize;

use crate::assessment::TargetRecord;

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
        let score = TargetRecord::score_of(targets.iter().copied());
        let shown = |percent: Option<usize>, good: usize| match percent {
            Some(percent) => format!("{percent} % ({good} of {})", score.applicable),
            None => "nothing applies".to_owned(),
        };
        Self {
            raw: shown(score.raw(), score.satisfied),
            attested: score.attested,
            waived: score.waived,
            with_waivers: shown(score.with_waivers(), score.satisfied + score.waived),
        }
    }
}
