//! What host collectors share: what the server tells of its files and processes, and commands run on its host.

mod entry;
mod view;

use std::collections::BTreeMap;

use serde_json::json;
use tokio_postgres::Client;

use super::mask::mask;
use super::{Collector, Limits, session};
use crate::evidence::{Momentary, Need, Query, Requirement, Row, Table, sha256_hex};
use crate::host::{Answer, HostAccess, HostSession, Invocation};
use crate::target::Transport;

pub(super) use entry::{Entries, Entry, Lack, Looked, look_at};
pub(super) use view::Answered;
pub use view::HostView;

/// The raw table of what the server tells of itself: columns `kind`, `name`, `value`.
pub(super) const SERVER: &str = "server";
/// The raw table of commands: columns `name`, `parameters`, `command`, `exit`, `output`, `error`.
pub(super) const COMMANDS: &str = "commands";

/// Why those differ each time.
const MOMENTARY: &str = "the process that answers, its age and the time";

/// Rounds in which answers may lead to further commands.
const ROUNDS: usize = 5;

/// Settings that name files, addresses or processes.
const FACTS: &str = "SELECT 'setting' AS kind, name, setting AS value FROM pg_settings
 WHERE name IN ('data_directory', 'config_file', 'hba_file', 'ident_file', 'external_pid_file', 'log_directory',
                'log_destination', 'log_file_mode', 'logging_collector', 'data_directory_mode', 'listen_addresses',
                'port', 'unix_socket_directories', 'unix_socket_group', 'unix_socket_permissions', 'ssl',
                'ssl_cert_file', 'ssl_key_file', 'ssl_ca_file', 'ssl_crl_file', 'ssl_crl_dir', 'ssl_dh_params_file',
                'krb_server_keyfile', 'dynamic_library_path', 'extension_control_path',
                'temp_tablespaces', 'cluster_name')
UNION ALL SELECT 'tablespace', spcname, pg_tablespace_location(oid) FROM pg_tablespace
UNION ALL SELECT DISTINCT 'program', m.found[1], NULL FROM pg_settings s
  CROSS JOIN LATERAL regexp_matches(s.setting, '(?:^|[|&;]|\\msudo|\\msh|\\mbash)\\s*(/[\\w./-]+)(?=\\s|$)', 'g') AS m (found)
  WHERE s.name IN ('archive_command', 'restore_command', 'archive_cleanup_command', 'recovery_end_command',
                   'ssl_passphrase_command')
UNION ALL SELECT 'process', 'backend', pg_backend_pid()::text
UNION ALL SELECT 'process', 'age', floor(extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()))::text
UNION ALL SELECT 'process', 'version', current_setting('server_version_num')
UNION ALL SELECT 'control', 'now', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
ORDER BY 1, 2";
/// What a role needs besides to be told everything.
pub(super) fn needs() -> [Need; 5] {
    let select = |view: &str| Need::Select(format!("pg_catalog.{view}"));
    let execute = |function: &str| Need::Execute(format!("pg_catalog.{function}()"));
    [
        Need::Member("pg_read_all_settings".to_owned()),
        select("pg_file_settings"),
        execute("pg_show_all_file_settings"),
        execute("pg_config"),
        execute("pg_hba_file_rules"),
    ]
}

const CONFIGURATION_FILES: &str = "SELECT DISTINCT 'configuration-file' AS kind, sourcefile AS name,
       NULL::text AS value FROM pg_file_settings ORDER BY 2";
const HBA_FILES: &str = "SELECT DISTINCT 'hba-file' AS kind, file_name AS name, NULL::text AS value
  FROM pg_hba_file_rules ORDER BY 2";
const IDENT_FILES: &str = "SELECT DISTINCT 'ident-file' AS kind, file_name AS name, NULL::text AS value
  FROM pg_ident_file_mappings ORDER BY 2";
const DIRECTORIES: &str = "SELECT 'directory' AS kind, name, setting AS value FROM pg_config()
 WHERE name IN ('BINDIR', 'PKGLIBDIR', 'LIBDIR', 'SHAREDIR', 'SYSCONFDIR') ORDER BY 2";

/// What host collectors get of one target.
#[derive(Debug, Clone, Default)]
pub(super) struct Hosted {
    /// The host in words: how it was reached, its name, the account.
    pub(super) host: Option<String>,
    /// What was asked of the server for it.
    pub(super) queries: Vec<Query>,
    /// What the server told, and what commands found out about it.
    pub(super) server: Table,
    /// Each evidence's commands.
    pub(super) commands: BTreeMap<String, Table>,
    /// Why there is nothing.
    pub(super) missing: Option<Requirement>,
}

/// What the server tells of its files and processes.
pub(super) async fn facts(
    client: &Client,
    limits: &Limits,
    database: &str,
    major: u32,
) -> (Table, Vec<Query>) {
    let mut questions = vec![FACTS, CONFIGURATION_FILES, DIRECTORIES];
    if major >= 16 {
        questions.extend([HBA_FILES, IDENT_FILES]);
    }
    let texts: Vec<String> = questions.iter().map(|sql| (*sql).to_owned()).collect();
    let answers = session::ask(client, limits, &texts).await;
    let mut table = Table::empty(&["kind", "name", "value"]);
    let mut queries = Vec::new();
    for (sql, answer) in texts.into_iter().zip(answers) {
        // What may not be asked leaves its kind of fact out; collectors that need it say so.
        let Ok(answer) = answer else { continue };
        queries.push(Query {
            table: SERVER.to_owned(),
            database: database.to_owned(),
            sql_sha256: sha256_hex(sql.as_bytes()),
            sql,
            snapshot: String::new(),
            rows: answer.rows.len(),
            columns: table.columns.clone(),
            momentary: vec![Momentary::in_rows(
                &["value"],
                ("name", &["backend", "age", "now"]),
                MOMENTARY,
            )],
        });
        table.rows.extend(answer.rows);
    }
    (table, queries)
}

/// The way to the host: where the inventory leaves it open, only a server reached without a network may be here.
fn way(access: &HostAccess, transport: &Transport) -> Option<HostAccess> {
    match access {
        HostAccess::None => None,
        HostAccess::Automatic if transport.is_local() => Some(HostAccess::Local { sudo: false }),
        HostAccess::Automatic => None,
        known => Some(known.clone()),
    }
}

/// Looks at the host for every evidence that wants it.
pub(super) async fn gather(
    access: &HostAccess,
    transport: &Transport,
    (server, queries): (Table, Vec<Query>),
    wanting: &[(&str, &'static dyn Collector)],
    limits: &Limits,
) -> Hosted {
    let mut hosted = Hosted {
        queries,
        server,
        ..Hosted::default()
    };
    let Some(way) = way(access, transport) else {
        hosted.missing = Some(unreached(
            "access to the server's host".to_owned(),
            "say in the inventory how to reach it, `host: { access: ssh:DESTINATION }`, or run pgdossier there",
        ));
        return hosted;
    };
    if let Err(reason) = look(&way, &mut hosted, wanting, limits).await {
        let remedy = "check the host's access in the inventory; `pgdossier commands` lists what is run there";
        hosted.missing = Some(unreached(format!("the server's host ({reason})"), remedy));
        hosted.commands.clear();
    }
    hosted
}

fn unreached(need: String, remedy: &str) -> Requirement {
    Requirement {
        need,
        remedy: remedy.to_owned(),
        held: false,
        columns: Vec::new(),
    }
}

async fn look(
    way: &HostAccess,
    hosted: &mut Hosted,
    wanting: &[(&str, &'static dyn Collector)],
    limits: &Limits,
) -> Result<(), String> {
    let mut session = HostSession::open(way, limits.statement)
        .await
        .map_err(|error| error.to_string())?;
    let about = identify(&mut session, &hosted.server).await?;
    hosted.host = Some(format!(
        "{} by {}, as {}",
        about.hostname,
        way.describe(),
        if about.uid == "0" {
            "root".to_owned()
        } else {
            format!("uid {}", about.uid)
        }
    ));
    for (name, value) in [
        ("hostname", about.hostname),
        ("uid", about.uid),
        ("postmaster", about.postmaster),
        ("server_uid", about.server_uid),
        ("server_account", about.server_account),
    ] {
        let row = json!({"kind": "host", "name": name, "value": value});
        hosted.server.rows.extend(row.as_object().cloned());
    }
    let mut answers: Vec<Answer> = Vec::new();
    for (name, _) in wanting {
        hosted.commands.insert((*name).to_owned(), commands_table());
    }
    for _ in 0..ROUNDS {
        let mut new: Vec<Invocation> = Vec::new();
        for (name, collector) in wanting {
            let raw = raw(hosted, name);
            let Ok(view) = HostView::read(&raw) else { continue };
            for wanted in collector.host_commands(&view) {
                let known = answers.iter().any(|answer| answer.invocation == wanted);
                if !known && !new.contains(&wanted) {
                    new.push(wanted);
                }
            }
        }
        if !new.is_empty() {
            answers.extend(session.run(&new).await.map_err(|error| error.to_string())?);
        }
        // Each evidence gets the answers to what it asked for, those asked by another one too.
        let mut grown = false;
        for (name, collector) in wanting {
            let raw = raw(hosted, name);
            let Ok(view) = HostView::read(&raw) else { continue };
            let Some(table) = hosted.commands.get_mut(*name) else {
                continue;
            };
            for wanted in collector.host_commands(&view) {
                let there = view
                    .answers
                    .iter()
                    .any(|answer| answer.name == wanted.name && answer.parameters == wanted.parameters);
                if let (false, Some(answer)) =
                    (there, answers.iter().find(|answer| answer.invocation == wanted))
                {
                    table.rows.push(row(answer));
                    grown = true;
                }
            }
        }
        if !grown {
            break;
        }
    }
    Ok(())
}

/// The raw tables of one evidence so far.
fn raw(hosted: &Hosted, evidence: &str) -> BTreeMap<String, Table> {
    let mut raw = BTreeMap::from([(SERVER.to_owned(), hosted.server.clone())]);
    if let Some(commands) = hosted.commands.get(evidence) {
        raw.insert(COMMANDS.to_owned(), commands.clone());
    }
    raw
}

fn commands_table() -> Table {
    Table::empty(&["name", "parameters", "command", "exit", "output", "error"])
}

fn row(answer: &Answer) -> Row {
    let row = json!({
        "name": answer.invocation.name, "parameters": answer.invocation.parameters, "command": answer.command,
        "exit": answer.exit, "output": mask(&answer.output), "error": mask(&answer.error),
    });
    row.as_object().cloned().unwrap_or_default()
}

struct About {
    uid: String,
    hostname: String,
    postmaster: String,
    server_uid: String,
    server_account: String,
}

/// Makes sure that this host runs the server: the process of our own session is there, its parent is as old as the
/// server says that it is.
async fn identify(session: &mut HostSession, server: &Table) -> Result<About, String> {
    let facts: BTreeMap<(String, String), Option<String>> = server.rows.iter().map(view::fact).collect();
    let told = |name: &str| {
        facts
            .get(&("process".to_owned(), name.to_owned()))
            .cloned()
            .flatten()
            .ok_or("the server did not tell of its processes")
    };
    let (backend, age) = (told("backend")?, told("age")?);
    let process = |pid: &str| Invocation::new("process", [pid.to_owned()]);
    let first = [
        Invocation::new("id", []),
        Invocation::new("hostname", []),
        process(&backend),
    ];
    let answers = session.run(&first).await.map_err(|error| error.to_string())?;
    let text = |index: usize| {
        answers
            .get(index)
            .map(|answer| answer.output.trim().to_owned())
            .unwrap_or_default()
    };
    let (uid, hostname, found) = (text(0), text(1), text(2));
    let stranger = format!("{hostname} does not run the server: no process {backend} of it is there");
    let postmaster = match parse_process(&found) {
        Some(process) if process.is_postgres() => process.parent,
        _ => return Err(stranger),
    };
    let answers = session
        .run(&[process(&postmaster)])
        .await
        .map_err(|error| error.to_string())?;
    let found = answers
        .first()
        .map(|answer| answer.output.clone())
        .unwrap_or_default();
    let parent = parse_process(&found)
        .filter(Process::is_postgres)
        .ok_or_else(|| stranger.clone())?;
    let (seen, said): (i64, i64) = (
        parent.age.parse().map_err(|_| stranger.clone())?,
        age.parse().map_err(|_| stranger.clone())?,
    );
    if (seen - said).abs() > 5 {
        return Err(stranger);
    }
    Ok(About {
        uid,
        hostname,
        postmaster,
        server_uid: parent.uid,
        server_account: parent.account,
    })
}

/// A line of the command `process`.
struct Process {
    parent: String,
    uid: String,
    account: String,
    age: String,
    program: String,
}

impl Process {
    fn is_postgres(&self) -> bool {
        ["postgres", "postmaster", "edb-postgres"]
            .iter()
            .any(|name| self.program.starts_with(name))
    }
}

fn parse_process(line: &str) -> Option<Process> {
    let mut words = line.split_whitespace().skip(1).map(str::to_owned);
    Some(Process {
        parent: words.next()?,
        uid: words.next()?,
        account: words.next()?,
        age: words.next()?,
        program: words.next()?,
    })
}
