//! 100,000 random changes to a good bundle, each of a single place, each of which verification must notice.
//!
//! The seed is printed; `SEED=<it> cargo test --test random_changes` makes the same changes again.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may panic and print"
)]

mod sample_bundle;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread;

use pgdossier::sign::{SigningKey, TrustPolicy};
use sample_bundle::random::Random;
use sample_bundle::{files_below, is_valid, policy, sealed_after};

const IN_THE_ARCHIVE: u64 = 60_000;
const IN_THE_FOLDER: u64 = 40_000;

/// How many changes of each kind were noticed.
type Noticed = BTreeMap<&'static str, u64>;

#[test]
fn a_hundred_thousand_random_changes_are_all_noticed() {
    let seed: u64 = match std::env::var("SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => std::process::id().into(),
    };
    println!("SEED={seed}");
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let key = SigningKey::generate().unwrap();
    let earlier = sealed_after(None, "acme-2026-Q3", &key, dir.path()).unwrap();
    let policy = policy(&key);
    let workers = thread::available_parallelism().unwrap().get() as u64;
    let noticed: Vec<Noticed> = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| {
                // Of its own for every thread: a change must be the only one.
                let out = dir.path().join(worker.to_string());
                let sealed = sealed_after(Some(&earlier.folder), "acme-2026-Q4", &key, &out).unwrap();
                let policy = &policy;
                scope.spawn(move || {
                    let mut random = Random(seed.wrapping_mul(workers).wrapping_add(worker) | 1);
                    let share = |total: u64| total / workers + u64::from(worker < total % workers);
                    let mut noticed = Noticed::new();
                    for (bundle, count) in [
                        (&sealed.archive, share(IN_THE_ARCHIVE)),
                        (&sealed.folder, share(IN_THE_FOLDER)),
                    ] {
                        change(bundle, count, policy, &mut random, &mut noticed);
                    }
                    noticed
                })
            })
            .collect();
        threads.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let mut together = Noticed::new();
    for (kind, count) in noticed.into_iter().flatten() {
        *together.entry(kind).or_default() += count;
    }
    println!("noticed: {together:?}");
    assert_eq!(together.values().sum::<u64>(), IN_THE_ARCHIVE + IN_THE_FOLDER);
    assert!(
        together.len() == 4 && together.values().all(|count| *count > 1000),
        "{together:?}"
    );
}

/// Makes `count` changes one after the other, each undone before the next.
fn change(bundle: &Path, count: u64, policy: &TrustPolicy, random: &mut Random, noticed: &mut Noticed) {
    let files: Vec<(PathBuf, Vec<u8>)> = files_below(bundle)
        .into_iter()
        .map(|file| (file.clone(), fs::read(file).unwrap()))
        .collect();
    assert!(is_valid(bundle, policy), "the bundle is not valid to begin with");
    for number in 0..count {
        let (file, original) = &files[random.below(files.len())];
        let change = Change::any(random, original);
        change.make(file, original);
        assert!(
            !is_valid(bundle, policy),
            "{change:?} in {} was not noticed",
            file.display()
        );
        change.undo(file, original);
        *noticed.entry(change.kind()).or_default() += 1;
        if number % 5000 == 0 {
            assert!(
                is_valid(bundle, policy),
                "{change:?} was not undone, so the next one proves nothing"
            );
        }
    }
    assert!(is_valid(bundle, policy), "the last change was not undone");
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

    fn kind(self) -> &'static str {
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
