//! Names that have a meaning in every bundle.

pub(crate) const MANIFEST: &str = "MANIFEST.sha256";
pub(crate) const STATEMENT: &str = "statement.json";
pub(crate) const HAND_CHECK: &str = "VERIFY.md";
pub(crate) const LEAVES: &str = "chain/leaves.txt";
/// The roots over the rows of records.
pub(crate) const COMMITMENTS: &str = "commitments.txt";
pub(crate) const SIGNATURES: &str = "signatures/";
/// Where reviews lie, each in an envelope of its own.
pub(crate) const REVIEWS: &str = "reviews/";
/// Where a redacted copy has its signed statement.
pub(crate) const REDACTION: &str = "redaction/";
/// Where a redacted copy has what it shows of files that it does not have.
pub(crate) const REDACTED: &str = "redacted/";
pub(crate) const REDACTED_SUFFIX: &str = ".rows.ndjson";
pub(crate) const ATTACHMENTS: &str = "attachments/";
pub(crate) const SIGSTORE_SUFFIX: &str = ".sigstore.json";
pub(crate) const SSHSIG_SUFFIX: &str = ".sshsig";

/// Whether the manifest leaves this file out: itself, what names the manifest, what signs that, and what reviews and a
/// redaction add.
pub(crate) fn is_unlisted(path: &str) -> bool {
    path == MANIFEST
        || path == STATEMENT
        || path.starts_with(SIGNATURES)
        || path.starts_with(REVIEWS)
        || is_of_redaction(path)
}

/// Whether only redacted copies have this file.
pub(crate) fn is_of_redaction(path: &str) -> bool {
    path.starts_with(REDACTION) || path.starts_with(REDACTED)
}

/// Whether no copy can do without this file.
pub(crate) fn is_needed(path: &str) -> bool {
    [LEAVES, COMMITMENTS, HAND_CHECK].contains(&path) || is_unlisted(path)
}

/// Whether sealing makes this file, so that no caller may bring it.
pub(crate) fn is_made_by_sealing(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    [MANIFEST, STATEMENT, HAND_CHECK, COMMITMENTS]
        .iter()
        .any(|made| path == made.to_ascii_lowercase())
        || path.starts_with(SIGNATURES)
        || path.starts_with(REVIEWS)
        || is_of_redaction(&path)
        || path.starts_with("chain/")
}

/// Whether this file is a record of ours, so JSON in it must be free of duplicate keys; an attachment is its author's.
pub(crate) fn is_record(path: &str) -> bool {
    (path.ends_with(".json") || path.ends_with(".ndjson")) && !path.starts_with(ATTACHMENTS)
}

/// The common part of the names of one signer's files.
pub(crate) fn signature_stem(role: &str, short_keyid: &str) -> String {
    format!("{SIGNATURES}{role}-{short_keyid}")
}

/// Whether `role` can be part of a file's name: lowercase letters, digits and inner hyphens, at most 32.
pub(crate) fn is_role(role: &str) -> bool {
    (1..=32).contains(&role.len())
        && !role.starts_with('-')
        && !role.ends_with('-')
        && role
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
