//! What is written in an X.509 certificate, from hostile bytes.

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::signature_algorithm::SignatureAlgorithm;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo, X509Name};

/// Nobody's certificate has longer or more names than that, but a hostile one might.
const LONGEST_NAME: usize = 300;
const MOST_NAMES: usize = 100;

/// A certificate in words and numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    /// Alternative names: host names and addresses.
    pub(crate) names: Vec<String>,
    pub(crate) key_type: Option<String>,
    pub(crate) key_bits: Option<usize>,
    pub(crate) signature_algorithm: String,
    /// `SHA-256`, where it is known.
    pub(crate) signature_hash: Option<String>,
    /// Seconds since 1970.
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    /// Whether it names itself as its issuer.
    pub(crate) self_issued: bool,
}

/// The subject as it is encoded.
pub(crate) fn subject(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(parsed.subject().as_raw().to_vec())
}

/// The issuer as it is encoded.
pub(crate) fn issuer(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(parsed.issuer().as_raw().to_vec())
}

/// Reads a certificate.
///
/// # Errors
/// It is none.
pub(crate) fn describe(certificate: &[u8]) -> Result<Description, String> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|error| format!("the certificate cannot be read: {error}"))?;
    let (key_type, key_bits) = key(parsed.public_key());
    let (signature_algorithm, signature_hash) = signature(&parsed.signature_algorithm);
    Ok(Description {
        subject: name(parsed.subject()),
        issuer: name(parsed.issuer()),
        names: names(&parsed),
        key_type,
        key_bits,
        signature_algorithm,
        signature_hash,
        not_before: parsed.validity().not_before.timestamp(),
        not_after: parsed.validity().not_after.timestamp(),
        self_issued: parsed.subject().as_raw() == parsed.issuer().as_raw(),
    })
}

fn short(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}

fn name(name: &X509Name<'_>) -> String {
    short(&name.to_string())
}

fn names(parsed: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = parsed.subject_alternative_name() else {
        return Vec::new();
    };
    let shown = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(short(name)),
        GeneralName::IPAddress(bytes) => match **bytes {
            [a, b, c, d] => Some(std::net::Ipv4Addr::new(a, b, c, d).to_string()),
            _ => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|octets| std::net::Ipv6Addr::from(octets).to_string()),
        },
        _ => None,
    });
    shown.take(MOST_NAMES).collect()
}

/// Kind and size of the key; no size where the kind is not known.
fn key(info: &SubjectPublicKeyInfo<'_>) -> (Option<String>, Option<usize>) {
    let oid = info.algorithm.algorithm.to_id_string();
    let (kind, bits) = match oid.as_str() {
        "1.3.101.112" => ("Ed25519", Some(256)),
        "1.3.101.113" => ("Ed448", Some(456)),
        "1.2.840.10045.2.1" => ("EC", curve_bits(info)),
        "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => match info.parsed() {
            Ok(PublicKey::RSA(key)) => ("RSA", bits(key.modulus)),
            _ => ("RSA", None),
        },
        "1.2.840.10040.4.1" => match info.parsed() {
            Ok(PublicKey::DSA(key)) => ("DSA", Some(key.len() * 8)),
            _ => ("DSA", None),
        },
        _ => return (Some(oid), None),
    };
    (Some(kind.to_owned()), bits)
}

/// Bits of a number, without its leading zeros.
fn bits(number: &[u8]) -> Option<usize> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let first = number.get(zeros)?;
    Some((number.len() - zeros) * 8 - usize::try_from(first.leading_zeros()).ok()?)
}

fn curve_bits(info: &SubjectPublicKeyInfo<'_>) -> Option<usize> {
    let curve = info.algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string();
    Some(match curve.as_str() {
        "1.2.840.10045.3.1.1" => 192,
        "1.3.132.0.33" => 224,
        "1.2.840.10045.3.1.7" | "1.3.132.0.10" | "1.3.36.3.3.2.8.1.1.7" => 256,
        "1.3.132.0.34" | "1.3.36.3.3.2.8.1.1.11" => 384,
        "1.3.36.3.3.2.8.1.1.13" => 512,
        "1.3.132.0.35" => 521,
        _ => return None,
    })
}

/// The signature's algorithm, and its hash where that is known.
fn signature(algorithm: &AlgorithmIdentifier<'_>) -> (String, Option<String>) {
    let oid = algorithm.algorithm.to_id_string();
    let (name, hash) = match oid.as_str() {
        "1.2.840.113549.1.1.2" => ("RSA", "MD2"),
        "1.2.840.113549.1.1.4" => ("RSA", "MD5"),
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => ("RSA", "SHA-1"),
        "1.2.840.113549.1.1.14" => ("RSA", "SHA-224"),
        "1.2.840.113549.1.1.11" => ("RSA", "SHA-256"),
        "1.2.840.113549.1.1.12" => ("RSA", "SHA-384"),
        "1.2.840.113549.1.1.13" => ("RSA", "SHA-512"),
        "1.2.840.10045.4.1" => ("ECDSA", "SHA-1"),
        "1.2.840.10045.4.3.1" => ("ECDSA", "SHA-224"),
        "1.2.840.10045.4.3.2" => ("ECDSA", "SHA-256"),
        "1.2.840.10045.4.3.3" => ("ECDSA", "SHA-384"),
        "1.2.840.10045.4.3.4" => ("ECDSA", "SHA-512"),
        "1.2.840.10040.4.3" => ("DSA", "SHA-1"),
        "2.16.840.1.101.3.4.3.2" => ("DSA", "SHA-256"),
        "1.3.101.112" => return ("Ed25519".to_owned(), Some("SHA-512".to_owned())),
        "1.3.101.113" => return ("Ed448".to_owned(), Some("SHAKE-256".to_owned())),
        "1.2.840.113549.1.1.10" => return pss(algorithm),
        _ => return (oid, None),
    };
    (format!("{name} with {hash}"), Some(hash.to_owned()))
}

fn pss(algorithm: &AlgorithmIdentifier<'_>) -> (String, Option<String>) {
    let Ok(SignatureAlgorithm::RSASSA_PSS(parameters)) = SignatureAlgorithm::try_from(algorithm) else {
        return ("RSA-PSS".to_owned(), None);
    };
    let hash = match parameters.hash_algorithm_oid().to_id_string().as_str() {
        "1.3.14.3.2.26" => "SHA-1",
        "2.16.840.1.101.3.4.2.1" => "SHA-256",
        "2.16.840.1.101.3.4.2.2" => "SHA-384",
        "2.16.840.1.101.3.4.2.3" => "SHA-512",
        _ => return ("RSA-PSS".to_owned(), None),
    };
    (format!("RSA-PSS with {hash}"), Some(hash.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_damage_makes_it_panic(place in 0usize..600, byte: u8, length in 0usize..600) {
            let made = rcgen::generate_simple_self_signed(vec!["db".to_owned(), "10.1.2.3".to_owned()]).unwrap();
            let mut der = made.cert.der().to_vec();
            if let Some(damaged) = der.get_mut(place) {
                *damaged = byte;
            }
            der.truncate(length.max(der.len() / 2));
            let _ = describe(&der);
            let _ = (subject(&der), issuer(&der));
        }
    }

    #[test]
    fn a_certificate_is_described() {
        let made = rcgen::generate_simple_self_signed(vec!["db".to_owned(), "10.1.2.3".to_owned()]).unwrap();
        let described = describe(made.cert.der()).unwrap();
        assert_eq!(described.names, ["db", "10.1.2.3"]);
        assert_eq!(described.key_type.as_deref(), Some("EC"));
        assert_eq!(described.key_bits, Some(256));
        assert_eq!(described.signature_algorithm, "ECDSA with SHA-256");
        assert!(described.self_issued);
        assert!(describe(b"no certificate").is_err());
    }
}
