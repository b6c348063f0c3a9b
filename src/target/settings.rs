//! A connection string with everything that libpq adds to it: service, environment, defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::connect_error::{ConnectError, ConnectErrorKind};
use super::environment::Environment;
use super::tls::{SslMode, TlsFiles};
use super::{conninfo, passfile, service};

/// One host to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// A name, an address, or a folder of Unix-domain sockets.
    pub name: String,
    /// An address that spares the look-up of the name.
    pub address: Option<String>,
    /// TCP port, or the number in the socket's name.
    pub port: u16,
}

impl Host {
    /// Whether it is a Unix-domain socket.
    pub fn is_socket(&self) -> bool {
        self.address.is_none() && (self.name.starts_with('/') || self.name.starts_with('@'))
    }
}

/// Everything that a connection needs. Shows no password, whatever prints it.
#[derive(Clone)]
pub struct ConnectionSettings {
    pub(super) hosts: Vec<Host>,
    pub(super) database: String,
    pub(super) user: String,
    password: Option<Zeroizing<String>>,
    passfile: Option<Zeroizing<String>>,
    pub(super) sslmode: SslMode,
    pub(super) tls: TlsFiles,
    pub(super) channel_binding: ChannelBinding,
    pub(super) options: Option<String>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) session: SessionAttributes,
    pub(super) require_peer: Option<String>,
    /// What the user should know.
    pub(super) warnings: Vec<String>,
}

/// Whether the authentication has to be bound to the TLS channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// What kind of server is wanted, of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionAttributes {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

impl fmt::Debug for ConnectionSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ConnectionSettings({})", self.describe())
    }
}

/// Without a limit a hanging server would hang the assessment.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Keywords and the variables that stand in for them.
const VARIABLES: &[(&str, &str)] = &[
    ("channel_binding", "PGCHANNELBINDING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("dbname", "PGDATABASE"),
    ("gssencmode", "PGGSSENCMODE"),
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("options", "PGOPTIONS"),
    ("passfile", "PGPASSFILE"),
    ("password", "PGPASSWORD"),
    ("port", "PGPORT"),
    ("require_auth", "PGREQUIREAUTH"),
    ("requirepeer", "PGREQUIREPEER"),
    ("service", "PGSERVICE"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("sslcert", "PGSSLCERT"),
    ("sslcertmode", "PGSSLCERTMODE"),
    ("sslcrl", "PGSSLCRL"),
    ("sslcrldir", "PGSSLCRLDIR"),
    ("sslkey", "PGSSLKEY"),
    ("sslmode", "PGSSLMODE"),
    ("sslnegotiation", "PGSSLNEGOTIATION"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslsni", "PGSSLSNI"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
];

impl ConnectionSettings {
    /// Resolves a connection string.
    ///
    /// # Errors
    /// [`ConnectErrorKind::Configuration`], with what to correct; never with a password in it.
    pub fn resolve(text: &str, environment: &Environment) -> Result<Self, ConnectError> {
        resolve(text, environment)
            .map_err(|message| ConnectError::new(ConnectErrorKind::Configuration, message))
    }

    /// The same server and role, another database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        Self {
            database: name.to_owned(),
            ..self.clone()
        }
    }

    /// Where it leads, without secrets: `db1:5432/postgres as auditor`.
    pub fn describe(&self) -> String {
        format!("{}/{} as {}", self.place(), self.database, self.user)
    }

    /// The hosts: `db1:5432`.
    pub fn place(&self) -> String {
        let hosts: Vec<String> = self
            .hosts
            .iter()
            .map(|host| format!("{}:{}", host.name, host.port))
            .collect();
        hosts.join(",")
    }

    /// The database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The password for one host: as given, or from the password file.
    pub(super) fn password_for(&self, host: &Host) -> Option<Zeroizing<String>> {
        if self.password.is_some() {
            return self.password.clone();
        }
        let name = if host.is_socket() && default_socket_folders().contains(&host.name.as_str()) {
            "localhost"
        } else {
            host.name.as_str()
        };
        let wanted = passfile::Wanted {
            host: name,
            port: host.port,
            database: &self.database,
            user: &self.user,
        };
        passfile::find(self.passfile.as_ref()?, &wanted)
    }
}

fn resolve(text: &str, environment: &Environment) -> Result<ConnectionSettings, String> {
    let mut keywords = conninfo::parse(text)?;
    let mut warnings = Vec::new();
    if keywords.contains_key("password") {
        warnings.push(
            "the connection string holds a password, which other users of this machine may see; use a password file"
                .to_owned(),
        );
    }
    if let Some(name) = keywords
        .get("service")
        .cloned()
        .or_else(|| environment.get("PGSERVICE").map(str::to_owned))
    {
        let file = keywords.get("servicefile").cloned();
        for (key, value) in service::find(&name, file.as_deref(), environment)? {
            keywords.entry(key).or_insert(value);
        }
    }
    for (keyword, variable) in VARIABLES {
        if let Some(value) = environment.get(variable).filter(|value| !value.is_empty()) {
            conninfo::check_keyword(keyword).map_err(|error| format!("{variable}: {error}"))?;
            keywords
                .entry((*keyword).to_owned())
                .or_insert_with(|| value.to_owned());
        }
    }
    let get = |name: &str| {
        keywords
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    refuse_unsupported_values(&keywords)?;
    if get("dbname").is_some_and(|name| name.contains("://")) {
        return Err("the database's name is a URI; give the URI itself as the connection string".to_owned());
    }
    let user = get("user")
        .or_else(|| environment.get("PGUSER"))
        .or(environment.user.as_deref())
        .ok_or("no role is named, and the operating system's user has no name; write `user=…`")?
        .to_owned();
    let passfile_path = get("passfile")
        .map(PathBuf::from)
        .or_else(|| environment.home.as_ref().map(|home| home.join(".pgpass")));
    let (passfile, warning) = match (get("password"), passfile_path) {
        (None, Some(path)) => passfile::read(&path),
        _ => (None, None),
    };
    warnings.extend(warning);
    let tls = tls_files(&keywords, environment)?;
    let sslmode = match get("sslmode") {
        Some(word) => SslMode::parse(word).ok_or_else(|| {
            format!(
                "`{word}` is not an sslmode; use disable, allow, prefer, require, verify-ca or verify-full"
            )
        })?,
        None if tls.system_roots() => SslMode::VerifyFull,
        None => SslMode::Prefer,
    };
    if tls.system_roots() && sslmode != SslMode::VerifyFull {
        return Err("sslrootcert=system needs sslmode=verify-full: anybody can get a certificate from a public authority".to_owned());
    }
    if tls.direct && sslmode < SslMode::Require {
        return Err("sslnegotiation=direct needs sslmode=require or stronger".to_owned());
    }
    Ok(ConnectionSettings {
        hosts: hosts(get("host"), get("hostaddr"), get("port"))?,
        database: get("dbname").unwrap_or(&user).to_owned(),
        user,
        password: get("password").map(|password| Zeroizing::new(password.to_owned())),
        passfile,
        sslmode,
        tls,
        channel_binding: choice(
            get("channel_binding").unwrap_or("prefer"),
            "channel_binding",
            &[
                ("disable", ChannelBinding::Disable),
                ("prefer", ChannelBinding::Prefer),
                ("require", ChannelBinding::Require),
            ],
        )?,
        options: get("options").map(str::to_owned),
        connect_timeout: connect_timeout(get("connect_timeout"))?,
        session: choice(
            get("target_session_attrs").unwrap_or("any"),
            "target_session_attrs",
            &[
                ("any", SessionAttributes::Any),
                ("read-write", SessionAttributes::ReadWrite),
                ("read-only", SessionAttributes::ReadOnly),
                ("primary", SessionAttributes::Primary),
                ("standby", SessionAttributes::Standby),
                ("prefer-standby", SessionAttributes::PreferStandby),
            ],
        )?,
        require_peer: get("requirepeer").map(str::to_owned),
        warnings,
    })
}

/// Values that ask for a safety which is not offered here are refused, not dropped.
fn refuse_unsupported_values(keywords: &BTreeMap<String, String>) -> Result<(), String> {
    for (name, value) in [("gssencmode", "require"), ("sslcertmode", "require")] {
        if keywords.get(name).is_some_and(|given| given == value) {
            return Err(format!(
                "{name}={value} is not supported here; leave it out, or use TLS"
            ));
        }
    }
    Ok(())
}

fn choice<T: Copy>(word: &str, name: &str, known: &[(&str, T)]) -> Result<T, String> {
    known
        .iter()
        .find(|(text, _)| *text == word)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let words: Vec<&str> = known.iter().map(|(text, _)| *text).collect();
            format!("`{word}` is not a value of {name}; use {}", words.join(", "))
        })
}

fn connect_timeout(text: Option<&str>) -> Result<Option<Duration>, String> {
    let Some(text) = text else {
        return Ok(Some(DEFAULT_CONNECT_TIMEOUT));
    };
    let seconds: i64 = text
        .trim()
        .parse()
        .map_err(|_| format!("`{text}` is not a connect_timeout; write seconds"))?;
    Ok(u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs))
}

fn tls_files(keywords: &BTreeMap<String, String>, environment: &Environment) -> Result<TlsFiles, String> {
    let get = |name: &str| {
        keywords
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let file = |name: &str, default: &str| {
        (
            get(name)
                .map(PathBuf::from)
                .or_else(|| environment.client_file(default)),
            get(name).is_some(),
        )
    };
    let (root, root_named) = file("sslrootcert", "root.crt");
    let (certificate, certificate_named) = file("sslcert", "postgresql.crt");
    let (key, _) = file("sslkey", "postgresql.key");
    let (crl, crl_named) = file("sslcrl", "root.crl");
    let version = |name: &str, default: &str| {
        choice(
            get(name).unwrap_or(default),
            name,
            &[("TLSv1", 10), ("TLSv1.1", 11), ("TLSv1.2", 12), ("TLSv1.3", 13)],
        )
    };
    Ok(TlsFiles {
        root,
        root_named,
        certificate: certificate.filter(|_| get("sslcertmode") != Some("disable")),
        certificate_named,
        key,
        crl,
        crl_named,
        direct: choice(
            get("sslnegotiation").unwrap_or("postgres"),
            "sslnegotiation",
            &[("postgres", false), ("direct", true)],
        )?,
        sni: get("sslsni") != Some("0"),
        least: version("ssl_min_protocol_version", "TLSv1.2")?,
        most: version("ssl_max_protocol_version", "TLSv1.3")?,
    })
}

fn hosts(names: Option<&str>, addresses: Option<&str>, ports: Option<&str>) -> Result<Vec<Host>, String> {
    let split = |text: Option<&str>| -> Vec<String> {
        text.map(|text| text.split(',').map(|part| part.trim().to_owned()).collect())
            .unwrap_or_default()
    };
    let (names, addresses, ports) = (split(names), split(addresses), split(ports));
    let count = names.len().max(addresses.len()).max(1);
    if !addresses.is_empty() && !names.is_empty() && addresses.len() != names.len() {
        return Err("`host` and `hostaddr` name different numbers of hosts".to_owned());
    }
    if ports.len() > 1 && ports.len() != count {
        return Err("`port` names a different number of ports than there are hosts".to_owned());
    }
    if names
        .iter()
        .any(|name| name.find('@').is_some_and(|at| at > 0) && !name.starts_with('/'))
    {
        return Err("a host's name has an `@`; name the role with `user=…` or in a URI".to_owned());
    }
    (0..count)
        .map(|index| {
            let port = ports.get(index).or(ports.first()).filter(|port| !port.is_empty());
            let port = port.map_or(Ok(5432), |port| {
                port.parse::<u16>()
                    .ok()
                    .filter(|port| *port > 0)
                    .ok_or_else(|| {
                        // Not repeated: it may be a piece of a password.
                        let number = index + 1;
                        format!("the port of host {number} is not a number from 1 to 65535; in a password write `/` as `%2F` and `@` as `%40`")
                    })
            })?;
            let address = addresses
                .get(index)
                .filter(|address| !address.is_empty())
                .cloned();
            let name = names
                .get(index)
                .filter(|name| !name.is_empty())
                .cloned()
                .unwrap_or_else(|| address.clone().unwrap_or_else(|| default_host(port)));
            Ok(Host { name, address, port })
        })
        .collect()
}

fn default_socket_folders() -> [&'static str; 2] {
    ["/var/run/postgresql", "/tmp"]
}

/// libpq's default depends on how it was built: the folder that has the socket is taken, else the first that exists.
fn default_host(port: u16) -> String {
    let folders = default_socket_folders();
    folders
        .iter()
        .find(|folder| Path::new(folder).join(format!(".s.PGSQL.{port}")).exists())
        .or_else(|| folders.iter().find(|folder| Path::new(folder).is_dir()))
        .map_or_else(|| "localhost".to_owned(), |folder| (*folder).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let environment = Environment {
            user: Some("me".to_owned()),
            ..Environment::default()
        };
        match ConnectionSettings::resolve(text, &environment) {
            Ok(settings) => format!("{settings:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn no_piece_of_a_password_is_shown() {
        for text in [
            "postgresql://u:sesame@h/d",
            "postgresql://u:sesame/x@h/d",
            "postgresql://u:1/sesame@h",
            "postgresql://u:sesame?x@h/d",
            "postgresql://u:sesame",
            "host=h password=open sesame=1",
            "password=open port=sesame",
            "dbname=postgresql://u:sesame@h/d",
            "host=u:sesame@h",
        ] {
            let shown = shown(text);
            assert!(!shown.contains("sesame"), "{text}: {shown}");
        }
    }

    #[test]
    fn what_is_connected_to_is_shown() {
        assert_eq!(
            shown("postgresql://u:p@[::1]:5433,h/d"),
            "ConnectionSettings(::1:5433,h:5432/d as u)"
        );
    }
}
