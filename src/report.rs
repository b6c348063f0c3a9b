//! Renders an assessment for people: pure, so that the same assessment always gives the same bytes.

mod model;
mod templates;

use std::collections::BTreeMap;

use serde::Serialize;
use tera::Context;

pub use templates::{TemplateError, Templates};

use crate::assessment::Assessment;
use crate::control::Catalog;

/// Why nothing was rendered.
#[derive(Debug, thiserror::Error)]
#[error("the template `{template}` failed: {reason}; correct it, or leave --templates out")]
pub struct ReportError {
    /// The template.
    pub template: String,
    /// What failed.
    pub reason: String,
}

/// An assessment for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Everything, as one self-contained page.
    pub html: String,
    /// Everything, as Markdown.
    pub markdown: String,
    /// One page for each target, by its id, where there are several.
    pub targets: BTreeMap<String, String>,
}

/// Renders an assessment.
///
/// # Errors
/// A template of the user's that fails.
pub fn render(
    assessment: &Assessment,
    catalog: &Catalog,
    templates: &Templates,
) -> Result<Report, ReportError> {
    let all = model::Model::new(assessment, catalog, None);
    let mut targets = BTreeMap::new();
    if assessment.targets.len() > 1 {
        for target in &assessment.targets {
            let one = model::Model::new(assessment, catalog, Some(&target.summary.id));
            targets.insert(target.summary.id.clone(), fill(templates, "report.html", &one)?);
        }
    }
    Ok(Report {
        html: fill(templates, "report.html", &all)?,
        markdown: fill(templates, "report.md", &all)?,
        targets,
    })
}

/// The reference of all controls, in Markdown.
///
/// # Errors
/// A template that fails.
pub fn control_reference(catalog: &Catalog, templates: &Templates) -> Result<String, ReportError> {
    fill(templates, "controls.md", &model::Reference::new(catalog))
}

fn fill(templates: &Templates, name: &str, model: &impl Serialize) -> Result<String, ReportError> {
    let failed = |error: tera::Error| {
        let mut reason = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            reason.push_str(": ");
            reason.push_str(&inner.to_string());
            source = inner.source();
        }
        ReportError {
            template: name.to_owned(),
            reason,
        }
    };
    let context = Context::from_serialize(model).map_err(failed)?;
    templates.engine(name).render(name, &context).map_err(failed)
}
