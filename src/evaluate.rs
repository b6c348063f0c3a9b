//! Judges evidence: a pure function of rows.
