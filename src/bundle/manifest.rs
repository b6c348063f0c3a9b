//! MANIFEST.sha256: sorted `<sha256>  <path>` lines that `sha256sum -c` reads.

use super::digest::Digest;
use super::failure::Failure;
use super::layout::{MANIFEST, is_unlisted};
use super::path::{PathProblem, PathSet};

/// The listed files, sorted by the bytes of their paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) lines: Vec<Line>,
}

/// One listed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) path: String,
    pub(crate) sha256: Digest,
}

impl Manifest {
    /// The file's exact bytes. `lines` must be sorted.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let length = |line: &Line| line.path.len() + 2 * Digest::LENGTH + 3;
        let mut bytes = Vec::with_capacity(self.lines.iter().map(length).sum());
        for line in &self.lines {
            bytes.extend_from_slice(format!("{}  {}\n", line.sha256, line.path).as_bytes());
        }
        bytes
    }

    /// The digest listed for `path`.
    pub(crate) fn find(&self, path: &str) -> Option<Digest> {
        let index = self
            .lines
            .binary_search_by(|line| line.path.as_str().cmp(path))
            .ok()?;
        self.lines.get(index).map(|line| line.sha256)
    }

    /// Reads the one form that [`Manifest::to_bytes`] writes and names the first deviation from it.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let wrong = |code, message: String| Failure::at(code, MANIFEST, message);
        let text = std::str::from_utf8(bytes)
            .map_err(|_| wrong("manifest.line", "the manifest is not UTF-8 text".to_owned()))?;
        let body = text.strip_suffix('\n').ok_or_else(|| {
            wrong(
                "manifest.newline",
                "the manifest does not end with a line feed; it may be cut off".to_owned(),
            )
        })?;
        let mut paths = PathSet::default();
        let mut lines: Vec<Line> = Vec::new();
        for (number, text) in (1_u64..).zip(body.split('\n')) {
            let line = parse_line(text)
                .map_err(|reason| wrong("manifest.line", format!("line {number} {reason}")))?;
            if let Some(previous) = lines.last()
                && line.path < previous.path
            {
                let message = format!(
                    "line {number} is out of order: the lines are sorted by the bytes of their paths"
                );
                return Err(wrong("manifest.order", message));
            }
            paths.insert(&line.path).map_err(|problem| {
                let code = match problem {
                    PathProblem::Duplicate(_) => "manifest.duplicate",
                    PathProblem::CaseTwin(..) => "manifest.case-twin",
                    _ => "manifest.path",
                };
                wrong(code, format!("line {number}: {problem}"))
            })?;
            if is_unlisted(&line.path) {
                let message = format!("line {number} lists `{}`, which no manifest lists", line.path);
                return Err(wrong("manifest.path", message));
            }
            lines.push(line);
        }
        Ok(Self { lines })
    }
}

fn parse_line(text: &str) -> Result<Line, &'static str> {
    if text.ends_with('\r') {
        return Err("ends with a carriage return");
    }
    let (digest, path) = text
        .split_once("  ")
        .ok_or("is not `<sha256>`, two spaces and a path")?;
    let sha256 = digest
        .parse()
        .map_err(|_| "does not begin with 64 lowercase hexadecimal digits")?;
    Ok(Line {
        path: path.to_owned(),
        sha256,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(path: &str) -> String {
        format!("{}  {path}\n", Digest::of(path.as_bytes()))
    }

    #[test]
    fn reads_back_what_it_writes() {
        let bytes = [line("VERIFY.md"), line("a/b"), line("a/c")]
            .concat()
            .into_bytes();
        let manifest = Manifest::parse(&bytes).unwrap();
        assert_eq!(manifest.to_bytes(), bytes);
        assert_eq!(manifest.find("a/b"), Some(Digest::of(b"a/b")));
        assert_eq!(manifest.find("a/d"), None);
    }

    #[test]
    fn every_deviation_has_its_name() {
        let code = |text: String| Manifest::parse(text.as_bytes()).unwrap_err().code;
        assert_eq!(code(String::new()), "manifest.newline");
        assert_eq!(code(line("a").trim_end().to_owned()), "manifest.newline");
        assert_eq!(code(line("a").replace('\n', "\r\n")), "manifest.line");
        assert_eq!(code(line("a").to_uppercase()), "manifest.line");
        assert_eq!(code(line("a").replace("  ", " *")), "manifest.line");
        assert_eq!(code(format!("{}\n", line("a"))), "manifest.line");
        assert_eq!(code(line("b") + &line("a")), "manifest.order");
        assert_eq!(code(line("a") + &line("a")), "manifest.duplicate");
        assert_eq!(code(line("A") + &line("a")), "manifest.case-twin");
        assert_eq!(code(line("../a")), "manifest.path");
        assert_eq!(code(line("statement.json")), "manifest.path");
        assert_eq!(code(line("signatures/x")), "manifest.path");
    }
}
