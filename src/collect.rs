//! Gathers evidence; never judges.
//!
//! A collector says which questions it puts to a server (`questions`) and how its population follows from the answers
//! (`derive`, pure). Asking is the same for all of them and lives in `gather`, so that a replay can derive again from
//! what was answered.

mod acl;
mod answers;
mod attestation;
mod certificate;
mod documents;
mod finish;
mod gather;
mod hba;
mod host;
mod host_account;
mod host_files;
mod host_firewall;
mod host_listeners;
mod host_packages;
mod host_processes;
mod host_sockets;
mod host_storage;
mod identity;
mod mask;
mod object_privileges;
mod parse;
mod password_verifiers;
mod plan;
mod role_graph;
mod role_reach;
mod row_security;
mod session;
mod settings;
mod settings_files;
mod sql;
mod statement_check;
mod statement_faults;
mod statements;
mod surroundings;
mod tls_certificate;
mod tls_ciphers;
mod tls_probe;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

pub use documents::{AttestedFolder, Document, Keep, read_folder as read_attestations};
pub use gather::{Collected, Collecting, collect};
pub use host::HostView;
pub use parse::parse as parse_attestations;
pub use plan::{Plan, PlannedEvidence};
pub use statement_check::check_statements;
pub use statements::attested_rows;

use crate::assessment::Period;
use crate::attestation::{Attested, Subject};
use crate::control::{Catalog, CollectorContract, Scope, TargetFacts};
use crate::evidence::{Evidence, Momentary, Need, Requirement, ServerIdentity, Table};
use crate::host::Invocation;
use crate::target::{ConnectionSettings, Transport};

/// All collectors. A file in `collect/` that gathers one kind of evidence has its line here.
pub const COLLECTORS: &[&dyn Collector] = &[
    &attestation::Attestations,
    &certificate::Certificates,
    &hba::Hba,
    &host_account::HostAccount,
    &host_files::HostFiles,
    &host_firewall::HostFirewall,
    &host_listeners::HostListeners,
    &host_packages::HostPackages,
    &host_processes::HostProcesses,
    &host_sockets::HostSockets,
    &host_storage::HostStorage,
    &object_privileges::ObjectPrivileges,
    &password_verifiers::PasswordVerifiers,
    &role_reach::RoleReach,
    &row_security::RowSecurity,
    &settings::Settings,
    &settings_files::SettingsFiles,
    &sql::Sql,
    &tls_certificate::TlsCertificate,
    &tls_ciphers::TlsCiphers,
    &tls_probe::TlsProbe,
];

/// Code that gathers one kind of evidence as a table.
pub trait Collector: Sync {
    /// Its name, as controls write it.
    fn name(&self) -> &'static str;

    /// Raised whenever its rows change their meaning.
    fn version(&self) -> u32;

    /// Checks its arguments and tells the columns of its population.
    ///
    /// # Errors
    /// What is wrong with the arguments and how to write them.
    fn columns(&self, arguments: &Value, catalog: &Catalog) -> Result<Vec<String>, String>;

    /// The name of the evidence that a control gets; controls with the same name share it.
    fn evidence_name(&self, _arguments: &Value, _control: &str) -> String {
        self.name().to_owned()
    }

    /// The columns that cannot be believed while some database did not fill this raw table; none named: all rows.
    fn columns_from(&self, _table: &str) -> Vec<String> {
        Vec::new()
    }

    /// What it asks a server; nothing for collectors that read files.
    fn questions(&self, _arguments: &Value, _catalog: &Catalog, _asked: &Asked<'_>) -> Vec<Question> {
        Vec::new()
    }

    /// What of the answer that fills this raw table is about the moment, or about the session that asks: such values
    /// are no change when the question is asked again.
    fn momentary(&self, _table: &str, _arguments: &Value, _catalog: &Catalog) -> Vec<Momentary> {
        Vec::new()
    }

    /// The raw tables that it takes from files; none for collectors that ask a server.
    fn read(&self, _reading: &Reading<'_>) -> Option<Read> {
        None
    }

    /// Whether it looks at the server's host.
    fn reads_host(&self) -> bool {
        false
    }

    /// What it runs on the server's host. Asked again after each round of answers, until nothing new is wanted.
    fn host_commands(&self, _host: &HostView) -> Vec<Invocation> {
        Vec::new()
    }

    /// The network probe that fills its raw tables.
    fn probe<'a>(&self, _endpoint: Endpoint<'a>) -> Option<Probing<'a>> {
        None
    }

    /// The name of that probe: collectors with the same one share what it found.
    fn probe_name(&self) -> Option<&'static str> {
        None
    }

    /// Other evidence that it compares with, by name. Each is that of a collector without arguments.
    fn inputs(&self) -> &'static [&'static str] {
        &[]
    }

    /// The columns that follow from other evidence, and cannot be believed where that is incomplete; all when empty.
    fn compared_columns(&self) -> &'static [&'static str] {
        &[]
    }

    /// What a comparison lacks, where that shows only in the other evidence.
    fn lacking_in_inputs(
        &self,
        _raw: &BTreeMap<String, Table>,
        _inputs: &BTreeMap<String, Evidence>,
    ) -> Vec<Requirement> {
        Vec::new()
    }

    /// What a complete answer lacks, where that shows only in what was found on a host or a network.
    fn lacking(&self, _raw: &BTreeMap<String, Table>) -> Vec<Requirement> {
        Vec::new()
    }

    /// The population that follows from raw tables: pure, so that a replay gives the same.
    ///
    /// # Errors
    /// What the raw tables lack.
    fn derive(&self, raw: &BTreeMap<String, Table>, context: &Deriving<'_>) -> Result<Table, String>;
}

/// Where a server was reached.
#[derive(Debug, Clone, Copy)]
pub struct Endpoint<'a> {
    /// How it was connected to.
    pub settings: &'a ConnectionSettings,
    /// Which of the hosts answered, and how.
    pub transport: &'a Transport,
    /// Who it says it is.
    pub server: &'a ServerIdentity,
    /// Time limits.
    pub limits: &'a Limits,
}

/// A probe under way: its raw tables, or why there are none.
pub type Probing<'a> = Pin<Box<dyn Future<Output = Result<BTreeMap<String, Table>, String>> + 'a>>;

/// What is known of the server when questions are chosen.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Who it says it is.
    pub server: &'a ServerIdentity,
    /// Whether `pgdossier.password_verifiers()` exists, belongs to a superuser and may be executed.
    pub verifier_function: bool,
}

/// One question to a server.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The raw table that its answer fills.
    pub table: String,
    /// Where it is asked.
    pub scope: Scope,
    /// One SELECT.
    pub sql: String,
    /// The columns that must come back, in order.
    pub columns: Vec<String>,
    /// What a complete answer needs, and the columns of the population that cannot be believed without it
    /// (none named: all rows).
    pub needs: Vec<(Need, Vec<String>)>,
}

/// What collectors that read files get.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The control that asks.
    pub control: &'a str,
    /// The target that it asks about.
    pub subject: Subject<'a>,
    /// Everything attested.
    pub attested: &'a Attested,
    /// Documents by the path that a file refers to them with.
    pub documents: &'a BTreeMap<String, Document>,
}

/// What a collector took from files.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The raw table.
    pub table: Table,
    /// What there should have been, when there is nothing.
    pub missing: Option<(String, String)>,
}

/// What a derivation may depend on besides raw tables.
#[derive(Clone, Copy)]
pub struct Deriving<'a> {
    /// The collector's arguments.
    pub arguments: &'a Value,
    /// The catalog, for shared queries.
    pub catalog: &'a Catalog,
    /// The assessment's clock.
    pub as_of: DateTime<Utc>,
    /// The assessment's period.
    pub period: &'a Period,
    /// The target's site, from the inventory.
    pub site: Option<&'a str>,
    /// Evidence of the same target by name, for collectors that compare.
    pub inputs: &'a BTreeMap<String, Evidence>,
}

/// Time limits towards a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For one statement.
    pub statement: Duration,
    /// For waiting on a lock.
    pub lock: Duration,
    /// Connections to one server at a time.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            statement: Duration::from_secs(30),
            lock: Duration::from_secs(2),
            connections: 4,
        }
    }
}

/// The collector with this name.
pub fn collector(name: &str) -> Option<&'static dyn Collector> {
    COLLECTORS
        .iter()
        .copied()
        .find(|collector| collector.name() == name)
}

/// What lint must know of the collectors.
pub fn contracts() -> Vec<CollectorContract> {
    COLLECTORS
        .iter()
        .map(|collector| CollectorContract {
            name: collector.name(),
            columns: Box::new(|arguments, catalog| collector.columns(arguments, catalog)),
        })
        .collect()
}

/// What decides which controls apply, once the server has said who it is.
pub fn facts(server: Option<&ServerIdentity>) -> TargetFacts {
    TargetFacts {
        major: server.map(ServerIdentity::major),
        platform: server.map(|server| server.platform.clone()),
    }
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// Refuses arguments of a collector that takes none.
fn no_arguments(arguments: &Value) -> Result<(), String> {
    match arguments.as_object().and_then(|map| map.keys().next()) {
        Some(name) => Err(format!(
            "this collector takes no arguments, and `{name}` was given"
        )),
        None => Ok(()),
    }
}

pub use password_verifiers::KIND as VERIFIER_KIND;

/// Every privilege that some control of the catalog needs, on any version.
pub fn needs(catalog: &Catalog) -> std::collections::BTreeSet<Need> {
    let requests = catalog.controls.iter().flat_map(|control| &control.evidence);
    let requests = requests.filter_map(|request| Some((collector(&request.collector)?, &request.arguments)));
    let looks = requests.clone().any(|(collector, _)| collector.reads_host());
    let host = host::needs().into_iter().filter(|_| looks);
    requests
        .flat_map(|(collector, arguments)| {
            [13, 16].into_iter().flat_map(move |major| {
                let server = ServerIdentity::of_version(major);
                let asked = Asked {
                    server: &server,
                    verifier_function: false,
                };
                collector.questions(arguments, catalog, &asked)
            })
        })
        .flat_map(|question| question.needs.into_iter().map(|(need, _)| need))
        .chain(host)
        .collect()
}
