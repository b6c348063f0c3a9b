//! What can be wrong with a catalog beyond its files' form: expressions, columns, examples, sections without a control.

use serde_json::Value;

use super::{Catalog, Control, Request};
use crate::profile::Profile;
use crate::yaml::{Place, Problem};

/// Checks a collector's arguments and tells the columns of its rows.
pub type ColumnsOf = dyn Fn(&Value, &Catalog) -> Result<Vec<String>, String>;

/// What lint must know of a collector.
pub struct CollectorContract {
    /// Its name.
    pub name: &'static str,
    /// Checks its arguments and tells the columns of its rows.
    pub columns: Box<ColumnsOf>,
}

/// Every problem of a catalog; none when it is good.
pub fn lint(catalog: &Catalog, collectors: &[CollectorContract]) -> Vec<Problem> {
    let mut problems = catalog
        .compile()
        .err()
        .map(|problems| problems.0)
        .unwrap_or_default();
    for (name, raw) in &catalog.profiles {
        let file = format!("controls/profiles/{name}.yaml");
        if raw.name.value != *name {
            let message = format!("the name is `{}`, and the file is `{name}.yaml`", raw.name.value);
            problems.push(Place::of(&raw.name).problem(&file, message, "make them the same"));
        }
        problems.extend(Profile::resolve(raw, &file, catalog).err().unwrap_or_default());
    }
    lint_frameworks(catalog, &mut problems);
    for section in catalog.guide.sections() {
        if !catalog
            .controls
            .iter()
            .any(|control| control.section == section.id)
        {
            problems.push(Place::default().problem(
                "controls/guide.yaml",
                format!("no control answers the section `{}`", section.id),
                format!("add one in `controls/{}/`", section.id),
            ));
        }
    }
    for control in &catalog.controls {
        for request in &control.evidence {
            lint_request(catalog, control, request, collectors, &mut problems);
        }
        lint_parameters(control, &mut problems);
        lint_examples(control, &mut problems);
    }
    problems.sort();
    problems.dedup();
    problems
}

/// A reference to an item that a listed framework does not have is a wrong number.
fn lint_frameworks(catalog: &Catalog, problems: &mut Vec<Problem>) {
    for framework in catalog
        .frameworks
        .values()
        .filter(|framework| !framework.items.is_empty())
    {
        for control in &catalog.controls {
            for number in control
                .references
                .get(&framework.references)
                .into_iter()
                .flatten()
            {
                if !framework.items.iter().any(|item| item.id == *number) {
                    let message = format!("`{}` has no item `{number}` that is known", framework.references);
                    let help = "correct the number, or list the item in `controls/frameworks/`";
                    problems.push(control.expect.place.problem(&control.file, message, help));
                }
            }
        }
    }
}

fn lint_request(
    catalog: &Catalog,
    control: &Control,
    request: &Request,
    collectors: &[CollectorContract],
    problems: &mut Vec<Problem>,
) {
    let names: Vec<&str> = collectors.iter().map(|collector| collector.name).collect();
    let Some(collector) = collectors
        .iter()
        .find(|collector| collector.name == request.collector)
    else {
        problems.push(request.place.problem(
            &control.file,
            format!("there is no collector `{}`", request.collector),
            format!("use one of {}", names.join(", ")),
        ));
        return;
    };
    let columns = match (collector.columns)(&request.arguments, catalog) {
        Ok(columns) => columns,
        Err(message) => {
            problems.push(request.place.problem(&control.file, message, "correct `with`"));
            return;
        }
    };
    for expression in control.filter.iter().chain([&control.expect]) {
        for column in expression
            .columns()
            .into_iter()
            .flatten()
            .filter(|column| !columns.contains(column))
        {
            let near = columns
                .iter()
                .min_by_key(|known| crate::yaml::distance(known, column));
            problems.push(expression.place.problem(
                &control.file,
                format!("the rows of `{}` have no column `{column}`", request.collector),
                near.map_or_else(String::new, |near| {
                    format!("did you mean `{near}`? all: {}", columns.join(", "))
                }),
            ));
        }
    }
    for column in control.examples.iter().flat_map(|example| example.row.keys()) {
        if !columns.contains(column) {
            problems.push(control.expect.place.problem(
                &control.file,
                format!(
                    "an example has the column `{column}`, which the rows of `{}` lack",
                    request.collector
                ),
                format!("columns: {}", columns.join(", ")),
            ));
        }
    }
}

fn lint_parameters(control: &Control, problems: &mut Vec<Problem>) {
    let mut used = Vec::new();
    for expression in control.filter.iter().chain([&control.expect]) {
        for parameter in expression.parameters() {
            if !control.parameters.contains_key(&parameter) {
                problems.push(expression.place.problem(
                    &control.file,
                    format!("`params.{parameter}` is used and not declared"),
                    format!("add `{parameter}: …` under `parameters`"),
                ));
            }
            used.push(parameter);
        }
    }
    for parameter in control
        .parameters
        .keys()
        .filter(|parameter| !used.contains(parameter))
    {
        problems.push(control.expect.place.problem(
            &control.file,
            format!("the parameter `{parameter}` is declared and not used"),
            "use it in `where` or `expect`, or remove it",
        ));
    }
}

fn lint_examples(control: &Control, problems: &mut Vec<Problem>) {
    let (Ok(mut expect), Ok(mut filter)) = (
        control.expect.evaluator(&control.parameters),
        control
            .filter
            .as_ref()
            .map(|filter| filter.evaluator(&control.parameters))
            .transpose(),
    ) else {
        return; // not CEL: told already
    };
    for example in &control.examples {
        let mut complain = |place: Place, message: String| {
            let message = format!("example `{}`: {message}", example.note);
            problems.push(place.problem(&control.file, message, "correct the example or the expression"));
        };
        if let (Some(filter), Some(source)) = (&mut filter, &control.filter) {
            match filter.holds(&example.row) {
                Ok(true) => {}
                Ok(false) => {
                    complain(source.place, "`where` leaves the row out".to_owned());
                    continue;
                }
                Err(error) => {
                    complain(source.place, error.to_string());
                    continue;
                }
            }
        }
        match expect.holds(&example.row) {
            Ok(meets) if meets == example.meets => {}
            Ok(meets) => complain(
                control.expect.place,
                format!(
                    "`expect` gives {meets}, and the example says `meets: {}`",
                    example.meets
                ),
            ),
            Err(error) => complain(control.expect.place, error.to_string()),
        }
        if !example.meets
            && let Err(message) = control.exception.render(&example.row, &control.parameters)
        {
            complain(
                control.expect.place,
                format!("the exception's template fails: {message}"),
            );
        }
    }
}
