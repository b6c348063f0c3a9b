//! What a new workspace holds: commented files that work as they stand.

use std::collections::BTreeMap;

use super::{FILE, SCHEMAS, Site};
use crate::control::{Applicability, Catalog, Control, TargetFacts};
use crate::profile::Profile;
use crate::target::Target;
use crate::yaml::quoted;

/// What is known when a workspace is laid out.
pub struct Layout<'a> {
    /// Whose servers they are.
    pub organisation: &'a str,
    /// The servers.
    pub targets: &'a [Target],
    /// Where they stand.
    pub site: Option<Site>,
    /// The key that signs, as the workspace's file names it.
    pub key: &'a str,
    /// Files that must never be committed, relative to the workspace.
    pub secrets: &'a [String],
    /// The catalog.
    pub catalog: &'a Catalog,
    /// The profile that the workspace's own begins with.
    pub base: &'a Profile,
}

impl<'a> Layout<'a> {
    /// The files but attestations, schemas and keys, by their path.
    pub fn files(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            (FILE, self.settings()),
            ("inventory.yaml", self.inventory()),
            ("profile.yaml", self.profile()),
            ("attestations/README.md", ATTESTATIONS.to_owned()),
            ("waivers/README.md", WAIVERS.to_owned()),
            (".gitignore", self.ignored()),
            (".gitattributes", ATTRIBUTES.to_owned()),
        ])
    }

    /// The controls that people answer here, for each of which there is a draft.
    pub fn drafted(&self) -> Vec<&'a Control> {
        let left_out: Vec<&str> = self.left_out().map(|(id, _)| id).collect();
        let provider = self.site.is_some_and(Site::has_host_provider);
        let asked = |control: &&Control| {
            control.by_people()
                && self.base.judges(control)
                && !left_out.contains(&control.id.as_str())
                && (provider || control.applies.holds(&TargetFacts::default()) == Applicability::Applies)
        };
        self.catalog.controls.iter().filter(asked).collect()
    }

    /// What of the base profile is not about such a site.
    fn left_out(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let not_asked = self.site.map_or(&[][..], Site::not_asked).iter().copied();
        not_asked.filter(|(id, _)| {
            let control = self.catalog.control(id);
            control.is_some_and(|control| self.base.judges(control))
        })
    }

    fn settings(&self) -> String {
        format!(
            "# yaml-language-server: $schema={SCHEMAS}/pgdossier.schema.json
# What `pgdossier assess` does in this folder when it is given no arguments. Flags override it.
# Paths are relative to this file and stay in this folder; a key may lie elsewhere, by its absolute path.

# Whose servers they are: reports and bundles are headed with it.
organisation: {organisation}

# The chain of bundles that each run continues; the organisation when absent.
# series: {organisation}

# The servers.
inventory: inventory.yaml

# Which controls apply: a shipped profile (baseline, strict, stig, …) or a file.
profile: profile.yaml

# What people attest, and providers' certificates.
attestations: attestations

# Accepted exceptions, each approved and with an end.
waivers: waivers

# A trust policy that says how many approvers have to sign a waiver, and whose signatures count.
# waiver_policy: waiver-policy.json

# Whose signatures of attestations count. An auditor verifies with a policy of their own.
trust: trust-policy.json

# The key that signs bundles: a file that version control never sees, ssh-agent:… or pkcs11:…
key: {key}

# Its public half: no other key may sign.
public_key: assessor.pub

# A file that only you can read, whose first line is the key's passphrase; else PGDOSSIER_PASSPHRASE, else it is asked.
# passphrase_file: /etc/pgdossier/passphrase

# What the signer signs as.
# role: assessor

# Where bundles go. Each run continues the newest bundle of the series that lies here: keep them.
out: bundles
",
            organisation = quoted(self.organisation),
            key = quoted(self.key),
        )
    }

    fn inventory(&self) -> String {
        let mut text = format!(
            "# yaml-language-server: $schema={SCHEMAS}/inventory.schema.json
# The servers to assess. `pgdossier grants` prints the SQL for a role that sees all that is needed and nothing more.
targets:
"
        );
        for target in self.targets {
            text.push_str(&format!(
                "  # The name in reports; a connection string as libpq takes it, with passwords in a password file (~/.pgpass).
  - id: {}
    connection: {}
    # For grouping.
    # tags: [production]
    # The data centre or region, as certificates and attestations name it.
    # site: fra1
    # How its host is reached: auto (here, if the server runs here), local, ssh:DESTINATION or none.
    # host: {{ access: auto, sudo: false }}
",
                quoted(&target.id),
                quoted(&target.connection)
            ));
        }
        text
    }

    fn profile(&self) -> String {
        let mut text = format!(
            "# yaml-language-server: $schema={SCHEMAS}/profile.schema.json
# Which controls apply, and their parameters. `pgdossier controls list` names all controls.
name: {}

# The shipped profile that it begins with: baseline, strict, cis-postgresql-17, stig, …
base: {}

# Controls that apply besides.
# include: [hba-no-any-address]

# Controls that do not apply, each with the reason: reports show it.
",
            quoted(self.organisation),
            quoted(&self.base.name),
        );
        let mut left_out = self.left_out().peekable();
        text.push_str(if left_out.peek().is_some() {
            "exclude:\n"
        } else {
            "# exclude:\n#   backups-encrypted: \"No backup leaves the encrypted volume.\"\n"
        });
        for (id, reason) in left_out {
            text.push_str(&format!("  {id}: {}\n", quoted(reason)));
        }
        text.push_str(
            "\n# Parameters of controls; `pgdossier controls show CONTROL` tells which there are.\n\
             # parameters:\n#   physical-server-room-access: { signature_required: true }\n",
        );
        text
    }

    fn ignored(&self) -> String {
        let mut text = String::from(IGNORED);
        for secret in self.secrets {
            // A path, whatever is in it: none of what patterns know may act.
            let plain: String = secret
                .chars()
                .flat_map(|c| "\\*?[]!# ".contains(c).then_some('\\').into_iter().chain([c]))
                .collect();
            text.push_str(&format!("/{plain}\n"));
        }
        text
    }
}

const IGNORED: &str = "# Keys, passphrases and passwords never belong into version control.
/keys/
*.pem
*.key
*.p8
*.p12
*.pfx
*.jks
id_rsa*
id_ecdsa*
id_ed25519*
*passphrase*
*.pgpass
.pgpass
pgpass*
# Bundles are not left out: the next run continues the newest one.
";

const ATTRIBUTES: &str = "# What is signed is signed byte for byte: no line end is to be changed here.
attestations/** -text
waivers/** -text
bundles/** -text
";

const ATTESTATIONS: &str = "# What people attest

One file for each statement, beside the documents that it rests on. The files that `pgdossier init` wrote are drafts:
none counts before it is filled in and its line `draft: true` is removed.

- `pgdossier attest status` tells what is missing, a draft, valid, expiring or expired.
- `pgdossier attest new CONTROL` asks for everything and takes the place of an untouched draft.
- `pgdossier attest check` tells all that is wrong with the files.
- `pgdossier attest sign FILE --key KEY` signs one, with the key of whoever attests to it.
";

const WAIVERS: &str = "# Accepted exceptions

One file for each exception that somebody accepts for a time: which control and rows, why, what is done instead, who
asked, who approved (somebody else), until when. A waiver never changes a status: reports show both.

- `pgdossier waiver new CONTROL` asks for everything.
- `pgdossier waiver check` tells all that is wrong with the files.
- `pgdossier waiver sign FILE --key KEY` signs one, with the key of whoever approved it.
- `pgdossier waiver status` tells which count, expire, have expired or lack a signature.
";
