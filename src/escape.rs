//! Makes hostile text harmless for HTML, Markdown and the terminal.
//!
//! Everything from a server, a host or a file may try to be more than text: markup, an escape sequence, or characters
//! that change the direction of what follows. Each of those is shown, so that a reader sees that it was there.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters that nobody sees but that change what is seen: controls, and everything that steers direction or joins.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn show(out: &mut String, c: char) {
    let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
}

/// Most text is of these alone, and looking at bytes is much faster than looking at characters.
fn is_plain(text: &str, special: &[u8]) -> bool {
    text.bytes()
        .all(|byte| (b' '..=b'~').contains(&byte) && !special.contains(&byte))
}

/// A name as an SQL identifier. What cannot be seen is written by its number, so that the statement stays what it is
/// wherever it is shown.
pub fn sql_identifier(name: &str) -> String {
    sql_quoted(name, '"')
}

/// A text as an SQL literal, likewise. With backslashes, in the one form that means the same whatever
/// `standard_conforming_strings` says.
pub fn sql_literal(text: &str) -> String {
    if text.contains('\\') && !text.chars().any(is_invisible) {
        return format!("E{}", sql_quoted(&text.replace('\\', "\\\\"), '\''));
    }
    sql_quoted(text, '\'')
}

fn sql_quoted(text: &str, quote: char) -> String {
    let hidden = text.chars().any(is_invisible);
    let mut out = String::with_capacity(text.len() + 4);
    if hidden {
        out.push_str("U&");
    }
    out.push(quote);
    for c in text.chars() {
        match c {
            c if c == quote => out.extend([quote, quote]),
            '\\' if hidden => out.push_str("\\\\"),
            c if is_invisible(c) => {
                let _ = write!(out, "\\+{:06X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// Text for a terminal, on one line.
pub fn terminal(text: &str) -> Cow<'_, str> {
    if is_plain(text, b"") || !text.chars().any(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_invisible(c) {
            show(&mut out, c)
        } else {
            out.push(c)
        }
    }
    Cow::Owned(out)
}

/// JSON with everything that nobody sees written by its number: it means the same, and does nothing to a terminal.
pub fn json(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| is_invisible(c) && c != '\n';
    if is_plain(text, b"") || !text.chars().any(hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Text for HTML, in an element or in a quoted attribute. Newlines stay: in HTML they are white space.
pub fn html(text: &str) -> Cow<'_, str> {
    let special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'' | '`') || is_invisible(c) && c != '\n';
    if is_plain(text, b"&<>\"'`") || !text.chars().any(special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            '\n' => out.push('\n'),
            c if is_invisible(c) => show(&mut out, c),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Text for Markdown (CommonMark with GitHub's additions): in a paragraph, a heading, a list or a cell of a table.
pub fn markdown(text: &str) -> String {
    let text = text.trim();
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() + 16);
    for (index, c) in chars.iter().copied().enumerate() {
        let before = index.checked_sub(1).and_then(|before| chars.get(before)).copied();
        let after = chars.get(index + 1).copied();
        let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        match c {
            '\n' => out.push(' '),
            c if is_invisible(c) => {
                out.push('\\');
                show(&mut out, c);
            }
            // Underscores inside words mean nothing.
            '_' if word(before) && word(after) => out.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' | '!' | '$' | '@' => {
                out.push('\\');
                out.push(c);
            }
            // What would become a link by itself, or a list at the start of a line.
            ':' if after == Some('/') => out.push_str("\\:"),
            '.' if text_ends_with_www(&chars, index) => out.push_str("\\."),
            '-' | '+' | '=' if index == 0 => {
                out.push('\\');
                out.push(c);
            }
            '.' | ')' if chars.iter().take(index).all(char::is_ascii_digit) => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

fn text_ends_with_www(chars: &[char], index: usize) -> bool {
    let start = index.saturating_sub(3);
    chars
        .get(start..index)
        .is_some_and(|part| part.iter().all(|c| c.eq_ignore_ascii_case(&'w')) && part.len() == 3)
}

/// A cell of CSV: quoted, what can't be seen shown, and nothing that a spreadsheet would run as a formula. Numbers stay.
pub fn csv(text: &str) -> String {
    let first = text.trim_start().chars().next();
    let runs = first.is_some_and(|c| "=+-@\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}\t\r".contains(c))
        && text.parse::<f64>().is_err();
    let mark = if runs { "'" } else { "" };
    format!("\"{mark}{}\"", terminal(text).replace('"', "\"\""))
}

/// Text as a fenced block of Markdown in this language (none when empty), whatever fences it holds itself.
pub fn markdown_block(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let lines: Vec<Cow<'_, str>> = text.lines().map(terminal).collect();
    format!("{fence}{language}\n{}\n{fence}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_characters_are_shown() {
        assert_eq!(
            terminal("a\x1b[31mb\u{202e}c\nd"),
            "a\\u{1b}[31mb\\u{202e}c\\u{a}d"
        );
        assert_eq!(
            html("<script>alert('x')</script>\u{202e}"),
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;\\u{202e}"
        );
        assert_eq!(
            markdown("a|b <i> [x](y) `c` pg_hba_conf _x_"),
            "a\\|b \\<i\\> \\[x\\](y) \\`c\\` pg_hba_conf \\_x\\_"
        );
        assert_eq!(markdown("- not a list"), "\\- not a list");
        assert_eq!(markdown("1. nor that"), "1\\. nor that");
        assert_eq!(
            markdown("https://evil.example www.evil.example"),
            "https\\://evil.example www\\.evil.example"
        );
        assert_eq!(markdown_block("sql", "a\n```\nb"), "````sql\na\n```\nb\n````");
    }

    #[test]
    fn what_nobody_sees_in_json_is_written_by_its_number_and_means_the_same() {
        let value = serde_json::json!({"a\u{9b}": "\u{1b}[2J\u{202e}\u{e0041}é\n"});
        let (plain, shown) = (value.to_string(), serde_json::to_string_pretty(&value).unwrap());
        let shown = json(&shown);
        assert!(plain.contains('\u{202e}') && !shown.chars().any(|c| is_invisible(c) && c != '\n'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert!(shown.contains("\\u202e\\udb40\\udc41é"), "{shown}");
    }

    #[test]
    fn a_literal_means_the_same_whatever_the_server_makes_of_backslashes() {
        assert_eq!(sql_literal("a'b"), "'a''b'");
        assert_eq!(sql_literal("\\' \\! id --"), "E'\\\\'' \\\\! id --'");
        assert_eq!(sql_literal("a\u{202e}\\"), "U&'a\\+00202E\\\\'");
    }

    #[test]
    fn no_cell_of_csv_is_a_formula() {
        for (text, cell) in [
            ("plain", "\"plain\""),
            ("a \"b\", c", "\"a \"\"b\"\", c\""),
            ("-1.5", "\"-1.5\""),
            ("=1+1", "\"'=1+1\""),
            (" @SUM(A1)", "\"' @SUM(A1)\""),
            ("-cmd|' /C calc'!A0", "\"'-cmd|' /C calc'!A0\""),
            ("+1\n=2", "\"'+1\\u{a}=2\""),
        ] {
            assert_eq!(csv(text), cell);
        }
    }

    #[test]
    fn plain_text_is_left_alone() {
        for text in [
            "host all all 10.0.0.0/8 scram-sha-256",
            "Zoë — naïve",
            "password_encryption = 'md5'",
        ] {
            assert!(matches!(terminal(text), Cow::Borrowed(_)));
        }
        assert_eq!(
            markdown("line 12 of pg_hba.conf: host app bob"),
            "line 12 of pg_hba.conf: host app bob"
        );
    }

    proptest! {
        #[test]
        fn nothing_active_survives(text in "\\PC{0,40}|[\\x00-\\x7f]{0,40}|[<>&\"'`|\\[\\]()\\\\*_#\\u{202e}\\x1b\n]{0,20}") {
            prop_assert!(!terminal(&text).chars().any(is_invisible));
            let html = html(&text);
            prop_assert!(!html.contains(['<', '>', '"', '\'', '`']));
            prop_assert!(!html.chars().any(|c| is_invisible(c) && c != '\n'));
            prop_assert!(!markdown(&text).chars().any(is_invisible));
        }
    }
}
