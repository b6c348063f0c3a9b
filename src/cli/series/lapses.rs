//! Statements that ended inside a period while nothing took their place.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::entry::Entry;
use super::problem::{Kind, Problem};
use crate::attestation::{Attested, Day, Statement, Subject, Validity};

/// A control of a target.
type About = (String, String);

/// The days on which a statement counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    from: Day,
    to: Day,
    statement: String,
}

pub(super) fn problems(entries: &[Entry], now: DateTime<Utc>) -> Vec<Problem> {
    let mut spans: BTreeMap<About, BTreeSet<Span>> = BTreeMap::new();
    let mut problems = Vec::new();
    // A statement that the next bundle brings covers the days of this one's period too.
    for entry in entries {
        match &entry.attested {
            Some(attested) => add(entry, attested, &mut spans),
            None => {
                let message =
                    "its attestations are withheld or cannot be understood, so none that lapsed shows";
                problems.push(Problem::new(
                    Kind::Unseen,
                    "series.attestations",
                    message,
                    [entry.id()],
                ));
            }
        }
    }
    for entry in entries {
        problems.extend(lapsed(entry, &spans, Day::of(now)));
    }
    problems
}

fn add(entry: &Entry, attested: &Attested, spans: &mut BTreeMap<About, BTreeSet<Span>>) {
    let controls: BTreeSet<&str> = attested.controls().map(|(control, _)| control).collect();
    for subject in subjects(entry) {
        for control in &controls {
            let superseded = attested.superseded(control, subject);
            for (id, statement) in attested.answering(control, subject) {
                let superseded_from = superseded.get(id).map(|(day, _)| *day);
                let (until, revoked_at) = match statement {
                    Statement::Attestation(one) => (one.expires_at, one.revoked_at),
                    Statement::Certificate(one) => (one.expires_at, None),
                };
                let validity = Validity {
                    from: statement.first_day(),
                    until,
                    superseded_from,
                    revoked_at,
                };
                let about = (
                    (*control).to_owned(),
                    subject.target.unwrap_or("any target").to_owned(),
                );
                spans.entry(about).or_default().insert(Span {
                    from: validity.from,
                    to: validity.last_day(),
                    statement: id.to_owned(),
                });
            }
        }
    }
}

/// The bundle's targets, or nobody in particular.
fn subjects(entry: &Entry) -> Vec<Subject<'_>> {
    let anybody = Subject {
        target: None,
        tags: &[],
        site: None,
    };
    let Some(summary) = &entry.summary else {
        return vec![anybody];
    };
    let targets = summary.targets.iter().map(|target| Subject {
        target: Some(&target.id),
        tags: &target.tags,
        site: target.site.as_deref(),
    });
    targets.collect()
}

fn lapsed(entry: &Entry, spans: &BTreeMap<About, BTreeSet<Span>>, today: Day) -> Vec<Problem> {
    let Some(period) = &entry.period else {
        return Vec::new();
    };
    let (first, last) = (Day::from(period.from), Day::from(period.to));
    // One statement mostly lapses for many targets at once.
    let mut lapses: BTreeMap<(&str, &Span, Option<Day>), Vec<&str>> = BTreeMap::new();
    for ((control, target), spans) in spans {
        for span in spans {
            let next = span.to.plus_days(1);
            let inside = first <= span.to && span.to < last && next <= today;
            let covered = |day: Day| spans.iter().any(|other| other.from <= day && day <= other.to);
            if inside && span.from <= span.to && !covered(next) {
                let again = spans
                    .iter()
                    .map(|other| other.from)
                    .filter(|from| *from > next)
                    .min();
                lapses.entry((control, span, again)).or_default().push(target);
            }
        }
    }
    lapses
        .into_iter()
        .map(|((control, span, again), targets)| {
            let until = again.map_or_else(
                || "and nothing has taken its place".to_owned(),
                |day| format!("and nothing took its place until {day}"),
            );
            let message = format!(
                "inside {}, `{}` ended on {} for `{control}` ({}), {until}",
                period.label,
                span.statement,
                span.to,
                targets.join(", ")
            );
            Problem::new(Kind::Exception, "series.lapsed", message, [entry.id()])
        })
        .collect()
}
