//! The files of a bundle as they lie there, folder or archive, opened strictly: nothing extracted, no link followed.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};

use super::archive::{Directory, local_header, read_directory};
use super::digest::{Fingerprint, Fingerprinter};
use super::failure::Failure;
use super::limits::Limits;
use super::path::PathSet;

/// Folders deeper than this are not from here: a path of 180 characters has at most 90 names.
const MAX_DEPTH: usize = 90;

/// A file in the bundle.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) size: u64,
    place: Place,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Folder,
    Archive { offset: u64, crc32: u32 },
}

/// An opened bundle.
pub(crate) struct Store {
    root: Root,
    /// The archive's top folder; a folder may be renamed by whoever holds it.
    pub(crate) top: Option<String>,
    entries: Vec<Entry>,
}

enum Root {
    Folder(OwnedFd),
    Archive(File),
}

/// An open file of the bundle.
pub(crate) struct Section<'a> {
    file: SectionFile<'a>,
    offset: u64,
    size: u64,
    position: u64,
}

enum SectionFile<'a> {
    Own(File),
    Shared(&'a File),
}

impl Store {
    /// Opens a folder or archive. The outer error says that it could not be tried at all.
    pub(crate) fn open(path: &Path, limits: &Limits) -> io::Result<Result<Self, Vec<Failure>>> {
        // A pipe would be waited for.
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let file = File::options().read(true).custom_flags(nonblocking).open(path)?;
        let metadata = file.metadata()?;
        let store = if metadata.is_dir() {
            Self::open_folder(OwnedFd::from(file), limits)
        } else if metadata.is_file() {
            Self::open_archive(file, metadata.len(), limits)
        } else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "neither a folder nor a file",
            ));
        };
        Ok(store.and_then(|store| store.check_sizes(limits).map(|()| store)))
    }

    fn open_folder(root: OwnedFd, limits: &Limits) -> Result<Self, Vec<Failure>> {
        let mut listing = Listing {
            limits,
            entries: Vec::new(),
            failures: Vec::new(),
        };
        listing.list(&root, "", 0);
        let mut failures = listing.failures;
        let mut entries = listing.entries;
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let mut paths = PathSet::default();
        for entry in &entries {
            if let Err(problem) = paths.insert(&entry.path) {
                let shown = entry.path.escape_default().to_string();
                failures.push(Failure::at("folder.path", &shown, problem.to_string()));
            }
        }
        failures.sort();
        if failures.is_empty() {
            Ok(Self {
                root: Root::Folder(root),
                top: None,
                entries,
            })
        } else {
            Err(failures)
        }
    }

    fn open_archive(file: File, length: u64, limits: &Limits) -> Result<Self, Vec<Failure>> {
        let read = |offset, length| {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, offset).map(|()| bytes)
        };
        let Directory {
            top,
            members,
            positions,
        } = read_directory(length, read, limits).map_err(|one| vec![one])?;
        let mut entries = Vec::with_capacity(members.len());
        for (member, (header, data)) in members.into_iter().zip(positions.members) {
            let expected = local_header(&top, &member);
            if read(header, expected.len()).ok().as_ref() != Some(&expected) {
                let message = format!(
                    "the header at byte {header} differs from the one way to write it: it disagrees with the central directory"
                );
                return Err(vec![Failure::at("archive.header", &member.path, message)]);
            }
            let place = Place::Archive {
                offset: data,
                crc32: member.crc32,
            };
            entries.push(Entry {
                path: member.path,
                size: member.size,
                place,
            });
        }
        Ok(Self {
            root: Root::Archive(file),
            top: Some(top),
            entries,
        })
    }

    fn check_sizes(&self, limits: &Limits) -> Result<(), Vec<Failure>> {
        let mut total = 0_u64;
        for entry in &self.entries {
            total = total.saturating_add(entry.size);
            if entry.size > limits.file_bytes {
                let message = format!("it has {} bytes; the limit is {}", entry.size, limits.file_bytes);
                return Err(vec![Failure::at("limit.file-size", &entry.path, message)]);
            }
        }
        if total > limits.total_bytes {
            let message = format!(
                "all files together have {total} bytes; the limit is {}",
                limits.total_bytes
            );
            return Err(vec![Failure::new("limit.total-size", message)]);
        }
        Ok(())
    }

    /// All files, sorted by path.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn find(&self, path: &str) -> Option<&Entry> {
        let index = self
            .entries
            .binary_search_by(|entry| entry.path.as_str().cmp(path))
            .ok()?;
        self.entries.get(index)
    }

    pub(crate) fn section(&self, entry: &Entry) -> io::Result<Section<'_>> {
        let (file, offset) = match (&self.root, entry.place) {
            (Root::Archive(file), Place::Archive { offset, .. }) => (SectionFile::Shared(file), offset),
            (Root::Folder(root), _) => (SectionFile::Own(open_inside(root, &entry.path)?), 0),
            (Root::Archive(_), Place::Folder) => return Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        Ok(Section {
            file,
            offset,
            size: entry.size,
            position: 0,
        })
    }

    /// Hashes a file through `buffer`. A file that is not as long as it was when listed is an error.
    pub(crate) fn fingerprint(&self, entry: &Entry, buffer: &mut [u8]) -> io::Result<Fingerprint> {
        let mut section = self.section(entry)?;
        let mut fingerprinter = Fingerprinter::new();
        loop {
            match section.read(buffer)? {
                0 => break,
                length => fingerprinter.update(buffer.get(..length).unwrap_or_default()),
            }
        }
        let fingerprint = fingerprinter.finish();
        if fingerprint.size != entry.size || section.has_more() {
            return Err(io::Error::other("its size changed while it was read"));
        }
        Ok(fingerprint)
    }

    /// The checksum that the archive gives for a file.
    pub(crate) fn stated_crc32(entry: &Entry) -> Option<u32> {
        match entry.place {
            Place::Archive { crc32, .. } => Some(crc32),
            Place::Folder => None,
        }
    }

    /// Reads a whole file of at most `limit` bytes.
    pub(crate) fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, Failure> {
        let entry = self
            .find(path)
            .ok_or_else(|| Failure::at("file.absent", path, "it is missing"))?;
        if entry.size > limit {
            let message = format!("it has {} bytes; the limit is {limit}", entry.size);
            return Err(Failure::at("limit.held-size", path, message));
        }
        let mut bytes = Vec::new();
        self.section(entry)
            .and_then(|section| section.take(limit).read_to_end(&mut bytes))
            .map_err(|error| Failure::at("file.unreadable", path, format!("it cannot be read: {error}")))?;
        Ok(bytes)
    }
}

impl Section<'_> {
    fn read_at(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.file {
            SectionFile::Own(file) => file.read_at(buffer, self.offset + self.position),
            SectionFile::Shared(file) => file.read_at(buffer, self.offset + self.position),
        }
    }

    /// Whether a file of a folder has grown past the size it was listed with.
    fn has_more(&self) -> bool {
        matches!(self.file, SectionFile::Own(_)) && !matches!(self.read_at(&mut [0]), Ok(0))
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size - self.position)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let length = self.read_at(buffer.get_mut(..left).unwrap_or_default())?;
        self.position += length as u64;
        Ok(length)
    }
}

/// Opens a file below `root`, no part of its path being a link.
fn open_inside(root: &OwnedFd, path: &str) -> io::Result<File> {
    let common = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let (folders, name) = path
        .rsplit_once('/')
        .map_or((None, path), |(folders, name)| (Some(folders), name));
    let mut folder: Option<OwnedFd> = None;
    for part in folders.into_iter().flat_map(|folders| folders.split('/')) {
        let from = folder.as_ref().map_or(root.as_fd(), AsFd::as_fd);
        folder = Some(openat(from, part, common | OFlags::DIRECTORY, Mode::empty())?);
    }
    let from = folder.as_ref().map_or(root.as_fd(), AsFd::as_fd);
    let file = File::from(openat(from, name, common, Mode::empty())?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is no longer a regular file"))
    }
}

/// Walks a folder without following links.
struct Listing<'a> {
    limits: &'a Limits,
    entries: Vec<Entry>,
    failures: Vec<Failure>,
}

impl Listing<'_> {
    fn fail(&mut self, code: &'static str, path: &str, message: &str) {
        // A name may hold anything: shown only escaped.
        self.failures
            .push(Failure::at(code, &path.escape_default().to_string(), message));
    }

    fn list(&mut self, folder: &OwnedFd, prefix: &str, depth: usize) {
        let names = match names(folder, self.limits.files) {
            Ok(names) => names,
            Err(error) => {
                return self.fail(
                    "folder.unreadable",
                    prefix,
                    &format!("it cannot be listed: {error}"),
                );
            }
        };
        if names.is_empty() && depth > 0 {
            self.fail(
                "folder.empty",
                prefix,
                "an empty folder does not belong to a bundle",
            );
        }
        for name in names {
            let path = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}/{name}")
            };
            if (self.entries.len() + self.failures.len()) as u64 >= self.limits.files || depth > MAX_DEPTH {
                let message = format!(
                    "the folder has more than {} files or is too deep",
                    self.limits.files
                );
                self.failures = vec![Failure::new("limit.files", message)];
                return;
            }
            self.visit(folder, &name, path, depth);
        }
    }

    fn visit(&mut self, folder: &OwnedFd, name: &str, path: String, depth: usize) {
        let status = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => status,
            Err(error) => {
                return self.fail(
                    "folder.unreadable",
                    &path,
                    &format!("it cannot be examined: {error}"),
                );
            }
        };
        match FileType::from_raw_mode(status.st_mode) {
            FileType::RegularFile => {
                let size = u64::try_from(status.st_size).unwrap_or(u64::MAX);
                self.entries.push(Entry {
                    path,
                    size,
                    place: Place::Folder,
                });
            }
            FileType::Directory => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                match openat(folder, name, flags, Mode::empty()) {
                    Ok(inner) => self.list(&inner, &path, depth + 1),
                    Err(error) => self.fail(
                        "folder.unreadable",
                        &path,
                        &format!("it cannot be opened: {error}"),
                    ),
                }
            }
            FileType::Symlink => self.fail(
                "folder.link",
                &path,
                "it is a symbolic link; links are never followed",
            ),
            _ => self.fail("folder.special-file", &path, "it is neither a file nor a folder"),
        }
    }
}

/// The names in a folder, or one more than the limit.
fn names(folder: &OwnedFd, limit: u64) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in Dir::read_from(folder)? {
        if names.len() as u64 > limit {
            break;
        }
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.insert(name);
        }
    }
    Ok(names)
}
