//! 100,000 random changes to good bundles, each of a single place, each of which verification must notice: to bundles as
//! they are sealed, to reviewed and stamped ones with ECDSA keys, whose signatures' files are padded, and to redacted copies.
//!
//! The seed is printed; `SEED=<it> cargo test --test random_changes` makes the same changes again.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test may panic and print"
)]

#[path = "timestamps/authority.rs"]
#[allow(dead_code, reason = "tests of time stamps use the rest")]
mod authority;
#[path = "random_changes/made.rs"]
mod made;
mod sample_bundle;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread;

use made::{Keys, Kind, Made};
use sample_bundle::files_below;
use sample_bundle::random::Random;

/// How many changes are made to each kind of bundle, as an archive and as a folder.
const CHANGES: [(Kind, u64, u64); 3] = [
    (Kind::Sealed, 20_000, 15_000),
    (Kind::ReviewedAndStamped, 20_000, 15_000),
    (Kind::Redacted, 15_000, 15_000),
];
const ALL: u64 = 100_000;

/// How many changes were noticed: by the kind of change, and by the kind of bundle and the part of it.
type Noticed = BTreeMap<String, u64>;

#[test]
fn a_hundred_thousand_random_changes_are_all_noticed() {
    let seed: u64 = match std::env::var("SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => std::process::id().into(),
    };
    println!("SEED={seed}");
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let keys = Keys::new();
    let workers = thread::available_parallelism().unwrap().get() as u64;
    let noticed: Vec<Noticed> = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| {
                let (keys, out) = (&keys, dir.path().join(worker.to_string()));
                scope.spawn(move || {
                    let mut random = Random(seed.wrapping_mul(workers).wrapping_add(worker));
                    let share = |total: u64| total / workers + u64::from(worker < total % workers);
                    let mut noticed = Noticed::new();
                    for (kind, in_archive, in_folder) in CHANGES {
                        // Of its own for every thread: a change must be the only one.
                        let made = keys.make(kind, &out.join(format!("{kind:?}")));
                        change(&made, &made.archive, share(in_archive), &mut random, &mut noticed);
                        change(&made, &made.folder, share(in_folder), &mut random, &mut noticed);
                    }
                    noticed
                })
            })
            .collect();
        threads.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let mut together = Noticed::new();
    for (what, count) in noticed.into_iter().flatten() {
        *together.entry(what).or_default() += count;
    }
    for (what, count) in &together {
        println!("noticed: {count:6}  {what}");
    }
    let of = |start: &str| -> u64 {
        let all = together.iter().filter(|(what, _)| what.starts_with(start));
        all.map(|(_, count)| count).sum()
    };
    assert_eq!(of("change: "), ALL);
    assert_eq!(of("in "), ALL);
    for (what, at_least) in [
        ("change: replaced", 50_000),
        ("change: inserted", 1_000),
        ("change: removed", 1_000),
        ("change: cut off", 1_000),
        ("in Sealed zip headers", 1_000),
        ("in Sealed zip data", 1_000),
        ("in Sealed zip directory", 1_000),
        ("in Sealed zip end", 1),
        ("in Sealed signatures", 500),
        ("in Sealed chain", 100),
        ("in ReviewedAndStamped reviews", 500),
        ("in ReviewedAndStamped signatures", 500),
        ("in ReviewedAndStamped zip data", 1_000),
        ("in Redacted redaction", 100),
        ("in Redacted redacted", 100),
        ("in Redacted commitments.txt", 100),
        ("in Redacted zip directory", 1_000),
    ] {
        assert!(of(what) >= at_least, "{what}: {} and not {at_least}", of(what));
    }
}

/// Makes `count` changes one after the other, each undone before the next.
fn change(made: &Made<'_>, bundle: &Path, count: u64, random: &mut Random, noticed: &mut Noticed) {
    let files: Vec<(PathBuf, Vec<u8>)> = files_below(bundle)
        .into_iter()
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect();
    assert!(made.is_good(bundle), "the bundle is not valid to begin with");
    for number in 0..count {
        let (file, original) = &files[random.below(files.len())];
        let change = Change::any(random, original);
        change.make(file, original);
        assert!(
            !made.is_good(bundle),
            "{change:?} in {} was not noticed",
            file.display()
        );
        change.undo(file, original);
        let part = match file.strip_prefix(bundle) {
            Ok(inside) if bundle != file => {
                let first = inside.components().next().unwrap();
                first.as_os_str().to_string_lossy().into_owned()
            }
            _ => part_of_archive(original, change.at()).to_owned(),
        };
        *noticed.entry(format!("in {:?} {part}", made.kind)).or_default() += 1;
        *noticed.entry(format!("change: {}", change.name())).or_default() += 1;
        if number % 5000 == 0 {
            assert!(
                made.is_good(bundle),
                "{change:?} was not undone, so the next one proves nothing"
            );
        }
    }
    assert!(made.is_good(bundle), "the last change was not undone");
}

/// What of a ZIP of stored files a place is in.
fn part_of_archive(zip: &[u8], at: usize) -> &'static str {
    let number = |at: usize, length: usize| {
        let bytes = zip[at..at + length].iter().rev();
        bytes.fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let end = zip.len() - 22;
    let directory = number(end + 16, 4);
    if at >= end {
        return "zip end";
    }
    if at >= directory {
        return "zip directory";
    }
    let mut header = 0;
    loop {
        let data = header + 30 + number(header + 26, 2) + number(header + 28, 2);
        if at < data {
            return "zip headers";
        }
        header = data + number(header + 18, 4);
        if at < header {
            return "zip data";
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Replaced { at: usize, by: u8 },
    Inserted { at: usize, byte: u8 },
    Removed { at: usize },
    CutOff { at: usize },
}

impl Change {
    /// Bytes replaced in most cases; an empty file can only grow.
    fn any(random: &mut Random, original: &[u8]) -> Self {
        let byte = random.next() as u8;
        if original.is_empty() {
            return Self::Inserted { at: 0, byte };
        }
        let at = random.below(original.len());
        match random.below(16) {
            0 => Self::Inserted { at, byte },
            1 => Self::Removed { at },
            2 => Self::CutOff { at },
            _ => Self::Replaced {
                at,
                by: original[at] ^ (1 + random.below(255) as u8),
            },
        }
    }

    fn at(self) -> usize {
        let (Self::Replaced { at, .. }
        | Self::Inserted { at, .. }
        | Self::Removed { at }
        | Self::CutOff { at }) = self;
        at
    }

    fn name(self) -> &'static str {
        match self {
            Self::Replaced { .. } => "replaced",
            Self::Inserted { .. } => "inserted",
            Self::Removed { .. } => "removed",
            Self::CutOff { .. } => "cut off",
        }
    }

    fn make(self, file: &Path, original: &[u8]) {
        let mut bytes = original.to_vec();
        match self {
            Self::Replaced { at, by } => return write_byte(file, at, by),
            Self::Inserted { at, byte } => bytes.insert(at, byte),
            Self::Removed { at } => {
                bytes.remove(at);
            }
            Self::CutOff { at } => bytes.truncate(at),
        }
        fs::write(file, bytes).unwrap();
    }

    fn undo(self, file: &Path, original: &[u8]) {
        match self {
            Self::Replaced { at, .. } => write_byte(file, at, original[at]),
            _ => fs::write(file, original).unwrap(),
        }
    }
}

fn write_byte(file: &Path, at: usize, byte: u8) {
    let mut file = OpenOptions::new().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.write_all(&[byte]).unwrap();
}
