//! PostgreSQL servers to assess: the inventory and connections to them.

mod connect_error;
mod connection;
mod conninfo;
mod destination;
mod environment;
mod inventory;
mod passfile;
mod service;
mod settings;
mod tls;
mod verifier;

pub use connect_error::{ConnectError, ConnectErrorKind};
pub use connection::{Connection, Transport, connect};
pub use conninfo::holds_secret;
pub use destination::{Destination, Roots};
pub use environment::Environment;
pub use inventory::{Inventory, InventoryError, RawInventory, Target, slug};
pub use settings::{ConnectionSettings, Host};
pub use tls::{SslMode, TlsObservation};
pub use verifier::is_for_host;
