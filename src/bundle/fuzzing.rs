//! The parsers of a bundle's files, for fuzzers: what they took, as they would write it.

use super::json::check_record;
use super::limits::Limits;
use super::manifest::Manifest;
use super::statement::Statement;

/// Whether it is a strict record.
pub(crate) fn record(path: &str, bytes: &[u8]) -> bool {
    check_record(path, bytes, Limits::default().line_bytes).is_ok()
}

/// A manifest.
pub(crate) fn manifest(bytes: &[u8]) -> Option<Vec<u8>> {
    Manifest::parse(bytes).ok().map(|manifest| manifest.to_bytes())
}

/// A statement.
pub(crate) fn statement(bytes: &[u8]) -> Option<Vec<u8>> {
    Statement::parse(bytes).ok().map(|statement| statement.to_bytes())
}
