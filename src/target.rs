//! PostgreSQL servers to assess: the inventory and connections to them.

mod connection;
mod conninfo;
mod environment;
mod inventory;
mod passfile;
mod service;
mod settings;
mod tls;

pub use connection::{ConnectError, ConnectErrorKind, Connection, Transport, connect};
pub use environment::Environment;
pub use inventory::{Inventory, InventoryError, RawInventory, Target, slug};
pub use settings::{ConnectionSettings, Host};
pub use tls::{SslMode, TlsObservation};
