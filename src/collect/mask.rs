//! Masks secrets before anything else sees them.

use std::sync::OnceLock;

use regex::Regex;

/// What stands in place of a secret.
pub(super) const MASK: &str = "[masked]";

/// The text with passwords of connection strings, URIs, assignments and options masked.
pub(super) fn mask(text: &str) -> String {
    if !might_hold_a_secret(text) {
        return text.to_owned();
    }
    static ASSIGNMENT: OnceLock<Option<Regex>> = OnceLock::new();
    static URI: OnceLock<Option<Regex>> = OnceLock::new();
    // name = value, with the value bare, or quoted once by the connection string or a shell
    let assignment = ASSIGNMENT.get_or_init(|| {
        Regex::new(
            r#"(?i)([a-z0-9_-]*(?:passw(?:or)?d|passphrase|pwd|secret|token)[a-z0-9_-]*\s*[=:]\s*)('(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|[^\s'",;&]+)"#,
        )
        .ok()
    });
    let uri = URI.get_or_init(|| Regex::new(r"([A-Za-z][A-Za-z0-9+.-]*://[^\s:/@?#]*):([^\s@/]+)@").ok());
    let (Some(assignment), Some(uri)) = (assignment, uri) else {
        return MASK.to_owned();
    };
    let text = uri.replace_all(text, format!("$1:{MASK}@"));
    assignment
        .replace_all(&text, format!("${{1}}{MASK}"))
        .into_owned()
}

/// What shows by a setting's name that its whole value is a secret.
const SECRET_WORDS: [&str; 8] = [
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "private_key",
    "passphrase",
];

/// Whether a setting's whole value is a secret, by its name. Only names that extensions chose: the server's own names
/// that hold such words (`password_encryption`, `ssl_key_file`) are no secrets.
pub(super) fn is_secret_setting(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains('.') && SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// A column of settings in SQL, masked by the server itself where [`is_secret_setting`] holds for the column `name`:
/// what a row's other cells tell to be secret must not come here at all.
pub(super) fn masked_column(column: &str) -> String {
    let words = SECRET_WORDS.join("|");
    format!(
        "CASE WHEN {column} IS NOT NULL AND name LIKE '%.%' AND name ~* '({words})' THEN '{MASK}' ELSE {column} END AS {column}"
    )
}

/// Whether looking closer may pay: most text holds none of these words. This runs on every text of every row, so it
/// compares bytes and allocates nothing.
fn might_hold_a_secret(text: &str) -> bool {
    let bytes = text.as_bytes();
    let word_at = |index: usize, word: &[u8]| {
        bytes
            .get(index..index + word.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(word))
    };
    bytes.iter().enumerate().any(|(index, byte)| match byte {
        b'p' | b'P' => word_at(index, b"passw") || word_at(index, b"passphrase") || word_at(index, b"pwd"),
        b's' | b'S' => word_at(index, b"secret"),
        b't' | b'T' => word_at(index, b"token"),
        b':' => word_at(index, b"://"),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        for (text, secret) in [
            ("host=a password=hunter2 user=b", "hunter2"),
            ("host=a password = 'hun ter2' user=b", "hun ter2"),
            ("PGPASSWORD=hunter2 pg_basebackup", "hunter2"),
            ("curl --password=hunter2 x", "hunter2"),
            ("postgresql://u:hunter2@h/db", "hunter2"),
            ("postgresql://u@h/db?password=hunter2&x=1", "hunter2"),
            (r#"AWS_SECRET_ACCESS_KEY="hunter2" aws s3 cp"#, "hunter2"),
        ] {
            let masked = mask(text);
            assert!(!masked.contains(secret), "{text} → {masked}");
            assert!(masked.contains(MASK), "{text} → {masked}");
        }
        assert_eq!(
            mask("host=a password=x user=b"),
            format!("host=a password={MASK} user=b")
        );
    }

    proptest::proptest! {
        /// The re-performance kit compares what masking leaves with what the server says: it must know by either
        /// text that a secret may be there.
        #[test]
        fn what_is_masked_shows_before_and_after(
            parts in proptest::collection::vec("password|PwD|secret_|token|passphrase|passw|://|u:p|@|=|:| |'|\"|[a-z]{1,3}|\\\\|=x", 0..9)
        ) {
            let text = parts.concat();
            let masked = mask(&text);
            let shows = crate::reperform::may_hold_a_secret;
            proptest::prop_assert_eq!(shows(&text), shows(&masked), "{} → {}", text, masked);
            proptest::prop_assert!(masked == text || shows(&text), "{} → {}", text, masked);
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "scram-sha-256",
            "/etc/ssl/server.key",
            "https://example.com/a",
            "password authentication failed",
        ] {
            assert_eq!(mask(text), text);
        }
        assert!(!is_secret_setting("password_encryption"));
        assert!(is_secret_setting("vault.token"));
    }
}
