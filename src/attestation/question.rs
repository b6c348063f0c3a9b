//! What a control wants to know of whoever attests to it, and whether the answers can be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Day;

/// One question of a control that people answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Names the answer: lower case, words joined by underscores.
    pub id: String,
    /// The question, in one sentence.
    pub ask: String,
    /// What kind of answer it takes.
    pub kind: QuestionKind,
    /// Whether a statement that the control is met has to answer it.
    #[serde(default = "yes")]
    pub required: bool,
    /// The only answer to a `yes-no` question with which the control can be met.
    #[serde(default)]
    pub expects: Option<bool>,
    /// For a `date` or a `period`: how many days before the assessment it may end.
    #[serde(default)]
    pub max_age_days: Option<u32>,
}

fn yes() -> bool {
    true
}

/// What kind of answer a question takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionKind {
    /// Words.
    Text,
    /// A day.
    Date,
    /// `true` or `false`.
    YesNo,
    /// A number that is not negative.
    Number,
    /// Several texts.
    List,
    /// First and last day: `{ from: 2026-10-01, to: 2026-12-31 }`.
    Period,
}

impl QuestionKind {
    /// How an answer is written.
    pub fn example(self) -> &'static str {
        match self {
            Self::Text => "in words",
            Self::Date => "2026-11-23",
            Self::YesNo => "true",
            Self::Number => "12",
            Self::List => "[one, another]",
            Self::Period => "{ from: 2026-10-01, to: 2026-12-31 }",
        }
    }
}

/// Why an answer does not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// There is none.
    Missing,
    /// It cannot be so, or speaks against the statement.
    Implausible(String),
}

impl Question {
    /// What is wrong with an answer to it. Without a day nothing that depends on time is looked at.
    pub fn fault(&self, answer: Option<&Value>, today: Option<Day>) -> Option<Fault> {
        let blank = |value: &Value| match value {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty(),
            _ => false,
        };
        let Some(answer) = answer.filter(|answer| !blank(answer)) else {
            return self.required.then_some(Fault::Missing);
        };
        self.implausible(answer, today).err().map(Fault::Implausible)
    }

    fn implausible(&self, answer: &Value, today: Option<Day>) -> Result<(), String> {
        let form = || format!("is not written as `{}`", self.kind.example());
        match self.kind {
            QuestionKind::Text => match answer {
                Value::String(_) | Value::Number(_) => Ok(()),
                _ => Err("is not a text".to_owned()),
            },
            QuestionKind::Number => match answer.as_f64() {
                Some(number) if number >= 0.0 => Ok(()),
                Some(_) => Err("is negative".to_owned()),
                None => Err("is not a number".to_owned()),
            },
            QuestionKind::YesNo => match yes_or_no(answer) {
                None => Err("is neither `true` nor `false`".to_owned()),
                Some(given) if self.expects.is_some_and(|expected| expected != given) => {
                    Err(format!("is `{given}`, with which the control cannot be met"))
                }
                Some(_) => Ok(()),
            },
            QuestionKind::List => {
                let items = answer.as_array().ok_or_else(form)?;
                let good = |item: &Value| match item {
                    Value::String(text) => !text.trim().is_empty(),
                    other => other.is_number(),
                };
                if items.is_empty() {
                    Err("names nothing".to_owned())
                } else if items.iter().all(good) {
                    Ok(())
                } else {
                    Err("holds something that is not a text".to_owned())
                }
            }
            QuestionKind::Date => {
                let day = parse_day(answer).ok_or_else(form)?;
                self.in_time(day, today)
            }
            QuestionKind::Period => {
                let end = |name: &str| answer.get(name).and_then(parse_day);
                let (from, to) = (end("from").ok_or_else(form)?, end("to").ok_or_else(form)?);
                if to < from {
                    return Err("ends before it begins".to_owned());
                }
                self.in_time(to, today)
            }
        }
    }

    fn in_time(&self, day: Day, today: Option<Day>) -> Result<(), String> {
        let Some(today) = today else { return Ok(()) };
        let age = today.days_since(day);
        if age < 0 {
            return Err(format!("is {day}, which had not come yet"));
        }
        match self.max_age_days {
            Some(limit) if age > i64::from(limit) => {
                Err(format!("is {day}, {age} days ago; {limit} are allowed"))
            }
            _ => Ok(()),
        }
    }
}

/// `true`, `false`, and the same in words.
pub fn yes_or_no(answer: &Value) -> Option<bool> {
    match answer {
        Value::Bool(given) => Some(*given),
        Value::String(text) if text.eq_ignore_ascii_case("yes") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("no") => Some(false),
        _ => None,
    }
}

fn parse_day(value: &Value) -> Option<Day> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn question(kind: QuestionKind) -> Question {
        Question {
            id: "q".to_owned(),
            ask: "?".to_owned(),
            kind,
            required: true,
            expects: (kind == QuestionKind::YesNo).then_some(true),
            max_age_days: Some(100),
        }
    }

    #[test]
    fn each_kind_of_answer_can_be_wrong() {
        use QuestionKind::{Date, List, Number, Period, Text, YesNo};
        let today = "2026-11-23".parse().ok();
        for (kind, answer, good) in [
            (Text, json!("badge and PIN"), true),
            (Text, json!([]), false),
            (Number, json!(12), true),
            (Number, json!(-1), false),
            (Number, json!("twelve"), false),
            (YesNo, json!(true), true),
            (YesNo, json!("yes"), true),
            (YesNo, json!(false), false),
            (YesNo, json!("perhaps"), false),
            (List, json!(["Ann", "Bob"]), true),
            (List, json!([]), false),
            (List, json!(["Ann", ""]), false),
            (List, json!("Ann"), false),
            (Date, json!("2026-11-23"), true),
            (Date, json!("2026-11-24"), false),
            (Date, json!("2026-08-15"), true),
            (Date, json!("2026-08-14"), false),
            (Date, json!("last week"), false),
            (Period, json!({"from": "2026-07-01", "to": "2026-09-30"}), true),
            (Period, json!({"from": "2026-07-01", "to": "2026-12-31"}), false),
            (Period, json!({"from": "2026-09-30", "to": "2026-07-01"}), false),
            (Period, json!({"from": "2025-07-01", "to": "2025-09-30"}), false),
            (Period, json!("2026-Q3"), false),
        ] {
            let fault = question(kind).fault(Some(&answer), today);
            assert_eq!(fault.is_none(), good, "{kind:?} {answer}: {fault:?}");
            assert_ne!(fault, Some(Fault::Missing));
        }
    }

    #[test]
    fn nothing_and_blanks_are_missing_where_an_answer_is_required() {
        let mut question = question(QuestionKind::Text);
        for answer in [None, Some(json!(null)), Some(json!("  "))] {
            assert_eq!(question.fault(answer.as_ref(), None), Some(Fault::Missing));
        }
        question.required = false;
        assert_eq!(question.fault(None, None), None);
    }
}
