//! Signing with an external command, for key services and vaults: one JSON object in, one out (`docs/signers.md`).

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{PASSPHRASE_VARIABLE, PublicKey, SignError, Signer};

const PROTOCOL_VERSION: u32 = 1;
const ANSWER_LIMIT: u64 = 64 << 10;
const POLL: Duration = Duration::from_millis(5);
/// Secrets of ours that the command has no use for.
const WITHHELD_VARIABLES: [&str; 2] = [PASSPHRASE_VARIABLE, "PGPASSWORD"];

/// A command that signs with one key, which is known beforehand.
pub(super) struct CommandSigner {
    /// The program and its arguments; no shell takes part.
    words: Vec<String>,
    public: PublicKey,
    time_limit: Duration,
}

#[derive(Serialize)]
struct Question<'a> {
    version: u32,
    operation: &'static str,
    scheme: &'static str,
    keyid: &'a str,
    public_key: String,
    message: String,
    message_sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    version: u32,
    signature: Option<String>,
    error: Option<String>,
}

impl CommandSigner {
    pub(super) fn new(words: Vec<String>, public: PublicKey, time_limit: Duration) -> Self {
        Self {
            words,
            public,
            time_limit,
        }
    }

    fn error(&self, reason: impl Into<String>) -> SignError {
        SignError::Holder {
            holder: format!(
                "signing command `{}`",
                self.words.first().map_or("", String::as_str)
            ),
            reason: reason.into(),
        }
    }

    fn question(&self, message: &[u8]) -> Vec<u8> {
        let question = Question {
            version: PROTOCOL_VERSION,
            operation: "sign",
            scheme: self.public.scheme().word(),
            keyid: self.public.keyid(),
            public_key: self.public.to_pem(),
            message: STANDARD.encode(message),
            message_sha256: hex::encode(ring::digest::digest(&ring::digest::SHA256, message)),
        };
        // Strings and a number cannot fail to serialise.
        let mut json = serde_json::to_vec(&question).unwrap_or_default();
        json.push(b'\n');
        json
    }

    fn run(&self, question: Vec<u8>) -> Result<Vec<u8>, SignError> {
        let (program, arguments) = self
            .words
            .split_first()
            .ok_or_else(|| self.error("it is not named"))?;
        let mut command = Command::new(program);
        for variable in WITHHELD_VARIABLES {
            command.env_remove(variable);
        }
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|error| self.error(format!("it cannot be started: {error}")))?;
        let answer = self.converse(&mut child, question);
        if answer.is_err() {
            // Whatever it still does is of no use; it may have ended already.
            let _ = child.kill();
        }
        let _ = child.wait();
        answer
    }

    /// Both pipes are served by threads, so that a command that reads or writes nothing cannot hold us up.
    fn converse(&self, child: &mut Child, question: Vec<u8>) -> Result<Vec<u8>, SignError> {
        let deadline = Instant::now() + self.time_limit;
        if let Some(mut stdin) = child.stdin.take() {
            // A command may answer without reading everything.
            thread::spawn(move || stdin.write_all(&question));
        }
        let (send, receive) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                let mut answer = Vec::new();
                let read = stdout.take(ANSWER_LIMIT + 1).read_to_end(&mut answer);
                send.send(read.map(|_| answer))
            });
        }
        let late = || {
            self.error(format!(
                "it gave no answer within {} seconds",
                self.time_limit.as_secs_f64()
            ))
        };
        let answer = receive
            .recv_timeout(self.time_limit)
            .map_err(|_| late())?
            .map_err(|error| self.error(format!("its answer cannot be read: {error}")))?;
        if answer.len() as u64 > ANSWER_LIMIT {
            return Err(self.error(format!("its answer is larger than {ANSWER_LIMIT} bytes")));
        }
        loop {
            match child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(answer),
                Ok(Some(status)) => return Err(self.failed(status, &answer)),
                Ok(None) if Instant::now() >= deadline => return Err(late()),
                Ok(None) => thread::sleep(POLL),
                Err(error) => return Err(self.error(format!("it cannot be waited for: {error}"))),
            }
        }
    }

    /// A command that fails may still say why.
    fn failed(&self, status: std::process::ExitStatus, answer: &[u8]) -> SignError {
        match serde_json::from_slice::<Answer>(answer) {
            Ok(Answer {
                error: Some(reason), ..
            }) => self.refused(&reason),
            _ => self.error(format!("it ended with {status}")),
        }
    }

    fn refused(&self, reason: &str) -> SignError {
        self.error(format!("it refused to sign: {}", reason.escape_debug()))
    }
}

impl Signer for CommandSigner {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let answer = self.run(self.question(message))?;
        let answer: Answer = serde_json::from_slice(&answer)
            .map_err(|error| self.error(format!("its answer is not the one JSON object: {error}")))?;
        if answer.version != PROTOCOL_VERSION {
            return Err(self.error(format!(
                "it speaks version {} of the protocol, not {PROTOCOL_VERSION}",
                answer.version
            )));
        }
        match (answer.signature, answer.error) {
            (Some(signature), None) => STANDARD
                .decode(signature)
                .map_err(|error| self.error(format!("its signature is not base64: {error}"))),
            (None, Some(reason)) => Err(self.refused(&reason)),
            _ => Err(self.error("its answer has not exactly one of `signature` and `error`")),
        }
    }
}
