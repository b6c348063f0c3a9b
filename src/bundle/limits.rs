//! Caps on what a hostile bundle can make a verifier read.

/// Upper limits; each can be raised by whoever verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Number of files.
    pub files: u64,
    /// Size of one file in bytes.
    pub file_bytes: u64,
    /// Size of all files together in bytes.
    pub total_bytes: u64,
    /// Size in bytes of each of `statement.json`, `MANIFEST.sha256`, `chain/leaves.txt` and of all files in `signatures/`
    /// together, which are held in memory.
    pub held_bytes: u64,
    /// Size in bytes of each envelope of a signature, and of each file that such an envelope signs alone.
    pub envelope_bytes: u64,
    /// Size in bytes of one line of an NDJSON record, which is held in memory.
    pub line_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            files: 100_000,
            file_bytes: 16 << 30,
            total_bytes: 64 << 30,
            held_bytes: 16 << 20,
            envelope_bytes: 1 << 20,
            line_bytes: 8 << 20,
        }
    }
}
