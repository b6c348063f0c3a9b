//! What people attest, and certificates issued by third parties, as files.
