//! Where a server is reached over TCP, and which authorities its certificate is held against.

use rustls::pki_types::CertificateDer;

use super::connection::Transport;
use super::settings::ConnectionSettings;
use super::tls::read_certificates;

/// A server as the network sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The host as it was named.
    pub host: String,
    /// An address that spares the look-up of the name.
    pub address: Option<String>,
    /// The port.
    pub port: u16,
    /// Whether it is a Unix-domain socket: no network, and so no TLS.
    pub socket: bool,
    /// The role that the assessment uses.
    pub user: String,
    /// The database that it connects to first.
    pub database: String,
    /// Whether the name is told to the server in the handshake.
    pub sni: bool,
    /// The server's major version, where it has said so.
    pub major: Option<u32>,
    /// Who may have issued its certificate.
    pub roots: Roots,
}

/// Authorities.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roots {
    /// Where they are from, in words.
    pub place: String,
    /// Whether the user named them; otherwise they are whatever the system trusts.
    pub named: bool,
    /// Their certificates, DER.
    pub certificates: Vec<Vec<u8>>,
    /// Why there are none.
    pub problem: Option<String>,
}

impl ConnectionSettings {
    /// The server behind a connection that was made with these settings.
    pub fn destination(&self, transport: &Transport, major: Option<u32>) -> Destination {
        let host = self
            .hosts
            .iter()
            .find(|host| host.name == transport.host && host.port == transport.port);
        Destination {
            host: transport.host.clone(),
            address: host.and_then(|host| host.address.clone()),
            port: transport.port,
            socket: transport.socket,
            user: self.user.clone(),
            database: self.database.clone(),
            sni: self.tls.sni,
            major,
            roots: if transport.socket {
                Roots::default()
            } else {
                self.roots()
            },
        }
    }

    /// The file of roots where there is one, as libpq looks for it; the system's store otherwise.
    fn roots(&self) -> Roots {
        let file = self.tls.root.as_ref().filter(|_| !self.tls.system_roots());
        match file.filter(|path| self.tls.root_named || path.exists()) {
            Some(path) => {
                let (certificates, problem) = match read_certificates(path, "root certificate") {
                    Ok(certificates) => (certificates, None),
                    Err(problem) => (Vec::new(), Some(problem)),
                };
                Roots {
                    place: format!("the file {}", path.display()),
                    named: true,
                    certificates: bytes(certificates),
                    problem,
                }
            }
            None => Roots {
                place: "the system's store".to_owned(),
                named: self.tls.system_roots(),
                certificates: bytes(rustls_native_certs::load_native_certs().certs),
                problem: None,
            },
        }
    }
}

fn bytes(certificates: Vec<CertificateDer<'static>>) -> Vec<Vec<u8>> {
    certificates
        .iter()
        .map(|certificate| certificate.to_vec())
        .collect()
}
