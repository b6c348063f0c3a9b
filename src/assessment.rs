//! One execution and all its data.
