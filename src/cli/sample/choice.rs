//! Which rows are chosen: a lottery that anybody can hold again with a SHA-256.

use serde::Serialize;

use super::population::Population;
use crate::evidence::{Row, sha256_hex};

/// The method, as worksheets state it.
pub(super) const METHOD: &str = "The population are the rows that the control is about, those \
for which its `where` holds. Each of them has a ticket: the SHA-256, in hexadecimal, of four lines \
joined by line feeds (none at the end): the seed, the SHA-256 of the bundle's statement.json, the path of the row's file \
in the bundle, and the number of its line, from 1. Tickets are sorted, and the first ones win.";

/// One ticket, with a shell alone.
pub(super) const BY_HAND: &str = "printf '%s\\n%s\\n%s\\n%s' SEED STATEMENT_SHA256 PATH LINE | sha256sum";

/// A chosen row.
#[derive(Debug, Serialize)]
pub(super) struct Item {
    /// From 1, in the order of tickets.
    pub(super) rank: usize,
    pub(super) ticket: String,
    pub(super) target: String,
    pub(super) file: String,
    pub(super) line: usize,
    /// What the bundle's finding says of the row: `meets`, `exception` or `not-evaluated`.
    pub(super) judged: &'static str,
    pub(super) row: Row,
}

/// The first `size` rows by their tickets.
pub(super) fn choose(population: &Population, seed: &str, statement_sha256: &str, size: u32) -> Vec<Item> {
    let mut tickets: Vec<(String, usize)> = population
        .rows
        .iter()
        .enumerate()
        .map(|(index, row)| (ticket(seed, statement_sha256, &row.file, row.line), index))
        .collect();
    tickets.sort();
    let winners = tickets
        .into_iter()
        .take(usize::try_from(size).unwrap_or(usize::MAX));
    let rows = winners.filter_map(|(ticket, index)| Some((ticket, population.rows.get(index)?)));
    (1..)
        .zip(rows)
        .map(|(rank, (ticket, row))| Item {
            rank,
            ticket,
            target: row.target.clone(),
            file: row.file.clone(),
            line: row.line,
            judged: row.judged,
            row: row.row.clone(),
        })
        .collect()
}

fn ticket(seed: &str, statement_sha256: &str, file: &str, line: usize) -> String {
    sha256_hex(format!("{seed}\n{statement_sha256}\n{file}\n{line}").as_bytes())
}
