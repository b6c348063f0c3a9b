//! The one canonical ZIP of a list of files: STORED, 1980-01-01, mode 0644, one top folder, sorted, no extras.

use super::failure::Failure;
use super::limits::Limits;
use super::path::{MAX_ID, MAX_PATH, PathProblem, PathSet, is_bundle_id};

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
const END: &[u8; 4] = b"PK\x05\x06";
const END64: &[u8; 4] = b"PK\x06\x06";
const LOCATOR64: &[u8; 4] = b"PK\x06\x07";
const END_BYTES: u64 = 22;
const LOCATOR64_BYTES: u64 = 20;
const END64_BYTES: u64 = 56;
const CENTRAL_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;
/// A 16- or 32-bit field with all bits set says that the true value is in a ZIP64 record.
const IN_ZIP64_16: u16 = u16::MAX;
const IN_ZIP64_32: u32 = u32::MAX;
const VERSION_PLAIN: u16 = 10;
const VERSION_ZIP64: u16 = 45;
const MADE_ON_UNIX: u16 = 3 << 8;
const DATE_1980_01_01: u16 = 0x0021;
const MODE_REGULAR_0644: u32 = 0o100_644 << 16;

/// A file of the archive. `path` is inside the top folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) crc32: u32,
}

/// Where each member's header and data are, by size alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Positions {
    /// Of each member: the offsets of its local header and of its data.
    pub(crate) members: Vec<(u64, u64)>,
    /// Where the central directory begins.
    pub(crate) directory: u64,
}

impl Positions {
    pub(crate) fn of<'a>(top: &str, members: impl Iterator<Item = (&'a str, u64)>) -> Self {
        let mut offset = 0_u64;
        let mut positions = Vec::new();
        for (path, size) in members {
            let extra = if fits(size).is_some() { 0 } else { 20 };
            // Sizes are what an archive says: however large, their sum is never a small one.
            let header = (LOCAL_BYTES + top.len() + 1 + path.len() + extra) as u64;
            let data = offset.saturating_add(header);
            positions.push((offset, data));
            offset = data.saturating_add(size);
        }
        Self {
            members: positions,
            directory: offset,
        }
    }
}

/// The value as a 32-bit field, unless it needs ZIP64.
fn fits(value: u64) -> Option<u32> {
    u32::try_from(value).ok().filter(|value| *value != IN_ZIP64_32)
}

/// The header before a member's data.
pub(crate) fn local_header(top: &str, member: &Member) -> Vec<u8> {
    let mut header = LOCAL.to_vec();
    let size = fits(member.size);
    put16(
        &mut header,
        if size.is_some() {
            VERSION_PLAIN
        } else {
            VERSION_ZIP64
        },
    );
    put_common(&mut header, member);
    put16(
        &mut header,
        u16::try_from(top.len() + 1 + member.path.len()).unwrap_or(IN_ZIP64_16),
    );
    put16(&mut header, if size.is_some() { 0 } else { 20 });
    put_name(&mut header, top, member);
    if size.is_none() {
        put_zip64(&mut header, &[member.size, member.size]);
    }
    header
}

/// Flags to sizes: the same in both headers.
fn put_common(header: &mut Vec<u8>, member: &Member) {
    let size = fits(member.size).unwrap_or(IN_ZIP64_32);
    for field in [0, 0, 0, DATE_1980_01_01] {
        put16(header, field);
    }
    for field in [member.crc32, size, size] {
        put32(header, field);
    }
}

fn put_name(header: &mut Vec<u8>, top: &str, member: &Member) {
    for part in [top, "/", &member.path] {
        header.extend_from_slice(part.as_bytes());
    }
}

fn put_zip64(header: &mut Vec<u8>, values: &[u64]) {
    put16(header, 1);
    put16(header, u16::try_from(8 * values.len()).unwrap_or(IN_ZIP64_16));
    for value in values {
        put64(header, *value);
    }
}

/// The central directory and end records of an archive of `members`.
pub(crate) fn directory(top: &str, members: &[Member], positions: &Positions) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (member, (offset, _)) in members.iter().zip(&positions.members) {
        let mut large = Vec::new();
        if fits(member.size).is_none() {
            large.extend([member.size, member.size]);
        }
        if fits(*offset).is_none() {
            large.push(*offset);
        }
        bytes.extend_from_slice(CENTRAL);
        put16(&mut bytes, MADE_ON_UNIX | VERSION_ZIP64);
        put16(
            &mut bytes,
            if large.is_empty() {
                VERSION_PLAIN
            } else {
                VERSION_ZIP64
            },
        );
        put_common(&mut bytes, member);
        put16(
            &mut bytes,
            u16::try_from(top.len() + 1 + member.path.len()).unwrap_or(IN_ZIP64_16),
        );
        let extra = if large.is_empty() { 0 } else { 4 + 8 * large.len() };
        put16(&mut bytes, u16::try_from(extra).unwrap_or(IN_ZIP64_16));
        for field in [0, 0, 0] {
            put16(&mut bytes, field);
        }
        put32(&mut bytes, MODE_REGULAR_0644);
        put32(&mut bytes, fits(*offset).unwrap_or(IN_ZIP64_32));
        put_name(&mut bytes, top, member);
        if !large.is_empty() {
            put_zip64(&mut bytes, &large);
        }
    }
    put_end(&mut bytes, members.len() as u64, positions.directory);
    bytes
}

fn put_end(bytes: &mut Vec<u8>, count: u64, offset: u64) {
    let size = bytes.len() as u64;
    let short_count = u16::try_from(count).ok().filter(|count| *count != IN_ZIP64_16);
    if short_count.is_none() || fits(size).is_none() || fits(offset).is_none() {
        bytes.extend_from_slice(END64);
        put64(bytes, END64_BYTES - 12);
        put16(bytes, MADE_ON_UNIX | VERSION_ZIP64);
        put16(bytes, VERSION_ZIP64);
        put32(bytes, 0);
        put32(bytes, 0);
        for field in [count, count, size, offset] {
            put64(bytes, field);
        }
        bytes.extend_from_slice(LOCATOR64);
        put32(bytes, 0);
        put64(bytes, offset + size);
        put32(bytes, 1);
    }
    bytes.extend_from_slice(END);
    put32(bytes, 0);
    put16(bytes, short_count.unwrap_or(IN_ZIP64_16));
    put16(bytes, short_count.unwrap_or(IN_ZIP64_16));
    put32(bytes, fits(size).unwrap_or(IN_ZIP64_32));
    put32(bytes, fits(offset).unwrap_or(IN_ZIP64_32));
    put16(bytes, 0);
}

fn put16(bytes: &mut Vec<u8>, value: u16) {
    bytes.extend_from_slice(&value.to_le_bytes());
}

fn put32(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend_from_slice(&value.to_le_bytes());
}

fn put64(bytes: &mut Vec<u8>, value: u64) {
    bytes.extend_from_slice(&value.to_le_bytes());
}

/// What an archive's central directory says, checked to be the canonical one for what it says.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) top: String,
    pub(crate) members: Vec<Member>,
    pub(crate) positions: Positions,
}

/// Reads the directory of an archive of `length` bytes through `read`, which fills a buffer from an offset.
pub(crate) fn read_directory(
    length: u64,
    read: impl Fn(u64, usize) -> std::io::Result<Vec<u8>>,
    limits: &Limits,
) -> Result<Directory, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::new(
            "archive.unreadable",
            format!("the archive cannot be read: {error}"),
        )
    };
    let no_end = || {
        let message = "the archive does not end with an end record without comment: it is cut off, something was \
                       appended, or it is no ZIP";
        Failure::new("archive.end", message)
    };
    let end_at = length.checked_sub(END_BYTES).ok_or_else(no_end)?;
    let end = read(end_at, 22).map_err(unreadable)?;
    if !end.starts_with(END) || get16(&end, 20) != Some(0) {
        return Err(no_end());
    }
    let mut count = u64::from(get16(&end, 10).ok_or_else(no_end)?);
    let mut start = u64::from(get32(&end, 16).ok_or_else(no_end)?);
    let mut finish = end_at;
    if let Some(at) = end_at.checked_sub(END64_BYTES + LOCATOR64_BYTES) {
        let end64 = read(at, 56).map_err(unreadable)?;
        if end64.starts_with(END64) {
            count = get64(&end64, 32).ok_or_else(no_end)?;
            start = get64(&end64, 48).ok_or_else(no_end)?;
            finish = at;
        }
    }
    if count > limits.files {
        let message = format!("the archive has {count} files; the limit is {}", limits.files);
        return Err(Failure::new("limit.files", message));
    }
    let size = finish
        .checked_sub(start)
        .filter(|size| *size <= count * (CENTRAL_BYTES + MAX_ID + 1 + MAX_PATH + 28) as u64);
    let size = size.and_then(|size| usize::try_from(size).ok()).ok_or_else(|| {
        Failure::new(
            "archive.end",
            "the end record does not say where the central directory is",
        )
    })?;
    let central = read(start, size).map_err(unreadable)?;
    let (top, members) = parse_central(&central, count)?;
    let positions = Positions::of(
        &top,
        members.iter().map(|member| (member.path.as_str(), member.size)),
    );
    if positions.directory != start {
        let message = format!(
            "the files take {} bytes but the central directory is at {start}: entries overlap, leave gaps, or follow other data",
            positions.directory
        );
        return Err(Failure::new("archive.offsets", message));
    }
    let tail = read(start, usize::try_from(length - start).unwrap_or(usize::MAX)).map_err(unreadable)?;
    let expected = directory(&top, &members, &positions);
    if tail != expected {
        let at = tail
            .iter()
            .zip(&expected)
            .take_while(|(is, should)| is == should)
            .count();
        let message = format!(
            "the archive differs at byte {} from the one way to write its files",
            start + at as u64
        );
        return Err(Failure::new("archive.differs", message));
    }
    Ok(Directory {
        top,
        members,
        positions,
    })
}

fn parse_central(bytes: &[u8], count: u64) -> Result<(String, Vec<Member>), Failure> {
    let mut rest = bytes;
    let mut top: Option<String> = None;
    let mut members: Vec<Member> = Vec::new();
    let mut paths = PathSet::default();
    for number in 1..=count {
        let entry = parse_entry(&mut rest).ok_or_else(|| {
            Failure::new(
                "archive.entry",
                format!("entry {number} of the central directory is malformed"),
            )
        })?;
        let shown = entry.name.escape_default();
        if entry.method != 0 {
            let message = format!("entry `{shown}` is compressed; files are only ever stored");
            return Err(Failure::new("archive.method", message));
        }
        if entry.attributes != MODE_REGULAR_0644 {
            let message =
                format!("entry `{shown}` is not a regular file with mode 0644 (a link, folder or device?)");
            return Err(Failure::new("archive.attributes", message));
        }
        let Some((folder, path)) = entry
            .name
            .split_once('/')
            .filter(|(folder, _)| is_bundle_id(folder))
        else {
            let message = format!("entry `{shown}` is not inside one top folder named like a bundle");
            return Err(Failure::new("archive.path", message));
        };
        if *top.get_or_insert_with(|| folder.to_owned()) != folder {
            return Err(Failure::new(
                "archive.path",
                format!("entry `{shown}` is in a second top folder"),
            ));
        }
        paths.insert(path).map_err(|problem| {
            let code = match problem {
                PathProblem::Duplicate(_) => "archive.duplicate",
                PathProblem::CaseTwin(..) => "archive.case-twin",
                _ => "archive.path",
            };
            Failure::new(code, problem.to_string())
        })?;
        if members.last().is_some_and(|last| last.path.as_str() > path) {
            return Err(Failure::new(
                "archive.order",
                format!("entry `{shown}` is out of order"),
            ));
        }
        members.push(Member {
            path: path.to_owned(),
            size: entry.size,
            crc32: entry.crc32,
        });
    }
    top.map(|top| (top, members))
        .ok_or_else(|| Failure::new("archive.entry", "the archive has no files"))
}

struct CentralEntry {
    name: String,
    method: u16,
    attributes: u32,
    crc32: u32,
    size: u64,
}

fn parse_entry(rest: &mut &[u8]) -> Option<CentralEntry> {
    let (fixed, after) = rest.split_at_checked(CENTRAL_BYTES)?;
    if !fixed.starts_with(CENTRAL) {
        return None;
    }
    let (name, after) = after.split_at_checked(usize::from(get16(fixed, 28)?))?;
    let (extra, after) = after.split_at_checked(usize::from(get16(fixed, 30)?))?;
    let (_comment, after) = after.split_at_checked(usize::from(get16(fixed, 32)?))?;
    *rest = after;
    let size = match get32(fixed, 24)? {
        IN_ZIP64_32 => get64(extra, 4)?,
        size => u64::from(size),
    };
    Some(CentralEntry {
        name: String::from_utf8_lossy(name).into_owned(),
        method: get16(fixed, 10)?,
        attributes: get32(fixed, 38)?,
        crc32: get32(fixed, 16)?,
        size,
    })
}

fn get16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u16::from_le_bytes(*bytes))
}

fn get32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u32::from_le_bytes(*bytes))
}

fn get64(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u64::from_le_bytes(*bytes))
}
