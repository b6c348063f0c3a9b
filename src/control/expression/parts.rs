//! An expression taken apart at `||` and `&&`, so that what a few values decide is worked out once and not for each row.

use std::collections::{BTreeSet, HashMap};

use cel::Context;
use cel::common::ast::{Expr, IdedExpr, operators};
use serde_json::Value;

use super::{ExpressionError, Uses, cel_map, lower_first};
use crate::evidence::Row;

/// Answers kept for one part; beyond, rows differ too much for keeping to pay.
const KEPT: usize = 4096;
/// Answers after which a part that never met the same values twice stops looking for them.
const PATIENCE: usize = 512;

/// A part of an expression.
#[derive(Debug)]
pub(super) enum Part {
    /// True when one of them is.
    Any(Vec<Part>),
    /// True when all of them are.
    All(Vec<Part>),
    /// Taken as it is.
    Leaf(Box<Leaf>),
}

/// A part without `||` or `&&` at its top.
#[derive(Debug)]
pub(super) struct Leaf {
    expression: IdedExpr,
    /// The columns that it uses; none when it uses the row as a whole.
    columns: Option<BTreeSet<String>>,
    /// Its place among the answers that are kept.
    index: usize,
}

/// Answers by the values of the columns that decide them.
#[derive(Debug, Default)]
pub(super) struct Kept {
    answers: HashMap<Vec<u8>, Result<bool, ExpressionError>>,
    met: usize,
    key: Vec<u8>,
}

impl Part {
    /// Takes an expression apart; `leaves` counts what answers are kept for.
    pub(super) fn new(expression: &IdedExpr, leaves: &mut usize) -> Self {
        if let Expr::Call(call) = &expression.expr {
            let mut parts = || call.args.iter().map(|part| Self::new(part, leaves)).collect();
            match call.func_name.as_str() {
                operators::LOGICAL_OR => return Self::Any(parts()),
                operators::LOGICAL_AND => return Self::All(parts()),
                _ => {}
            }
        }
        let mut uses = Uses::default();
        uses.visit(expression);
        *leaves += 1;
        Self::Leaf(Box::new(Leaf {
            expression: expression.clone(),
            columns: (!uses.whole_row).then_some(uses.columns),
            index: *leaves - 1,
        }))
    }

    /// Whether it holds for a row. As CEL has it, an operand that decides outweighs one that failed, whichever comes
    /// first.
    pub(super) fn holds(
        &self,
        row: &Row,
        context: &mut Context<'static, 'static>,
        kept: &mut [Kept],
    ) -> Result<bool, ExpressionError> {
        let (parts, decisive) = match self {
            Self::Any(parts) => (parts, true),
            Self::All(parts) => (parts, false),
            Self::Leaf(leaf) => return leaf.holds(row, context, kept),
        };
        let mut failed = None;
        for part in parts {
            match part.holds(row, context, kept) {
                Ok(holds) if holds == decisive => return Ok(decisive),
                Ok(_) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(!decisive), Err)
    }
}

impl Leaf {
    fn holds(
        &self,
        row: &Row,
        context: &mut Context<'static, 'static>,
        kept: &mut [Kept],
    ) -> Result<bool, ExpressionError> {
        let (Some(columns), Some(kept)) = (&self.columns, kept.get_mut(self.index)) else {
            return self.work_out(row, context);
        };
        if kept.met == 0 && kept.answers.len() >= PATIENCE {
            return self.work_out(row, context);
        }
        kept.key.clear();
        for column in columns {
            match row.get(column) {
                Some(value) => write_key(value, &mut kept.key),
                None => kept.key.push(b'-'),
            }
        }
        if let Some(answer) = kept.answers.get(kept.key.as_slice()) {
            kept.met += 1;
            return answer.clone();
        }
        let answer = self.work_out(row, context);
        if kept.answers.len() < KEPT {
            kept.answers.insert(kept.key.clone(), answer.clone());
        }
        answer
    }

    fn work_out(&self, row: &Row, context: &mut Context<'static, 'static>) -> Result<bool, ExpressionError> {
        let value = match &self.columns {
            Some(columns) => cel_map(columns.iter().filter_map(|column| row.get_key_value(column))),
            None => cel_map(row.iter()),
        };
        context.add_variable_from_value("row", value);
        match cel::Value::resolve(&self.expression, context) {
            Ok(cel::Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(ExpressionError::NotBoolean(
                format!("{:?}", other.type_of()).to_lowercase(),
            )),
            Err(error) => Err(ExpressionError::Execution(lower_first(&error.to_string()))),
        }
    }
}

/// Writes a value so that two values give the same bytes only if they are the same.
fn write_key(value: &Value, key: &mut Vec<u8>) {
    match value {
        Value::Null => key.push(b'n'),
        Value::Bool(true) => key.push(b't'),
        Value::Bool(false) => key.push(b'f'),
        Value::Number(number) => write_text(b'#', &number.to_string(), key),
        Value::String(text) => write_text(b'"', text, key),
        Value::Array(items) => {
            write_length(b'[', items.len(), key);
            items.iter().for_each(|item| write_key(item, key));
        }
        Value::Object(entries) => {
            write_length(b'{', entries.len(), key);
            for (name, value) in entries {
                write_text(b'"', name, key);
                write_key(value, key);
            }
        }
    }
}

fn write_text(kind: u8, text: &str, key: &mut Vec<u8>) {
    write_length(kind, text.len(), key);
    key.extend_from_slice(text.as_bytes());
}

fn write_length(kind: u8, length: usize, key: &mut Vec<u8>) {
    key.push(kind);
    key.extend_from_slice(&(length as u64).to_le_bytes());
}
