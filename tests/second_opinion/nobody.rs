//! In most test programs the command's verdict stands alone; `tests/verify_page` asks the page as well.

#![allow(
    dead_code,
    reason = "tests/verify_page takes these programs in, and has its own"
)]

use std::path::Path;

use serde_json::Value;

/// What was verified: the bundle, a policy's JSON, and the command's result.
pub(crate) fn ask(_bundle: &Path, _policy: &Value, _command: &Value) {}
