//! Renders an assessment for people.
