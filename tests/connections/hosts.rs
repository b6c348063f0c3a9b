//! Several hosts, and servers that do not answer.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use pgdossier::target::ConnectErrorKind;

use super::{agrees, ask, at_home, attempt, server};

/// A port where a server says this to whoever speaks first, and then nothing more.
fn speaker(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            if stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {
                let _ = stream.write_all(answer);
            }
            held.push(stream);
        }
    });
    port
}

/// A port where nobody listens.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn the_next_host_is_tried_only_when_one_cannot_be_reached_or_is_not_wanted() {
    let home = tempfile::tempdir().unwrap();
    let environment = at_home(home.path());
    let cluster = server("host all all all scram-sha-256", None, None);
    let (port, closed) = (cluster.port(), closed_port());
    let socket = cluster.socket_dir().display().to_string();
    let rest = "user=postgres dbname=postgres sslmode=disable";
    let pair =
        |first: u16, extra: &str| format!("host=127.0.0.1,{socket} port={first},{port} {rest} {extra}");

    assert!(agrees(&pair(closed, ""), &environment).is_ok());
    let starting = speaker(b"E\0\0\0\x27SFATAL\0VFATAL\0C57P03\0Mstarting up\0\0");
    assert!(agrees(&pair(starting, ""), &environment).is_ok());
    let error = agrees(&pair(port, "password=wrong"), &environment).unwrap_err();
    assert_eq!(error.kind, ConnectErrorKind::Authentication, "{error}");

    let primary = "SELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END";
    for (wanted, found) in [
        ("primary", Some("primary")),
        ("read-write", Some("primary")),
        ("standby", None),
        ("read-only", None),
        ("prefer-standby", Some("primary")),
    ] {
        let conninfo = pair(closed, &format!("target_session_attrs={wanted}"));
        assert_eq!(agrees(&conninfo, &environment).is_ok(), found.is_some());
        assert_eq!(
            ask(&conninfo, &environment, primary).ok().as_deref(),
            found,
            "{wanted}"
        );
    }
    let both_closed = format!("host=127.0.0.1,127.0.0.1 port={closed},{closed} {rest}");
    let error = agrees(&both_closed, &environment).unwrap_err();
    assert_eq!(error.kind, ConnectErrorKind::Unreachable);
    assert!(
        error.to_string().contains("check that the server runs"),
        "{error}"
    );
}

#[test]
fn a_server_that_falls_silent_is_left_in_time() {
    let home = tempfile::tempdir().unwrap();
    let silent = speaker(b"");
    let logged_in = speaker(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I");
    for (port, rest) in [
        (silent, ""),
        (silent, "sslmode=disable"),
        (logged_in, "sslmode=disable target_session_attrs=primary"),
    ] {
        let started = Instant::now();
        let conninfo = format!("host=127.0.0.1 port={port} user=u connect_timeout=1 {rest}");
        let error = attempt(&conninfo, &at_home(home.path())).unwrap_err();
        assert_eq!(error.kind, ConnectErrorKind::Timeout, "{error}");
        assert!(error.to_string().contains("within 1 s"), "{error}");
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "{:?}",
            started.elapsed()
        );
    }
}
