//! `pgdossier init`: a workspace that assesses as it stands.

mod place;

use std::path::{Path, PathBuf};

use chrono::{DateTime, Days, NaiveTime, Utc};
use clap::{Args, ValueEnum};
use serde_json::json;

use self::place::Staged;
use super::arguments::{OpeningArguments, clock, parse_time};
use super::assess::inventory_of;
use super::output::Output;
use super::schemas::{IN_WORKSPACE, SchemaKind};
use super::{Exit, Stop, attest};
use crate::control::Catalog;
use crate::profile::Profile;
use crate::sign::{
    KeyReference, PassphraseSource, PublicKey, Signer as _, SigningKey, TrustPolicy, write_private_key,
};
use crate::target::{ConnectionSettings, Environment, holds_secret};
use crate::workspace::{FILE, Layout, SCHEMAS, Site};

/// The private key of a new workspace, in a folder that version control never looks into.
const KEY: &str = "keys/assessor.pem";
const PUBLIC_KEY: &str = "assessor.pub";
const TRUST: &str = "trust-policy.json";
/// What is assessed when nobody says what.
const LOCALHOST: &str = "host=localhost dbname=postgres";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder; made if there is none. Nothing in it is ever overwritten.
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// A server to assess, as libpq takes it; localhost when absent. Keep passwords in a password file.
    #[arg(long = "connection", value_name = "CONNECTION")]
    connections: Vec<String>,
    /// Whose servers they are; the folder's name when absent.
    #[arg(long)]
    organisation: Option<String>,
    /// Where the servers stand, which decides what people have to attest to: everything when absent.
    #[arg(long, value_enum)]
    site: Option<SiteArgument>,
    /// Who holds the key; your user name when absent.
    #[arg(long)]
    owner: Option<String>,
    /// A key that exists already: a file, ssh-agent:… or pkcs11:…; a new one is made in keys/ when absent.
    #[arg(long, value_name = "KEY")]
    key: Option<KeyReference>,
    #[command(flatten)]
    opening: OpeningArguments,
    /// Leave the new key unprotected: whoever reads the file can sign.
    #[arg(long, conflicts_with_all = ["key", "passphrase_file"])]
    no_passphrase: bool,
    /// From which day the key counts: a day or RFC 3339; SOURCE_DATE_EPOCH, or now, when absent.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    as_of: Option<DateTime<Utc>>,
}

/// Where the servers stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SiteArgument {
    /// On premises of your own.
    Own,
    /// In somebody else's building, on hardware of your own.
    CoLocation,
    /// On a cloud provider's hardware.
    Cloud,
}

impl From<SiteArgument> for Site {
    fn from(site: SiteArgument) -> Self {
        match site {
            SiteArgument::Own => Self::Own,
            SiteArgument::CoLocation => Self::CoLocation,
            SiteArgument::Cloud => Self::Cloud,
        }
    }
}

/// The key that signs, and how the workspace names it.
struct Key {
    public: PublicKey,
    /// The text of its new file; absent when the key exists already.
    pem: Option<zeroize::Zeroizing<String>>,
    named: String,
}

pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Stop> {
    let folder = &arguments.folder;
    place::refuse_workspace(folder)?;
    let catalog = Catalog::embedded().map_err(Stop::failed)?;
    let base = Profile::baseline(&catalog).map_err(Stop::failed)?;
    let environment = Environment::from_process();
    let connections = match arguments.connections.as_slice() {
        [] => vec![LOCALHOST.to_owned()],
        given => given.to_vec(),
    };
    check_connections(&connections, &environment)?;
    let inventory = inventory_of(&connections, &environment);
    let organisation = organisation(arguments)?;
    let mut staged = Staged::new(folder)?;
    let key = key(arguments, staged.final_folder())?;
    let layout = Layout {
        organisation: &organisation,
        targets: &inventory.targets,
        site: arguments.site.map(Site::from),
        key: &key.named,
        secrets: &secrets(arguments, staged.final_folder()),
        catalog: &catalog,
        base: &base,
    };
    let owner = arguments.owner.clone().or(environment.user);
    let owner = owner.unwrap_or_else(|| organisation.clone());
    let drafts = stage(&mut staged, &layout, &key, &owner, clock(arguments.as_of)?)?;
    let written = staged.put()?;
    tell(arguments, &key, &written, drafts, output);
    Ok(Exit::Good)
}

/// Connections are committed with the inventory, so none may hold a secret.
fn check_connections(connections: &[String], environment: &Environment) -> Result<(), Stop> {
    for connection in connections {
        if holds_secret(connection) {
            return Err(Stop::usage(
                "--connection holds a password, which would lie in inventory.yaml for all to read; put it into a \
                 password file (~/.pgpass, or `passfile=…`)",
            ));
        }
        ConnectionSettings::resolve(connection, environment)
            .map_err(|error| Stop::usage(format!("--connection: {error}")))?;
    }
    Ok(())
}

fn organisation(arguments: &Arguments) -> Result<String, Stop> {
    if let Some(given) = &arguments.organisation {
        if given.trim().is_empty() {
            return Err(Stop::usage("--organisation is empty"));
        }
        return Ok(given.clone());
    }
    let folder = std::path::absolute(&arguments.folder).map_err(Stop::failed)?;
    let real = folder.canonicalize().unwrap_or(folder);
    let name = real.file_name().map(|name| name.to_string_lossy().into_owned());
    name.ok_or_else(|| Stop::usage("the folder has no name; say whose servers they are with --organisation"))
}

fn key(arguments: &Arguments, folder: &Path) -> Result<Key, Stop> {
    if let Some(reference) = &arguments.key {
        let signer = arguments.opening.open(reference)?;
        return Ok(Key {
            public: signer.public_key().clone(),
            pem: None,
            named: named(reference, folder)?,
        });
    }
    let key = SigningKey::generate().map_err(Stop::failed)?;
    let pem = if arguments.no_passphrase {
        key.to_pkcs8_pem()
    } else {
        let path = arguments.folder.join(KEY);
        let source = PassphraseSource::choose(arguments.opening.passphrase_file.as_deref());
        let passphrase = source.read_new(&path).map_err(Stop::usage)?;
        key.to_encrypted_pem(&passphrase).map_err(Stop::failed)?
    };
    Ok(Key {
        public: key.public_key().clone(),
        pem: Some(pem),
        named: KEY.to_owned(),
    })
}

/// How the workspace's file names a key that exists already.
fn named(key: &KeyReference, folder: &Path) -> Result<String, Stop> {
    match key {
        KeyReference::File(path) => {
            let real = path.canonicalize().map_err(Stop::failed)?;
            let named = real.strip_prefix(folder).unwrap_or(&real);
            Ok(named.to_string_lossy().into_owned())
        }
        KeyReference::Agent(wanted) => Ok(format!("ssh-agent:{wanted}")),
        KeyReference::Pkcs11(uri) if !uri.contains("module-path") => Ok(uri.clone()),
        KeyReference::Pkcs11(_) | KeyReference::Command(_) => Err(Stop::usage(
            "no workspace names a program or a library to load: leave --key out here, and give it to `pgdossier assess`",
        )),
    }
}

/// Secrets that lie in the workspace already: version control must not see them.
fn secrets(arguments: &Arguments, folder: &Path) -> Vec<String> {
    let key = match &arguments.key {
        Some(KeyReference::File(path)) => Some(path.as_path()),
        _ => None,
    };
    let given = [key, arguments.opening.passphrase_file.as_deref()];
    let real = given
        .into_iter()
        .flatten()
        .filter_map(|path| path.canonicalize().ok());
    real.filter_map(|path| Some(path.strip_prefix(folder).ok()?.to_string_lossy().into_owned()))
        .collect()
}

/// Writes everything where nobody sees it yet; gives the number of drafts.
fn stage(
    staged: &mut Staged,
    layout: &Layout<'_>,
    key: &Key,
    owner: &str,
    now: DateTime<Utc>,
) -> Result<usize, Stop> {
    for (path, text) in layout.files() {
        staged.write(path, text.as_bytes())?;
    }
    for kind in IN_WORKSPACE {
        staged.write(&format!("{SCHEMAS}/{}", kind.file()), &kind.to_json())?;
    }
    let attestations = staged.path("attestations");
    let drafted = layout.drafted();
    for control in &drafted {
        let text = attest::draft(control, &attestations)?;
        staged.write(&format!("attestations/{}.yaml", control.id), text.as_bytes())?;
    }
    // The whole day, so that an assessment as of this day is signed in time.
    let from = now.date_naive().and_time(NaiveTime::MIN).and_utc();
    let until = from.checked_add_days(Days::new(731)).unwrap_or(from);
    let mut policy = TrustPolicy::single(&key.public, owner, "assessor", from, until);
    policy.schema = Some(format!("{SCHEMAS}/{}", SchemaKind::TrustPolicy.file()));
    policy.write(&staged.path(TRUST)).map_err(Stop::usage)?;
    staged.write(PUBLIC_KEY, key.public.to_pem().as_bytes())?;
    if let Some(pem) = &key.pem {
        staged.private_folder("keys")?;
        staged.write("keys/.gitignore", b"# Nothing in here is ever committed.\n*\n")?;
        write_private_key(&staged.path(KEY), pem).map_err(Stop::failed)?;
    }
    Ok(drafted.len())
}

fn tell(arguments: &Arguments, key: &Key, written: &[String], drafts: usize, output: &Output) {
    let folder = &arguments.folder;
    let kept = if written.iter().any(|name| name == ".gitignore") {
        String::new()
    } else {
        "\nthe .gitignore that was there stays as it is: see that it leaves keys, passphrases and passwords out".to_owned()
    };
    let enter = if folder == Path::new(".") {
        String::new()
    } else {
        format!("cd {}\n  ", folder.display())
    };
    output.note(&format!(
        "wrote {} to {}\nkey {} (keep a copy where nobody else gets at it){kept}\n\nnext:\n  {enter}\
         look through {FILE}, inventory.yaml and profile.yaml\n  \
         pgdossier attest status      what people have to attest to: {drafts} drafts lie in attestations/\n  \
         pgdossier assess\n  \
         pgdossier verify bundles/… --trust {TRUST}",
        written.join(", "),
        folder.display(),
        key.named,
    ));
    let json = json!({"folder": folder, "written": written, "key": key.named, "keyid": key.public.keyid(),
                      "fingerprint": key.public.fingerprint(), "drafts": drafts});
    output.result(&json, || folder.join(FILE).display().to_string());
}
