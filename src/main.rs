//! Parses the command line and dispatches; everything else is the library's.

fn main() {}
