//! The control reference: every control as its file states it.

use serde::Serialize;

use crate::control::{Catalog, Control};
use crate::escape::markdown_block;

#[derive(Serialize)]
pub(in crate::report) struct Reference {
    guide: String,
    count: usize,
    sections: Vec<SectionReference>,
}

#[derive(Serialize)]
struct SectionReference {
    chapter: String,
    id: String,
    title: String,
    summary: String,
    controls: Vec<ControlReference>,
}

#[derive(Serialize)]
struct ControlReference {
    id: String,
    title: String,
    severity: &'static str,
    rationale: String,
    remediation: String,
    population: String,
    collector: String,
    when_empty: String,
    exception: String,
    references: Vec<(String, String)>,
    parameters: Vec<(String, String)>,
    /// The rules, as a block of Markdown.
    rule: String,
}

impl Reference {
    pub(in crate::report) fn new(catalog: &Catalog) -> Self {
        let sections = catalog.guide.chapters.iter().flat_map(|chapter| {
            chapter.sections.iter().map(|section| SectionReference {
                chapter: chapter.title.clone(),
                id: section.id.clone(),
                title: section.title.clone(),
                summary: section.summary.clone(),
                controls: catalog
                    .controls
                    .iter()
                    .filter(|control| control.section == section.id)
                    .map(control_reference)
                    .collect(),
            })
        });
        Self {
            guide: catalog.guide.title.clone(),
            count: catalog.controls.len(),
            sections: sections.collect(),
        }
    }
}

fn control_reference(control: &Control) -> ControlReference {
    ControlReference {
        id: control.id.clone(),
        title: control.title.clone(),
        severity: control.severity.word(),
        rationale: control.rationale.clone(),
        remediation: control.remediation.clone(),
        population: control.population.clone(),
        collector: control
            .evidence
            .first()
            .map(|request| request.collector.clone())
            .unwrap_or_default(),
        when_empty: serde_json::to_value(control.when_empty)
            .ok()
            .and_then(|word| word.as_str().map(str::to_owned))
            .unwrap_or_default(),
        exception: control.exception.source().to_owned(),
        references: control
            .references
            .iter()
            .map(|(name, numbers)| (name.clone(), numbers.join(", ")))
            .collect(),
        parameters: control
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), super::value_text(value)))
            .collect(),
        rule: markdown_block("cel", &rule(control)),
    }
}

/// The rules of a control as they are written.
pub(super) fn rule(control: &Control) -> String {
    let expect = format!("expect: {}", control.expect.source.trim());
    match &control.filter {
        Some(filter) => format!("where:  {}\n{expect}", filter.source.trim()),
        None => expect,
    }
}
