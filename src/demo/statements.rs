//! What the demo's people attest: some of it sound, one statement expired on purpose, one certificate with its PDF.

use std::path::Path;

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::DemoError;

/// Statements by file name; `{today}`, `{today-N}` and `{today+N}` stand for days.
const STATEMENTS: &[(&str, &str)] = &[
    ("server-room.yaml", include_str!("attestations/server-room.yaml")),
    (
        "provider-soc2.yaml",
        include_str!("attestations/provider-soc2.yaml"),
    ),
    (
        "restore-test-spring.yaml",
        include_str!("attestations/restore-test-spring.yaml"),
    ),
    (
        "storage-encryption.yaml",
        include_str!("attestations/storage-encryption.yaml"),
    ),
];

/// Writes the demo's attestations, with their documents, into a folder.
///
/// # Errors
/// [`DemoError::File`].
pub fn write_statements(folder: &Path, as_of: DateTime<Utc>) -> Result<(), DemoError> {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|source| DemoError::File { path, source })
    };
    for (name, text) in STATEMENTS {
        put(name, with_days(text, as_of.date_naive()).as_bytes())?;
    }
    put("access-list.csv", include_bytes!("attestations/access-list.csv"))?;
    put("soc2-report.pdf", include_bytes!("attestations/soc2-report.pdf"))
}

fn with_days(text: &str, today: NaiveDate) -> String {
    // The first line tells an editor where the schema lies here; it lies elsewhere for whoever reads the bundle.
    let text = match text.split_once('\n') {
        Some((first, rest)) if first.starts_with("# yaml-language-server:") => rest,
        _ => text,
    };
    let mut parts = text.split("{today");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (offset, rest) = part.split_once('}').unwrap_or(("", part));
        let days = Days::new(offset.trim_start_matches(['+', '-']).parse().unwrap_or(0));
        let day = if offset.starts_with('-') {
            today.checked_sub_days(days)
        } else {
            today.checked_add_days(days)
        };
        out.push_str(&day.unwrap_or(today).to_string());
        out.push_str(rest);
    }
    out
}
