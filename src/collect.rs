//! Gathers evidence; never judges.
