//! What a copy for a third party must withhold: what rules name, and everything that is made from it.

mod closure;
mod copies;
mod pattern;
mod records;
mod rules;

use std::collections::BTreeSet;

pub use self::copies::Copies;
pub use self::pattern::Pattern;
pub use self::records::{Read, RecordsError};
pub use self::rules::{Accepted, RawRule, RawRules, Rule, Rules, Scope};

use self::closure::{Closure, Source};
use self::records::{EvidenceKey, Records};
use crate::withholding::{Hidden, Withholding};
use crate::yaml::{Problem, Problems};

/// Why nothing was planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The bundle's records.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The rules do not fit the bundle.
    #[error("{0}")]
    Rules(Problems),
}

/// What is to be withheld, and what that leaves.
#[derive(Debug)]
pub struct Plan {
    /// What is withheld.
    pub withholding: Withholding,
    /// Withheld values that kept files hold too.
    pub copies: Vec<Copies>,
}

/// Works out what the rules withhold from a bundle with these paths; `read` gives a file's bytes.
///
/// # Errors
/// [`PlanError`].
pub fn plan(paths: &[String], read: Read<'_>, rules: &Rules) -> Result<Plan, PlanError> {
    let records = Records::open(paths, read)?;
    let mut planning = Planning {
        rules,
        records: &records,
        withholding: Withholding::default(),
        sources: Vec::new(),
        values: copies::Values::default(),
        problems: Vec::new(),
    };
    for rule in &rules.rules {
        planning.apply(rule)?;
    }
    let Planning {
        mut withholding,
        sources,
        values,
        problems,
        ..
    } = planning;
    if !problems.is_empty() {
        return Err(PlanError::Rules(Problems(problems)));
    }
    Closure::new(&records).withhold(&sources, &mut withholding);
    let copies = values.found_in(&records, &withholding);
    Ok(Plan { withholding, copies })
}

struct Planning<'a> {
    rules: &'a Rules,
    records: &'a Records<'a>,
    withholding: Withholding,
    sources: Vec<Source>,
    values: copies::Values,
    problems: Vec<Problem>,
}

impl Planning<'_> {
    fn apply(&mut self, rule: &Rule) -> Result<(), RecordsError> {
        match &rule.scope {
            Scope::Files(pattern) => {
                let matching = self.records.paths.iter().filter(|path| pattern.matches(path));
                let matching: Vec<&String> = matching.collect();
                for path in &matching {
                    let file = self.withholding.file(path, &rule.reason);
                    file.guessable |= rule.guessable;
                    self.sources.push(Source::File((*path).clone()));
                    if let Some(table) = self.records.any_table(path).filter(|_| !rule.copies) {
                        let all = (0..table.rows.len()).collect();
                        self.values.add(path, &table, &all, None);
                    }
                }
                if matching.is_empty() {
                    self.wrong(rule, "no file of the bundle matches `files`");
                }
                Ok(())
            }
            Scope::Evidence { .. } => self.apply_to_evidence(rule),
        }
    }

    fn apply_to_evidence(&mut self, rule: &Rule) -> Result<(), RecordsError> {
        let Scope::Evidence {
            evidence,
            target,
            rows,
            fields,
        } = &rule.scope
        else {
            return Ok(());
        };
        let keys: Vec<EvidenceKey> = self
            .records
            .evidence
            .keys()
            .filter(|key| evidence.matches(&key.name))
            .filter(|key| target.as_ref().is_none_or(|target| target.matches(&key.target)))
            .cloned()
            .collect();
        if keys.is_empty() {
            self.wrong(rule, "no evidence of the bundle matches `evidence` and `target`");
        }
        let (mut hidden, mut known) = (0, BTreeSet::new());
        for key in &keys {
            let table = self.records.table(key)?;
            let path = key.population();
            let own: BTreeSet<String> = fields
                .iter()
                .filter(|field| table.rows.iter().any(|row| row.contains_key(&field.value)))
                .map(|field| field.value.clone())
                .collect();
            let before = hidden;
            let evaluator = rows.as_ref().map(|rows| rows.evaluator(&serde_json::Map::new()));
            let mut evaluator = match evaluator.transpose() {
                Ok(evaluator) => evaluator,
                Err(error) => {
                    self.wrong_expression(rule, &error.to_string());
                    return Ok(());
                }
            };
            let mut chosen = BTreeSet::new();
            for (index, row) in table.rows.iter().enumerate() {
                let holds = evaluator.as_mut().map_or(Ok(true), |rows| rows.holds(row));
                match holds {
                    Ok(true) => chosen.insert(index),
                    Ok(false) => false,
                    Err(error) => {
                        let message = format!("on row {} of `{path}`: {error}", index + 1);
                        self.wrong_expression(rule, &message);
                        return Ok(());
                    }
                };
            }
            hidden += chosen.len();
            let whole = rows.is_none() && fields.is_empty();
            if whole {
                self.withholding.file(&path, &rule.reason).guessable |= rule.guessable;
                hidden += 1;
            }
            for index in &chosen {
                let part = if fields.is_empty() {
                    Hidden::Row
                } else {
                    Hidden::Fields(own.clone())
                };
                self.withholding.cut(&path, *index, part, &rule.reason);
            }
            if !rule.copies {
                let own = (!fields.is_empty()).then_some(&own);
                self.values.add(&path, &table, &chosen, own);
            }
            if hidden > before && (fields.is_empty() || !own.is_empty()) {
                self.sources.push(Source::Evidence(key.clone()));
            }
            known.extend(own);
        }
        if hidden == 0 && !keys.is_empty() {
            self.wrong(rule, "no row matches, so nothing would be withheld");
        } else if !keys.is_empty() {
            for field in fields.iter().filter(|field| !known.contains(&field.value)) {
                let place = crate::yaml::Place::of(field);
                let message = format!("no row that matches has the field `{}`", field.value);
                self.problems
                    .push(place.problem(&self.rules.file, message, "name a column of the evidence"));
            }
        }
        Ok(())
    }

    fn wrong(&mut self, rule: &Rule, message: &str) {
        let help = "`unzip -l` or a look into the bundle's folder shows what there is";
        self.problems
            .push(rule.place.problem(&self.rules.file, message, help));
    }

    fn wrong_expression(&mut self, rule: &Rule, message: &str) {
        let place = rule.rows_place();
        let help = "a row must answer true or false; where a column may be absent, ask with has(row.x)";
        self.problems.push(place.problem(&self.rules.file, message, help));
    }
}
