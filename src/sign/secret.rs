//! The secret part of a key, and PKCS#8 in and out.

use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::asn1::{BitStringRef, OctetStringRef};
use pkcs8::der::{Decode as _, Sequence};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use zeroize::Zeroizing;

use super::{Scheme, SignError};

const SECRET_BYTES: usize = 32;
const POINT_BYTES: usize = 65;
const ED25519_OID: &str = "1.3.101.112";
const EC_OID: &str = "1.2.840.10045.2.1";
const P256_OID: &str = "1.2.840.10045.3.1.7";
/// PKCS#8 version 1 around the 32-byte seed (RFC 8410). OpenSSL 3.0 cannot read version 2, which ring writes.
const ED25519_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// PKCS#8 version 1 around an ECPrivateKey (RFC 5915) of the named curve, before the scalar and before the point.
const P256_BEFORE_SCALAR: [u8; 36] = [
    0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01,
    0x04, 0x20,
];
const P256_BEFORE_POINT: [u8; 5] = [0xa1, 0x44, 0x03, 0x42, 0x00];

/// What a key file protects; wiped when dropped.
pub(super) enum Secret {
    /// The seed.
    Ed25519(Zeroizing<[u8; SECRET_BYTES]>),
    /// The scalar, and the public point that goes with it.
    P256(Zeroizing<[u8; SECRET_BYTES]>, [u8; POINT_BYTES]),
}

/// RFC 5915.
#[derive(Sequence)]
struct EcPrivateKey<'a> {
    version: u8,
    private_key: &'a OctetStringRef,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    parameters: Option<pkcs8::ObjectIdentifier>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    public_key: Option<BitStringRef<'a>>,
}

impl Secret {
    /// From the system's random number generator.
    pub(super) fn generate(scheme: Scheme) -> Result<Self, SignError> {
        match scheme {
            Scheme::Ed25519 => {
                let mut seed = Zeroizing::new([0; SECRET_BYTES]);
                fill(seed.as_mut())?;
                Ok(Self::Ed25519(seed))
            }
            Scheme::P256 => {
                let document =
                    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new())
                        .map_err(|_| SignError::NoRandomness)?;
                Self::from_pkcs8(document.as_ref()).map_err(|reason| SignError::Refused { reason })
            }
        }
    }

    /// Reads PKCS#8, version 1 (OpenSSL) or 2 (ring). Whether the public point belongs to the scalar is not checked here.
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, String> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|error| error.to_string())?;
        let inner = info.private_key.as_bytes();
        let curve = info
            .algorithm
            .parameters
            .and_then(|parameters| parameters.decode_as::<pkcs8::ObjectIdentifier>().ok());
        match (
            info.algorithm.oid.to_string().as_str(),
            curve.map(|curve| curve.to_string()).as_deref(),
        ) {
            (ED25519_OID, _) => {
                let seed = <&OctetStringRef>::from_der(inner).map_err(|error| error.to_string())?;
                Ok(Self::Ed25519(secret(seed.as_bytes())?))
            }
            (EC_OID, Some(P256_OID)) => from_ec_private_key(inner),
            (EC_OID, Some(curve)) => Err(format!("its curve is {curve}; of ECDSA only P-256 is used here")),
            (algorithm, _) => Err(format!(
                "its algorithm is {algorithm}; only Ed25519 and ECDSA P-256 are used here"
            )),
        }
    }

    /// PKCS#8 version 1.
    pub(super) fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Ed25519(seed) => [ED25519_PREFIX.as_slice(), seed.as_ref()].concat(),
            Self::P256(scalar, point) => [
                P256_BEFORE_SCALAR.as_slice(),
                scalar.as_ref(),
                &P256_BEFORE_POINT,
                point,
            ]
            .concat(),
        })
    }
}

fn from_ec_private_key(der: &[u8]) -> Result<Secret, String> {
    let key = EcPrivateKey::from_der(der).map_err(|error| error.to_string())?;
    if key.version != 1 || key.parameters.is_some_and(|curve| curve.to_string() != P256_OID) {
        return Err("its inner ECPrivateKey is of another version or curve".to_owned());
    }
    let point = key
        .public_key
        .and_then(|point| point.as_bytes()?.try_into().ok())
        .ok_or("it lacks the uncompressed public point; write it again with `openssl pkey`")?;
    Ok(Secret::P256(secret(key.private_key.as_bytes())?, point))
}

fn secret(bytes: &[u8]) -> Result<Zeroizing<[u8; SECRET_BYTES]>, String> {
    <[u8; SECRET_BYTES]>::try_from(bytes)
        .map(Zeroizing::new)
        .map_err(|_| "its secret is not 32 bytes".to_owned())
}

pub(super) fn fill(bytes: &mut [u8]) -> Result<(), SignError> {
    SystemRandom::new()
        .fill(bytes)
        .map_err(|_| SignError::NoRandomness)
}
