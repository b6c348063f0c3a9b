//! What psql would take for more than SQL, and how its own commands are written.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::escape;

/// The query as it can stand in a script: without a final semicolon.
///
/// # Errors
/// Why it can't: psql would see a command, a variable or an end in it, or a reader would not see all of it.
pub(super) fn embeddable(sql: &str) -> Result<&str, &'static str> {
    let hidden = |line: &str| matches!(escape::terminal(line), Cow::Owned(_));
    if sql.replace('\t', " ").lines().any(hidden) {
        return Err("its query has characters that nobody sees");
    }
    let sql = sql.trim().trim_end_matches(';').trim_end();
    Scanner {
        rest: sql,
        word: false,
        open: 0,
    }
    .scan()?;
    Ok(sql)
}

/// Follows psql's own reading of SQL, as far as it matters where quotes and comments end. What psql reads in one way or
/// another by its version, by `standard_conforming_strings` or without a connection, is refused.
struct Scanner<'a> {
    rest: &'a str,
    /// Whether the character before belongs to a word.
    word: bool,
    /// Parentheses that are open.
    open: usize,
}

impl Scanner<'_> {
    fn scan(mut self) -> Result<(), &'static str> {
        while let Some(c) = self.rest.chars().next() {
            let next = self.rest.chars().nth(1);
            match (c, next) {
                // psql 13 and 14 see in `1e'` the beginning of another kind of quote than later ones.
                ('\'', _) if self.word => return Err("a quote in its query follows a word at once"),
                ('\'', _) => self.skip_quoted('\'', false)?,
                ('e' | 'E', Some('\'')) if !self.word => {
                    self.advance(1);
                    self.skip_quoted('\'', true)?;
                }
                ('"', _) => self.skip_quoted('"', false)?,
                ('$', _) if !self.word => self.skip_dollars()?,
                ('-', Some('-')) => self.skip_to("\n"),
                ('/', Some('*')) => self.skip_comment()?,
                (':', Some(':' | '=')) => self.advance(2),
                (':', Some(c)) if c.is_alphabetic() || !c.is_ascii() || "_'\"{".contains(c) => {
                    return Err("psql would see one of its variables in the query");
                }
                ('\\', _) => return Err("psql would see one of its commands in the query"),
                (';', _) => return Err("psql would see the query's end in its middle"),
                (')', _) if self.open == 0 => return Err("a parenthesis in its query closes none"),
                _ => {
                    match c {
                        '(' => self.open += 1,
                        ')' => self.open -= 1,
                        _ => {}
                    }
                    self.word = c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
                    self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
                }
            }
        }
        if self.open == 0 {
            Ok(())
        } else {
            Err("a parenthesis in its query has no end")
        }
    }

    /// Past ASCII characters.
    fn advance(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
        self.word = false;
    }

    fn skip_to(&mut self, end: &str) {
        let found = self.rest.find(end).map(|at| at + end.len());
        self.advance(found.unwrap_or(self.rest.len()));
    }

    fn skip_quoted(&mut self, quote: char, backslashes: bool) -> Result<(), &'static str> {
        self.advance(1);
        loop {
            let at = self.rest.find([quote, '\\']);
            self.advance(at.ok_or("a quote in its query has no end")?);
            let after = self.rest.trim_start_matches('\\');
            let run = self.rest.len() - after.len();
            if run > 0 && backslashes {
                let skipped = self.rest.chars().nth(1).map_or(0, char::len_utf8);
                self.advance(1 + skipped);
            } else if run > 0 {
                // Without `standard_conforming_strings`, or a connection, psql takes this for no end.
                if run % 2 == 1 && quote == '\'' && after.starts_with(quote) {
                    return Err("a backslash in its query stands before a quote");
                }
                self.advance(run);
            } else if self.rest.chars().nth(1) == Some(quote) {
                self.advance(2);
            } else {
                self.advance(1);
                return self.check_not_continued(quote);
            }
        }
    }

    /// A quote that goes on in another line does so in the way of the first part.
    fn check_not_continued(&self, quote: char) -> Result<(), &'static str> {
        let mut rest = self.rest.trim_start();
        while let Some(comment) = rest.strip_prefix("--") {
            rest = comment
                .split_once('\n')
                .map_or("", |(_, after)| after)
                .trim_start();
        }
        if quote == '\'' && rest.starts_with('\'') {
            return Err("a quote in its query goes on in another line");
        }
        Ok(())
    }

    fn skip_dollars(&mut self) -> Result<(), &'static str> {
        let tag = self.rest.get(1..).and_then(|rest| rest.split_once('$'));
        let Some((tag, _)) = tag.filter(|(tag, _)| is_tag(tag)) else {
            self.advance(1);
            return Ok(());
        };
        let tag = format!("${tag}$");
        self.advance(tag.len());
        let end = self.rest.find(&tag).ok_or("a quote in its query has no end")?;
        self.advance(end + tag.len());
        Ok(())
    }

    fn skip_comment(&mut self) -> Result<(), &'static str> {
        let mut depth = 0_usize;
        loop {
            let at = match (self.rest.find("/*"), self.rest.find("*/")) {
                (Some(open), Some(close)) if open < close => {
                    depth += 1;
                    open
                }
                (_, Some(close)) => {
                    depth -= 1;
                    close
                }
                _ => return Err("a comment in its query has no end"),
            };
            self.advance(at + 2);
            if depth == 0 {
                return Ok(());
            }
        }
    }
}

fn is_tag(tag: &str) -> bool {
    let mut chars = tag.chars();
    let letter = |c: char| c.is_alphabetic() || c == '_' || !c.is_ascii();
    chars.next().is_none_or(letter) && chars.all(|c| letter(c) || c.is_ascii_digit())
}

/// An argument of one of psql's commands: quoted, so that nothing in it is replaced or run.
pub(super) fn argument(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        let mut bytes = [0; 4];
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            c if matches!(escape::terminal(c.encode_utf8(&mut bytes)), Cow::Owned(_)) => {
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    let _ = write!(out, "\\x{byte:02x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// A text that people read, as an argument: what can't be seen is shown.
pub(super) fn shown(text: &str) -> String {
    argument(&escape::terminal(text))
}

/// The command that goes to another database of the same server, as the same role.
pub(super) fn connect(database: &str) -> String {
    let value = database.replace('\\', "\\\\").replace('\'', "\\'");
    let conninfo = format!("dbname='{value}' application_name='pgdossier'");
    format!("\\connect -reuse-previous=on {}", argument(&conninfo))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_psql_would_take_for_more_than_sql_is_refused() {
        for good in [
            "SELECT 1;",
            "SELECT a::text, b[1:2], ':x \\! ;', E'\\' \\\\ :x', \"a;\"\"b\", $$ \\q ; $$, $a$ :x $$ $a$",
            "SELECT 1 -- \\! it's :x ;\n, 2 /* \\q /* ; */ ' */, U&'\\0041'",
            "SELECT x$1 FROM e, d$a$",
            "SELECT 'é' ~ '\\d', 'a\\\\', \"a\\\", (1), ')', E'\\\\'",
        ] {
            assert!(embeddable(good).is_ok(), "{good}: {:?}", embeddable(good));
        }
        assert_eq!(embeddable(" SELECT 1 ;\n"), Ok("SELECT 1"));
        for bad in [
            "SELECT 1 \\! id",
            "SELECT 1; DROP TABLE a",
            "SELECT :x",
            "SELECT a[1:n]",
            "SELECT :'x'",
            "SELECT :{?x}",
            "SELECT 'a\\' \\! id",
            "SELECT 1 /* /* */",
            "SELECT $a$ $b$",
            "SELECT 'a",
            "SELECT 1 \u{202e}",
            "SELECT e'a\\'",
            // Continued, the second part is read like the first one: `\'` is no end in it.
            "SELECT E'a'\n'\\'' \\! id '",
            "SELECT E'a' -- b\n '\\'' \\! id '",
            "SELECT 'a'\n'b'",
            // A number, and then a quote with backslashes, for older ones.
            "SELECT 1e'\\'' \\! id '",
            // No end without a connection.
            "SELECT 'a\\', ' \\! id '",
            "SELECT 'a\\\\\\', ' \\! id '",
            "SELECT 1) AS q) AS r) AS f CROSS JOIN (SELECT 1",
            "SELECT (1",
        ] {
            assert!(embeddable(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_stay_names() {
        assert_eq!(
            connect("a'b\\c `id` :x\n"),
            "\\connect -reuse-previous=on 'dbname=''a\\\\''b\\\\\\\\c `id` :x\\x0a'' application_name=''pgdossier'''"
        );
        assert_eq!(shown("a\u{202e}b"), "'a\\\\u{202e}b'");
    }
}
