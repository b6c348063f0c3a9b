//! Parses the command line and dispatches; everything else is the library's.

use std::process::ExitCode;

/// Rows are many small values: the system's allocator takes twice as long with them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pgdossier::cli::run()
}
