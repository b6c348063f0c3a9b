//! Where the system's browser is.

use std::path::PathBuf;

/// Chromium, by any of its names.
pub(crate) fn binary() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    ["chromium", "chromium-browser", "google-chrome"]
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|candidate| candidate.is_file())
        .expect("no chromium, chromium-browser or google-chrome on the PATH: install one (apt-get install chromium)")
}
