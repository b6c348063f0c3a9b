//! Strict YAML files: typed on the fast path; when that fails, every problem at once with line, column and a fix.

use std::fmt;

use jsonschema::error::ValidationErrorKind;
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_yaml::{Error, Options, Spanned};

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
            "save the file in UTF-8",
        )])
    })?;
    match serde_yaml::from_str_with_options::<T>(text, options()) {
        Ok(value) => Ok(value),
        Err(error) => Err(Problems(explain::<T>(file, text, &error))),
    }
}

fn options() -> Options {
    serde_yaml::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}

/// All problems: the structure against the schema of `T`; or what stopped the typed parser, when only that knows.
fn explain<T: JsonSchema>(file: &str, text: &str, error: &Error) -> Vec<Problem> {
    let tree = match serde_yaml::from_str_with_options::<Spanned<Node>>(text, options()) {
        Ok(tree) => tree,
        Err(error) => return vec![from_parser(file, &error)],
    };
    let schema = schemars::schema_for!(T);
    let mut problems = Vec::new();
    if let Ok(validator) = jsonschema::validator_for(schema.as_value()) {
        let value = tree.value.to_json();
        for violation in validator.iter_errors(&value) {
            from_violation(file, &tree, &violation, &mut problems);
        }
    }
    if problems.is_empty() {
        problems.push(from_parser(file, error));
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.dedup();
    problems
}

fn from_parser(file: &str, error: &Error) -> Problem {
    let error = error.without_snippet();
    let place = error.location().map_or(Place::default(), |location| Place {
        line: location.line(),
        column: location.column(),
    });
    let text = error.to_string();
    let help = if text.contains("duplicate") {
        "keep one of the two entries"
    } else if text.contains("alias") || text.contains("anchor") || text.contains("budget") {
        "write the values out; anchors and aliases are limited so that a small file cannot fill memory"
    } else {
        ""
    };
    let message = text
        .split(" at line ")
        .next()
        .unwrap_or(&text)
        .trim_end_matches('.')
        .to_owned();
    place.problem(file, message, help)
}

fn from_violation(
    file: &str,
    tree: &Spanned<Node>,
    violation: &jsonschema::ValidationError<'_>,
    problems: &mut Vec<Problem>,
) {
    let pointer = violation.instance_path().to_string();
    let (node, name) = find(tree, &pointer);
    let place = Place::of(node);
    match violation.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = known_fields(violation);
            for field in unexpected {
                let place = node.value.key(field).map_or(place, Place::of);
                problems.push(place.problem(
                    file,
                    format!("unknown field `{field}`"),
                    nearest(field, &known),
                ));
            }
        }
        ValidationErrorKind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            problems.push(place.problem(
                file,
                format!("`{property}` is missing in {name}"),
                format!("add `{property}: …`"),
            ));
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<String> = options.as_array().into_iter().flatten().map(plain).collect();
            let found = plain(&node.value.to_json());
            problems.push(place.problem(
                file,
                format!("{name} is `{found}`"),
                format!("use one of {}", options.join(", ")),
            ));
        }
        ValidationErrorKind::Type { .. } => {
            let wanted = violation.to_string();
            let wanted = wanted.rsplit("type").next().unwrap_or_default().replace('"', "");
            problems.push(place.problem(
                file,
                format!("{name} is {}, and must be{wanted}", node.value.kind()),
                "",
            ));
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            // The branch that fails deepest is the one that was meant.
            let deepest = context
                .iter()
                .max_by_key(|branch| branch.iter().map(|e| e.instance_path().as_str().len()).max());
            match deepest {
                Some(branch)
                    if branch.iter().any(|inner| {
                        inner.instance_path().as_str().len() > violation.instance_path().as_str().len()
                    }) =>
                {
                    for inner in branch {
                        from_violation(file, tree, inner, problems);
                    }
                }
                _ => problems.push(place.problem(
                    file,
                    format!(
                        "{name} is {}, which is not one of the forms it may have",
                        node.value.kind()
                    ),
                    "see the JSON Schema named in the file's first line",
                )),
            }
        }
        _ => problems.push(place.problem(file, format!("{name}: {violation}"), "")),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The fields that the schema knows at the place of an unknown one.
fn known_fields(violation: &jsonschema::ValidationError<'_>) -> Vec<String> {
    // The message is the only place where the library repeats them in part, so ask the instance: fields that are
    // there and were not complained about are known.
    let complained = match violation.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected.clone(),
        _ => Vec::new(),
    };
    violation
        .instance()
        .as_object()
        .map(|object| {
            object
                .keys()
                .filter(|key| !complained.contains(key))
                .cloned()
                .collect()
        })
        .unwrap_or_default()
}

fn nearest(field: &str, present: &[String]) -> String {
    match present.iter().map(|known| (distance(field, known), known)).min() {
        Some((distance, known)) if distance <= 2 => {
            format!("remove it; `{known}` is already there, so this may be a slip of the same name")
        }
        _ => "remove it, or correct its name (the JSON Schema lists all fields)".to_owned(),
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

/// The node at a JSON pointer (or the nearest one above it) and how to call it in a message.
fn find<'a>(tree: &'a Spanned<Node>, pointer: &str) -> (&'a Spanned<Node>, String) {
    let mut node = tree;
    let mut name = String::new();
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/").replace("~0", "~");
        let Some(next) = node.value.child(&step) else {
            break;
        };
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&step);
        node = next;
    }
    (
        node,
        if name.is_empty() {
            "the file".to_owned()
        } else {
            format!("`{name}`")
        },
    )
}

/// A YAML node with the places of everything below it.
#[derive(Debug)]
enum Node {
    Scalar(Value),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl Node {
    fn to_json(&self) -> Value {
        match self {
            Self::Scalar(value) => value.clone(),
            Self::List(items) => Value::Array(items.iter().map(|item| item.value.to_json()).collect()),
            Self::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, node)| (key.value.clone(), node.value.to_json()))
                    .collect(),
            ),
        }
    }

    fn child(&self, step: &str) -> Option<&Spanned<Node>> {
        match self {
            Self::Scalar(_) => None,
            Self::List(items) => items.get(step.parse::<usize>().ok()?),
            Self::Map(entries) => entries
                .iter()
                .find(|(key, _)| key.value == step)
                .map(|(_, node)| node),
        }
    }

    fn key(&self, name: &str) -> Option<&Spanned<String>> {
        match self {
            Self::Map(entries) => entries
                .iter()
                .find(|(key, _)| key.value == name)
                .map(|(key, _)| key),
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Scalar(Value::Null) => "empty",
            Self::Scalar(Value::Bool(_)) => "true or false",
            Self::Scalar(Value::Number(_)) => "a number",
            Self::Scalar(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NodeVisitor;
        impl<'de> Visitor<'de> for NodeVisitor {
            type Value = Node;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("any YAML value")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
                Ok(Node::Scalar(value.into()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
                Ok(Node::Scalar(value.into()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
                Ok(Node::Scalar(value.into()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
                Ok(Node::Scalar(value.into()))
            }
            fn visit_str<E>(self, value: &str) -> Result<Node, E> {
                Ok(Node::Scalar(value.into()))
            }
            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Scalar(Value::Null))
            }
            fn visit_none<E>(self) -> Result<Node, E> {
                Ok(Node::Scalar(Value::Null))
            }
            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
                Node::deserialize(deserializer)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Node::List(list))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
                let mut map = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    map.push(entry);
                }
                Ok(Node::Map(map))
            }
        }
        deserializer.deserialize_any(NodeVisitor)
    }
}

#[cfg(test)]
mod tests {
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
                "2:1 unknown field `sise` | remove it, or correct its name (the JSON Schema lists all fields)",
                "3:9 `colour` is `blue` | use one of red, green",
                "4:8 `tags.0` is a number, and must be string | ",
                "4:15 `tags.2` is a mapping, and must be string | ",
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
