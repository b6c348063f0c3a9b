//! Tables of rows with the provenance that makes them worth something.
