//! The templates: those in the program, or a folder's instead.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use rust_embed::RustEmbed;
use tera::Tera;

use crate::escape;
use crate::evidence::sha256_hex;

#[derive(RustEmbed)]
#[folder = "templates/"]
struct Embedded;

/// Why templates could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A folder or file could not be read.
    #[error("cannot read `{path}`: {source}; check that it exists and that you may read it")]
    Unreadable {
        /// The folder or file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file has no place among the templates.
    #[error("`{name}` is not a template; the templates are {known}")]
    Unknown {
        /// The file.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// A template is wrong.
    #[error("the templates cannot be used: {0}")]
    Syntax(String),
}

/// Parsed templates. Text that they put into a page is escaped by the page's kind, without their asking.
pub struct Templates {
    html: Tera,
    markdown: Tera,
    digest: String,
}

impl Templates {
    /// The templates that the program carries.
    pub fn embedded() -> Self {
        // They are part of the program, and a test parses them.
        Self::from_sources(&embedded()).unwrap_or_else(|_| Self {
            html: Tera::new(),
            markdown: Tera::new(),
            digest: String::new(),
        })
    }

    /// The same, with the files in a folder taking the place of those with their names.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn from_folder(folder: &Path) -> Result<Self, TemplateError> {
        let unreadable = |path: &Path| {
            let path = path.display().to_string();
            move |source| TemplateError::Unreadable { path, source }
        };
        let mut sources = embedded();
        for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
            let path = entry.map_err(unreadable(folder))?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if !sources.contains_key(&name) {
                let known = sources.keys().cloned().collect::<Vec<_>>().join(", ");
                return Err(TemplateError::Unknown { name, known });
            }
            sources.insert(name, std::fs::read_to_string(&path).map_err(unreadable(&path))?);
        }
        Self::from_sources(&sources)
    }

    fn from_sources(sources: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let engine = |suffixes: &[&str], escape: tera::EscapeFn| {
            let mut tera = Tera::new();
            tera.autoescape_on(suffixes.iter().map(|suffix| (*suffix).to_owned()));
            tera.set_escape_fn(escape);
            let own = sources
                .iter()
                .filter(|(name, _)| suffixes.iter().any(|suffix| name.ends_with(suffix)));
            tera.add_raw_templates(own.map(|(name, source)| (name.clone(), source.clone())))
                .map_err(|error| TemplateError::Syntax(error.to_string()))?;
            Ok::<_, TemplateError>(tera)
        };
        let mut list = Vec::new();
        for (name, source) in sources {
            list.extend_from_slice(format!("{name}\0{}\n", sha256_hex(source.as_bytes())).as_bytes());
        }
        Ok(Self {
            html: engine(&[".html", ".css"], |text, out| {
                out.write_all(escape::html(text).as_bytes())
            })?,
            markdown: engine(&[".md"], |text, out: &mut dyn Write| {
                out.write_all(escape::markdown(text).as_bytes())
            })?,
            digest: sha256_hex(&list),
        })
    }

    /// SHA-256 over all templates' names and bytes, hexadecimal.
    pub fn digest(&self) -> String {
        self.digest.clone()
    }

    pub(super) fn engine(&self, name: &str) -> &Tera {
        if name.ends_with(".md") {
            &self.markdown
        } else {
            &self.html
        }
    }
}

fn embedded() -> BTreeMap<String, String> {
    Embedded::iter()
        .filter_map(|name| {
            let file = Embedded::get(&name)?;
            Some((
                name.into_owned(),
                String::from_utf8_lossy(&file.data).into_owned(),
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_own_templates_parse() {
        assert!(Templates::from_sources(&embedded()).is_ok());
        assert!(embedded().contains_key("report.html"));
    }
}
