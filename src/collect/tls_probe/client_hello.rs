//! What a client says first in a TLS handshake, for any version from SSL 3.0 to TLS 1.3.
//!
//! Written by hand because no maintained library offers what nobody should use any more, and a server has to be asked
//! for exactly that.

/// A protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Ssl3,
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

/// All versions, from the oldest.
pub(super) const VERSIONS: [Version; 5] = [
    Version::Ssl3,
    Version::Tls10,
    Version::Tls11,
    Version::Tls12,
    Version::Tls13,
];

impl Version {
    /// Its name, as PostgreSQL's settings write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ssl3 => "SSLv3",
            Self::Tls10 => "TLSv1",
            Self::Tls11 => "TLSv1.1",
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }

    /// The version with this number.
    pub(super) fn of_code(code: u16) -> Option<Self> {
        VERSIONS.into_iter().find(|version| version.code() == code)
    }

    fn code(self) -> u16 {
        match self {
            Self::Ssl3 => 0x0300,
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }
}

/// x25519, P-256, P-384, P-521, x448, brainpool, and curves that only old servers have.
const GROUPS: &[u16] = &[
    0x001d, 0x0017, 0x0018, 0x0019, 0x001e, 0x001a, 0x001b, 0x001c, 0x0016, 0x0015, 0x0013,
];

/// ECDSA, EdDSA, RSA-PSS, RSA and DSA with SHA-2, then with SHA-1.
const SIGNATURES: &[u16] = &[
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501,
    0x0601, 0x0402, 0x0502, 0x0602, 0x0303, 0x0301, 0x0302, 0x0203, 0x0201, 0x0202,
];

/// Signals secure renegotiation; some servers insist on it.
const RENEGOTIATION: u16 = 0x00ff;

/// The record that offers one version alone, with these cipher suites.
pub(super) fn client_hello(
    version: Version,
    suites: &[u16],
    server_name: Option<&str>,
    random: &[u8; 32],
) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(version.min(Version::Tls12).code().to_be_bytes());
    body.extend(random);
    if version == Version::Tls13 {
        with_length(&mut body, 1, |body| body.extend(random)); // middleboxes expect a session
    } else {
        body.push(0);
    }
    with_length(&mut body, 2, |body| {
        body.extend(suites.iter().flat_map(|suite| suite.to_be_bytes()));
        if version < Version::Tls13 {
            body.extend(RENEGOTIATION.to_be_bytes());
        }
    });
    body.extend([1, 0]); // no compression
    if version > Version::Ssl3 {
        with_length(&mut body, 2, |body| {
            extensions(body, version, server_name, random)
        });
    }
    let mut record = vec![22]; // handshake
    record.extend(version.min(Version::Tls10).code().to_be_bytes());
    with_length(&mut record, 2, |record| {
        record.push(1); // client_hello
        with_length(record, 3, |record| record.extend(&body));
    });
    record
}

fn extensions(out: &mut Vec<u8>, version: Version, server_name: Option<&str>, random: &[u8; 32]) {
    if let Some(name) = server_name {
        extension(out, 0x0000, |out| {
            with_length(out, 2, |out| {
                out.push(0); // a host's name
                with_length(out, 2, |out| out.extend(name.as_bytes()));
            });
        });
    }
    extension(out, 0x000a, |out| list(out, GROUPS));
    if version < Version::Tls13 {
        extension(out, 0x000b, |out| out.extend([1, 0])); // uncompressed points
        extension(out, 0x0017, |_| {}); // extended master secret
    }
    if version >= Version::Tls12 {
        extension(out, 0x000d, |out| list(out, SIGNATURES));
    }
    if version == Version::Tls13 {
        extension(out, 0x002b, |out| {
            with_length(out, 1, |out| out.extend(Version::Tls13.code().to_be_bytes()));
        });
        // Any 32 bytes are a public key of x25519; a server that wants another group asks for it, which says enough.
        extension(out, 0x0033, |out| {
            with_length(out, 2, |out| {
                out.extend([0x00, 0x1d]);
                with_length(out, 2, |out| out.extend(random));
            });
        });
    }
}

fn extension(out: &mut Vec<u8>, number: u16, content: impl FnOnce(&mut Vec<u8>)) {
    out.extend(number.to_be_bytes());
    with_length(out, 2, content);
}

fn list(out: &mut Vec<u8>, items: &[u16]) {
    with_length(out, 2, |out| {
        out.extend(items.iter().flat_map(|item| item.to_be_bytes()));
    });
}

/// Writes content with its length, of so many bytes, before it.
fn with_length(out: &mut Vec<u8>, width: usize, content: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    content(&mut inner);
    let length = (inner.len() as u64).to_be_bytes();
    out.extend(length.iter().skip(length.len() - width));
    out.extend(inner);
}
