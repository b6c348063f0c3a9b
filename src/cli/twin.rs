//! A bundle is sealed in two forms, a folder and a ZIP beside it: what is added to one belongs into the other.

use std::path::{Path, PathBuf};

use super::arguments::open_bundle;
use crate::bundle::IntactBundle;

/// The whole bundle of the same name in the other form, beside this one. Whether it is the same bundle is not yet known.
pub(super) fn of(bundle: &Path) -> Option<(PathBuf, IntactBundle)> {
    let bundle = bundle.canonicalize().ok()?;
    let name = bundle.file_name()?.to_str()?;
    let other = match name.strip_suffix(".zip") {
        Some(stem) if bundle.is_file() => bundle.with_file_name(stem),
        _ => bundle.with_file_name(format!("{name}.zip")),
    };
    let opened = open_bundle(&other).ok()?;
    Some((other, opened))
}
