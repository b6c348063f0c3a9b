//! Strict YAML files: typed on the fast path; when that fails, every problem at once with line, column and a fix.

mod explain;
mod node;

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_yaml::{Options, Spanned};

use explain::{against_schema, explain};
use node::{Node, find};

/// One problem of a file, where it is and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// The file as the user knows it.
    pub file: String,
    /// Line, from 1; 0 when the whole file is meant.
    pub line: u64,
    /// Column, from 1; 0 when the whole line is meant.
    pub column: u64,
    /// What is wrong.
    pub message: String,
    /// What to do; empty when the message says it already.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}:{}: {}",
            self.file, self.line, self.column, self.message
        )?;
        if !self.help.is_empty() {
            write!(formatter, "\n    help: {}", self.help)?;
        }
        Ok(())
    }
}

/// Several problems, as one error.
#[derive(Debug, Clone, Default)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            write!(formatter, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A place in a file, for problems that are found after parsing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
}

impl Place {
    /// Where a value stands.
    pub fn of<T>(spanned: &Spanned<T>) -> Self {
        Self {
            line: spanned.referenced.line(),
            column: spanned.referenced.column(),
        }
    }

    /// The problem at this place.
    pub fn problem(self, file: &str, message: impl Into<String>, help: impl Into<String>) -> Problem {
        Problem {
            file: file.to_owned(),
            line: self.line,
            column: self.column,
            message: message.into(),
            help: help.into(),
        }
    }
}

/// Parses one document, strictly: no unknown field, no duplicate key, no alias bomb, no `yes` for `true`.
///
/// # Errors
/// Every problem of the file, in the order of its lines. A file that is not YAML at all has one.
pub fn parse<T: DeserializeOwned + JsonSchema>(file: &str, bytes: &[u8]) -> Result<T, Problems> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes
            .iter()
            .take(error.valid_up_to())
            .filter(|byte| **byte == b'\n')
            .count() as u64
            + 1;
        let place = Place { line, column: 0 };
        Problems(vec![place.problem(
            file,
            "this is not UTF-8 text",
            if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
                "it is in UTF-16; save the file in UTF-8"
            } else {
                "save the file in UTF-8"
            },
        )])
    })?;
    match serde_yaml::from_str_with_options::<T>(text, options()) {
        Ok(value) => Ok(value),
        Err(error) => Err(Problems(explain::<T>(file, text, &error))),
    }
}

/// Checks a document of which only a part, `P`, is read now against the schema of the whole, `W`.
///
/// # Errors
/// Every problem of the file, in the order of its lines.
pub fn parse_part<P: DeserializeOwned + JsonSchema, W: JsonSchema>(
    file: &str,
    bytes: &[u8],
) -> Result<P, Problems> {
    let part = parse::<P>(file, bytes)?;
    // It parsed, so it is UTF-8.
    let problems = against_schema::<W>(file, &String::from_utf8_lossy(bytes));
    if problems.is_empty() {
        Ok(part)
    } else {
        Err(Problems(problems))
    }
}

/// The place of a value in a document that parses, by its JSON pointer; of the nearest one above it when it is absent.
pub fn place(bytes: &[u8], pointer: &str) -> Place {
    let text = String::from_utf8_lossy(bytes);
    serde_yaml::from_str_with_options::<Spanned<Node>>(&text, options())
        .map_or_else(|_| Place::default(), |tree| Place::of(find(&tree, pointer).0))
}

/// Text as a YAML scalar in double quotes. Whatever could break a line or reorder it is written as an escape.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control()
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}') =>
            {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn options() -> Options {
    serde_yaml::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}

/// Edit distance between two names.
pub fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut current = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let substitute = previous.get(j).copied().unwrap_or(0) + usize::from(a != *b);
            let delete = previous.get(j + 1).copied().unwrap_or(0) + 1;
            let insert = current.last().copied().unwrap_or(0) + 1;
            current.push(substitute.min(delete).min(insert));
        }
        previous = current;
    }
    previous.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Example {
        name: String,
        size: u32,
        colour: Colour,
        #[serde(default)]
        tags: Vec<String>,
        #[serde(default)]
        maker: Option<Maker>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Maker {
        first: String,
        last: String,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    enum Colour {
        Red,
        Green,
    }

    fn problems(text: &str) -> Vec<String> {
        let Err(problems) = parse::<Example>("x.yaml", text.as_bytes()) else {
            panic!("accepted:\n{text}")
        };
        problems
            .0
            .iter()
            .map(|p| format!("{}:{} {} | {}", p.line, p.column, p.message, p.help))
            .collect()
    }

    #[test]
    fn a_good_file_is_read() {
        let example: Example = parse("x.yaml", b"name: a\nsize: 1\ncolour: green\n").unwrap();
        assert_eq!(example.name, "a");
    }

    #[test]
    fn all_problems_are_told_at_once_with_place_and_fix() {
        let found = problems("name: a\nsise: 1\ncolour: blue\ntags: [1, ok, {}]\n");
        assert_eq!(
            found,
            [
                "1:1 `size` is missing in the file | add `size: …`",
                "2:1 unknown field `sise` | did you mean `size`?",
                "3:9 `colour` is `blue` | use one of red, green",
                "4:8 `tags.0` is a number, and must be string | ",
                "4:15 `tags.2` is a mapping, and must be string | ",
            ]
        );
    }

    #[test]
    fn what_an_optional_mapping_lacks_is_told() {
        let found = problems("name: a\nsize: 1\ncolour: red\nmaker: { first: Ann, lost: Stone }\n");
        assert_eq!(
            found,
            [
                "4:8 `last` is missing in `maker` | add `last: …`",
                "4:22 unknown field `lost` | did you mean `last`?",
            ]
        );
    }

    #[test]
    fn a_duplicate_key_is_refused_at_its_place() {
        let found = problems("name: a\nsize: 1\ncolour: red\nsize: 2\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("4:1 duplicate"), "{found:?}");
        assert!(found[0].contains("keep one of the two"), "{found:?}");
    }

    #[test]
    fn text_that_is_not_yaml_or_not_utf8_has_one_problem() {
        assert_eq!(problems("name: [a\nsize: }\n").len(), 1);
        let found = parse::<Example>("x.yaml", b"name: a\nsize: \xff\n").unwrap_err();
        assert_eq!(
            found.to_string(),
            "x.yaml:2:0: this is not UTF-8 text\n    help: save the file in UTF-8"
        );
    }

    #[test]
    fn an_alias_bomb_is_refused_fast() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..12 {
            let item = format!("*a{},", level - 1).repeat(10);
            text.push_str(&format!("a{level}: &a{level} [{item}]\n"));
        }
        text.push_str("name: a\nsize: 1\ncolour: red\n");
        let found = problems(&text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("anchors and aliases are limited"), "{found:?}");
    }

    #[test]
    fn yes_is_not_true() {
        #[derive(Debug, Deserialize, JsonSchema)]
        #[allow(dead_code)]
        struct Flag {
            on: bool,
        }
        assert!(parse::<Flag>("x.yaml", b"on: yes\n").is_err());
        assert!(parse::<Flag>("x.yaml", b"on: true\n").is_ok());
    }
}
