//! One shell on a host, here or over SSH, and commands run in it one after the other.

use std::process::Stdio;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command as Process};
use tokio::time::timeout;

use super::HostAccess;
use super::command::{Invocation, command, quoted};

/// More than this from one batch of commands is no answer.
const LARGEST_OUTPUT: usize = 64 << 20;

/// Why a host gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// `ssh` or `sh` could not be started.
    #[error("cannot start `{program}`: {reason}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        reason: String,
    },
    /// The shell ended early: `ssh` could not log in, or the connection broke.
    #[error("{place} gave no shell: {reason}")]
    Ended {
        /// Which host.
        place: String,
        /// The last that it said.
        reason: String,
    },
    /// Nothing came back in time.
    #[error("no answer from {place} within {} s", .limit.as_secs())]
    Timeout {
        /// Which host.
        place: String,
        /// The time limit.
        limit: Duration,
    },
    /// It talks without end.
    #[error("{place} answered with more than {} MB", LARGEST_OUTPUT >> 20)]
    TooMuch {
        /// Which host.
        place: String,
    },
}

/// What a command answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which command, with its parameters.
    pub invocation: Invocation,
    /// As it was run.
    pub command: String,
    /// Its exit code; 127 when the program is not there.
    pub exit: i32,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub error: String,
}

/// One shell on a host.
pub struct HostSession {
    _child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
    nonce: String,
    place: String,
    sudo: bool,
    limit: Duration,
}

impl HostSession {
    /// Starts the shell and waits until it answers. `ssh` asks nothing and accepts no unknown host key.
    ///
    /// # Errors
    /// As [`HostError`].
    pub async fn open(access: &HostAccess, limit: Duration) -> Result<Self, HostError> {
        let (mut process, sudo) = match access {
            HostAccess::Ssh { destination, sudo } => {
                let mut ssh = Process::new("ssh");
                ssh.args(["-T", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"])
                    .args(["-o", "ConnectTimeout=10", "--"])
                    .args([destination.as_str(), "exec", "sh"]);
                (ssh, *sudo)
            }
            HostAccess::Local { sudo } => (local(), *sudo),
            HostAccess::Automatic | HostAccess::None => (local(), false),
        };
        let program = process.as_std().get_program().to_string_lossy().into_owned();
        let failed = |reason: String| HostError::Start {
            program: program.clone(),
            reason,
        };
        let mut child = process
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed("no pipes".to_owned()));
        };
        let mut session = Self {
            _child: child,
            stdin,
            stdout,
            stderr,
            nonce: nonce(),
            place: access.describe(),
            sudo,
            limit,
        };
        // What a login prints before the first mark belongs to nobody.
        let prelude = "LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin\nexport LC_ALL PATH\n\
                       umask 077\n";
        session.batch(prelude.to_owned() + &session.mark(0), 1).await?;
        Ok(session)
    }

    /// Runs commands one after the other; each gives an answer. One that is refused by its own rules gives exit 126.
    ///
    /// # Errors
    /// As [`HostError`]: then nothing is known of any of them.
    pub async fn run(&mut self, invocations: &[Invocation]) -> Result<Vec<Answer>, HostError> {
        let mut script = String::new();
        let texts: Vec<String> = invocations.iter().map(|one| self.text(one)).collect();
        for (index, text) in texts.iter().enumerate() {
            script.push_str(&format!("{text} </dev/null\n{}", self.mark(index)));
        }
        let parts = self.batch(script, invocations.len()).await?;
        Ok(invocations
            .iter()
            .zip(texts)
            .zip(parts)
            .map(|((invocation, command), (exit, output, error))| Answer {
                invocation: invocation.clone(),
                command,
                exit,
                output,
                error,
            })
            .collect())
    }

    /// The command's text for the shell.
    fn text(&self, invocation: &Invocation) -> String {
        let Some(words) = invocation.words() else {
            return "(exit 126)".to_owned();
        };
        let text: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let root = command(invocation.name).is_some_and(|command| command.root);
        let sudo = if root && self.sudo { "sudo -n " } else { "" };
        format!("{sudo}{}", text.join(" "))
    }

    /// Lines that tell the end of a command on both streams.
    fn mark(&self, index: usize) -> String {
        let nonce = &self.nonce;
        format!(
            "c=$?; printf '\\n{nonce} {index} %s\\n' \"$c\"; printf '\\n{nonce} {index} %s\\n' \"$c\" >&2\n"
        )
    }

    /// Sends a script and takes its streams apart at the marks.
    async fn batch(&mut self, script: String, count: usize) -> Result<Vec<(i32, String, String)>, HostError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let last = format!("\n{} {} ", self.nonce, count - 1);
        let work = async {
            let (sent, output, error) = tokio::join!(
                async {
                    self.stdin.write_all(script.as_bytes()).await?;
                    self.stdin.flush().await
                },
                until(&mut self.stdout, last.as_bytes()),
                until(&mut self.stderr, last.as_bytes()),
            );
            (sent, output, error)
        };
        let (sent, output, error) = timeout(self.limit, work).await.map_err(|_| HostError::Timeout {
            place: self.place.clone(),
            limit: self.limit,
        })?;
        let (Reading { bytes: output, end }, Reading { bytes: error, .. }) = (output, error);
        if end == End::TooMuch {
            return Err(HostError::TooMuch {
                place: self.place.clone(),
            });
        }
        let (output, error) = (
            String::from_utf8_lossy(&output).into_owned(),
            String::from_utf8_lossy(&error).into_owned(),
        );
        if sent.is_err() || end != End::Marked {
            let last = error.trim().lines().last().unwrap_or("it ended").to_owned();
            return Err(HostError::Ended {
                place: self.place.clone(),
                reason: last,
            });
        }
        let parts = parts(&output, &self.nonce, count).zip(parts(&error, &self.nonce, count));
        parts
            .map(|(output, error)| {
                output
                    .into_iter()
                    .zip(error)
                    .map(|((exit, output), (_, error))| (exit, output, error))
                    .collect()
            })
            .ok_or_else(|| HostError::Ended {
                place: self.place.clone(),
                reason: "its answers cannot be told apart".to_owned(),
            })
    }
}

fn local() -> Process {
    let mut sh = Process::new("sh");
    // A clean environment: nothing of ours is seen by, or changes, what is run.
    sh.env_clear();
    for name in ["HOME", "USER", "LOGNAME"] {
        if let Some(value) = std::env::var_os(name) {
            sh.env(name, value);
        }
    }
    sh
}

/// A mark that nobody can guess, so that no output can hold it.
fn nonce() -> String {
    let mut bytes = [0; 16];
    // Without random numbers nothing else of this program works either; the mark then is merely guessable.
    let _ = SystemRandom::new().fill(&mut bytes);
    hex::encode(bytes)
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Marked,
    Closed,
    TooMuch,
}

struct Reading {
    bytes: Vec<u8>,
    end: End,
}

/// Reads until the line that begins with the mark has ended.
async fn until(stream: &mut (impl AsyncRead + Unpin), mark: &[u8]) -> Reading {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        let begin = bytes.len().saturating_sub(mark.len() + 16);
        let read = match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => {
                return Reading {
                    bytes,
                    end: End::Closed,
                };
            }
            Ok(read) => read,
        };
        bytes.extend(chunk.iter().take(read));
        if bytes.len() > LARGEST_OUTPUT {
            return Reading {
                bytes,
                end: End::TooMuch,
            };
        }
        let tail = bytes.get(begin..).unwrap_or_default();
        let marked = tail.windows(mark.len()).any(|window| window == mark);
        if marked && bytes.ends_with(b"\n") {
            return Reading {
                bytes,
                end: End::Marked,
            };
        }
    }
}

/// A stream's text taken apart at its marks: each command's exit code and text.
fn parts(text: &str, nonce: &str, count: usize) -> Option<Vec<(i32, String)>> {
    let mut rest = text;
    let mut found = Vec::new();
    for index in 0..count {
        let (before, after) = rest.split_once(&format!("\n{nonce} {index} "))?;
        let (exit, after) = after.split_once('\n')?;
        found.push((exit.trim().parse().ok()?, before.to_owned()));
        rest = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn commands_are_told_apart_whatever_they_print() {
        let mut session = HostSession::open(&HostAccess::Local { sudo: false }, Duration::from_secs(20))
            .await
            .unwrap();
        let entries = |path: &str| Invocation::new("entries", [path.to_owned()]);
        let asked = [
            Invocation::new("id", []),
            entries("/nowhere/at all"),
            entries("/proc/self/root"),
            Invocation::new("process", ["1; echo".to_owned()]),
        ];
        let answers = session.run(&asked).await.unwrap();
        assert_eq!(answers.len(), 4);
        assert!(answers[0].output.trim().parse::<u32>().is_ok(), "{answers:?}");
        assert_eq!(answers[1].output, "");
        assert!(answers[1].error.contains("No such file"), "{answers:?}");
        assert_ne!(answers[1].exit, 0);
        assert!(answers[2].output.starts_with("l\t"), "{answers:?}");
        assert_eq!(answers[3].exit, 126);
        // The shell goes on.
        let again = session.run(&asked[..1]).await.unwrap();
        assert_eq!(again[0].output, answers[0].output);
    }

    #[tokio::test]
    async fn a_host_that_cannot_be_reached_says_why() {
        let access = HostAccess::Ssh {
            destination: "nobody@host.invalid".to_owned(),
            sudo: false,
        };
        let error = HostSession::open(&access, Duration::from_secs(20))
            .await
            .err()
            .unwrap();
        assert!(error.to_string().contains("host.invalid"), "{error}");
    }
}
