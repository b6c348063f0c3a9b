//! Forms: the fields of a file that people write, given by flags or asked for, and written each with its comment.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use crate::attestation::Day;
use crate::yaml::quoted;

/// A name and a value, as `name=value`.
pub(super) type Pair = (String, String);

/// Reads `name=value`.
pub(super) fn pair(text: &str) -> Result<Pair, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not written as name=value")),
    }
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As text.
    Text,
    /// As a day.
    Day,
    /// As one of these words.
    OneOf(&'static [&'static str]),
    /// Several texts, separated by commas.
    List,
    /// As the name of a file.
    File,
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// Its name; what lies in a mapping has a dot.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) comment: &'static str,
    pub(super) form: Form,
    pub(super) required: bool,
    /// What it might be.
    pub(super) example: &'static str,
}

/// A field.
pub(super) const fn field(
    name: &'static str,
    form: Form,
    required: bool,
    example: &'static str,
    comment: &'static str,
) -> Field {
    Field {
        name,
        comment,
        form,
        required,
        example,
    }
}

/// What was given, by the field's name.
pub(super) type Given = BTreeMap<String, String>;

/// The first name that no field has, in words.
pub(super) fn unknown(known: &[Field], given: &Given) -> Option<String> {
    let names: Vec<&str> = known.iter().map(|field| field.name).collect();
    let unknown = given.keys().find(|name| !names.contains(&name.as_str()))?;
    Some(format!(
        "--set: there is no field `{unknown}`; the fields are {}",
        names.join(", ")
    ))
}

/// Asks for what is mandatory and absent.
pub(super) fn ask(
    known: &[Field],
    given: &mut Given,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> std::io::Result<()> {
    for field in known.iter().filter(|field| field.required) {
        if !given.contains_key(field.name) {
            let question = format!("{} ({}, such as {})", field.comment, field.name, field.example);
            let wrong = |answer: &str| field.form.wrong(answer);
            if let Some(answer) = ask_one(&question, wrong, input, out)? {
                given.insert(field.name.to_owned(), answer);
            }
        }
    }
    Ok(())
}

/// The flags that would give what is mandatory and absent, one a line.
pub(super) fn missing(known: &[Field], given: &Given) -> Vec<String> {
    let fields = known.iter().filter(|field| field.required);
    fields
        .filter(|field| !given.contains_key(field.name))
        .map(|field| format!("  --set {}=…    {}", field.name, field.comment))
        .collect()
}

/// All fields in YAML, each with its comment; those that were not given as comments.
pub(super) fn write(known: &[Field], given: &Given) -> String {
    write_all(known, given, "")
}

/// All fields as comments, each saying whether it is mandatory, for somebody to fill in.
pub(super) fn write_draft(known: &[Field]) -> String {
    write_all(known, &Given::new(), " Mandatory.")
}

fn write_all(known: &[Field], given: &Given, mandatory: &str) -> String {
    let (mut text, mut group) = (String::new(), "");
    for field in known {
        let mark = if field.required { mandatory } else { "" };
        text.push_str(&write_field(field, given, mark, &mut group));
    }
    text
}

fn write_field(field: &Field, all: &Given, mark: &str, group: &mut &'static str) -> String {
    let given = all.get(field.name);
    let (head, name) = field.name.split_once('.').unwrap_or(("", field.name));
    let mut text = String::new();
    let group_given = all.keys().any(|name| name.starts_with(&format!("{head}.")));
    let opens = !head.is_empty() && *group != head;
    if opens {
        text.push_str(if group_given { "" } else { "# " });
        text.push_str(&format!("{head}:\n"));
    }
    *group = head;
    let indent = if head.is_empty() { "" } else { "  " };
    match given {
        Some(value) => text.push_str(&format!(
            "{indent}# {}\n{indent}{name}: {}\n",
            field.comment,
            field.form.write(value)
        )),
        None => text.push_str(&format!(
            "{indent}# {}{mark}\n# {indent}{name}: {}\n",
            field.comment, field.example
        )),
    }
    text
}

/// One answer from the terminal, asked for until nothing is wrong with it; nothing when the terminal is at its end.
pub(super) fn ask_one(
    question: &str,
    wrong: impl Fn(&str) -> Option<String>,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> std::io::Result<Option<String>> {
    loop {
        write!(out, "{}\n> ", crate::escape::terminal(question))?;
        out.flush()?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        match wrong(line) {
            None => return Ok(Some(line.to_owned())),
            Some(why) => writeln!(out, "{}", crate::escape::terminal(&why))?,
        }
    }
}

/// A word as it is, where YAML takes it for nothing else.
pub(super) fn word(text: &str) -> String {
    let plain = !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-:+.".contains(c));
    if plain { text.to_owned() } else { quoted(text) }
}

/// Texts that are separated by commas, as a YAML sequence.
pub(super) fn list(text: &str) -> String {
    let items: Vec<String> = text.split(',').map(|item| quoted(item.trim())).collect();
    format!("[{}]", items.join(", "))
}

impl Form {
    /// Why a value cannot be, so that it is asked for again before anything else is.
    fn wrong(self, value: &str) -> Option<String> {
        match self {
            Self::Day => value.parse::<Day>().err(),
            Self::OneOf(words) => {
                (!words.contains(&value)).then(|| format!("`{value}` is none of {}", words.join(", ")))
            }
            Self::Text | Self::List | Self::File => None,
        }
    }

    /// A value in YAML.
    pub(super) fn write(self, value: &str) -> String {
        match self {
            Self::Text => quoted(value),
            Self::Day | Self::OneOf(_) => word(value),
            Self::List => list(value),
            Self::File => format!("{{ file: {}, description: bridge letter }}", quoted(value)),
        }
    }
}
