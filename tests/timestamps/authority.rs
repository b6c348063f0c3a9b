//! A time-stamping authority of openssl's making, and a small HTTP server before it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

const CONFIGURATION: &str = "
[req]
distinguished_name = dn
prompt = no
[dn]
CN = unnamed
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[tsa]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
[loose]
extendedKeyUsage = timeStamping
[both]
extendedKeyUsage = critical, timeStamping, serverAuth
[plain]
basicConstraints = CA:FALSE
[ca]
default_ca = old
[old]
database = index.txt
serial = serial
new_certs_dir = .
policy = any
default_md = sha256
[any]
commonName = supplied
[service]
serial = service.serial
signer_cert = tsa.pem
certs = chain.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500
clock_precision_digits = 3
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
";

/// Keys and certificates in a folder: `root.pem` above `middle.pem` above `tsa.pem`.
pub struct Authority {
    pub folder: TempDir,
}

impl Authority {
    /// With keys of this kind, as `openssl req -newkey` takes it.
    pub fn new(kind: &str) -> Self {
        let authority = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for (name, content) in [
            ("openssl.cnf", CONFIGURATION),
            ("index.txt", ""),
            ("serial", "77"),
            ("service.serial", "01"),
        ] {
            std::fs::write(authority.path(name), content).unwrap();
        }
        authority.openssl(&format!(
            "req -x509 -newkey {kind} -nodes -keyout root.key -out root.pem -days 3650 -subj /CN=root -config openssl.cnf -extensions root"
        ));
        authority.issue("middle", kind, "root", "root");
        authority.issue("tsa", kind, "middle", "tsa");
        std::fs::copy(authority.path("middle.pem"), authority.path("chain.pem")).unwrap();
        authority
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// `openssl` with words split at blanks, in the folder.
    pub fn openssl(&self, line: &str) {
        let output = Command::new("openssl")
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {line}: {said}");
    }

    fn request(&self, name: &str, kind: &str) {
        self.openssl(&format!(
            "req -new -newkey {kind} -nodes -keyout {name}.key -out {name}.csr -subj /CN={name} -config openssl.cnf"
        ));
    }

    /// A certificate by another one, with the extensions of a section.
    pub fn issue(&self, name: &str, kind: &str, by: &str, section: &str) {
        self.request(name, kind);
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {by}.pem -CAkey {by}.key -CAcreateserial -days 365 -extfile openssl.cnf -extensions {section} -out {name}.pem"
        ));
    }

    /// The same, valid in the year 2020 alone.
    pub fn issue_expired(&self, name: &str, kind: &str, by: &str, section: &str) {
        self.request(name, kind);
        self.openssl(&format!(
            "ca -batch -config openssl.cnf -in {name}.csr -cert {by}.pem -keyfile {by}.key -startdate 20200101000000Z -enddate 20210101000000Z -extensions {section} -notext -out {name}.pem"
        ));
    }

    /// The service's answer to a request.
    pub fn answer(&self, request: &[u8]) -> Vec<u8> {
        let name = format!("query-{:016x}", crc(request));
        std::fs::write(self.path(&name), request).unwrap();
        self.openssl(&format!(
            "ts -reply -config openssl.cnf -section service -queryfile {name} -out {name}.tsr"
        ));
        self.read(&format!("{name}.tsr"))
    }

    /// The time information in a response.
    pub fn content_of(&self, response: &[u8]) {
        std::fs::write(self.path("response"), response).unwrap();
        self.openssl("ts -reply -in response -token_out -out token");
        self.openssl("cms -verify -noverify -inform DER -in token -out content");
    }

    /// A response with `content` signed in another way: options of `openssl cms -sign`.
    pub fn signed_as(&self, options: &str) -> Vec<u8> {
        self.openssl(&format!(
            "cms -sign -binary -nodetach -nosmimecap -md sha256 -econtent_type 1.2.840.113549.1.9.16.1.4 -in content -outform DER -out forged {options}"
        ));
        response(&self.read("forged"))
    }
}

fn crc(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher as _};
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// A granted response around a token.
fn response(token: &[u8]) -> Vec<u8> {
    let mut body = vec![0x30, 3, 2, 1, 0];
    body.extend_from_slice(token);
    sequence(&body)
}

pub fn sequence(body: &[u8]) -> Vec<u8> {
    let mut der = vec![0x30];
    match body.len() {
        length @ 0..128 => der.push(u8::try_from(length).unwrap()),
        length @ 128..256 => der.extend([0x81, u8::try_from(length).unwrap()]),
        length => {
            der.push(0x82);
            der.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    der.extend_from_slice(body);
    der
}

/// What a server answers: everything after `HTTP/1.1 `.
pub type Reply = dyn Fn(&[u8]) -> Vec<u8> + Send + Sync;

pub fn granted(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Serves on a free port until the tests end.
pub fn serve(reply: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/tsa", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = converse(stream.unwrap(), &reply);
        }
    });
    url
}

/// The same behind TLS, with a certificate for `localhost`, which is written to `certificate`.
pub fn serve_encrypted(
    reply: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static,
    certificate: &Path,
) -> String {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(certificate, own.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(own.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("https://localhost:{}/tsa", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let _ = converse(rustls::StreamOwned::new(connection, stream.unwrap()), &reply);
        }
    });
    url
}

/// One request and its reply.
fn converse(mut stream: impl Read + Write, reply: &Reply) -> std::io::Result<()> {
    let (mut received, mut piece) = (Vec::new(), [0; 4096]);
    let body = loop {
        let length = stream.read(&mut piece)?;
        received.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&received).to_lowercase();
        let Some(end) = text.find("\r\n\r\n") else {
            continue;
        };
        assert!(text.starts_with("post /tsa http/1.1\r\n"), "{text}");
        assert!(
            text.contains("content-type: application/timestamp-query"),
            "{text}"
        );
        let head = received.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let length = text[..end].split("content-length: ").nth(1).unwrap();
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        if received.len() >= head + length {
            break received[head..].to_vec();
        }
    };
    stream.write_all(b"HTTP/1.1 ")?;
    stream.write_all(&reply(&body))?;
    stream.flush()
}

/// Takes connections and never answers.
pub fn serve_nothing() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (format!("http://{}/tsa", listener.local_addr().unwrap()), listener)
}
