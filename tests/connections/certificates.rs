//! Certificates for servers and clients, good and bad.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, date_time_ymd,
};

/// An authority; two of them have the same name and different keys.
pub(crate) struct Authority {
    /// Its certificate.
    pub(crate) pem: String,
    /// One of the same name and key that expired long ago.
    pub(crate) expired_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let params = authority_params("root", Vec::new());
        let pem = params.self_signed(&key).unwrap().pem();
        let mut expired = params.clone();
        expire(&mut expired);
        Self {
            pem,
            expired_pem: expired.self_signed(&key).unwrap().pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate (serial number 7) and its key.
    pub(crate) fn issue(&self, common_name: &str, names: &[&str]) -> (String, String) {
        self.sign(params(common_name, names))
    }

    pub(crate) fn issue_expired(&self, common_name: &str, names: &[&str]) -> (String, String) {
        let mut params = params(common_name, names);
        expire(&mut params);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// A revocation list that is good until a year, with or without serial number 7.
    pub(crate) fn revocations(&self, until: i32, revoked: bool) -> String {
        let entry = RevokedCertParams {
            serial_number: 7.into(),
            revocation_time: date_time_ymd(2000, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2000, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: 1.into(),
            issuing_distribution_point: None,
            revoked_certs: if revoked { vec![entry] } else { Vec::new() },
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }
}

/// A certificate that is its own authority, as `openssl req -x509` makes them, and its key.
pub(crate) fn self_signed(names: &[&str]) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = authority_params("itself", names).self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn authority_params(common_name: &str, names: Vec<String>) -> CertificateParams {
    let mut params = CertificateParams::new(names).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    params.distinguished_name = named(common_name);
    params
}

fn params(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.serial_number = Some(7.into());
    params.distinguished_name = named(common_name);
    params
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn expire(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2001, 1, 1);
}
