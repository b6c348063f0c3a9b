//! The sample as a list for spreadsheets and as a worksheet for the auditor's conclusions.

use std::fmt::Write as _;

use serde_json::Value;

use super::choice::Item;
use super::population::Population;
use super::{Sample, whole};
use crate::bundle::IntactBundle;
use crate::escape;
use crate::evidence::Row;

/// One line an item: what it is, its cells, and empty columns for the auditor.
pub(super) fn csv(sample: &Sample<'_>, population: &Population) -> String {
    let fixed = ["rank", "target", "file", "line", "judged"];
    let open = ["tested how", "result", "evidence", "remarks", "ticket"];
    let own = population.columns.iter().map(|column| format!("row.{column}"));
    let header = fixed.into_iter().map(str::to_owned).chain(own);
    let mut text = csv_line(header.chain(open.into_iter().map(str::to_owned)));
    for item in sample.items {
        let fixed = [
            item.rank.to_string(),
            item.target.clone(),
            item.file.clone(),
            item.line.to_string(),
            item.judged.to_owned(),
        ];
        let cells = population.columns.iter().map(|column| cell(&item.row, column));
        let open = ["", "", "", "", &item.ticket].map(str::to_owned);
        text.push_str(&csv_line(fixed.into_iter().chain(cells).chain(open)));
    }
    text
}

fn csv_line(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.map(|cell| escape::csv(&cell)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell as people read it: text as it is, everything else as JSON.
fn cell(row: &Row, column: &str) -> String {
    match row.get(column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

pub(super) fn markdown(sample: &Sample<'_>, population: &Population, bundle: &IntactBundle) -> String {
    let about = &bundle.statement().predicate;
    let verified = if sample.verified {
        "yes, against the trust policy of whoever drew this sample"
    } else {
        "no: who sealed the bundle was not checked"
    };
    let size = format!(
        "{} asked, {} drawn{}",
        sample.asked,
        sample.items.len(),
        whole(sample)
    );
    let count = format!("{} rows: {}", sample.population, population.control.population);
    let mut text = format!(
        "# Sample: {}\n\n| | |\n|---|---|\n",
        escape::markdown(&population.control.title)
    );
    for (name, value) in [
        ("Control", sample.control),
        ("Expectation", population.control.expect.source.as_str()),
        (
            "Where",
            population
                .control
                .filter
                .as_ref()
                .map_or("all rows", |filter| &filter.source),
        ),
        ("Organisation", about.organisation.as_str()),
        ("Period", about.period.as_str()),
        ("Bundle", sample.bundle_id),
        ("SHA-256 of its statement", sample.statement_sha256.as_str()),
        ("Verified", verified),
        ("Population", count.as_str()),
        ("Sample size", size.as_str()),
        ("Seed", sample.seed),
    ] {
        let _ = writeln!(text, "| {name} | {} |", escape::markdown(value));
    }
    let by_hand = escape::markdown_block("sh", sample.by_hand);
    let _ = write!(
        text,
        "\n## Method\n\n{} By hand:\n\n{by_hand}\n",
        escape::markdown(sample.method)
    );
    write_subjects(&mut text, sample);
    text.push_str("\n## Items\n");
    if sample.items.is_empty() {
        text.push_str("\nThe population has no row that could be chosen.\n");
    }
    for item in sample.items {
        write_item(&mut text, item, &population.columns);
    }
    text.push_str(
        "\n## Conclusion\n\n| | |\n|---|---|\n| Items tested | |\n| Exceptions | |\n| Conclusion | |\n\
         | Performed by, date | |\n| Reviewed by, date | |\n",
    );
    text
}

fn write_subjects(text: &mut String, sample: &Sample<'_>) {
    text.push_str("\n## Population\n\n| target | rows | of the population | finding |\n|---|---|---|---|\n");
    for subject in sample.subjects {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            escape::markdown(&subject.target),
            subject.rows,
            subject.population,
            escape::markdown(&subject.finding)
        );
    }
    let hidden: Vec<String> = sample
        .subjects
        .iter()
        .flat_map(|subject| {
            subject
                .hidden
                .iter()
                .map(move |hidden| format!("{}: {hidden}", subject.target))
        })
        .collect();
    if !hidden.is_empty() {
        text.push_str("\n**Not in the population, for nobody sees it:**\n\n");
        for line in hidden {
            let _ = writeln!(text, "- {}", escape::markdown(&line));
        }
    }
}

fn write_item(text: &mut String, item: &Item, columns: &[String]) {
    let _ = write!(
        text,
        "\n### {}. {}, line {}\n\n{}\n\n| column | value |\n|---|---|\n",
        item.rank,
        escape::markdown(&item.target),
        item.line,
        escape::markdown(&item.file)
    );
    for column in columns {
        let (name, value) = (escape::markdown(column), cell(&item.row, column));
        let _ = writeln!(text, "| {name} | {} |", escape::markdown(&value));
    }
    let _ = write!(
        text,
        "\nJudged: {}. Ticket: {}\n\n- [ ] agrees with the source\n- [ ] exception\n- [ ] could not be tested\n\n\
         | | |\n|---|---|\n| Tested how | |\n| Evidence | |\n| Remarks | |\n",
        item.judged, item.ticket
    );
}
