//! Connecting: every host and address in order, each within its time limit, with the cause of a failure in words.

use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::config::{ChannelBinding as PgChannelBinding, SslMode as PgSslMode, SslNegotiation};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::connect_error::{ConnectError, ConnectErrorKind, explain};
use super::environment::Account;
use super::settings::{ChannelBinding, ConnectionSettings, Host, SessionAttributes};
use super::tls::{Connector, SslMode, TlsObservation};

/// How a server was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transport {
    /// The host as it was named, or the folder of the socket.
    pub host: String,
    /// The port, or the number in the socket's name.
    pub port: u16,
    /// Whether it is a Unix-domain socket.
    pub socket: bool,
    /// What was seen of TLS.
    pub tls: Option<TlsObservation>,
}

impl Transport {
    /// `db1:5432`, or `/run/postgresql:5432`.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether no network lies between: a Unix socket, or a loopback address.
    pub fn is_local(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        self.socket || self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// In words: protocol, cipher and what was verified.
    pub fn describe(&self) -> String {
        match &self.tls {
            Some(tls) => format!("{} {} (verified: {})", tls.protocol, tls.cipher, tls.verified),
            None if self.socket => "unix-socket".to_owned(),
            None => "none".to_owned(),
        }
    }
}

/// How long the server is given to take its leave.
const FAREWELL: Duration = Duration::from_secs(5);

/// An open connection. Dropped, it tells the server that it ends, while the runtime lasts; see [`Connection::close`].
pub struct Connection {
    /// To ask with.
    pub client: Client,
    /// How the server was reached.
    pub transport: Transport,
    /// What the user should know.
    pub warnings: Vec<String>,
    driver: Driver,
}

impl Connection {
    /// Ends in good order, so that the server logs no unexpected end; waits for it, for a few seconds at most.
    pub async fn close(self) {
        drop(self.client);
        let Driver { task, in_use } = self.driver;
        drop(in_use);
        let _ = task.await;
    }
}

/// The task that moves the bytes. It ends when the client is dropped and the server has been told, or soon after.
struct Driver {
    task: JoinHandle<()>,
    in_use: oneshot::Sender<()>,
}

impl Driver {
    fn spawn(connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static) -> Self {
        let (in_use, abandoned) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let too_late = async {
                let _ = abandoned.await;
                tokio::time::sleep(FAREWELL).await;
            };
            tokio::select! {
                _ = connection => {}
                () = too_late => {}
            }
        });
        Self { task, in_use }
    }
}

/// Connects to the first host that answers and is of the kind asked for. As in libpq, a server that refuses ends the
/// search: the next host is tried only when one cannot be reached, does not answer, or is of another kind.
///
/// # Errors
/// [`ConnectError`]: each host's failure, of the last one's kind.
pub async fn connect(settings: &ConnectionSettings) -> Result<Connection, ConnectError> {
    let mut failures: Vec<String> = Vec::new();
    let mut kind = ConnectErrorKind::Configuration;
    let mut second_choice = None;
    for host in &settings.hosts {
        let connection = match connect_host(settings, host).await {
            Ok(connection) => connection,
            Err(error) => {
                kind = error.kind;
                let leaves_others = error.leaves_others();
                failures.push(error.message);
                if leaves_others {
                    continue;
                }
                return Err(ConnectError::new(kind, failures.join("; ")));
            }
        };
        let answer = is_wanted(&connection.client, settings.session);
        match within(settings.connect_timeout, host, answer).await {
            Ok(true) => return Ok(connection),
            Ok(false) if settings.session == SessionAttributes::PreferStandby => {
                second_choice.get_or_insert(connection);
            }
            Ok(false) => {
                kind = ConnectErrorKind::Refused;
                failures.push(format!(
                    "{}:{} is not the kind of server that target_session_attrs asks for",
                    host.name, host.port
                ));
            }
            Err(error) => {
                kind = error.kind;
                failures.push(error.message);
            }
        }
    }
    second_choice.ok_or_else(|| ConnectError::new(kind, failures.join("; ")))
}

async fn connect_host(settings: &ConnectionSettings, host: &Host) -> Result<Connection, ConnectError> {
    if host.is_socket() {
        return attempt(settings, host, None, false).await;
    }
    let resolve = tokio::net::lookup_host((host.address.as_deref().unwrap_or(&host.name), host.port));
    let addresses: Vec<std::net::SocketAddr> = within(settings.connect_timeout, host, async {
        resolve.await.map(Iterator::collect).map_err(|error| {
            ConnectError::new(
                ConnectErrorKind::Unreachable,
                format!("the host name `{}` cannot be resolved: {error}", host.name),
            )
        })
    })
    .await?;
    let mut last = ConnectError::new(
        ConnectErrorKind::Unreachable,
        format!("`{}` has no address", host.name),
    );
    for address in addresses {
        match with_sslmode(settings, host, address).await {
            Ok(connection) => return Ok(connection),
            Err(error) if error.leaves_others() => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// The attempts that the mode allows at one address, in its order.
async fn with_sslmode(
    settings: &ConnectionSettings,
    host: &Host,
    address: std::net::SocketAddr,
) -> Result<Connection, ConnectError> {
    let (first, second) = match settings.sslmode {
        SslMode::Disable => (false, None),
        SslMode::Allow => (false, Some(true)),
        SslMode::Prefer => (true, Some(false)),
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (true, None),
    };
    let error = match attempt(settings, host, Some(address), first).await {
        Ok(connection) => return Ok(connection),
        Err(error) => error,
    };
    let Some(tls) = second.filter(|_| !error.leaves_others()) else {
        return Err(error);
    };
    match attempt(settings, host, Some(address), tls).await {
        Ok(mut connection) => {
            if !tls {
                connection.warnings.push(format!(
                    "the connection is not encrypted, as sslmode=prefer allows: {error}; use sslmode=require or stronger"
                ));
            }
            Ok(connection)
        }
        Err(second) => Err(error.and_then(second)),
    }
}

/// One attempt, within the time limit from the first packet to the end of authentication.
async fn attempt(
    settings: &ConnectionSettings,
    host: &Host,
    address: Option<std::net::SocketAddr>,
    tls: bool,
) -> Result<Connection, ConnectError> {
    within(settings.connect_timeout, host, async {
        let config = configuration(settings, host, tls);
        let mut transport = Transport {
            host: host.name.clone(),
            port: host.port,
            socket: address.is_none(),
            tls: None,
        };
        let explain = |error: tokio_postgres::Error| explain(&error, settings, host);
        let unreachable = |error: std::io::Error| {
            let place = match address {
                Some(address) if address.ip().to_string() != host.name => {
                    format!("{}:{} ({})", host.name, host.port, address.ip())
                }
                _ => format!("{}:{}", host.name, host.port),
            };
            ConnectError::new(
                ConnectErrorKind::Unreachable,
                format!("cannot reach {place}: {error}; check that the server runs and listens there"),
            )
        };
        let mut warnings = settings.warnings.clone();
        let (client, driver) = match address {
            None => {
                let stream = socket(host).await.map_err(unreachable)?;
                check_peer(settings, &stream)?;
                let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(explain)?;
                (client, Driver::spawn(connection))
            }
            Some(address) => {
                let stream = TcpStream::connect(address).await.map_err(unreachable)?;
                let _ = stream.set_nodelay(true);
                if tls {
                    let connector = Connector::new(settings.sslmode, &settings.tls, &host.name)
                        .map_err(|message| ConnectError::new(ConnectErrorKind::Configuration, message))?;
                    warnings.extend_from_slice(&connector.warnings);
                    let observed = connector.observed.clone();
                    let (client, connection) =
                        config.connect_raw(stream, connector).await.map_err(explain)?;
                    transport.tls = observed.lock().ok().and_then(|observed| observed.clone());
                    (client, Driver::spawn(connection))
                } else {
                    let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(explain)?;
                    (client, Driver::spawn(connection))
                }
            }
        };
        Ok(Connection {
            client,
            transport,
            warnings,
            driver,
        })
    })
    .await
}

async fn within<T>(
    limit: Option<Duration>,
    host: &Host,
    future: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let Some(limit) = limit else { return future.await };
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| {
        Err(ConnectError::new(
            ConnectErrorKind::Timeout,
            format!(
                "{}:{} did not answer within {} s (connect_timeout)",
                host.name,
                host.port,
                limit.as_secs()
            ),
        ))
    })
}

async fn socket(host: &Host) -> std::io::Result<UnixStream> {
    let name = format!("{}/.s.PGSQL.{}", host.name, host.port);
    match name.strip_prefix('@') {
        #[cfg(target_os = "linux")]
        Some(abstract_name) => {
            use std::os::linux::net::SocketAddrExt as _;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(abstract_name)?;
            let stream = std::os::unix::net::UnixStream::connect_addr(&address)?;
            stream.set_nonblocking(true)?;
            UnixStream::from_std(stream)
        }
        _ => UnixStream::connect(name).await,
    }
}

fn check_peer(settings: &ConnectionSettings, stream: &UnixStream) -> Result<(), ConnectError> {
    let Some(wanted) = &settings.require_peer else {
        return Ok(());
    };
    let uid = stream.peer_cred().map(|credentials| credentials.uid()).ok();
    let name = uid.and_then(Account::by_uid).map(|account| account.name);
    if name.as_ref() == Some(wanted) {
        return Ok(());
    }
    let found = name.unwrap_or_else(|| uid.map_or_else(|| "unknown".to_owned(), |uid| uid.to_string()));
    Err(ConnectError::new(
        ConnectErrorKind::Authentication,
        format!("requirepeer asks for a server that runs as `{wanted}`, and this one runs as `{found}`"),
    ))
}

fn configuration(settings: &ConnectionSettings, host: &Host, tls: bool) -> Config {
    let mut config = Config::new();
    config
        .user(&settings.user)
        .dbname(&settings.database)
        .application_name("pgdossier")
        .ssl_mode(if tls {
            PgSslMode::Require
        } else {
            PgSslMode::Disable
        })
        .channel_binding(match settings.channel_binding {
            ChannelBinding::Disable => PgChannelBinding::Disable,
            ChannelBinding::Prefer => PgChannelBinding::Prefer,
            ChannelBinding::Require => PgChannelBinding::Require,
        });
    if settings.tls.direct {
        config.ssl_negotiation(SslNegotiation::Direct);
    }
    if let Some(options) = &settings.options {
        config.options(options);
    }
    if let Some(password) = settings.password_for(host) {
        config.password(password.as_bytes());
    }
    config
}

async fn is_wanted(client: &Client, wanted: SessionAttributes) -> Result<bool, ConnectError> {
    if wanted == SessionAttributes::Any {
        return Ok(true);
    }
    let question =
        "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')";
    let answer = client.simple_query(question).await.map_err(|error| {
        ConnectError::new(
            ConnectErrorKind::Refused,
            format!("the server did not say what it is: {error}"),
        )
    })?;
    let (mut standby, mut read_only) = (false, false);
    for message in &answer {
        if let SimpleQueryMessage::Row(row) = message {
            standby = row.get(0) == Some("t");
            read_only = row.get(1) == Some("on");
        }
    }
    Ok(match wanted {
        SessionAttributes::Any => true,
        SessionAttributes::ReadWrite => !standby && !read_only,
        SessionAttributes::ReadOnly => standby || read_only,
        SessionAttributes::Primary => !standby,
        SessionAttributes::Standby | SessionAttributes::PreferStandby => standby,
    })
}
