//! CEL expressions over one row: compiled once, and known by the columns they use.

mod parts;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue};
use cel::objects::Map as CelMap;
use cel::{Context, Env};
use serde_json::{Map, Value};

use self::parts::{Kept, Part};
use crate::evidence::Row;
use crate::yaml::Place;

/// Why an expression gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It is not CEL.
    #[error("not a CEL expression: {0}")]
    Syntax(String),
    /// It failed on a row.
    #[error("{0}")]
    Execution(String),
    /// It gave something else than true or false.
    #[error("the expression gave {0}, and must give true or false")]
    NotBoolean(String),
}

/// A CEL expression with `row` and `params` as its variables.
#[derive(Debug)]
pub struct Expression {
    /// As it is written.
    pub source: String,
    /// Where it is written.
    pub place: Place,
    compiled: OnceLock<Result<Compiled, ExpressionError>>,
}

#[derive(Debug)]
struct Compiled {
    whole: Part,
    leaves: usize,
    columns: Option<BTreeSet<String>>,
    parameters: BTreeSet<String>,
}

fn environment() -> Arc<Env> {
    static ENVIRONMENT: OnceLock<Arc<Env>> = OnceLock::new();
    Arc::clone(ENVIRONMENT.get_or_init(|| Arc::new(Env::stdlib())))
}

impl Expression {
    /// Keeps the source; compiling waits for [`Expression::compile`] or the first use.
    pub fn new(source: String, place: Place) -> Self {
        Self {
            source,
            place,
            compiled: OnceLock::new(),
        }
    }

    /// Compiles it. The first compilation in a process takes a tenth of a second, so start it early.
    ///
    /// # Errors
    /// [`ExpressionError::Syntax`].
    pub fn compile(&self) -> Result<(), ExpressionError> {
        self.compiled().map(|_| ())
    }

    fn compiled(&self) -> Result<&Compiled, ExpressionError> {
        self.compiled
            .get_or_init(|| {
                let program = environment().compile(&self.source).map_err(|errors| {
                    let text = errors.to_string();
                    ExpressionError::Syntax(text.split_whitespace().collect::<Vec<_>>().join(" "))
                })?;
                let mut uses = Uses::default();
                uses.visit(program.expression());
                let mut leaves = 0;
                Ok(Compiled {
                    columns: (!uses.whole_row).then_some(uses.columns),
                    parameters: uses.parameters,
                    whole: Part::new(program.expression(), &mut leaves),
                    leaves,
                })
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The columns that it uses; none when it uses the row as a whole or is not CEL.
    pub fn columns(&self) -> Option<&BTreeSet<String>> {
        self.compiled()
            .ok()
            .and_then(|compiled| compiled.columns.as_ref())
    }

    /// The parameters that it uses by name.
    pub fn parameters(&self) -> BTreeSet<String> {
        self.compiled()
            .map(|compiled| compiled.parameters.clone())
            .unwrap_or_default()
    }

    /// Prepares it for many rows with the same parameters.
    ///
    /// # Errors
    /// [`ExpressionError::Syntax`].
    pub fn evaluator(&self, parameters: &Map<String, Value>) -> Result<Evaluator<'_>, ExpressionError> {
        let compiled = self.compiled()?;
        let mut context = Context::with_env(environment());
        context.add_variable_from_value("params", to_cel(&Value::Object(parameters.clone())));
        let kept = std::iter::repeat_with(Kept::default)
            .take(compiled.leaves)
            .collect();
        Ok(Evaluator {
            compiled,
            context,
            kept,
        })
    }
}

/// An expression with its parameters in place.
pub struct Evaluator<'a> {
    compiled: &'a Compiled,
    context: Context<'static, 'static>,
    kept: Vec<Kept>,
}

impl Evaluator<'_> {
    /// Whether the expression holds for a row.
    ///
    /// # Errors
    /// [`ExpressionError::Execution`] when it fails on the row, such as by a missing column or a wrong type;
    /// [`ExpressionError::NotBoolean`].
    pub fn holds(&mut self, row: &Row) -> Result<bool, ExpressionError> {
        self.compiled.whole.holds(row, &mut self.context, &mut self.kept)
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn cel_map<'a>(entries: impl Iterator<Item = (&'a String, &'a Value)>) -> cel::Value {
    let map: std::collections::HashMap<cel::objects::Key, cel::Value> = entries
        .map(|(name, value)| (name.clone().into(), to_cel(value)))
        .collect();
    cel::Value::Map(CelMap { map: Arc::new(map) })
}

/// A JSON value as CEL sees it: whole numbers are always `int`, never `uint`.
pub fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => number.as_i64().map_or_else(
            || cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            cel::Value::Int,
        ),
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(entries) => cel_map(entries.iter()),
    }
}

/// What an expression takes from its variables.
#[derive(Default)]
struct Uses {
    columns: BTreeSet<String>,
    parameters: BTreeSet<String>,
    whole_row: bool,
}

impl Uses {
    fn visit(&mut self, expression: &IdedExpr) {
        match &expression.expr {
            Expr::Ident(name) if name == "row" => self.whole_row = true,
            Expr::Select(select) => match &select.operand.expr {
                Expr::Ident(name) if name == "row" => {
                    self.columns.insert(select.field.clone());
                }
                Expr::Ident(name) if name == "params" => {
                    self.parameters.insert(select.field.clone());
                }
                _ => self.visit(&select.operand),
            },
            Expr::Call(call) => self.visit_call(call),
            Expr::List(list) => list.elements.iter().for_each(|element| self.visit(element)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.visit_entry(&entry.expr)),
            Expr::Struct(value) => value
                .entries
                .iter()
                .for_each(|entry| self.visit_entry(&entry.expr)),
            Expr::Comprehension(comprehension) => {
                for part in [
                    &comprehension.iter_range,
                    &comprehension.accu_init,
                    &comprehension.loop_cond,
                    &comprehension.loop_step,
                    &comprehension.result,
                ] {
                    self.visit(part);
                }
            }
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn visit_call(&mut self, call: &cel::common::ast::CallExpr) {
        // `row["name"]` is a call of the index operator on two arguments.
        if let [operand, index] = call.args.as_slice()
            && let (Expr::Ident(name), Expr::Literal(LiteralValue::String(column))) =
                (&operand.expr, &index.expr)
            && name == "row"
        {
            self.columns.insert(column.inner().to_owned());
            return;
        }
        call.target.iter().for_each(|target| self.visit(target));
        call.args.iter().for_each(|argument| self.visit(argument));
    }

    fn visit_entry(&mut self, entry: &EntryExpr) {
        match entry {
            EntryExpr::StructField(field) => self.visit(&field.value),
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key);
                self.visit(&entry.value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn expression(source: &str) -> Expression {
        Expression::new(source.to_owned(), Place::default())
    }

    fn holds(source: &str, row: Value) -> Result<bool, ExpressionError> {
        let Value::Object(row) = row else {
            panic!("a row is an object")
        };
        let parameters = json!({"approved": ["postgres"], "least": 10})
            .as_object()
            .unwrap()
            .clone();
        expression(source).evaluator(&parameters)?.holds(&row)
    }

    #[test]
    fn rows_and_parameters_are_seen() {
        assert_eq!(
            holds("row.name in params.approved", json!({"name": "postgres"})),
            Ok(true)
        );
        assert_eq!(
            holds("row.n >= params.least && row.n < 20", json!({"n": 15})),
            Ok(true)
        );
        assert_eq!(holds("row.address == null", json!({"address": null})), Ok(true));
        assert_eq!(
            holds("row.list.all(x, x.startsWith('a'))", json!({"list": ["a1", "b"]})),
            Ok(false)
        );
        assert_eq!(
            holds(
                "row.override.exists(o, o.value == 'off')",
                json!({"override": [{"value": "off"}]})
            ),
            Ok(true)
        );
    }

    #[test]
    fn failing_on_a_row_is_an_error_and_never_true() {
        assert!(matches!(
            holds("row.missing != 'x'", json!({})),
            Err(ExpressionError::Execution(_))
        ));
        assert!(matches!(
            holds("row.n > 'a'", json!({"n": 1})),
            Err(ExpressionError::Execution(_))
        ));
        assert_eq!(
            holds("row.n", json!({"n": 1})),
            Err(ExpressionError::NotBoolean("int".into()))
        );
        assert!(matches!(
            holds("row.n ==", json!({})),
            Err(ExpressionError::Syntax(_))
        ));
    }

    #[test]
    fn an_operand_that_decides_outweighs_one_that_fails() {
        let row = || json!({"n": 1, "t": true});
        assert_eq!(holds("row.missing || row.t", row()), Ok(true));
        assert_eq!(holds("row.t || row.missing", row()), Ok(true));
        assert_eq!(holds("!(row.missing && !row.t)", row()), Ok(true));
        for failing in ["row.missing || !row.t", "!row.t || row.missing", "row.t && row.n"] {
            assert!(holds(failing, row()).is_err(), "{failing}");
        }
    }

    /// Taking an expression apart, and keeping answers, never changes what it says of a row.
    #[test]
    fn kept_answers_are_those_that_cel_gives() {
        let parameters = json!({"approved": ["a", "b"], "least": 1})
            .as_object()
            .unwrap()
            .clone();
        let cells = [
            json!(null),
            json!(true),
            json!(0),
            json!(1),
            json!(1.0),
            json!("a"),
            json!(["a"]),
            json!(["a", 1]),
        ];
        for source in [
            "row.x == row.y || row.x in params.approved && !(row.y == 'a' || row.y == null)",
            "row.x == 'a' && row.y >= params.least || size(row.x) > 0",
            "row.x == null || row.y.size() == 0 || row.x == 1",
            "row.x ? row.y == 1 : row.y == 'a'",
        ] {
            let whole = environment().compile(source).unwrap();
            let expression = expression(source);
            let mut evaluator = expression.evaluator(&parameters).unwrap();
            let mut context = Context::with_env(environment());
            context.add_variable_from_value("params", to_cel(&Value::Object(parameters.clone())));
            for _ in 0..2 {
                for x in &cells {
                    for y in &cells {
                        let row = json!({"x": x, "y": y});
                        context.add_variable_from_value("row", to_cel(&row));
                        let expected = match whole.execute(&context) {
                            Ok(cel::Value::Bool(holds)) => Some(holds),
                            _ => None,
                        };
                        let got = evaluator.holds(row.as_object().unwrap()).ok();
                        assert_eq!(got, expected, "{source} on {row}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_columns_used_are_known() {
        let used = |source: &str| expression(source).columns().cloned();
        let names = |list: &[&str]| Some(list.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<_>>());
        assert_eq!(
            used("row.a == 1 || has(row.b) && row['c'].size() > 0"),
            names(&["a", "b", "c"])
        );
        assert_eq!(used("params.x.exists(p, p == row.d)"), names(&["d"]));
        assert_eq!(used("size(row) > 0"), None);
    }
}
