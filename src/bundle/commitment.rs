//! Commitments to the rows and fields of records, so that a copy can show some of them and prove that they are sealed.

use super::digest::{Digest, Hasher};
use super::json_parts::{fields, items};
use crate::parallel;
use crate::salt::{Salt, strip};

/// Rows that one thread hashes at a time: enough to make taking the next piece cheap.
const PIECE: usize = 256;

// First bytes of what is hashed, so that nothing of one kind can pass for another. A tree over lines uses 0 and 1.
const ROW_SALT: u8 = 2;
const FIELD_SALT: u8 = 3;
const VALUE: u8 = 4;
const ROW: u8 = 5;
const FILE: u8 = 6;

/// A field as it takes part in a row's hash.
pub(super) struct Committed<'a> {
    pub(super) name: &'a str,
    pub(super) value: Digest,
}

/// From the file's salt; shows the fields of one row, when it is given away, and of no other.
pub(super) fn row_salt(file: &Salt, row: usize) -> Salt {
    file.derive(ROW_SALT, row as u64)
}

/// From the row's salt; shows one field.
pub(super) fn field_salt(row: &Salt, field: usize) -> Salt {
    row.derive(FIELD_SALT, field as u64)
}

/// The commitment to a value's JSON text.
pub(super) fn value_commitment(salt: &Salt, value: &[u8]) -> Digest {
    let mut input = Vec::with_capacity(1 + salt.as_bytes().len() + value.len());
    input.push(VALUE);
    input.extend_from_slice(salt.as_bytes());
    input.extend_from_slice(value);
    Digest::of(&input)
}

/// The hash of a row: the names of its fields as they are, and the commitments to their values.
pub(super) fn row_hash(committed: &[Committed<'_>]) -> Digest {
    let mut input = Vec::with_capacity(9 + committed.len() * 64);
    input.push(ROW);
    input.extend_from_slice(&(committed.len() as u64).to_be_bytes());
    for field in committed {
        input.extend_from_slice(&(field.name.len() as u64).to_be_bytes());
        input.extend_from_slice(field.name.as_bytes());
        input.extend_from_slice(field.value.as_bytes());
    }
    Digest::of(&input)
}

/// The hash of a file's rows in their order; they come one by one, so a file may be of any size.
pub(super) struct FileRoot(Hasher);

impl FileRoot {
    pub(super) fn new() -> Self {
        let mut hasher = Hasher::new();
        hasher.update(&[FILE]);
        Self(hasher)
    }

    pub(super) fn add(&mut self, row: &Digest) {
        self.0.update(row.as_bytes());
    }

    pub(super) fn finish(self) -> Digest {
        self.0.finish()
    }
}

fn file_root(rows: &[Digest]) -> Digest {
    let mut root = FileRoot::new();
    rows.iter().for_each(|row| root.add(row));
    root.finish()
}

/// The rows of a record whose salt is taken out: lines, elements of a list, or the one object that it is.
pub(super) fn rows_of<'a>(path: &str, content: &'a [u8]) -> Option<Vec<&'a [u8]>> {
    if path.ends_with(".ndjson") {
        let lines = content.strip_suffix(b"\n").unwrap_or(content);
        if content.is_empty() {
            return Some(Vec::new());
        }
        return Some(lines.split(|byte| *byte == b'\n').collect());
    }
    if !path.ends_with(".json") {
        return None;
    }
    let content = content.trim_ascii();
    match content.first()? {
        b'[' => items(content),
        b'{' => Some(vec![content]),
        _ => None,
    }
}

fn hash_of_row(file: &Salt, index: usize, row: &[u8]) -> Option<Digest> {
    let salt = row_salt(file, index);
    let fields = fields(row)?;
    let committed: Vec<Committed<'_>> = fields
        .iter()
        .enumerate()
        .map(|(index, field)| Committed {
            name: &field.name,
            value: value_commitment(&field_salt(&salt, index), field.value),
        })
        .collect();
    Some(row_hash(&committed))
}

/// The roots of those files that are records with a salt, by path, in the files' order.
pub(super) fn roots<'a>(
    files: impl Iterator<Item = (&'a str, &'a [u8])>,
    threads: usize,
) -> Vec<(&'a str, Digest)> {
    let salted: Vec<_> = files
        .filter(|(path, _)| path.ends_with(".ndjson") || path.ends_with(".json"))
        .filter_map(|(path, bytes)| Some((path, strip(path, bytes)?)))
        .collect();
    let files: Vec<(&str, &Salt, Vec<&[u8]>)> = salted
        .iter()
        .filter_map(|(path, (content, salt))| Some((*path, salt, rows_of(path, content)?)))
        .collect();
    let pieces: Vec<(usize, &Salt, usize, &[&[u8]])> = files
        .iter()
        .enumerate()
        .flat_map(|(file, (_, salt, rows))| {
            let pieces = rows.chunks(PIECE).enumerate();
            pieces.map(move |(piece, rows)| (file, *salt, piece * PIECE, rows))
        })
        .collect();
    let hashed = parallel::map(
        threads,
        &pieces,
        |(_, _, _, rows)| rows.len() as u64,
        |(_, salt, first, rows), _| {
            let rows = rows.iter().enumerate();
            rows.map(|(index, row)| hash_of_row(salt, first + index, row))
                .collect::<Option<Vec<_>>>()
        },
    );
    let mut hashes: Vec<Option<Vec<Digest>>> = vec![Some(Vec::new()); files.len()];
    for ((file, ..), piece) in pieces.iter().zip(hashed) {
        if let Some(all) = hashes.get_mut(*file) {
            *all = all.take().zip(piece).map(|(mut all, piece)| {
                all.extend(piece);
                all
            });
        }
    }
    let roots = files.iter().zip(hashes);
    roots
        .filter_map(|((path, ..), rows)| Some((*path, file_root(&rows?))))
        .collect()
}

/// The root of one file, if it is a record with a salt.
pub(super) fn root(path: &str, bytes: &[u8]) -> Option<Digest> {
    let roots = roots([(path, bytes)].into_iter(), 1);
    roots.first().map(|(_, root)| *root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salt::Seed;

    fn salted(path: &str, content: &str) -> Vec<u8> {
        Seed::known([1; 32]).append(path, content.as_bytes().to_vec())
    }

    #[test]
    fn every_change_to_a_row_changes_the_root() {
        let of = |content: &str| root("a.ndjson", &salted("a.ndjson", content)).unwrap();
        let base = of("{\"a\":1,\"b\":2}\n{\"a\":3}\n");
        for other in [
            "{\"a\":1,\"b\":3}\n{\"a\":3}\n",
            "{\"a\":1,\"c\":2}\n{\"a\":3}\n",
            "{\"a\":1}\n{\"a\":3}\n",
            "{\"a\":3}\n{\"a\":1,\"b\":2}\n",
            "{\"a\":1,\"b\":2}\n",
            "{\"a\":1,\"b\":2}\n{\"a\":3}\n{}\n",
            "",
        ] {
            assert_ne!(of(other), base, "{other}");
        }
    }

    #[test]
    fn lists_and_objects_have_rows_too() {
        for (path, content, rows) in [
            ("a.json", "[]\n", 0),
            ("a.json", "[\n  {\n    \"a\": [1, 2]\n  },\n  {}\n]\n", 2),
            ("a.json", "{\n  \"a\": 1\n}\n", 1),
            ("a.ndjson", "", 0),
        ] {
            assert_eq!(
                rows_of(path, content.as_bytes()).unwrap().len(),
                rows,
                "{content}"
            );
            assert!(root(path, &salted(path, content)).is_some());
        }
        assert_eq!(
            root("a.json", b"{\n  \"a\": 1\n}\n"),
            None,
            "without a salt nothing is committed to"
        );
        assert_eq!(root("a.md", &salted("a.md", "x")), None);
    }

    #[test]
    fn many_threads_find_what_one_finds() {
        let content: String = (0..2000).map(|row| format!("{{\"a\":{row}}}\n")).collect();
        let bytes = salted("a.ndjson", &content);
        let files = || [("a.ndjson", bytes.as_slice())].into_iter();
        assert_eq!(roots(files(), 1), roots(files(), 3));
    }
}
