//! Tokens that prove nothing, put into a bundle by whoever wants an earlier date: each fails by its name.

use pgdossier::sign::{Envelope, Roots, TimestampRequest, check_token, seal_token};

use super::Desk;
use super::authority::{Authority, sequence};

/// A bundle, an authority that its policy trusts, and the time information that this gave.
struct Case {
    desk: Desk,
    authority: Authority,
    genuine: Vec<u8>,
}

impl Case {
    fn new(kind: &str) -> Self {
        let (desk, authority) = (Desk::new(), Authority::new(kind));
        desk.trust(&authority.path("root.pem"), true);
        let request = TimestampRequest::new(&desk.envelope().signature).unwrap();
        let genuine = authority.answer(&request.to_der().unwrap());
        authority.content_of(&genuine);
        Self {
            desk,
            authority,
            genuine,
        }
    }

    fn envelope(&self) -> Envelope {
        self.desk.envelope()
    }

    /// The form that is stored.
    fn stored(&self, response: &[u8]) -> Vec<u8> {
        let stored = seal_token(response, &self.envelope().signature, None, None);
        stored.unwrap_or_else(|error| panic!("{error}")).0
    }

    fn fails(&self, token: &[u8], codes: &[&str]) {
        self.desk.plant(token);
        assert_eq!(self.desk.failures(), codes);
    }
}

const EC: &str = "ec -pkeyopt ec_paramgen_curve:P-256";

#[test]
fn a_forged_token_fails_by_its_name() {
    let case = Case::new(EC);
    let authority = &case.authority;
    let good = case.stored(&case.genuine);
    case.fails(&good, &[]);
    // The same time signed by openssl's other program, with both ways to name a signer.
    for way in ["", "-keyid"] {
        let token = authority.signed_as(&format!(
            "-signer tsa.pem -inkey tsa.key -certfile middle.pem -cades {way}"
        ));
        case.fails(&case.stored(&token), &[]);
    }

    let other = TimestampRequest::new(b"other bytes").unwrap();
    let other = authority.answer(&other.to_der().unwrap());
    let other_stored = seal_token(&other, b"other bytes", None, None).unwrap().0;
    case.fails(&other_stored, &["timestamp.imprint"]);
    case.fails(&good[..good.len() - 1], &["timestamp.format"]);
    case.fails(&[good.as_slice(), &[0]].concat(), &["timestamp.format"]);
    case.fails(b"", &["timestamp.format"]);
    // What the authority answered holds more than what is stored.
    let remarks = sequence(
        &[
            &[0x30, 9, 2, 1, 0, 0x30, 4, 0x0c, 2, b'o', b'k'],
            &good[good.len() - inner(&good)..],
        ]
        .concat(),
    );
    case.fails(&remarks, &["timestamp.refused"]);

    // The signature is the last thing in it.
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    case.fails(&forged, &["timestamp.signature"]);
    let weak = authority.signed_as("-signer tsa.pem -inkey tsa.key -certfile middle.pem -cades -md sha1");
    case.fails(&weak, &["timestamp.algorithm"]);

    for (name, section, code) in [
        ("plain", "plain", "timestamp.usage"),
        ("loose", "loose", "timestamp.usage"),
        ("both", "both", "timestamp.usage"),
    ] {
        authority.issue(name, EC, "middle", section);
        let token = authority.signed_as(&format!(
            "-signer {name}.pem -inkey {name}.key -certfile middle.pem -cades"
        ));
        case.fails(&token, &[code]);
    }
    authority.issue_expired("old", EC, "middle", "tsa");
    let token = authority.signed_as("-signer old.pem -inkey old.key -certfile middle.pem -cades");
    case.fails(&case.stored(&token), &["timestamp.validity"]);

    authority.issue("twin", EC, "middle", "tsa");
    let token = authority.signed_as(
        "-signer tsa.pem -inkey tsa.key -signer twin.pem -inkey twin.key -certfile middle.pem -cades",
    );
    case.fails(&token, &["timestamp.signers"]);
    // Without its signed name, a certificate could be another one of the same key.
    let token = authority.signed_as("-signer tsa.pem -inkey tsa.key -certfile middle.pem");
    case.fails(&token, &["timestamp.attributes"]);
    let token = authority.signed_as("-signer tsa.pem -inkey tsa.key -nocerts -cades");
    case.fails(&token, &["timestamp.certificate"]);
    let token = authority.signed_as("-signer tsa.pem -inkey tsa.key -noattr");
    case.fails(&token, &["timestamp.attributes"]);
    // Another certificate of the same key, which the signer did not name.
    authority.openssl(
        "x509 -req -in tsa.csr -CA middle.pem -CAkey middle.key -CAcreateserial -days 365 -extfile openssl.cnf -extensions tsa -out again.pem",
    );
    std::fs::write(
        authority.path("others.pem"),
        [authority.read("middle.pem"), authority.read("again.pem")].concat(),
    )
    .unwrap();
    let token =
        authority.signed_as("-signer tsa.pem -inkey tsa.key -nocerts -certfile others.pem -cades -keyid");
    case.fails(&token, &["timestamp.attributes"]);
    // The root is the auditor's, and a stranger is nobody's.
    std::fs::write(
        authority.path("more.pem"),
        [authority.read("middle.pem"), authority.read("twin.pem")].concat(),
    )
    .unwrap();
    let token = authority.signed_as("-signer tsa.pem -inkey tsa.key -certfile more.pem -cades");
    case.fails(&token, &["timestamp.certificate"]);
    let token = authority.signed_as("-signer tsa.pem -inkey tsa.key -cades");
    case.fails(&token, &["timestamp.untrusted"]);
}

/// Length of what follows the status in a stored response.
fn inner(stored: &[u8]) -> usize {
    // A sequence with a two-byte length, then the five bytes of the status.
    stored.len() - 4 - 5
}

#[test]
fn an_authority_under_another_root_is_not_believed() {
    let case = Case::new("rsa:2048");
    let stranger = Authority::new("rsa:2048");
    let request = TimestampRequest::new(&case.envelope().signature).unwrap();
    let token = stranger.answer(&request.to_der().unwrap());
    case.fails(&case.stored(&token), &["timestamp.untrusted"]);
    // Not even where no time is demanded: somebody put it there to be believed.
    case.desk.trust(&case.authority.path("root.pem"), false);
    case.fails(&case.stored(&token), &["timestamp.untrusted"]);
    case.desk.trust(&stranger.path("root.pem"), true);
    case.fails(&case.stored(&token), &[]);
}

#[test]
fn no_byte_of_a_token_can_change_unnoticed() {
    for kind in ["rsa:2048", EC] {
        let case = Case::new(kind);
        let signature = case.envelope().signature;
        let good = case.stored(&case.genuine);
        let root = String::from_utf8(case.authority.read("root.pem")).unwrap();
        let roots = Roots::from_pem(&[root]).unwrap();
        assert!(check_token(&good, &signature, &roots).is_ok());
        let mut tried = 0;
        for position in 0..good.len() {
            for change in [1, 4, 0x20, 0x80, 0xff] {
                let mut changed = good.clone();
                changed[position] ^= change;
                assert!(
                    check_token(&changed, &signature, &roots).is_err(),
                    "byte {position} of {} xor {change}",
                    good.len()
                );
                tried += 1;
            }
        }
        assert!(tried > 5000, "{tried}");
    }
}

#[test]
fn a_bundle_with_a_changed_token_does_not_verify() {
    for kind in ["rsa:2048", EC] {
        let case = Case::new(kind);
        let good = case.stored(&case.genuine);
        case.fails(&good, &[]);
        for position in (0..good.len()).step_by(good.len() / 60) {
            let mut changed = good.clone();
            changed[position] ^= 1 << (position % 8);
            case.desk.plant(&changed);
            assert!(!case.desk.failures().is_empty(), "byte {position}");
        }
    }
}

#[test]
fn an_envelope_has_one_token_in_one_form() {
    let case = Case::new(EC);
    let good = case.stored(&case.genuine);
    case.desk.plant(&good);
    let file = case.desk.sealed.folder.join(&case.desk.signature);
    let text = std::fs::read_to_string(&file).unwrap();
    let block = text
        .split("\"rfc3161Timestamps\": [")
        .nth(1)
        .unwrap()
        .split(']')
        .next()
        .unwrap();
    for (changed, code) in [
        (
            text.replace(block, &format!("{},{block}", block.trim_end())),
            "timestamp.count",
        ),
        (text.replace(block, ""), "timestamp.count"),
        (
            text.replace(
                "\"signedTimestamp\"",
                "\"signedTimestamp\":\"\",\"signedTimestamp\"",
            ),
            "signature.format",
        ),
        (format!("{text}\n"), "signature.not-canonical"),
    ] {
        std::fs::write(&file, changed).unwrap();
        assert_eq!(case.desk.failures(), [code]);
    }
}
