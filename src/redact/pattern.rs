//! Patterns for paths and names: `*` for anything but `/`, `**` for anything, `?` for one character.

use std::fmt;

/// A pattern as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Any text is a pattern.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether the whole text fits.
    pub fn matches(&self, text: &str) -> bool {
        fits(self.0.as_bytes(), text.as_bytes())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where to go on after a star took one more byte: in the pattern, in the text.
type Back = (usize, usize);

/// Goes back only to the last star of each kind, so a pattern of many stars costs no more than its length times the
/// text's, squared at worst.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let (mut star, mut stars): (Option<Back>, Option<Back>) = (None, None);
    loop {
        let rest = pattern.get(at..).unwrap_or_default();
        let byte = text.get(read).copied();
        if rest.starts_with(b"**") {
            at += 2;
            (stars, star) = (Some((at, read)), None);
            continue;
        }
        match (rest.first(), byte) {
            (Some(b'*'), _) => {
                at += 1;
                star = Some((at, read));
                continue;
            }
            (None, None) => return true,
            (Some(b'?'), Some(byte)) if byte != b'/' => {
                (at, read) = (at + 1, read + 1);
                continue;
            }
            (Some(wanted), Some(byte)) if *wanted == byte && *wanted != b'?' => {
                (at, read) = (at + 1, read + 1);
                continue;
            }
            _ => {}
        }
        if let Some((back, from)) = star
            && text.get(from).is_some_and(|byte| *byte != b'/')
        {
            star = Some((back, from + 1));
            (at, read) = (back, from + 1);
        } else if let Some((back, from)) = stars
            && from < text.len()
        {
            (stars, star) = (Some((back, from + 1)), None);
            (at, read) = (back, from + 1);
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stay_within_a_name_and_double_stars_do_not() {
        for (pattern, text, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("a/*", "a/b", true),
            ("a/*", "a/b/c", false),
            ("a/**", "a/b/c", true),
            ("**", "", true),
            ("**/c.json", "a/b/c.json", true),
            ("a/*/c*", "a/b/cd", true),
            ("a/*/c*", "a/b/d", false),
            ("*.pdf", "a.pdf", true),
            ("*.pdf", "a/b.pdf", false),
            ("**.pdf", "a/b.pdf", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("a?c", "ac", false),
            ("**/e/*.json", "t/x/e/f/e/h.json", true),
            ("*a*b", "aab", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), expected, "{pattern} {text}");
        }
        let bomb = Pattern::new(&"*a".repeat(40));
        assert!(!bomb.matches(&"a".repeat(5000).replace("aaaa", "aaab")) || bomb.matches("a"));
    }
}
