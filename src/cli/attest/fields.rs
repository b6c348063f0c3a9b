//! The fields of an attestation and of a certificate as they are asked for and written, each with its comment.

use crate::attestation::{Question, QuestionKind, yes_or_no};
use crate::cli::form::Form::{Day, File, List, OneOf, Text};
use crate::cli::form::{Field, field, list, word};
use crate::yaml::quoted;

/// The fields of an attestation, but its controls, answers and documents.
pub(super) const ATTESTATION: &[Field] = &[
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
        "[production]",
        "Only targets with one of these tags; all when absent.",
    ),
    field(
        "sites",
        List,
        false,
        "[fra1]",
        "Only targets at one of these sites; all when absent.",
    ),
    field(
        "statement",
        Text,
        true,
        "\"…\"",
        "What is attested, in full sentences.",
    ),
    field(
        "answer",
        OneOf(&["satisfied", "not-satisfied", "not-applicable"]),
        true,
        "satisfied",
        "The conclusion: satisfied, not-satisfied or not-applicable.",
    ),
    field(
        "method",
        OneOf(&["examine", "interview", "test"]),
        true,
        "examine",
        "How it was come to: examine, interview or test.",
    ),
    field("performed_by.name", Text, true, "\"…\"", "Who did."),
    field(
        "performed_by.role",
        Text,
        false,
        "\"facility manager\"",
        "Their role.",
    ),
    field(
        "performed_by.organisation",
        Text,
        false,
        "\"…\"",
        "Their organisation.",
    ),
    field(
        "performed_by.contact",
        Text,
        false,
        "\"…\"",
        "How to reach them; it goes into the bundle.",
    ),
    field(
        "performed_at",
        Day,
        true,
        "2026-11-23",
        "When: a day in UTC, or RFC 3339.",
    ),
    field(
        "reviewer.name",
        Text,
        false,
        "\"…\"",
        "Who reviewed it: somebody else.",
    ),
    field("reviewer.role", Text, false, "\"…\"", "Their role."),
    field(
        "reviewer.organisation",
        Text,
        false,
        "\"…\"",
        "Their organisation.",
    ),
    field(
        "reviewer.contact",
        Text,
        false,
        "\"…\"",
        "How to reach them; it goes into the bundle.",
    ),
    field("reviewed_at", Day, false, "2026-11-24", "When they did."),
    field(
        "frequency",
        OneOf(&["monthly", "quarterly", "half-yearly", "yearly"]),
        false,
        "quarterly",
        "How often it is looked at again: monthly, quarterly, half-yearly or yearly.",
    ),
    field(
        "valid_from",
        Day,
        false,
        "2026-11-23",
        "The first day on which it counts; performed_at when absent.",
    ),
    field(
        "expires_at",
        Day,
        true,
        "2027-02-23",
        "The last day on which it counts.",
    ),
    field(
        "supersedes",
        Text,
        false,
        "\"…\"",
        "The earlier statement that it replaces: its file's name without .yaml.",
    ),
    field(
        "revoked_at",
        Day,
        false,
        "2026-12-01",
        "The day on which it was withdrawn.",
    ),
    field("revoked_reason", Text, false, "\"…\"", "Why it was withdrawn."),
];

/// The fields of a certificate, but its controls, exceptions, complementary controls and documents.
pub(super) const CERTIFICATE: &[Field] = &[
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
        "[production]",
        "Only targets with one of these tags; all when absent.",
    ),
    field("provider", Text, true, "\"…\"", "Whose services it is about."),
    field("issuer", Text, true, "\"…\"", "The firm that issued it."),
    field(
        "scheme",
        Text,
        true,
        "\"SOC 2 Type II\"",
        "Its scheme: SOC 2 Type II, ISO/IEC 27001:2022, PCI DSS AoC, CSA STAR, BSI C5.",
    ),
    field(
        "number",
        Text,
        true,
        "\"…\"",
        "The report's or certificate's number.",
    ),
    field(
        "period.from",
        Day,
        true,
        "2026-01-01",
        "The first day that it covers.",
    ),
    field(
        "period.to",
        Day,
        true,
        "2026-12-31",
        "The last day that it covers.",
    ),
    field(
        "criteria",
        List,
        false,
        "[security, availability]",
        "The criteria or scope that it was judged by.",
    ),
    field(
        "sites",
        List,
        false,
        "[eu-central-1]",
        "Sites or regions in its scope, as the inventory names them; all of the provider's when absent.",
    ),
    field(
        "subservice",
        OneOf(&["carve-out", "inclusive"]),
        false,
        "carve-out",
        "What it does with the provider's own providers: carve-out or inclusive.",
    ),
    field(
        "subservice_organisations",
        List,
        false,
        "[\"…\"]",
        "Those providers.",
    ),
    field(
        "bridge_letter.document",
        File,
        false,
        "{ file: letter.pdf, description: bridge letter }",
        "The letter for the days between its end and now.",
    ),
    field(
        "bridge_letter.from",
        Day,
        false,
        "2027-01-01",
        "The first day that the letter vouches for.",
    ),
    field(
        "bridge_letter.to",
        Day,
        false,
        "2027-02-28",
        "The last day that the letter vouches for.",
    ),
    field(
        "expires_at",
        Day,
        true,
        "2027-03-31",
        "The last day on which it counts.",
    ),
    field("reviewed_by.name", Text, true, "\"…\"", "Who of ours read it."),
    field("reviewed_by.role", Text, false, "\"…\"", "Their role."),
    field(
        "reviewed_by.organisation",
        Text,
        false,
        "\"…\"",
        "Their organisation: ours, not the provider's.",
    ),
    field(
        "reviewed_by.contact",
        Text,
        false,
        "\"…\"",
        "How to reach them; it goes into the bundle.",
    ),
    field("reviewed_at", Day, true, "2026-11-23", "When they read it."),
    field(
        "supersedes",
        Text,
        false,
        "\"…\"",
        "The earlier certificate that it replaces: its file's name without .yaml.",
    ),
];

/// An answer in YAML, as somebody gave it in words.
pub(super) fn write_answer(question: &Question, answer: &str) -> String {
    match question.kind {
        QuestionKind::Text => quoted(answer),
        QuestionKind::Date => word(answer),
        QuestionKind::Number if answer.parse::<f64>().is_ok() => answer.to_owned(),
        QuestionKind::Number => quoted(answer),
        QuestionKind::YesNo => {
            let known = yes_or_no(&answer.into()).or_else(|| answer.parse().ok());
            known.map_or_else(|| quoted(answer), |known| known.to_string())
        }
        QuestionKind::List => list(answer),
        QuestionKind::Period => match answer.split_once('/') {
            Some((from, to)) => format!("{{ from: {}, to: {} }}", word(from.trim()), word(to.trim())),
            None => quoted(answer),
        },
    }
}

/// How an answer is given in words.
pub(super) fn hint(kind: QuestionKind) -> &'static str {
    match kind {
        QuestionKind::Text => "in words",
        QuestionKind::Date => "a day, 2026-11-23",
        QuestionKind::YesNo => "true or false",
        QuestionKind::Number => "a number",
        QuestionKind::List => "separated by commas",
        QuestionKind::Period => "first and last day, 2026-10-01/2026-12-31",
    }
}
