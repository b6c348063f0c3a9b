//! Keeps what other tests make of bundles, as files: `FROZEN=write` with those tests, one thread, writes `tests/frozen/` again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

/// Of cases that end alike, these many are kept.
const ALIKE: usize = 2;

static KEPT: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

/// Keeps a bundle (a folder), the policy and what verifying came to. The test's name is a sentence that says what it is about.
pub fn keep(subject: &str, bundle: &Path, policy: &str, now: DateTime<Utc>, verdict: &str, codes: &[String]) {
    if std::env::var_os("FROZEN").is_none() || !bundle.is_dir() {
        return;
    }
    let mut alike: Vec<&str> = codes.iter().map(String::as_str).collect();
    alike.dedup();
    let ending = if alike.is_empty() {
        "good".to_owned()
    } else {
        alike
            .join("-")
            .replace(&format!("{subject}."), "")
            .replace('.', "-")
    };
    let name = format!("{subject}-{ending}");
    let mut kept = KEPT.lock().unwrap();
    let number = kept.entry(name.clone()).or_default();
    if *number == ALIKE {
        return;
    }
    *number += 1;
    let case: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "tests/frozen",
        &format!("{name}-{number}"),
    ]
    .iter()
    .collect();
    std::fs::create_dir_all(&case).unwrap();
    let thread = std::thread::current();
    let about = thread
        .name()
        .unwrap()
        .rsplit("::")
        .next()
        .unwrap()
        .replace('_', " ");
    let told = json!({
        "about": about,
        "as_of": now.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        "verdict": verdict,
        "expect": codes,
    });
    let write = |name: &str, bytes: &[u8]| std::fs::write(case.join(name), bytes).unwrap();
    write(
        "case.json",
        &[serde_json::to_vec_pretty(&told).unwrap(), b"\n".to_vec()].concat(),
    );
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap();
    write(
        "policy.json",
        &[serde_json::to_vec_pretty(&policy).unwrap(), b"\n".to_vec()].concat(),
    );
    write("bundle.zip", &archive(bundle));
}

/// The folder as an archive in the one form of `docs/bundle-format.md`.
fn archive(folder: &Path) -> Vec<u8> {
    let statement = std::fs::read(folder.join("statement.json")).unwrap();
    let statement: serde_json::Value = serde_json::from_slice(&statement).unwrap();
    let top = statement["predicate"]["bundleId"].as_str().unwrap().to_owned();
    let mut files: Vec<(String, Vec<u8>)> = crate::support::files(folder)
        .into_iter()
        .map(|(path, bytes)| {
            (
                format!("{top}/{}", path.strip_prefix(folder).unwrap().display()),
                bytes,
            )
        })
        .collect();
    files.sort();
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in &files {
        let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
        let size = number(bytes.len());
        let length = u16::try_from(name.len()).unwrap().to_le_bytes();
        let common = [
            &[0, 0, 0, 0, 0, 0, 0x21, 0][..],
            &crc32(bytes).to_le_bytes(),
            &size,
            &size,
            &length,
            &[0, 0],
        ]
        .concat();
        let offset = number(zip.len());
        zip.extend([b"PK\x03\x04\x0a\0", common.as_slice(), name.as_bytes(), bytes].concat());
        let mode = (0o100_644_u32 << 16).to_le_bytes();
        directory.extend(
            [
                b"PK\x01\x02\x2d\x03\x0a\0",
                common.as_slice(),
                &[0; 6],
                &mode,
                &offset,
                name.as_bytes(),
            ]
            .concat(),
        );
    }
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    let (size, start) = (directory.len(), zip.len());
    zip.extend(&directory);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend([count, count].concat());
    for number in [size, start] {
        zip.extend(u32::try_from(number).unwrap().to_le_bytes());
    }
    zip.extend([0, 0]);
    zip
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}
