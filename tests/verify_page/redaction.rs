//! Redacted copies and lies in them.

#[path = "../redaction/attacks.rs"]
mod attacks;
#[path = "../redaction/made.rs"]
mod made;
