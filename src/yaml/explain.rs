//! Every problem of a document whose structure is wrong: where it is, and what to do.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use schemars::JsonSchema;
use serde_json::Value;
use serde_yaml::{Error, Spanned};

use super::node::{Node, find};
use super::{Place, Problem, distance, options};

/// All problems: the structure against the schema of `T`; or what stopped the typed parser, when only that knows.
pub(super) fn explain<T: JsonSchema>(file: &str, text: &str, error: &Error) -> Vec<Problem> {
    let tree = match serde_yaml::from_str_with_options::<Spanned<Node>>(text, options()) {
        Ok(tree) => tree,
        Err(error) => return vec![from_parser(file, &error)],
    };
    let mut problems = violations::<T>(file, &tree);
    if problems.is_empty() {
        problems.push(from_parser(file, error));
    }
    problems
}

/// What the schema of `T` says of a document, whatever `T` itself would.
pub(super) fn against_schema<T: JsonSchema>(file: &str, text: &str) -> Vec<Problem> {
    match serde_yaml::from_str_with_options::<Spanned<Node>>(text, options()) {
        Ok(tree) => violations::<T>(file, &tree),
        Err(error) => vec![from_parser(file, &error)],
    }
}

/// Everything in which a document differs from the schema of `T`, in the order of its lines.
fn violations<T: JsonSchema>(file: &str, tree: &Spanned<Node>) -> Vec<Problem> {
    let schema = schemars::schema_for!(T);
    let mut problems = Vec::new();
    if let Ok(validator) = jsonschema::validator_for(schema.as_value()) {
        let value = tree.value.to_json();
        for violation in validator.iter_errors(&value) {
            from_violation(file, schema.as_value(), tree, &violation, &mut problems);
        }
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
    schema: &Value,
    tree: &Spanned<Node>,
    violation: &ValidationError<'_>,
    problems: &mut Vec<Problem>,
) {
    let pointer = violation.instance_path().to_string();
    let (node, name) = find(tree, &pointer);
    let place = Place::of(node);
    match violation.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = known_fields(schema, violation);
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
            problems.push(place.problem(
                file,
                format!(
                    "{name} is {}, and must be {}",
                    node.value.kind(),
                    wanted(violation)
                ),
                "",
            ));
        }
        ValidationErrorKind::Pattern { .. } => {
            let found = plain(&node.value.to_json());
            let help = match examples(schema, violation) {
                Some(examples) => format!("write it like {examples}"),
                None => String::new(),
            };
            problems.push(place.problem(file, format!("{name} is `{found}`"), help));
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            if let Some(words) = words(context) {
                let found = plain(&node.value.to_json());
                let help = format!("use one of {}", words.join(", "));
                problems.push(place.problem(file, format!("{name} is `{found}`"), help));
                return;
            }
            match meant(context, violation) {
                Some(branch) => {
                    for inner in branch {
                        from_violation(file, schema, tree, inner, problems);
                    }
                }
                None => problems.push(place.problem(
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

/// The types that would do, as the violation ends: `type "string"`, or `types "null", "string"`.
fn wanted(violation: &ValidationError<'_>) -> String {
    let text = violation.to_string();
    let types = text
        .rsplit("type")
        .next()
        .unwrap_or_default()
        .trim_start_matches('s');
    let types = types.split(',').map(|one| one.trim().trim_matches('"'));
    // Nothing is what the field's absence is for.
    types
        .filter(|one| *one != "null")
        .collect::<Vec<_>>()
        .join(" or ")
}

/// The branch of a choice that was meant: the one that fails deepest, or the only one that takes this type of value.
fn meant<'a, 'v>(
    context: &'a [Vec<ValidationError<'v>>],
    violation: &ValidationError<'_>,
) -> Option<&'a Vec<ValidationError<'v>>> {
    let own = violation.instance_path().as_str().len();
    let depth = |branch: &&Vec<ValidationError<'_>>| {
        branch
            .iter()
            .map(|inner| inner.instance_path().as_str().len())
            .max()
    };
    let deepest = context.iter().max_by_key(depth);
    if let Some(branch) = deepest.filter(|branch| depth(branch) > Some(own)) {
        return Some(branch);
    }
    let other_type = |inner: &ValidationError<'_>| {
        matches!(inner.kind(), ValidationErrorKind::Type { .. })
            && inner.instance_path().as_str().len() == own
    };
    let mut fitting = context.iter().filter(|branch| !branch.iter().any(other_type));
    match (fitting.next(), fitting.next()) {
        (Some(branch), None) => Some(branch),
        _ => None,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The fields that the schema knows at the place of an unknown one.
fn known_fields(schema: &Value, violation: &ValidationError<'_>) -> Vec<String> {
    let path = violation.schema_path().to_string();
    let parent = path
        .strip_suffix("/additionalProperties")
        .and_then(|parent| schema.pointer(parent));
    let properties = parent
        .and_then(|parent| parent.get("properties"))
        .and_then(Value::as_object);
    properties
        .map(|properties| properties.keys().cloned().collect())
        .unwrap_or_default()
}

/// Examples that the schema gives at the place of a text of the wrong form.
fn examples(schema: &Value, violation: &ValidationError<'_>) -> Option<String> {
    let path = violation.schema_path().to_string();
    let parent = schema.pointer(path.strip_suffix("/pattern")?)?;
    let examples = parent.get("examples")?.as_array()?;
    Some(examples.iter().map(plain).collect::<Vec<_>>().join(" or "))
}

/// The words that a choice is between, when that is all that its branches differ in.
fn words(context: &[Vec<ValidationError<'_>>]) -> Option<Vec<String>> {
    let mut words = Vec::new();
    for violation in context.iter().flatten() {
        match violation.kind() {
            ValidationErrorKind::Constant { expected_value } => words.push(plain(expected_value)),
            ValidationErrorKind::Enum { options } => {
                words.extend(options.as_array().into_iter().flatten().map(plain));
            }
            ValidationErrorKind::Type { .. } => {}
            _ => return None,
        }
    }
    (!words.is_empty()).then_some(words)
}

fn nearest(field: &str, known: &[String]) -> String {
    match known.iter().map(|known| (distance(field, known), known)).min() {
        Some((distance, known)) if distance <= 3 => format!("did you mean `{known}`?"),
        _ => format!("remove it; the fields here are {}", known.join(", ")),
    }
}
