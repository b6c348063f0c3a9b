//! The fields of a waiver as they are asked for and written, each with its comment.

use crate::cli::form::Form::{Day, List, OneOf, Text};
use crate::cli::form::{Field, field};

const SEVERITIES: &[&str] = &["critical", "high", "medium", "low"];

/// The fields of a waiver, but its control.
pub(super) const WAIVER: &[Field] = &[
    field(
        "targets",
        List,
        false,
        "[db1, db2]",
        "Only these targets of the inventory; all when absent.",
    ),
    field(
        "tags",
        List,
        false,
        "[test]",
        "Only targets with one of these tags; all when absent.",
    ),
    field(
        "rows",
        Text,
        false,
        "'row.role_name == \"app\"'",
        "Which exceptions are accepted: true for their rows. All of the control's, also those to come, when absent.",
    ),
    field("reason", Text, true, "\"…\"", "Why the exceptions are accepted."),
    field(
        "compensating_control.constraints",
        Text,
        false,
        "\"…\"",
        "What keeps the requirement from being met.",
    ),
    field(
        "compensating_control.objective",
        Text,
        false,
        "\"…\"",
        "What the requirement is for, and how that is reached otherwise.",
    ),
    field(
        "compensating_control.risk",
        Text,
        false,
        "\"…\"",
        "Which risk is left by not meeting it.",
    ),
    field(
        "compensating_control.measures",
        Text,
        false,
        "\"…\"",
        "What is done instead.",
    ),
    field(
        "compensating_control.validation",
        Text,
        false,
        "\"…\"",
        "How it was checked that this works.",
    ),
    field(
        "compensating_control.maintenance",
        Text,
        false,
        "\"…\"",
        "How it is kept working.",
    ),
    field("requested_by.name", Text, true, "\"…\"", "Who asked for it."),
    field(
        "requested_by.role",
        Text,
        false,
        "\"database engineer\"",
        "Their role.",
    ),
    field(
        "requested_by.organisation",
        Text,
        false,
        "\"…\"",
        "Their organisation.",
    ),
    field("requested_by.contact", Text, false, "\"…\"", "How to reach them."),
    field(
        "approved_by.name",
        Text,
        true,
        "\"…\"",
        "Who approved it: somebody else.",
    ),
    field("approved_by.role", Text, false, "\"risk owner\"", "Their role."),
    field(
        "approved_by.organisation",
        Text,
        false,
        "\"…\"",
        "Their organisation.",
    ),
    field("approved_by.contact", Text, false, "\"…\"", "How to reach them."),
    field(
        "ticket",
        Text,
        false,
        "\"SEC-123\"",
        "Where the decision is tracked.",
    ),
    field(
        "risk.before",
        OneOf(SEVERITIES),
        true,
        "high",
        "The risk without what is done instead: critical, high, medium or low.",
    ),
    field("risk.after", OneOf(SEVERITIES), true, "low", "The risk with it."),
    field(
        "approved_at",
        Day,
        true,
        "2026-11-23",
        "The first day on which it counts.",
    ),
    field(
        "expires_at",
        Day,
        true,
        "2027-05-22",
        "The last day on which it counts.",
    ),
];
