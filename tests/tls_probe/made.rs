//! Certificates, good and bad: by rcgen where it can, by openssl where the bad ones need it.

use std::path::Path;
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

/// A certificate with all that is shown after it, and its key.
pub(crate) struct Identity {
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// An authority.
pub(crate) struct Authority {
    pub(crate) pem: String,
    key_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Identity {
    /// Its own authority, with an RSA key.
    pub(crate) fn rsa(bits: u32, hash: &str, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (key, chain) = (file(&folder, "key"), file(&folder, "crt"));
        let (bits, hash) = (format!("rsa:{bits}"), format!("-{hash}"));
        let (subject, names) = (format!("/CN={name}"), format!("subjectAltName=DNS:{name}"));
        openssl(&[
            "req", "-x509", "-nodes", "-newkey", &bits, &hash, "-days", "900", "-subj", &subject, "-addext",
            &names, "-keyout", &key, "-out", &chain,
        ]);
        Self {
            chain: std::fs::read_to_string(chain).unwrap(),
            key: std::fs::read_to_string(key).unwrap(),
        }
    }
}

/// A new authority, with a P-384 key where asked for.
pub(crate) fn authority(name: &str, strong: bool) -> Authority {
    let key = key(strong);
    let params = of_authority(name);
    Authority {
        pem: params.self_signed(&key).unwrap().pem(),
        key_pem: key.serialize_pem(),
        issuer: Issuer::new(params, key),
    }
}

impl Authority {
    /// A certificate for a host from one day to another.
    pub(crate) fn issue(&self, name: &str, from: &str, to: &str) -> Identity {
        let params = between(of_host(name), from, to);
        self.sign(&params, &key(false))
    }

    pub(crate) fn issue_ed25519(&self, name: &str) -> Identity {
        let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let params = between(of_host(name), "2026-01-01", "2028-01-01");
        self.sign(&params, &key)
    }

    fn sign(&self, params: &CertificateParams, key: &KeyPair) -> Identity {
        Identity {
            chain: params.signed_by(key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// A certificate with P-384 keys, shown with the intermediate that issued it.
    pub(crate) fn issue_through_intermediate(&self, name: &str) -> Identity {
        let between_key = key(true);
        let between = of_authority("Acme servers");
        let between_pem = between.signed_by(&between_key, &self.issuer).unwrap().pem();
        let below = Authority {
            pem: between_pem.clone(),
            key_pem: between_key.serialize_pem(),
            issuer: Issuer::new(between, between_key),
        };
        let mut identity = below.issue(name, "2026-01-01", "2028-01-01");
        identity.chain.push_str(&between_pem);
        identity
    }

    /// A certificate that is its own authority.
    pub(crate) fn itself(&self, name: &str) -> Identity {
        let key = key(false);
        let params = between(of_host(name), "2026-01-01", "2028-01-01");
        Identity {
            chain: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// A certificate with an RSA key, signed with this hash.
    pub(crate) fn issue_rsa(&self, bits: u32, hash: &str, name: &str) -> Identity {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| file(&folder, name);
        std::fs::write(path("ca.crt"), &self.pem).unwrap();
        std::fs::write(path("ca.key"), &self.key_pem).unwrap();
        std::fs::write(path("names"), format!("subjectAltName=DNS:{name}\n")).unwrap();
        let (bits, subject) = (format!("rsa:{bits}"), format!("/CN={name}"));
        openssl(&[
            "req",
            "-nodes",
            "-newkey",
            &bits,
            "-subj",
            &subject,
            "-keyout",
            &path("key"),
            "-out",
            &path("csr"),
        ]);
        // Of openssl's commands only this one lets a certificate begin in the past.
        let settings = format!(
            "[ca]\ndefault_ca = a\n[a]\ndatabase = {0}\nnew_certs_dir = {1}\npolicy = p\nrand_serial = yes\ndefault_md = {hash}\n[p]\ncommonName = supplied\n",
            path("index"),
            folder.path().display()
        );
        std::fs::write(path("settings"), settings).unwrap();
        std::fs::write(path("index"), "").unwrap();
        openssl(&[
            "ca",
            "-batch",
            "-notext",
            "-config",
            &path("settings"),
            "-startdate",
            "20260101000000Z",
            "-enddate",
            "20280101000000Z",
            "-in",
            &path("csr"),
            "-cert",
            &path("ca.crt"),
            "-keyfile",
            &path("ca.key"),
            "-extfile",
            &path("names"),
            "-out",
            &path("crt"),
        ]);
        Identity {
            chain: std::fs::read_to_string(path("crt")).unwrap(),
            key: std::fs::read_to_string(path("key")).unwrap(),
        }
    }
}

fn key(strong: bool) -> KeyPair {
    let algorithm = if strong {
        &rcgen::PKCS_ECDSA_P384_SHA384
    } else {
        &rcgen::PKCS_ECDSA_P256_SHA256
    };
    KeyPair::generate_for(algorithm).unwrap()
}

fn of_authority(name: &str) -> CertificateParams {
    let mut params = of_host(name);
    params.subject_alt_names = Vec::new();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn of_host(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.replace(' ', "-")]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn between(mut params: CertificateParams, from: &str, to: &str) -> CertificateParams {
    let date = |text: &str| {
        let parts: Vec<u16> = text.split('-').map(|part| part.parse().unwrap()).collect();
        let small = |number: u16| u8::try_from(number).unwrap();
        date_time_ymd(i32::from(parts[0]), small(parts[1]), small(parts[2]))
    };
    (params.not_before, params.not_after) = (date(from), date(to));
    params
}

fn file(folder: &tempfile::TempDir, name: &str) -> String {
    Path::new(folder.path()).join(name).display().to_string()
}

/// What `openssl` prints.
pub(crate) fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(arguments)
        .output()
        .expect("openssl cannot be run; run scripts/install-test-needs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
