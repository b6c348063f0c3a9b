//! Everything that is printed: results to standard output, the rest to standard error, hostile text made harmless.

use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::escape;

/// What standard output holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Where results and messages go.
pub(super) struct Output {
    format: Format,
}

impl Output {
    pub(super) fn new(format: Format) -> Self {
        Self { format }
    }

    /// Prints a result: text line by line, or the value as JSON.
    pub(super) fn result(&self, value: &impl Serialize, text: impl FnOnce() -> String) {
        match self.format {
            Format::Json => {
                let json = serde_json::to_string_pretty(value).unwrap_or_default();
                self.raw(escape::json(&json).as_bytes());
                self.raw(b"\n");
            }
            Format::Text => self.text(&text()),
        }
    }

    /// Prints text that may hold hostile parts; lines stay lines.
    pub(super) fn text(&self, text: &str) {
        let mut out = anstream::stdout().lock();
        for line in text.lines() {
            let _ = writeln!(out, "{}", escape::terminal(line));
        }
    }

    /// Prints bytes as they are: scripts, schemas, keys.
    pub(super) fn raw(&self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(bytes);
        let _ = out.flush();
    }

    /// Tells something on standard error.
    pub(super) fn note(&self, text: &str) {
        let mut out = anstream::stderr().lock();
        for line in text.lines() {
            let _ = writeln!(out, "{}", escape::terminal(line));
        }
    }

    /// Warns on standard error.
    pub(super) fn warning(&self, text: &str) {
        self.labelled("warning", AnsiColor::Yellow, text);
    }

    /// Tells an error on standard error.
    pub(super) fn error(&self, text: &str) {
        self.labelled("error", AnsiColor::Red, text);
    }

    fn labelled(&self, label: &str, colour: AnsiColor, text: &str) {
        let style = Style::new().bold().fg_color(Some(colour.into()));
        let mut out = anstream::stderr().lock();
        for (index, line) in text.lines().enumerate() {
            let line = escape::terminal(line);
            let _ = match index {
                0 => writeln!(out, "{style}{label}:{style:#} {line}"),
                _ => writeln!(out, "{line}"),
            };
        }
    }
}
