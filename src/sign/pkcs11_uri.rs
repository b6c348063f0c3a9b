//! Names of keys in PKCS#11 tokens (RFC 7512), as far as signing needs them.

use std::path::PathBuf;

/// What a URI says. What it does not say fits anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pkcs11Uri {
    pub(super) token: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    pub(super) slot: Option<u64>,
    pub(super) object: Option<String>,
    pub(super) id: Option<Vec<u8>>,
    pub(super) module: Option<PathBuf>,
    pub(super) pin_file: Option<PathBuf>,
}

impl Pkcs11Uri {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let body = text
            .strip_prefix("pkcs11:")
            .ok_or("it does not begin with `pkcs11:`")?;
        let (path, query) = body.split_once('?').unwrap_or((body, ""));
        let mut uri = Self::default();
        let attributes = path.split(';').chain(query.split('&'));
        for attribute in attributes.filter(|attribute| !attribute.is_empty()) {
            let (name, value) = attribute
                .split_once('=')
                .ok_or_else(|| format!("`{attribute}` has no value"))?;
            let bytes = decode(value).ok_or_else(|| format!("the value of `{name}` is badly escaped"))?;
            uri.set(name, bytes)?;
        }
        Ok(uri)
    }

    fn set(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), String> {
        if name == "id" {
            self.id = Some(bytes);
            return Ok(());
        }
        let text = String::from_utf8(bytes).map_err(|_| format!("the value of `{name}` is not UTF-8"))?;
        match name {
            "token" => self.token = Some(text),
            "serial" => self.serial = Some(text),
            "manufacturer" => self.manufacturer = Some(text),
            "model" => self.model = Some(text),
            "object" => self.object = Some(text),
            "slot-id" => {
                let slot = text
                    .parse()
                    .map_err(|_| format!("slot-id `{text}` is not a number"))?;
                self.slot = Some(slot);
            }
            "type" if text == "private" => {}
            "module-path" => self.module = Some(text.into()),
            "pin-source" => {
                let path = text
                    .strip_prefix("file://")
                    .or_else(|| text.strip_prefix("file:"));
                self.pin_file = Some(path.unwrap_or(&text).into());
            }
            _ => return Err(format!("`{name}={text}` is not understood here")),
        }
        Ok(())
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_first_chunk::<2>()?;
        rest = after;
        bytes.extend(hex::decode(digits).ok()?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_found_and_nothing_is_guessed() {
        let uri = Pkcs11Uri::parse(
            "pkcs11:token=Acme%20HSM;object=signing;id=%01%ff;type=private?module-path=/usr/lib/hsm.so&pin-source=file:/etc/pin",
        )
        .unwrap();
        assert_eq!(uri.token.as_deref(), Some("Acme HSM"));
        assert_eq!(uri.id, Some(vec![1, 0xff]));
        assert_eq!(uri.module, Some("/usr/lib/hsm.so".into()));
        assert_eq!(uri.pin_file, Some("/etc/pin".into()));
        for wrong in [
            "pkcs11:token",
            "pkcs11:type=cert",
            "pkcs11:id=%1",
            "pkcs11:slot-id=a",
        ] {
            assert!(Pkcs11Uri::parse(wrong).is_err(), "{wrong}");
        }
    }
}
