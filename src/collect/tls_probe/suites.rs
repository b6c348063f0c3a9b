//! TLS cipher suites: which ones a server is asked for, and what their names say of their strength.

mod names;

use self::names::NAMES;
use super::client_hello::Version;

/// The name of a suite.
pub(super) fn name(code: u16) -> Option<&'static str> {
    NAMES
        .iter()
        .find(|(number, _)| *number == code)
        .map(|(_, name)| *name)
}

/// All suites that can be offered with a version.
pub(super) fn of(version: Version) -> Vec<u16> {
    NAMES
        .iter()
        .filter(|(code, name)| {
            let newest = (0x1301..=0x1305).contains(code);
            match version {
                Version::Tls13 => newest,
                Version::Tls12 => !newest,
                _ => !newest && !needs_tls12(name),
            }
        })
        .map(|(code, _)| *code)
        .collect()
}

/// The same in lists that can be asked for side by side.
pub(super) fn groups(version: Version) -> Vec<Vec<u16>> {
    let mut groups = vec![Vec::new(); 3];
    for code in of(version) {
        let name = name(code).unwrap_or_default();
        let index = match () {
            () if name.starts_with("TLS_ECDHE_") => 0,
            () if name.starts_with("TLS_DHE_") => 1,
            () => 2,
        };
        if let Some(group) = groups.get_mut(index) {
            group.push(code);
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

fn needs_tls12(name: &str) -> bool {
    ["_GCM_", "_CCM", "POLY1305", "_SHA256", "_SHA384"]
        .iter()
        .any(|part| name.contains(part))
}

/// What a suite's name says of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Strength {
    /// What is wrong with it, one word each.
    pub(crate) weaknesses: Vec<&'static str>,
    /// Whether a key that is stolen later opens nothing that was recorded before.
    pub(crate) forward_secret: bool,
    /// Whether encryption and integrity are one.
    pub(crate) aead: bool,
    /// Bits of the cipher's key.
    pub(crate) key_bits: u32,
}

/// Judges nothing, names everything: which weakness matters is the control's business.
pub(crate) fn strength(name: &str, dh_bits: Option<u64>) -> Strength {
    let (exchange, cipher) = name
        .trim_start_matches("TLS_")
        .split_once("WITH_")
        .unwrap_or(("ECDHE_", name.trim_start_matches("TLS_")));
    let forward_secret = exchange.starts_with("ECDHE_") || exchange.starts_with("DHE_");
    let aead = ["_GCM_", "_CCM", "POLY1305"]
        .iter()
        .any(|part| cipher.contains(part));
    let export = exchange.contains("EXPORT");
    let weaknesses = [
        ("no-encryption", cipher.starts_with("NULL")),
        ("no-authentication", exchange.contains("anon")),
        ("export", export),
        ("short-key", export || cipher.starts_with("DES")),
        (
            "short-dh",
            exchange.starts_with("DHE_") && dh_bits.is_some_and(|bits| bits < 2048),
        ),
        ("rc4", cipher.starts_with("RC4")),
        (
            "small-blocks",
            ["3DES", "DES", "IDEA", "RC2"]
                .iter()
                .any(|start| cipher.starts_with(start)),
        ),
        ("md5", cipher.ends_with("_MD5")),
        ("no-forward-secrecy", !forward_secret),
        ("sha1", cipher.ends_with("_SHA")),
        ("cbc", cipher.contains("_CBC_")),
    ];
    Strength {
        weaknesses: weaknesses
            .into_iter()
            .filter(|(_, applies)| *applies)
            .map(|(word, _)| word)
            .collect(),
        forward_secret,
        aead,
        key_bits: key_bits(cipher),
    }
}

fn key_bits(cipher: &str) -> u32 {
    let is = |start: &str| cipher.starts_with(start);
    match () {
        () if is("NULL") => 0,
        () if is("DES40") || cipher.contains("_40_") => 40,
        () if is("DES_") || cipher.contains("_56_") => 56,
        () if is("3DES") => 112,
        () if cipher.contains("_256_") || is("CHACHA20") => 256,
        () => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strength_follows_from_the_name() {
        let weak = |name: &str| strength(name, None).weaknesses;
        assert_eq!(weak("TLS_AES_256_GCM_SHA384"), Vec::<&str>::new());
        assert_eq!(
            weak("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
            Vec::<&str>::new()
        );
        assert_eq!(weak("TLS_RSA_WITH_AES_128_CCM"), ["no-forward-secrecy"]);
        assert_eq!(
            weak("TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
            ["small-blocks", "no-forward-secrecy", "sha1", "cbc"]
        );
        assert_eq!(
            weak("TLS_ECDH_anon_WITH_NULL_SHA"),
            ["no-encryption", "no-authentication", "no-forward-secrecy", "sha1"]
        );
        assert_eq!(
            weak("TLS_RSA_EXPORT_WITH_RC4_40_MD5"),
            ["export", "short-key", "rc4", "md5", "no-forward-secrecy"]
        );
        assert_eq!(
            strength("TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", Some(1024)).weaknesses,
            ["short-dh"]
        );
        assert_eq!(strength("TLS_RSA_WITH_DES_CBC_SHA", None).key_bits, 56);
        assert_eq!(strength("TLS_CHACHA20_POLY1305_SHA256", None).key_bits, 256);
    }

    #[test]
    fn every_suite_that_openssl_has_is_asked_for() {
        // OpenSSL's numbers for anonymous, unencrypted, old and new suites.
        for code in [
            0x0001, 0x0004, 0x0007, 0x000a, 0x0018, 0x0034, 0x0096, 0x00a7, 0xc018, 0xc0a3, 0xccaa, 0xc061,
        ] {
            assert!(of(Version::Tls12).contains(&code), "{code:04x}");
        }
        assert_eq!(of(Version::Tls13).len(), 5);
        assert!(!of(Version::Tls10).contains(&0xc02f));
        let grouped: usize = groups(Version::Tls12).iter().map(Vec::len).sum();
        assert_eq!(grouped, of(Version::Tls12).len());
    }
}
