//! The host that a server runs on: a fixed set of read-only commands, run here or over SSH.

mod access;
mod command;
mod commands;
mod session;

pub use access::{HostAccess, RawHostAccess};
pub use command::{Command, Invocation, Parameters, command};
pub use commands::COMMANDS;
pub use session::{Answer, HostError, HostSession};
