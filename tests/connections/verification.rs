//! Which certificates are accepted, of servers and of clients.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use pgdossier::target::ConnectErrorKind;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::certificates::{Authority, self_signed};
use super::{agrees, at_home, attempt, local, server, write};

#[test]
fn roots_and_revocation_lists() {
    let home = tempfile::tempdir().unwrap();
    let environment = at_home(home.path());
    let (authority, namesake) = (Authority::new(), Authority::new());
    let cluster = server(
        "hostssl all all all trust",
        Some(&authority.issue("server", &["localhost"])),
        None,
    );
    let file = |name: &str, text: &str| write(home.path(), name, text, 0o644);
    let good = file("good.crt", &authority.pem);
    let verify = |rest: &str| {
        let conninfo = format!("{} sslmode=verify-full {rest}", local(&cluster));
        agrees(&conninfo, &environment).map_err(|error| error.to_string())
    };
    let with_list =
        |name: &str, list: String| verify(&format!("sslrootcert={good} sslcrl={}", file(name, &list)));

    assert_eq!(
        with_list("fresh.crl", authority.revocations(2090, false)),
        Ok((true, vec![]))
    );
    let error = with_list("old.crl", authority.revocations(2001, false)).unwrap_err();
    assert!(error.contains("old.crl` has expired"), "{error}");
    let error = with_list("revoked.crl", authority.revocations(2090, true)).unwrap_err();
    assert!(error.contains("is revoked by"), "{error}");
    let error = with_list("other.crl", namesake.revocations(2090, false)).unwrap_err();
    assert!(error.contains("certificate"), "{error}");

    let namesakes = file("namesake.crt", &namesake.pem);
    let error = verify(&format!("sslrootcert={namesakes}")).unwrap_err();
    assert!(
        error.contains(&format!("not issued by a root in `{namesakes}`")),
        "{error}"
    );
    let expired = file("expired.crt", &authority.expired_pem);
    let error = verify(&format!("sslrootcert={expired}")).unwrap_err();
    assert!(error.contains("expired.crt` is valid now"), "{error}");
    let both = file("both.crt", &format!("{}{}", authority.expired_pem, authority.pem));
    let (_, warnings) = verify(&format!("sslrootcert={both}")).unwrap();
    assert!(
        warnings.len() == 1 && warnings[0].contains("left out"),
        "{warnings:?}"
    );
    assert!(
        verify("sslrootcert=/nonexistent")
            .unwrap_err()
            .contains("/nonexistent")
    );
}

#[test]
fn a_self_signed_certificate_may_be_its_own_root() {
    let home = tempfile::tempdir().unwrap();
    let certificate = self_signed(&["localhost"]);
    let root = write(home.path(), "own.crt", &certificate.0, 0o644);
    let cluster = server("hostssl all all all trust", Some(&certificate), None);
    let trusting = format!("{} sslrootcert={root}", local(&cluster));
    let elsewhere = trusting.replace("host=localhost", "host=other.example");
    let other = write(home.path(), "other.crt", &self_signed(&["localhost"]).0, 0o644);
    let check = |conninfo: &str| agrees(conninfo, &at_home(home.path())).is_ok();
    assert!(check(&format!("{trusting} sslmode=verify-full")));
    assert!(check(&format!("{elsewhere} sslmode=verify-ca")));
    assert!(!check(&format!("{elsewhere} sslmode=verify-full")));
    assert!(!check(&format!(
        "{trusting} sslmode=verify-ca sslrootcert={other}"
    )));
    // With a list of revoked certificates in force, one that it says nothing of is not taken.
    let list = write(
        home.path(),
        "list.crl",
        &Authority::new().revocations(2090, false),
        0o644,
    );
    assert!(!check(&format!("{trusting} sslmode=verify-full sslcrl={list}")));
}

#[test]
fn a_certificate_among_the_roots_that_another_issued_is_no_root() {
    let home = tempfile::tempdir().unwrap();
    let certificate = Authority::new().issue("server", &["localhost"]);
    let leaf = write(home.path(), "leaf.crt", &certificate.0, 0o644);
    let cluster = server("hostssl all all all trust", Some(&certificate), None);
    let conninfo = format!("{} sslmode=verify-ca sslrootcert={leaf}", local(&cluster));
    let error = agrees(&conninfo, &at_home(home.path())).unwrap_err();
    assert_eq!(error.kind, ConnectErrorKind::Tls, "{error}");
}

#[test]
fn the_common_name_counts_where_there_is_no_other() {
    let home = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let root = write(home.path(), "ca.crt", &authority.pem, 0o644);
    let cluster = server(
        "hostssl all all all trust",
        Some(&authority.issue("localhost", &[])),
        None,
    );
    let conninfo = format!("{} sslmode=verify-full sslrootcert={root}", local(&cluster));
    assert!(agrees(&conninfo, &at_home(home.path())).is_ok());
    let elsewhere = conninfo.replace("host=localhost", "host=other.example");
    let error = agrees(&elsewhere, &at_home(home.path())).unwrap_err().to_string();
    assert!(error.contains("another name"), "{error}");
}

#[test]
fn clients_show_their_certificate() {
    let home = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let cluster = server(
        "hostssl all all all cert",
        Some(&authority.issue("server", &["localhost"])),
        Some(&authority.pem),
    );
    let (certificate, key) = authority.issue(cluster.superuser(), &[]);
    let certificate = write(home.path(), "client.crt", &certificate, 0o644);
    let own_key = write(home.path(), "client.key", &key, 0o600);
    let open_key = write(home.path(), "open.key", &key, 0o644);
    let conninfo = format!("{} sslmode=require sslcert={certificate}", local(&cluster));
    let check = |rest: &str| agrees(&format!("{conninfo} {rest}"), &at_home(home.path()));
    assert!(check(&format!("sslkey={own_key}")).is_ok());
    let error = check(&format!("sslkey={open_key}")).unwrap_err().to_string();
    assert!(error.contains("chmod 0600"), "{error}");
    assert!(check(&format!("sslkey={own_key} user=another")).is_err());
    assert!(
        agrees(
            &format!("{} sslmode=require", local(&cluster)),
            &at_home(home.path())
        )
        .is_err()
    );
}

/// A server that starts TLS at once, offers these ALPN protocols, and lets everybody in.
fn direct_server(protocols: &[&str]) -> u16 {
    let (certificate, key) = self_signed(&["localhost"]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let session = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::StreamOwned::new(session, stream);
        if stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {
            stream.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").unwrap();
            let _ = stream.read(&mut [0; 1024]);
        }
    });
    port
}

#[test]
fn direct_tls_needs_the_protocols_name() {
    let home = tempfile::tempdir().unwrap();
    let direct = |protocols: &[&str]| {
        let port = direct_server(protocols);
        let conninfo = format!("host=127.0.0.1 port={port} user=u sslmode=require sslnegotiation=direct");
        attempt(&conninfo, &at_home(home.path()))
    };
    assert_eq!(direct(&["postgresql"]), Ok((true, vec![])));
    let error = direct(&[]).unwrap_err();
    assert_eq!(error.kind, ConnectErrorKind::Tls, "{error}");
    assert!(error.to_string().contains("ALPN"), "{error}");
}
