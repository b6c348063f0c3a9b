//! The JSON Schemas of files that people write, for editors.

use clap::ValueEnum;

use crate::{attestation, control, profile, record, redact, sign, target, waiver, workspace};

/// Files that have a JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaKind {
    /// `controls/<section>/<id>.yaml`
    Control,
    /// `controls/guide.yaml`
    Guide,
    /// `controls/queries/<name>.yaml`
    Query,
    /// `controls/frameworks/<name>.yaml`
    Framework,
    /// A profile.
    Profile,
    /// An inventory.
    Inventory,
    /// An attestation.
    Attestation,
    /// A certificate.
    Certificate,
    /// A waiver.
    Waiver,
    /// `pgdossier.yaml`
    Pgdossier,
    /// A trust policy.
    TrustPolicy,
    /// What a redacted copy withholds.
    Redaction,
}

/// The kinds of files in a workspace.
pub(super) const IN_WORKSPACE: &[SchemaKind] = &[
    SchemaKind::Pgdossier,
    SchemaKind::Inventory,
    SchemaKind::Profile,
    SchemaKind::Attestation,
    SchemaKind::Certificate,
    SchemaKind::Waiver,
    SchemaKind::TrustPolicy,
];

impl SchemaKind {
    /// The schema, as its file holds it.
    pub(super) fn to_json(self) -> Vec<u8> {
        let schema = match self {
            Self::Control => schemars::schema_for!(control::RawControl),
            Self::Guide => schemars::schema_for!(control::Guide),
            Self::Query => schemars::schema_for!(control::SavedQuery),
            Self::Framework => schemars::schema_for!(control::Framework),
            Self::Profile => schemars::schema_for!(profile::RawProfile),
            Self::Inventory => schemars::schema_for!(target::RawInventory),
            Self::Attestation => schemars::schema_for!(attestation::Attestation),
            Self::Certificate => schemars::schema_for!(attestation::Certificate),
            Self::Waiver => schemars::schema_for!(waiver::RawWaiver),
            Self::Pgdossier => schemars::schema_for!(workspace::RawWorkspace),
            Self::TrustPolicy => schemars::schema_for!(sign::TrustPolicy),
            Self::Redaction => schemars::schema_for!(redact::RawRules),
        };
        record::to_json(schema.as_value())
    }

    /// The name of its file.
    pub(super) fn file(self) -> String {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned());
        format!("{}.schema.json", name.unwrap_or_default())
    }
}
