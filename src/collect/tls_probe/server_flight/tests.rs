//! Answers whole, in pieces, and hostile.

use proptest::prelude::*;

use super::super::client_hello::{VERSIONS, Version, client_hello};
use super::*;

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 3, 3];
    bytes.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    bytes.extend(content);
    bytes
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(&u32::try_from(body.len()).unwrap().to_be_bytes()[1..]);
    bytes.extend(body);
    bytes
}

fn hello(suite: u16) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend(suite.to_be_bytes());
    body.push(0);
    message(2, &body)
}

fn whole() -> Vec<u8> {
    let certificates = message(11, &[0, 0, 11, 0, 0, 3, 1, 2, 3, 0, 0, 2, 4, 5]);
    let mut exchange = vec![0, 128, 0];
    exchange.extend([0x7f; 127]);
    let messages = [
        hello(0x009f),
        certificates,
        message(12, &exchange),
        message(14, &[]),
    ]
    .concat();
    // One message may lie in several records, and several in one.
    let (first, second) = messages.split_at(50);
    [record(22, first), record(22, second)].concat()
}

#[test]
fn a_whole_answer_is_read() {
    let flight = Flight::parse(&whole());
    assert_eq!(flight.hello, Some((0x0303, 0x009f)));
    assert_eq!(flight.certificates, [vec![1, 2, 3], vec![4, 5]]);
    assert_eq!(flight.dh_bits, Some(127 * 8 - 1));
    assert!(flight.done && flight.alert.is_none() && flight.malformed.is_none());
}

#[test]
fn an_answer_cut_anywhere_is_never_whole() {
    let bytes = whole();
    for length in 0..bytes.len() {
        let flight = Flight::parse(&bytes[..length]);
        assert!(!flight.is_over(), "{length}: {flight:?}");
    }
}

#[test]
fn an_alert_after_a_choice_is_a_refusal() {
    let flight = Flight::parse(&[record(22, &hello(0x002f)), record(21, &[2, 40])].concat());
    assert_eq!(flight.alert, Some(40));
    assert!(!flight.done);
}

#[test]
fn a_warning_is_none() {
    let flight = Flight::parse(&[record(21, &[1, 112]), whole()].concat());
    assert_eq!((flight.alert, flight.done), (None, true));
    assert_eq!(Flight::parse(&record(21, &[1, 0])).alert, Some(0));
}

#[test]
fn the_version_of_tls_13_is_in_an_extension() {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0x13, 1, 0, 0, 6, 0, 0x2b, 0, 2, 3, 4]);
    let flight = Flight::parse(&record(22, &message(2, &body)));
    assert_eq!(flight.hello, Some((0x0304, 0x1301)));
    assert!(flight.done);
}

#[test]
fn what_is_no_tls_is_said_to_be_none() {
    assert!(Flight::parse(b"HTTP/1.1 400 Bad Request").malformed.is_some());
    assert!(Flight::parse(&[22, 9, 9, 0, 1, 0]).malformed.is_some());
    assert!(Flight::parse(&record(21, &[2])).malformed.is_some());
    // A choice that breaks off inside its message.
    assert!(
        Flight::parse(&record(22, &message(2, &[3, 3, 0])))
            .malformed
            .is_some()
    );
    // Certificates that claim more than there is.
    assert!(
        Flight::parse(&record(22, &message(11, &[0xff, 0xff, 0xff, 0])))
            .malformed
            .is_some()
    );
}

#[test]
fn lengths_of_a_first_message_add_up() {
    for version in VERSIONS {
        let bytes = client_hello(version, &[0x002f, 0x1301], Some("db.example.org"), &[1; 32]);
        let flight = Flight::parse(&bytes);
        assert_eq!(flight.malformed, None, "{version:?}");
        assert_eq!(
            bytes.len() - 5,
            usize::from(u16::from_be_bytes([bytes[3], bytes[4]])),
            "{version:?}"
        );
    }
    assert_eq!(Version::of_code(0x0302), Some(Version::Tls11));
    assert_eq!(Version::of_code(0x0305), None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Flight::parse(&bytes);
    }

    #[test]
    fn no_damage_makes_it_panic(place in 0usize..400, byte: u8, length in 0usize..400) {
        let mut bytes = whole();
        if let Some(damaged) = bytes.get_mut(place) {
            *damaged = byte;
        }
        bytes.truncate(length);
        let _ = Flight::parse(&bytes);
        let _ = Flight::parse(&record(22, &bytes));
    }
}
