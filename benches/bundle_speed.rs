//! How fast 1 GB is sealed and verified, against `sha256sum` over the same bytes in the same run.
//!
//! `cargo bench --bench bundle_speed` prints the table; everything is read from the page cache and the best of three
//! runs counts. Files lie in the build folder, so on a disk and not in memory, if that is where the build folder is.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use pgdossier::bundle::{
    Contents, Description, Digest, Limits, SealOptions, Tool, Verdict, VerifyOptions, seal, verify,
};
use pgdossier::sign::{Signer as _, SigningKey, TrustPolicy};

const TOTAL: usize = 1 << 30;
const ROUNDS: usize = 3;
/// Told to a copy of this program that verifies one bundle and prints the memory that took.
const CHILD: &str = "verify-once";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, bundle, policy] = arguments.as_slice()
        && mode == CHILD
    {
        return verify_once(Path::new(bundle), Path::new(policy));
    }
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let mut out = std::io::stdout().lock();
    for files in [64, 20_000] {
        let sources = make_files(&dir.path().join(files.to_string()), files)?;
        writeln!(
            out,
            "\n{files} files of {} bytes, {} MB together",
            TOTAL / files,
            TOTAL / 1_000_000
        )?;
        measure(&sources, dir.path(), &mut out)?;
    }
    Ok(())
}

struct SourceFile {
    path: PathBuf,
    sha256: Digest,
}

/// Bytes that no disk or file system can shorten, and no two files alike.
fn make_files(dir: &Path, count: usize) -> Result<Vec<SourceFile>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut files = Vec::with_capacity(count);
    for number in 0..count {
        let folder = dir.join(format!("{:03}", number / 1000));
        std::fs::create_dir_all(&folder)?;
        let mut bytes = Vec::with_capacity(TOTAL / count + 8);
        while bytes.len() < TOTAL / count {
            // xorshift64
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        bytes.truncate(TOTAL / count);
        let path = folder.join(format!("{number:05}.bin"));
        std::fs::write(&path, &bytes)?;
        files.push(SourceFile {
            path,
            sha256: Digest::of(&bytes),
        });
    }
    // Write-back in the middle of a measurement would be measured too.
    Command::new("sync").status()?;
    Ok(files)
}

fn measure(sources: &[SourceFile], dir: &Path, out: &mut impl std::io::Write) -> Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    let key = SigningKey::generate()?;
    let policy_file = dir.join(format!("policy-{}.json", sources.len()));
    policy(&key).write(&policy_file)?;
    let bytes = (TOTAL / sources.len() * sources.len()) as f64 / 1e6;

    let mut report = |name: &str, seconds: f64, reference: Option<f64>| -> Result<f64> {
        let speed = bytes / seconds;
        match reference {
            Some(reference) => writeln!(
                out,
                "{name:<34} {speed:>7.0} MB/s  {:>4.0} %",
                100.0 * speed / reference
            )?,
            None => writeln!(out, "{name:<34} {speed:>7.0} MB/s",)?,
        }
        Ok(speed)
    };
    let one = report("sha256sum, 1 process", best(|| sha256sum(sources, 1))?, None)?;
    let all = report(
        &format!("sha256sum, {cores} processes"),
        best(|| sha256sum(sources, cores))?,
        None,
    )?;
    let copied = dir.join("copied");
    let copy = best(|| {
        let started = Instant::now();
        copy_twice(sources, &copied)?;
        let took = started.elapsed().as_secs_f64();
        std::fs::remove_dir_all(&copied)?;
        Ok(took)
    })?;
    report("copying twice, 1 thread, no hash", copy, None)?;

    let sealed_in = dir.join(format!("sealed-{}", sources.len()));
    for (threads, reference) in [(1, one), (cores, all)] {
        let took = best(|| {
            if sealed_in.exists() {
                std::fs::remove_dir_all(&sealed_in)?;
            }
            seal_into(sources, &key, &sealed_in, threads)
        })?;
        report(&format!("seal, {threads} thread(s)"), took, Some(reference))?;
    }
    let bundles = [
        ("folder", sealed_in.join("bench")),
        ("archive", sealed_in.join("bench.zip")),
    ];
    for (form, bundle) in &bundles {
        for (threads, reference) in [(1, one), (cores, all)] {
            let took = best(|| verify_with(bundle, &policy(&key), threads))?;
            report(
                &format!("verify the {form}, {threads} thread(s)"),
                took,
                Some(reference),
            )?;
        }
    }
    for (form, bundle) in &bundles {
        let child = Command::new(std::env::current_exe()?)
            .args([Path::new(CHILD), bundle, &policy_file])
            .output()?;
        write!(
            out,
            "peak memory of verifying the {form}: {}",
            String::from_utf8_lossy(&child.stdout)
        )?;
    }
    std::fs::remove_dir_all(sealed_in)?;
    Ok(())
}

fn best(mut run: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        best = best.min(run()?);
    }
    Ok(best)
}

/// As many processes at once, files dealt out in pieces, by `xargs`.
fn sha256sum(sources: &[SourceFile], processes: usize) -> Result<f64> {
    let piece = sources.len().div_ceil(processes * 4).to_string();
    let started = Instant::now();
    let mut xargs = Command::new("xargs")
        .args(["-0", "-P", &processes.to_string(), "-n", &piece, "sha256sum"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("cannot run xargs")?;
    let mut input = xargs.stdin.take().context("xargs has no input")?;
    for source in sources {
        input.write_all(source.path.as_os_str().as_encoded_bytes())?;
        input.write_all(b"\0")?;
    }
    drop(input);
    if !xargs.wait()?.success() {
        bail!("sha256sum failed");
    }
    Ok(started.elapsed().as_secs_f64())
}

/// What sealing cannot do without, beside hashing: each byte into a folder and into one file.
fn copy_twice(sources: &[SourceFile], to: &Path) -> Result<()> {
    std::fs::create_dir(to)?;
    let mut together = std::fs::File::create(to.join("together"))?;
    let mut buffer = Vec::new();
    for source in sources {
        buffer.clear();
        std::io::Read::read_to_end(&mut std::fs::File::open(&source.path)?, &mut buffer)?;
        std::fs::write(to.join(source.path.file_name().context("no name")?), &buffer)?;
        together.write_all(&buffer)?;
    }
    Ok(())
}

fn as_of() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH
}

fn policy(key: &SigningKey) -> TrustPolicy {
    TrustPolicy::single(
        key.public_key(),
        "bench",
        "preparer",
        as_of(),
        as_of() + TimeDelta::days(1),
    )
}

fn seal_into(sources: &[SourceFile], key: &SigningKey, to: &Path, threads: usize) -> Result<f64> {
    let cancel = AtomicBool::new(false);
    let options = SealOptions {
        cancel: &cancel,
        threads: NonZeroUsize::new(threads),
    };
    let description = Description {
        id: "bench".to_owned(),
        series: "bench".to_owned(),
        organisation: "Acme".to_owned(),
        period: "2026-Q4".to_owned(),
        as_of: as_of(),
        tool: Tool {
            name: "bench".to_owned(),
            version: "1".to_owned(),
            commit: None,
        },
    };
    let started = Instant::now();
    let mut contents = Contents::new();
    for (number, source) in sources.iter().enumerate() {
        let path = format!("attachments/{:03}/{number:05}.bin", number / 1000);
        let size = (TOTAL / sources.len()) as u64;
        contents.insert_file(&path, source.path.clone(), source.sha256, size)?;
    }
    seal(contents, &description, None, key, "preparer", to, &options)?;
    Ok(started.elapsed().as_secs_f64())
}

fn verify_with(bundle: &Path, policy: &TrustPolicy, threads: usize) -> Result<f64> {
    let cancel = AtomicBool::new(false);
    let options = VerifyOptions {
        now: as_of(),
        allow_withheld: false,
        limits: Limits::default(),
        threads: NonZeroUsize::new(threads),
        cancel: &cancel,
    };
    let started = Instant::now();
    let verification = verify(bundle, policy, &options)?;
    if verification.verdict != Verdict::Valid {
        bail!("{verification}");
    }
    Ok(started.elapsed().as_secs_f64())
}

fn verify_once(bundle: &Path, policy_file: &Path) -> Result<()> {
    let cores = std::thread::available_parallelism()?.get();
    verify_with(bundle, &TrustPolicy::load(policy_file)?, cores)?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    writeln!(
        std::io::stdout(),
        "{}",
        peak.context("no VmHWM in /proc/self/status")?.trim()
    )?;
    Ok(())
}
