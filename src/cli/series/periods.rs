//! Whether the periods follow each other without gaps, and each was assessed in time.

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::entry::Entry;
use super::problem::{Kind, Problem};
use crate::assessment::Period;

pub(super) fn problems(entries: &[Entry], late_after: i64, now: DateTime<Utc>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for entry in entries {
        problems.extend(untimely(entry, late_after));
    }
    let mut periods: Vec<(&Period, &str)> = entries
        .iter()
        .filter_map(|entry| Some((entry.period.as_ref()?, entry.id())))
        .collect();
    periods.sort_by_key(|(period, _)| (period.from, period.to));
    let mut covered: Option<(NaiveDate, &str)> = None;
    for (period, id) in &periods {
        if let Some((until, before)) = covered
            && let Some(gap) = days_between(until, period.from)
        {
            let message = format!("no bundle is for {gap}");
            problems.push(Problem::new(Kind::Exception, "series.gap", message, [before, id]));
        }
        if covered.is_none_or(|(until, _)| until < period.to) {
            covered = Some((period.to, id));
        }
    }
    problems.extend(overdue(&periods, late_after, now));
    problems
}

/// The days strictly between two, in words.
fn days_between(last: NaiveDate, next: NaiveDate) -> Option<String> {
    let (from, to) = (last.succ_opt()?, next.pred_opt()?);
    (from <= to).then(|| format!("{from} to {to}"))
}

fn untimely(entry: &Entry, late_after: i64) -> Option<Problem> {
    let Some(period) = &entry.period else {
        let message = format!(
            "its period `{}` is none that this program knows",
            entry.predicate.period
        );
        return Some(Problem::new(Kind::Unseen, "series.period", message, [entry.id()]));
    };
    let day = entry.predicate.as_of.date_naive();
    let late = (day - period.to).num_days();
    if late > late_after {
        let message = format!("it is of {day}, {late} days after the end of {}", period.label);
        return Some(Problem::new(
            Kind::Exception,
            "series.late",
            message,
            [entry.id()],
        ));
    }
    (day < period.from).then(|| {
        let message = format!("it is of {day}, before {} began", period.label);
        Problem::new(Kind::Exception, "series.early", message, [entry.id()])
    })
}

/// A period of the same length after the latest one that is over, and was not assessed in time.
fn overdue(periods: &[(&Period, &str)], late_after: i64, now: DateTime<Utc>) -> Option<Problem> {
    let (latest, id) = periods.iter().max_by_key(|(period, _)| period.to)?;
    let length = u64::try_from((latest.to - latest.from).num_days()).ok()?;
    let from = latest.to.succ_opt()?;
    let to = from.checked_add_days(Days::new(length))?;
    let days = (now.date_naive() - to).num_days();
    (days > late_after).then(|| {
        let message = format!("no bundle is for the time since {from}, and the next one was due {late_after} days after about {to}");
        Problem::new(Kind::Exception, "series.overdue", message, [id])
    })
}
