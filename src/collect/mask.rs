//! Masks secrets before anything else sees them.

use std::sync::OnceLock;

use regex::{Captures, Match, Regex};

/// What stands in place of a secret.
pub(super) const MASK: &str = "[masked]";

/// What the server itself puts in place of a part of a text, so that it says the same when it is asked again.
const WITHHELD: &str = "[withheld]";

/// The text with passwords of connection strings, URIs, assignments and options masked.
pub(super) fn mask(text: &str) -> String {
    if !might_hold_a_secret(text) {
        return text.to_owned();
    }
    static ASSIGNMENT: OnceLock<Option<Regex>> = OnceLock::new();
    static URI: OnceLock<Option<Regex>> = OnceLock::new();
    // name = value, with the value bare, or quoted once by the connection string or a shell. A bare value ends with a
    // blank that no backslash takes the meaning of: quotes, commas and semicolons are parts of a password.
    let assignment = ASSIGNMENT.get_or_init(|| {
        Regex::new(
            r#"(?i)([a-z0-9_-]*(?:passw(?:or)?d|passphrase|pwd|secret|token)[a-z0-9_-]*\s*[=:]\s*)('(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|(?:\\.|[^\s\\])+)"#,
        )
        .ok()
    });
    // Up to the last at sign: a password that holds one is written without escaping it.
    let uri = URI.get_or_init(|| Regex::new(r"([A-Za-z][A-Za-z0-9+.-]*://[^\s:/@?#]*):([^\s/]+)@").ok());
    let (Some(assignment), Some(uri)) = (assignment, uri) else {
        return MASK.to_owned();
    };
    let text = uri.replace_all(text, format!("$1:{MASK}@"));
    assignment
        .replace_all(&text, |found: &Captures<'_>| {
            let part = |index| found.get(index).map_or("", |part: Match<'_>| part.as_str());
            let before = text.get(..found.get(0).map_or(0, |all| all.start()));
            // A URI's parameter ends where the next begins.
            let in_uri = before.is_some_and(|before| before.ends_with(['?', '&']));
            let rest = part(2)
                .find('&')
                .filter(|_| in_uri)
                .and_then(|at| part(2).get(at..));
            format!("{}{MASK}{}", part(1), rest.unwrap_or_default())
        })
        .into_owned()
}

/// What shows by a setting's name that its whole value is a secret, as a regular expression of PostgreSQL and of here.
const SECRET_NAMES: &str =
    "password|passwd|secret|token|api_?key|private_?key|passphrase|credential|jwt|[._]key$";

/// Namespaces whose settings are known, whether or not their library is loaded in the session that asks.
const KNOWN_NAMESPACES: &str =
    "pgaudit|auth_delay|auto_explain|credcheck|pg_stat_statements|plpgsql|set_user";

/// Settings that are commands of a shell: their arguments may be secrets in any form.
const COMMANDS: &str =
    "'archive_command', 'restore_command', 'archive_cleanup_command', 'recovery_end_command'";

/// What may stand in a command without being a secret: what the server puts in, paths, switches, operators of the shell
/// and the words of common archiving programs.
const HARMLESS: &str = r#"["']?%[pfr]["']?|-[A-Za-z]|--[a-z-]+|--(stanza|config|pg1-path)=[\w./%-]+|["']?[/.~$%][\w./%-]*["']?|[0-9]?[<>|&;!()]+[0-9]?|[0-9]|\[|\]|cp|mv|rsync|scp|ssh|test|cat|gzip|zstd|lz4|xz|tar|sh|bash|sudo|env|nice|true|false|exit|if|then|else|fi|archive-push|archive-get|wal-push|wal-fetch|wal-archive|wal-restore"#;

/// Whether a setting's whole value is a secret, by its name. Only names that extensions chose: the server's own names
/// that hold such words (`password_encryption`, `ssl_key_file`) are no secrets.
pub(super) fn is_secret_setting(name: &str) -> bool {
    static NAMES: OnceLock<Option<Regex>> = OnceLock::new();
    let names = NAMES.get_or_init(|| Regex::new(&format!("(?i){SECRET_NAMES}")).ok());
    name.contains('.') && names.as_ref().is_none_or(|names| names.is_match(name))
}

/// A column of `pg_settings` in SQL, masked by the server itself: what a row's other cells tell to be secret must not
/// come here at all.
pub(super) fn masked_setting(column: &str) -> String {
    format!(
        "CASE WHEN {column} IS NULL THEN NULL
            WHEN name LIKE '%.%' AND name ~* '{SECRET_NAMES}' THEN '{MASK}'
            WHEN name = 'ssl_passphrase_command' OR name IN ({COMMANDS}) THEN {}
            ELSE {column} END AS {column}",
        masked_command("name", column)
    )
}

/// A setting of `pg_file_settings f`, masked likewise. A name of which no loaded library knows may stand for anything
/// that an application keeps there. Masked commands look alike, so that one that does not run says so.
pub(super) fn masked_in_file() -> String {
    format!(
        "CASE WHEN f.setting IS NULL THEN NULL
            WHEN {} THEN '{MASK}'
            WHEN f.name = 'ssl_passphrase_command' OR f.name IN ({COMMANDS})
            THEN {} || CASE WHEN f.setting <> (SELECT g.setting FROM pg_settings g WHERE g.name = f.name)
                            THEN ' [not what runs]' ELSE '' END
            ELSE f.setting END AS setting",
        secret_by_name("f.name"),
        masked_command("f.name", "f.setting")
    )
}

/// An entry `name=value` of `pg_db_role_setting`, masked likewise.
pub(super) fn masked_entry(entry: &str) -> String {
    let name = format!("split_part({entry}, '=', 1)");
    format!(
        "CASE WHEN {} THEN {name} || '={WITHHELD}' ELSE {entry} END AS entry",
        secret_by_name(&name)
    )
}

/// Whether the setting of this name holds a secret, or what nobody knows, in SQL.
fn secret_by_name(name: &str) -> String {
    format!(
        "{name} LIKE '%.%' AND ({name} ~* '{SECRET_NAMES}' OR {name} !~* '^({KNOWN_NAMESPACES})[.]'
            AND NOT EXISTS (SELECT FROM pg_settings g WHERE lower(g.name) = lower({name})))"
    )
}

/// A command with its program and what is harmless, in SQL. Of a command that tells a passphrase, the program alone.
fn masked_command(name: &str, command: &str) -> String {
    let harmless = HARMLESS.replace('\'', "''");
    format!(
        r"regexp_replace(regexp_replace({command}, '^(\s*)(?![\w./-]+(\s|$))\S+', '\1{WITHHELD}'),
              CASE WHEN {name} = 'ssl_passphrase_command' THEN '(\s)\S+'
                   ELSE '(\s)(?!({harmless})(\s|$))\S+' END, '\1{WITHHELD}', 'g')"
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
            ("password=x,hunter2 user=b", "hunter2"),
            ("password=x'hunter2;y&z=1 user=b", "hunter2"),
            (r"password=x\ hunter2 user=b", "hunter2"),
            ("postgresql://u:p@hunter2@h/db", "hunter2"),
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
        for name in ["vault.token", "app.service_role_key", "pgrst.jwt", "x.API_KEY"] {
            assert!(is_secret_setting(name), "{name}");
        }
        assert!(!is_secret_setting("timescaledb.keyword"));
        assert_eq!(
            mask("postgresql://h/d?password=x&sslmode=require"),
            format!("postgresql://h/d?password={MASK}&sslmode=require")
        );
    }
}
