//! Signing with a key in a hardware module or smart card, through the PKCS#11 library of its maker.

use std::path::PathBuf;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;

use super::pkcs11_uri::Pkcs11Uri;
use super::{Opening, PassphraseSource, PublicKey, Scheme, SignError, Signer};

const MODULE_VARIABLE: &str = "PGDOSSIER_PKCS11_MODULE";
const OCTET_STRING: u8 = 4;

/// A key in a token, with a session in which its owner is logged in.
pub(super) struct Pkcs11Signer {
    session: Session,
    key: ObjectHandle,
    public: PublicKey,
    holder: String,
}

impl Pkcs11Signer {
    pub(super) fn open(uri: &str, opening: &Opening) -> Result<Self, SignError> {
        let error = |reason: String| SignError::Holder {
            holder: "PKCS#11 token".to_owned(),
            reason,
        };
        let uri = Pkcs11Uri::parse(uri).map_err(error)?;
        let module = module(&uri).map_err(error)?;
        let library = initialised(&module)
            .map_err(|reason| error(format!("the library `{}`: {reason}", module.display())))?;
        let (slot, token) = slot(&library, &uri).map_err(error)?;
        let label = token.label().trim().to_owned();
        let holder = format!("PKCS#11 token `{}`", label.escape_debug());
        let failed = |reason: String| SignError::Holder {
            holder: holder.clone(),
            reason,
        };
        let session = library
            .open_ro_session(slot)
            .map_err(|error| failed(format!("it opens no session: {error}")))?;
        log_in(&session, &token, &uri, opening, &failed)?;
        let key = private_key(&session, &uri).map_err(failed)?;
        let public = match public_key(&session, key).map_err(failed)? {
            Some(public) => public,
            None => opening.public_key.clone().ok_or_else(|| {
                failed(
                    "it holds no public key beside the private one; name it with `--public-key`".to_owned(),
                )
            })?,
        };
        Ok(Self {
            session,
            key,
            public,
            holder,
        })
    }
}

impl Signer for Pkcs11Signer {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signed = match self.public.scheme() {
            Scheme::Ed25519 => {
                let pure = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
                self.session.sign(&pure, self.key, message)
            }
            // Not every token hashes by itself, and some take only short messages.
            Scheme::P256 => {
                let digest = ring::digest::digest(&ring::digest::SHA256, message);
                self.session.sign(&Mechanism::Ecdsa, self.key, digest.as_ref())
            }
        };
        signed.map_err(|error| SignError::Holder {
            holder: self.holder.clone(),
            reason: format!("it did not sign: {error}"),
        })
    }
}

fn module(uri: &Pkcs11Uri) -> Result<PathBuf, String> {
    let from_environment = || std::env::var_os(MODULE_VARIABLE).map(PathBuf::from);
    uri.module.clone().or_else(from_environment).ok_or_else(|| {
        format!("no library is named: add `?module-path=/…/library.so` to the URI or set {MODULE_VARIABLE}")
    })
}

fn initialised(module: &std::path::Path) -> Result<Pkcs11, String> {
    let library = Pkcs11::new(module).map_err(|error| error.to_string())?;
    match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(library),
        Err(error) => Err(error.to_string()),
    }
}

/// The one slot whose token fits.
fn slot(library: &Pkcs11, uri: &Pkcs11Uri) -> Result<(Slot, TokenInfo), String> {
    let slots = library
        .get_slots_with_token()
        .map_err(|error| error.to_string())?;
    let (mut fitting, mut others) = (Vec::new(), Vec::new());
    for slot in slots {
        let Ok(token) = library.get_token_info(slot) else {
            continue;
        };
        let fits = |wanted: &Option<String>, is: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted.trim() == is.trim())
        };
        if token.token_initialized()
            && fits(&uri.token, token.label())
            && fits(&uri.serial, token.serial_number())
            && fits(&uri.manufacturer, token.manufacturer_id())
            && fits(&uri.model, token.model())
            && uri.slot.is_none_or(|wanted| wanted == slot.id())
        {
            fitting.push((slot, token));
        } else {
            others.push(token.label().trim().escape_debug().to_string());
        }
    }
    match (fitting.pop(), fitting.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => {
            Err("more than one token fits the URI; say its token=, serial= or slot-id=".to_owned())
        }
        (None, _) => Err(format!(
            "no token fits the URI; there are: {}",
            if others.is_empty() {
                "none".to_owned()
            } else {
                others.join(", ")
            }
        )),
    }
}

fn log_in(
    session: &Session,
    token: &TokenInfo,
    uri: &Pkcs11Uri,
    opening: &Opening,
    failed: &dyn Fn(String) -> SignError,
) -> Result<(), SignError> {
    if !token.login_required() {
        return Ok(());
    }
    // Where the reader has its own keypad, the PIN never passes through here.
    let pin = if token.protected_authentication_path() {
        None
    } else {
        let source = uri
            .pin_file
            .clone()
            .map_or_else(|| opening.passphrase.clone(), PassphraseSource::File);
        let pin = source.answer(&format!("PIN of the token {}: ", token.label().trim()))?;
        Some(AuthPin::new(pin.as_str().into()))
    };
    match session.login(UserType::User, pin.as_ref()) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Error::Pkcs11(RvError::PinIncorrect, _)) => Err(failed(
            "the PIN is wrong; too many wrong ones lock the token".to_owned(),
        )),
        Err(error) => Err(failed(format!("it does not let its user in: {error}"))),
    }
}

fn private_key(session: &Session, uri: &Pkcs11Uri) -> Result<ObjectHandle, String> {
    let mut wanted = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
    wanted.extend(
        uri.object
            .iter()
            .map(|label| Attribute::Label(label.clone().into_bytes())),
    );
    wanted.extend(uri.id.iter().map(|id| Attribute::Id(id.clone())));
    let mut found = session
        .find_objects(&wanted)
        .map_err(|error| format!("it does not tell its keys: {error}"))?;
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err("more than one private key fits the URI; say its object= or id=".to_owned()),
        (None, _) => Err("no private key fits the URI".to_owned()),
    }
}

/// The public key that goes with a private one: the object with the same id.
fn public_key(session: &Session, private: ObjectHandle) -> Result<Option<PublicKey>, String> {
    let error = |error: Error| format!("it does not describe the key: {error}");
    let about = session
        .get_attributes(private, &[AttributeType::Id, AttributeType::KeyType])
        .map_err(error)?;
    let scheme = about.iter().find_map(|attribute| match attribute {
        Attribute::KeyType(KeyType::EC) => Some(Scheme::P256),
        Attribute::KeyType(KeyType::EC_EDWARDS) => Some(Scheme::Ed25519),
        _ => None,
    });
    let scheme = scheme.ok_or("the key is of another kind than Ed25519 and ECDSA P-256")?;
    let mut wanted = vec![Attribute::Class(ObjectClass::PUBLIC_KEY)];
    wanted.extend(
        about
            .into_iter()
            .filter(|attribute| matches!(attribute, Attribute::Id(_))),
    );
    let found = session.find_objects(&wanted).map_err(error)?;
    let [public] = found.as_slice() else {
        return Ok(None);
    };
    let point = session
        .get_attributes(*public, &[AttributeType::EcPoint])
        .map_err(error)?;
    let point = point.iter().find_map(|attribute| match attribute {
        Attribute::EcPoint(point) => Some(point.as_slice()),
        _ => None,
    });
    let raw = point.map(unwrapped).unwrap_or_default();
    PublicKey::from_raw(scheme, raw)
        .map(Some)
        .ok_or_else(|| "the key is on another curve than Ed25519 and P-256".to_owned())
}

/// The standard wraps a point in an octet string; some tokens do not.
fn unwrapped(point: &[u8]) -> &[u8] {
    match point {
        [OCTET_STRING, length, raw @ ..] if usize::from(*length) == raw.len() => raw,
        raw => raw,
    }
}
