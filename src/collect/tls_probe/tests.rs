//! What is concluded from answers, and from answers that are none.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::target::{Destination, Roots};

fn raw(handshakes: Value, plaintext: Value) -> BTreeMap<String, Table> {
    let table = |rows: Value| Table {
        columns: Vec::new(),
        rows: serde_json::from_value(rows).unwrap(),
    };
    BTreeMap::from([
        (
            "endpoint".to_owned(),
            table(json!([{"host": "db", "port": 5432, "socket": false, "loopback": false}])),
        ),
        ("handshakes".to_owned(), table(handshakes)),
        ("plaintext".to_owned(), table(plaintext)),
    ])
}

/// The `accepted` of each row.
fn accepted(handshakes: Value) -> Vec<Value> {
    let raw = raw(handshakes, json!([]));
    let probed = Probed::read(&raw).unwrap().unwrap();
    population(&probed, &raw)
        .into_iter()
        .map(|row| row["accepted"].clone())
        .collect()
}

#[test]
fn hanging_up_is_a_refusal_only_where_others_were_answered() {
    let version =
        |name: &str, outcome: &str| json!({"kind": "version", "offered_version": name, "outcome": outcome});
    let request = json!({"kind": "request", "outcome": "accepted"});
    let full = |outcome: &str| json!({"kind": "full", "outcome": outcome});
    assert_eq!(
        accepted(json!([
            request,
            version("TLSv1", "closed"),
            version("TLSv1.2", "accepted"),
            full("accepted")
        ])),
        [true, false, true]
    );
    // A server that went away in the middle refused nothing.
    assert_eq!(
        accepted(json!([
            request,
            version("TLSv1", "closed"),
            version("TLSv1.2", "accepted"),
            full("unreachable")
        ])),
        [json!(true), Value::Null, json!(true)]
    );
    assert_eq!(
        accepted(json!([
            request,
            version("TLSv1", "no-answer"),
            version("TLSv1.2", "accepted"),
            full("accepted")
        ])),
        [json!(true), Value::Null, json!(true)]
    );
}

#[test]
fn no_version_is_said_to_be_missing_while_one_is_undecided() {
    let raw = raw(
        json!([{"kind": "request", "outcome": "accepted"},
               {"kind": "version", "offered_version": "TLSv1.2", "outcome": "no-answer"},
               {"kind": "version", "offered_version": "TLSv1.3", "outcome": "alert"}]),
        json!([]),
    );
    let probed = Probed::read(&raw).unwrap().unwrap();
    assert_eq!(population(&probed, &raw)[0]["versions_accepted"], Value::Null);
}

#[test]
fn a_refusal_about_something_else_decides_nothing_about_encryption() {
    let let_in = |row: Value| let_in(row.as_object().unwrap());
    assert_eq!(
        let_in(json!({"outcome": "refused", "sqlstate": "28000", "message": "no entry"})),
        Some(false)
    );
    assert_eq!(
        let_in(json!({"outcome": "refused", "sqlstate": "08P01", "message": "SSL required"})),
        Some(false)
    );
    assert_eq!(
        let_in(json!({"outcome": "refused", "sqlstate": "53300", "message": "too many clients"})),
        None
    );
    assert_eq!(
        let_in(json!({"outcome": "refused", "sqlstate": "57P03", "message": "starting up"})),
        None
    );
    assert_eq!(let_in(json!({"outcome": "asked-to-authenticate"})), Some(true));
    assert_eq!(let_in(json!({"outcome": "closed"})), None);
}

/// Probes something that is no PostgreSQL: it answers each connection with these pieces, one after each message.
fn probe_something(pieces: Vec<&'static [u8]>) -> Result<Vec<Row>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let raw = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let pieces = pieces.clone();
                tokio::spawn(async move {
                    let mut heard = [0; 4096];
                    for piece in pieces {
                        let _ = stream.read(&mut heard).await;
                        let _ = stream.write_all(piece).await;
                    }
                });
            }
        });
        probing::probe(&Destination {
            host: "localhost".to_owned(),
            address: Some("127.0.0.1".to_owned()),
            port,
            socket: false,
            user: "nobody".to_owned(),
            database: "nothing".to_owned(),
            sni: true,
            major: None,
            roots: Roots::default(),
        })
        .await
    });
    let probed = Probed::read(&raw)?.unwrap();
    Ok(population(&probed, &raw))
}

#[test]
fn what_is_no_postgresql_is_no_evidence() {
    let texts: [&[u8]; 3] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"",
        b"E\0\0\0\x1eSFATAL\0C53300\0Mtoo many\0\0\0\0\0",
    ];
    for text in texts {
        let failure = probe_something(vec![text]).unwrap_err();
        assert!(failure.contains("did not say whether it has TLS"), "{failure}");
    }
}

#[test]
fn garbage_after_the_agreement_decides_nothing() {
    let rows = probe_something(vec![b"S", b"garbage that is no TLS"]).unwrap();
    let undecided = rows.iter().filter(|row| row["accepted"].is_null()).count();
    assert_eq!((rows.len(), undecided), (9, 8), "{rows:#?}");
}
