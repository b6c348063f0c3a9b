//! Signing with a key in an SSH agent: the few messages of its protocol that this needs.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::ecdsa::P256Signature;
use super::ssh_wire::{put_string, take_string, take_u32};
use super::{PublicKey, Scheme, SignError, Signer};

const SOCKET_VARIABLE: &str = "SSH_AUTH_SOCK";
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
/// OpenSSH's agent answers with no more than this.
const ANSWER_LIMIT: u32 = 256 << 10;
/// Identities named in an error.
const SHOWN: usize = 12;

/// A key that an agent holds. The agent is asked anew for each signature: it may restart during a long assessment.
pub(super) struct AgentSigner {
    agent: Agent,
    public: PublicKey,
}

struct Agent {
    socket: PathBuf,
    time_limit: Duration,
}

struct Identity {
    fingerprint: String,
    comment: String,
    kind: String,
    /// Absent for a kind of key that is not used here.
    public: Option<PublicKey>,
}

impl AgentSigner {
    /// The key that `wanted` names by fingerprint or comment; when empty, the only one that can be used.
    pub(super) fn open(wanted: &str, time_limit: Duration) -> Result<Self, SignError> {
        let socket = std::env::var_os(SOCKET_VARIABLE).filter(|socket| !socket.is_empty());
        let socket = socket.ok_or_else(|| SignError::Holder {
            holder: "ssh-agent".to_owned(),
            reason: format!("{SOCKET_VARIABLE} is not set; start an agent and `ssh-add` the key"),
        })?;
        let agent = Agent {
            socket: socket.into(),
            time_limit,
        };
        let public = choose(agent.identities()?, wanted).map_err(|reason| agent.error(reason))?;
        Ok(Self { agent, public })
    }
}

impl Signer for AgentSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let mut request = vec![SIGN_REQUEST];
        put_string(&mut request, &self.public.to_ssh_blob());
        put_string(&mut request, message);
        request.extend_from_slice(&0_u32.to_be_bytes());
        let answer = self
            .agent
            .ask(&request)?
            .filter(|answer| answer.first() == Some(&SIGN_RESPONSE))
            .ok_or_else(|| {
                let fingerprint = self.public.fingerprint();
                self.agent.error(format!(
                    "it did not sign with {fingerprint}; was the request declined, or the agent locked?"
                ))
            })?;
        signature(&answer, self.public.scheme()).ok_or_else(|| {
            self.agent
                .error("it returned a signature of another form".to_owned())
        })
    }
}

fn signature(answer: &[u8], scheme: Scheme) -> Option<Vec<u8>> {
    let mut rest = answer.get(1..)?;
    let mut blob = take_string(&mut rest)?;
    if take_string(&mut blob)? != scheme.ssh_name().as_bytes() {
        return None;
    }
    let signature = take_string(&mut blob)?;
    match scheme {
        Scheme::Ed25519 => Some(signature.to_vec()),
        Scheme::P256 => Some(P256Signature::from_ssh(signature)?.to_der()),
    }
}

impl Agent {
    fn error(&self, reason: String) -> SignError {
        SignError::Holder {
            holder: format!("ssh-agent at `{}`", self.socket.display()),
            reason,
        }
    }

    fn identities(&self) -> Result<Vec<Identity>, SignError> {
        let answer = self.ask(&[REQUEST_IDENTITIES])?;
        answer
            .as_deref()
            .and_then(identities)
            .ok_or_else(|| self.error("it did not list its keys".to_owned()))
    }

    /// One question and its answer, with its type as the first byte; nothing when the agent closes without one.
    fn ask(&self, question: &[u8]) -> Result<Option<Vec<u8>>, SignError> {
        self.exchange(question)
            .map_err(|error| self.error(format!("it cannot be asked: {error}")))
    }

    fn exchange(&self, question: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(self.time_limit))?;
        stream.set_write_timeout(Some(self.time_limit))?;
        let mut frame = Vec::with_capacity(question.len() + 4);
        put_string(&mut frame, question);
        stream.write_all(&frame)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length);
        if length == 0 || length > ANSWER_LIMIT {
            return Ok(None);
        }
        let mut answer = vec![0; length as usize];
        stream.read_exact(&mut answer)?;
        Ok(Some(answer))
    }
}

fn identities(answer: &[u8]) -> Option<Vec<Identity>> {
    let (kind, mut rest) = answer.split_first()?;
    if *kind != IDENTITIES_ANSWER {
        return None;
    }
    let count = take_u32(&mut rest)?;
    let mut all = Vec::new();
    for _ in 0..count {
        let blob = take_string(&mut rest)?;
        let comment = String::from_utf8_lossy(take_string(&mut rest)?).into_owned();
        let kind = take_string(&mut &*blob)?;
        let digest = ring::digest::digest(&ring::digest::SHA256, blob);
        all.push(Identity {
            fingerprint: format!("SHA256:{}", STANDARD_NO_PAD.encode(digest)),
            comment,
            kind: String::from_utf8_lossy(kind).into_owned(),
            public: PublicKey::from_ssh_blob(blob),
        });
    }
    Some(all)
}

fn choose(identities: Vec<Identity>, wanted: &str) -> Result<PublicKey, String> {
    let held: Vec<String> = identities
        .iter()
        .take(SHOWN)
        .map(|one| {
            let comment = one.comment.escape_debug();
            format!("{} ({}, {comment})", one.fingerprint, one.kind.escape_debug())
        })
        .collect();
    let held = if held.is_empty() {
        "it holds no key (or is locked); `ssh-add` one".to_owned()
    } else {
        format!("it holds {}", held.join(", "))
    };
    let by_fingerprint = wanted.starts_with("SHA256:");
    let mut fitting = identities.into_iter().filter(|one| match wanted {
        "" => one.public.is_some(),
        _ if by_fingerprint => one.fingerprint == wanted,
        _ => one.comment == wanted,
    });
    match (fitting.next(), fitting.next()) {
        (None, _) if wanted.is_empty() => Err(format!("no key of a kind that is used here; {held}")),
        (None, _) => Err(format!("no key `{}`; {held}", wanted.escape_debug())),
        (Some(_), Some(_)) => Err(format!(
            "more than one key fits; name one by its fingerprint: {held}"
        )),
        (Some(one), None) => one.public.ok_or_else(|| {
            format!(
                "the key {} is a `{}`; only ssh-ed25519 and ecdsa-sha2-nistp256 sign here",
                one.fingerprint,
                one.kind.escape_debug()
            )
        }),
    }
}
