//! A ZIP writer that writes what no honest one would: every header says what the test wants.

use serde::Deserialize;

#[derive(Clone)]
pub(crate) struct ZipFile {
    pub(crate) prefix: Vec<u8>,
    pub(crate) offsets_include_prefix: bool,
    pub(crate) comment: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) local: Header,
    pub(crate) central: Header,
    data: Vec<u8>,
    /// The entry whose bytes are used instead of own ones.
    onto: Option<String>,
}

#[derive(Clone)]
pub(crate) struct Header {
    name: String,
    flags: u16,
    method: u16,
    crc32: u32,
    compressed: u32,
    size: u32,
    mode: u32,
}

/// What to change in a header.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    name: Option<String>,
    flags: Option<u16>,
    method: Option<u16>,
    crc32: Option<u32>,
    compressed: Option<u32>,
    size: Option<u32>,
    /// In octal, as `stat` shows it.
    mode: Option<String>,
}

impl Change {
    pub(crate) fn apply(&self, header: &mut Header) {
        header.name = self.name.clone().unwrap_or_else(|| header.name.clone());
        header.flags = self.flags.unwrap_or(header.flags);
        header.method = self.method.unwrap_or(header.method);
        header.crc32 = self.crc32.unwrap_or(header.crc32);
        header.compressed = self.compressed.unwrap_or(header.compressed);
        header.size = self.size.unwrap_or(header.size);
        if let Some(mode) = &self.mode {
            header.mode = u32::from_str_radix(mode, 8).unwrap() << 16;
        }
    }
}

impl Entry {
    /// One stored block of RFC 1951: a deflate stream all the same.
    pub(crate) fn deflate(&mut self) {
        let length = u16::try_from(self.data.len()).unwrap();
        let mut stream = vec![1];
        stream.extend_from_slice(&length.to_le_bytes());
        stream.extend_from_slice(&(!length).to_le_bytes());
        stream.append(&mut self.data);
        self.data = stream;
        for header in [&mut self.local, &mut self.central] {
            header.method = 8;
            header.compressed = u32::try_from(self.data.len()).unwrap();
        }
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> u32 {
    let mut four = [0; 4];
    four[..N].copy_from_slice(&bytes[at..at + N]);
    u32::from_le_bytes(four)
}

impl ZipFile {
    /// Reads a canonical archive.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.len() - 22;
        let mut at = number::<4>(bytes, end + 16) as usize;
        let mut entries = Vec::new();
        while at < end {
            let name_length = number::<2>(bytes, at + 28) as usize;
            let header = Header {
                name: String::from_utf8(bytes[at + 46..at + 46 + name_length].to_vec()).unwrap(),
                flags: 0,
                method: 0,
                crc32: number::<4>(bytes, at + 16),
                compressed: number::<4>(bytes, at + 20),
                size: number::<4>(bytes, at + 24),
                mode: number::<4>(bytes, at + 38),
            };
            let data = number::<4>(bytes, at + 42) as usize + 30 + name_length;
            entries.push(Entry {
                data: bytes[data..data + header.size as usize].to_vec(),
                local: header.clone(),
                central: header,
                onto: None,
            });
            at += 46 + name_length;
        }
        Self {
            prefix: Vec::new(),
            offsets_include_prefix: true,
            comment: Vec::new(),
            entries,
        }
    }

    fn index(&self, path: &str) -> usize {
        let name = format!("acme-2026-Q4/{path}");
        let found = self.entries.iter().position(|entry| entry.local.name == name);
        found.unwrap_or_else(|| panic!("the archive has no entry {name}"))
    }

    pub(crate) fn entry(&mut self, path: &str) -> &mut Entry {
        let index = self.index(path);
        &mut self.entries[index]
    }

    pub(crate) fn copy(&mut self, path: &str, name: &str) {
        let index = self.index(path);
        let mut copy = self.entries[index].clone();
        copy.local.name = name.to_owned();
        copy.central.name = name.to_owned();
        self.entries.insert(index + 1, copy);
    }

    pub(crate) fn overlap(&mut self, path: &str, onto: &str) {
        let onto = self.entries[self.index(onto)].clone();
        let entry = self.entry(path);
        entry.central = Header {
            name: entry.central.name.clone(),
            ..onto.central
        };
        entry.onto = Some(onto.local.name);
    }

    pub(crate) fn rename_top(&mut self, top: &str) {
        for header in self
            .entries
            .iter_mut()
            .flat_map(|entry| [&mut entry.local, &mut entry.central])
        {
            let (_, path) = header.name.split_once('/').unwrap();
            header.name = format!("{top}/{path}");
        }
    }

    pub(crate) fn swap_with_next(&mut self, path: &str) {
        let index = self.index(path);
        self.entries.swap(index, index + 1);
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.prefix.clone();
        let shift = if self.offsets_include_prefix {
            0
        } else {
            self.prefix.len()
        };
        let mut offsets: Vec<(String, u32)> = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.onto.is_none()) {
            offsets.push((
                entry.local.name.clone(),
                u32::try_from(bytes.len() - shift).unwrap(),
            ));
            bytes.extend_from_slice(b"PK\x03\x04");
            put16(&mut bytes, &[10]);
            entry.local.put(&mut bytes);
            put16(&mut bytes, &[0]);
            bytes.extend_from_slice(entry.local.name.as_bytes());
            bytes.extend_from_slice(&entry.data);
        }
        let directory = bytes.len();
        for entry in &self.entries {
            let target = entry.onto.as_ref().unwrap_or(&entry.local.name);
            let offset = offsets.iter().find(|(name, _)| name == target).unwrap().1;
            bytes.extend_from_slice(b"PK\x01\x02");
            put16(&mut bytes, &[3 << 8 | 45, 10]);
            entry.central.put(&mut bytes);
            put16(&mut bytes, &[0, 0, 0, 0]);
            put32(&mut bytes, &[entry.central.mode, offset]);
            bytes.extend_from_slice(entry.central.name.as_bytes());
        }
        let count = u16::try_from(self.entries.len()).unwrap();
        let size = u32::try_from(bytes.len() - directory).unwrap();
        bytes.extend_from_slice(b"PK\x05\x06");
        put16(&mut bytes, &[0, 0, count, count]);
        put32(&mut bytes, &[size, u32::try_from(directory - shift).unwrap()]);
        put16(&mut bytes, &[u16::try_from(self.comment.len()).unwrap()]);
        bytes.extend_from_slice(&self.comment);
        bytes
    }
}

impl Header {
    /// From the flags to the length of the name.
    fn put(&self, bytes: &mut Vec<u8>) {
        put16(bytes, &[self.flags, self.method, 0, 0x21]);
        put32(bytes, &[self.crc32, self.compressed, self.size]);
        put16(bytes, &[u16::try_from(self.name.len()).unwrap()]);
    }
}

fn put16(bytes: &mut Vec<u8>, values: &[u16]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

fn put32(bytes: &mut Vec<u8>, values: &[u32]) {
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}
