//! The host that a server runs on: a fixed set of read-only commands, run here or over SSH.

mod access;
mod command;
mod session;

pub use access::{HostAccess, RawHostAccess};
pub use command::{COMMANDS, Command, Invocation, Parameters, command};
pub use session::{Answer, HostError, HostSession};
