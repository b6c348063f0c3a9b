//! Trusted time: what a time-stamping authority (RFC 3161) says of a signature, asked for and checked.

mod asn1;
mod authority;
mod certificate;
mod request;
mod roots;
mod token;
mod trim;

pub use authority::ask_authority;
pub use request::TimestampRequest;
pub use roots::Roots;
pub use token::{ProvenTime, TokenError, TokenFailure, check_token, check_token_itself};
pub use trim::seal_token;
