//! Throwaway PostgreSQL clusters, for the demo and for tests.
//!
//! A cluster lives in a private temporary directory with its own socket directory and a free port, never runs as
//! root, and is gone with its directory when the value is dropped.

mod account;
mod binaries;
mod server;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

pub use account::ServerAccount;
pub use binaries::find_server_binaries;
use server::{Binaries, Server};

const SUPERUSER: &str = "postgres";
/// Unix socket addresses end at 107 bytes; this leaves room for `/pgd-XXXXXX/s/.s.PGSQL.65535`.
const LONGEST_PARENT: usize = 75;
const PORT_ATTEMPTS: usize = 8;
/// Comes before what a cluster adds to the `postgresql.conf` of `initdb`.
const OWN_SETTINGS: &str = "\n# Of this throwaway cluster:";

/// What went wrong with a throwaway cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    #[error(
        "no PostgreSQL server programs (`initdb` and `postgres`) found; install them (Debian, Ubuntu: `apt-get \
         install postgresql`; Fedora, RHEL: `dnf install postgresql-server`; macOS: `brew install postgresql`) or \
         set PGBIN to the directory that holds them"
    )]
    NoServerBinaries,
    #[error(
        "`{}` holds no working `initdb` and `postgres`; name (or set PGBIN to) a directory that does",
        path.display()
    )]
    BadBinaryDirectory { path: PathBuf },
    #[error(
        "PostgreSQL refuses to run as root, and neither `postgres` nor `nobody` is in /etc/passwd; run as another \
         user, or create one of them"
    )]
    NoAccount,
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot {action}: {source}")]
    Process { action: &'static str, source: io::Error },
    #[error("initdb failed:\n{output}")]
    Initdb { output: String },
    #[error("the data directory could not be copied:\n{said}")]
    Copy { said: String },
    #[error("the server stopped while starting; its log:\n{log}")]
    Start { log: String },
    #[error("the server was not ready within {seconds} s; its log:\n{log}")]
    NotReady { seconds: u64, log: String },
    #[error("`{name}` is no plain file name; files of a cluster lie in its data directory itself")]
    FileName { name: String },
}

/// A file to be put into the data directory before the server starts, such as `server.key` with mode `0o600`.
#[derive(Debug, Clone)]
pub struct ClusterFile {
    pub name: String,
    pub contents: Vec<u8>,
    pub mode: u32,
}

/// How a cluster differs from `initdb`'s defaults. `ClusterOptions::default()` is a plain, trusting one.
#[derive(Debug, Clone, Default)]
pub struct ClusterOptions {
    /// Directory of `initdb` and `postgres`; found by [`find_server_binaries`] when absent.
    pub bin_dir: Option<PathBuf>,
    /// Written to the end of `postgresql.conf`, in this order, so that they override the throwaway defaults
    /// (`fsync=off`, loopback only). The port is the cluster's own business.
    pub settings: Vec<(String, String)>,
    /// The whole of `pg_hba.conf`; what `initdb` wrote (trust) when absent.
    pub hba: Option<String>,
    pub files: Vec<ClusterFile>,
    /// Further arguments for `initdb`, such as `--data-checksums` or `--auth=scram-sha-256`.
    pub initdb_arguments: Vec<String>,
    /// The data directory of a stopped cluster (see [`Cluster::into_data`]) that is copied instead of running `initdb`;
    /// the settings that the stopped cluster was given are replaced by `settings`.
    pub copy_of: Option<PathBuf>,
    /// Where the cluster's directory is made; the system's temporary directory when absent.
    pub parent_dir: Option<PathBuf>,
}

/// A running PostgreSQL server that ends with this value.
#[derive(Debug)]
pub struct Cluster {
    // Declared before the directory: fields drop in order, and the server must be gone before its files are.
    server: Server,
    root: TempDir,
    port: u16,
    account: Option<ServerAccount>,
}

impl Cluster {
    /// Makes a cluster and waits until its server accepts connections. Blocks for about a second.
    ///
    /// # Errors
    /// No server programs, `initdb` or the server failing (with what they said), or the file system refusing.
    pub fn start(options: ClusterOptions) -> Result<Self, ClusterError> {
        check_file_names(&options.files)?;
        let binaries = Binaries::in_directory(match &options.bin_dir {
            Some(directory) => binaries::checked(directory.clone())?,
            None => find_server_binaries()?,
        });
        let account = ServerAccount::when_root()?;
        let root = make_root(options.parent_dir.as_deref(), account.as_ref())?;
        make_directory(&root.path().join("s"), account.as_ref())?;
        let data = root.path().join("data");
        match &options.copy_of {
            Some(stopped) => server::copy_data(stopped, &data)?,
            None => server::initdb(
                &binaries,
                root.path(),
                &options.initdb_arguments,
                account.as_ref(),
            )?,
        }
        for file in &options.files {
            write_cluster_file(&data, file, account.as_ref())?;
        }
        if let Some(hba) = &options.hba {
            let path = data.join("pg_hba.conf");
            fs::write(&path, hba).map_err(file_error("write", &path))?;
        }
        append_settings(&data, &root.path().join("s"), &options.settings)?;
        let (server, port) = start_on_free_port(&binaries, root.path(), account.as_ref())?;
        Ok(Self {
            server,
            root,
            port,
            account,
        })
    }

    /// TCP port, on 127.0.0.1 unless `listen_addresses` was set otherwise.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Directory of the Unix socket; only the server's account (and root) may enter it.
    pub fn socket_dir(&self) -> PathBuf {
        self.root.path().join("s")
    }

    pub fn data_dir(&self) -> PathBuf {
        self.root.path().join("data")
    }

    pub fn superuser(&self) -> &str {
        SUPERUSER
    }

    /// The account the server runs as when that is not our own, because we are root.
    pub fn account(&self) -> Option<&ServerAccount> {
        self.account.as_ref()
    }

    /// Process id of the postmaster.
    pub fn server_pid(&self) -> u32 {
        self.server.pid()
    }

    /// A libpq key=value string for the superuser over the Unix socket.
    pub fn conninfo(&self, database: &str) -> String {
        self.conninfo_at(&self.socket_dir().to_string_lossy(), database)
    }

    /// A libpq key=value string for the superuser over TCP.
    pub fn tcp_conninfo(&self, database: &str) -> String {
        self.conninfo_at("127.0.0.1", database)
    }

    fn conninfo_at(&self, host: &str, database: &str) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"));
        format!(
            "host={} port={} user={SUPERUSER} dbname={}",
            quoted(host),
            self.port,
            quoted(database)
        )
    }

    /// Everything the server has logged so far, to its standard error and by its logging collector.
    pub fn log(&self) -> String {
        server::log_text(self.root.path())
    }

    /// Makes the server read its configuration files again. It does so soon after, not before this returns.
    ///
    /// # Errors
    /// The server is gone.
    pub fn reload(&self) -> Result<(), ClusterError> {
        self.server.reload()
    }

    /// Shuts the server down in good order and keeps its directory, whose `data` can be copied into other clusters.
    pub fn into_data(self) -> TempDir {
        let Self { mut server, root, .. } = self;
        server.stop_fast();
        root
    }

    /// Shuts the server down in good order and removes the cluster's directory.
    ///
    /// # Errors
    /// The directory cannot be removed. The server is stopped in any case.
    pub fn stop(self) -> Result<(), ClusterError> {
        let Self { mut server, root, .. } = self;
        server.stop_fast();
        let path = root.path().to_owned();
        root.close().map_err(file_error("remove", &path))
    }
}

fn start_on_free_port(
    binaries: &Binaries,
    root: &Path,
    account: Option<&ServerAccount>,
) -> Result<(Server, u16), ClusterError> {
    let mut attempt = 1;
    loop {
        // The port is free when the system names it, and may be taken before the server binds it.
        let port = free_port()?;
        match Server::start(binaries, root, port, account) {
            Ok(server) => return Ok((server, port)),
            Err(ClusterError::Start { log })
                if attempt < PORT_ATTEMPTS && log.contains("Address already in use") =>
            {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn free_port() -> Result<u16, ClusterError> {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| ClusterError::Process {
            action: "find a free port on 127.0.0.1",
            source,
        })
}

fn make_root(parent: Option<&Path>, account: Option<&ServerAccount>) -> Result<TempDir, ClusterError> {
    let parent = match parent {
        Some(parent) => parent.to_owned(),
        None => default_parent(account.is_some()),
    };
    let root = tempfile::Builder::new()
        .prefix("pgd-")
        .tempdir_in(&parent)
        .map_err(file_error("make a directory in", &parent))?;
    give_to(root.path(), account)?;
    Ok(root)
}

/// The system's temporary directory, unless its path is too long for a socket or another account cannot enter it.
fn default_parent(another_account: bool) -> PathBuf {
    let temporary = std::env::temp_dir();
    let open_to_all = || {
        temporary.ancestors().all(|directory| {
            fs::metadata(directory).is_ok_and(|found| found.permissions().mode() & 0o001 != 0)
        })
    };
    if temporary.as_os_str().len() <= LONGEST_PARENT && (!another_account || open_to_all()) {
        temporary
    } else {
        PathBuf::from("/tmp")
    }
}

fn make_directory(path: &Path, account: Option<&ServerAccount>) -> Result<(), ClusterError> {
    fs::create_dir(path).map_err(file_error("make", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
        .map_err(file_error("set the mode of", path))?;
    give_to(path, account)
}

fn give_to(path: &Path, account: Option<&ServerAccount>) -> Result<(), ClusterError> {
    match account {
        Some(account) => {
            chown(path, Some(account.uid), Some(account.gid)).map_err(file_error("change the owner of", path))
        }
        None => Ok(()),
    }
}

fn check_file_names(files: &[ClusterFile]) -> Result<(), ClusterError> {
    match files
        .iter()
        .find(|file| file.name.is_empty() || file.name.contains('/') || file.name == "..")
    {
        Some(file) => Err(ClusterError::FileName {
            name: file.name.clone(),
        }),
        None => Ok(()),
    }
}

fn write_cluster_file(
    data: &Path,
    file: &ClusterFile,
    account: Option<&ServerAccount>,
) -> Result<(), ClusterError> {
    if file.name.is_empty() || file.name.contains('/') || file.name == ".." {
        return Err(ClusterError::FileName {
            name: file.name.clone(),
        });
    }
    let path = data.join(&file.name);
    let mut open = fs::OpenOptions::new();
    open.write(true).create(true).truncate(true).mode(0o600);
    open.open(&path)
        .and_then(|mut opened| opened.write_all(&file.contents))
        .map_err(file_error("write", &path))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(file.mode))
        .map_err(file_error("set the mode of", &path))?;
    give_to(&path, account)
}

fn append_settings(data: &Path, sockets: &Path, settings: &[(String, String)]) -> Result<(), ClusterError> {
    let sockets = sockets.to_string_lossy().into_owned();
    let throwaway = [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", sockets.as_str()),
        ("fsync", "off"),
        ("synchronous_commit", "off"),
        ("full_page_writes", "off"),
    ];
    let chosen = settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    // Each setting once: what is set twice is itself something to find.
    let throwaway = throwaway
        .into_iter()
        .filter(|(name, _)| settings.iter().all(|(chosen, _)| chosen != name));
    let mut text = format!("{OWN_SETTINGS}\n");
    for (name, value) in throwaway.chain(chosen) {
        text.push_str(&format!(
            "{name} = '{}'\n",
            value.replace('\\', r"\\").replace('\'', "''")
        ));
    }
    let path = data.join("postgresql.conf");
    let before = fs::read_to_string(&path).map_err(file_error("read", &path))?;
    let of_initdb = before.split(OWN_SETTINGS).next().unwrap_or_default();
    fs::write(&path, format!("{of_initdb}{text}")).map_err(file_error("write", &path))
}

fn file_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ClusterError {
    let path = path.to_owned();
    move |source| ClusterError::File { action, path, source }
}
