//! Asks one target everything at once and makes evidence of the answers.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;

use super::answers::{Answers, DatabaseAnswers, Pending, merge};
use super::finish::finish;
use super::identity::{self, Database, Opening};
use super::plan::{Plan, PlannedEvidence};
use super::session::{self, AskError};
use super::statements::STATEMENTS;
use super::surroundings::{look_at_host, probe, take_host, take_probes};
use super::{Asked, Document, Limits, Question, Reading, facts};
use crate::assessment::Period;
use crate::attestation::{Attested, Subject};
use crate::control::{Catalog, Scope};
use crate::escape::sql_identifier;
use crate::evidence::{Evidence, Need, Requirement, ServerIdentity};
use crate::parallel;
use crate::profile::Profile;
use crate::salt::Seed;
use crate::target::{Connection, ConnectionSettings, Target, connect};

/// Everything that one assessment's collection shares.
pub struct Collecting<'a> {
    /// What to collect for.
    pub catalog: &'a Catalog,
    /// Which of its controls apply.
    pub profile: &'a Profile,
    /// Everything attested.
    pub attested: &'a Attested,
    /// The documents that it refers to.
    pub documents: &'a BTreeMap<String, Document>,
    /// The assessment's clock.
    pub as_of: DateTime<Utc>,
    /// The assessment's period.
    pub period: &'a Period,
    /// Time limits.
    pub limits: Limits,
    /// What the salts of tables are made from.
    pub seed: &'a Seed,
}

/// What was collected of one target.
pub struct Collected {
    /// Who the server says it is.
    pub server: Option<ServerIdentity>,
    /// Why it could not be asked.
    pub failure: Option<String>,
    /// Warnings about the connection.
    pub warnings: Vec<String>,
    /// Evidence by name.
    pub evidence: BTreeMap<String, Evidence>,
    /// Control to the name of its evidence.
    pub assignments: BTreeMap<String, String>,
}

/// Collects everything for one target. Never fails: what could not be collected is evidence that says so.
pub async fn collect(target: &Target, settings: &ConnectionSettings, shared: &Collecting<'_>) -> Collected {
    let started_at = Utc::now();
    let opened = open(settings, &shared.limits).await;
    let (server, failure, warnings) = match &opened {
        Ok((_, opening, warnings)) => (Some(opening.server.clone()), None, warnings.clone()),
        Err(failure) => (None, Some(failure.clone()), Vec::new()),
    };
    let plan = Plan::new(shared.catalog, shared.profile, &facts(server.as_ref()));
    let mut answers: BTreeMap<&str, Answers> = plan
        .evidence
        .keys()
        .map(|name| (name.as_str(), Answers::default()))
        .collect();
    if let Ok((connection, opening, _)) = opened {
        ask_server(
            connection,
            &opening,
            target,
            settings,
            &plan,
            shared,
            &mut answers,
        )
        .await;
    } else {
        for answer in answers.values_mut() {
            answer.failure.clone_from(&failure);
        }
    }
    let finished_at = Utc::now();
    let mut evidence = BTreeMap::new();
    // What is compared with comes first.
    for compares in [false, true] {
        let turn = plan.evidence.iter();
        let turn = turn.filter(|(_, planned)| planned.collector.inputs().is_empty() != compares);
        let ready = turn.map(|(name, planned)| {
            let mut answer = answers.remove(name.as_str()).unwrap_or_default();
            read_files(planned, target, shared, &mut answer);
            (name.as_str(), *planned, answer)
        });
        let span = (started_at, finished_at);
        let finished = finish_all(ready.collect(), target, shared, &evidence, span);
        evidence.extend(finished);
    }
    Collected {
        server,
        failure,
        warnings,
        evidence,
        assignments: plan.assignments,
    }
}

/// Finishes evidence on all cores: none of it depends on another's.
fn finish_all(
    ready: Vec<(&str, PlannedEvidence<'_>, Answers)>,
    target: &Target,
    shared: &Collecting<'_>,
    inputs: &BTreeMap<String, Evidence>,
    span: (DateTime<Utc>, DateTime<Utc>),
) -> Vec<(String, Evidence)> {
    let rows = |answer: &Answers| answer.raw.values().map(|table| table.rows.len() as u64).sum();
    let ready: Vec<_> = ready
        .into_iter()
        .map(|(name, planned, answer)| (name, planned, rows(&answer), Mutex::new(answer)))
        .collect();
    parallel::map(
        parallel::threads(None),
        &ready,
        |(_, _, rows, _)| *rows,
        |(name, planned, _, answer), _| {
            // Each is taken once, so that nobody waits for the lock or finds it poisoned.
            let answer = answer
                .lock()
                .map(|mut own| std::mem::take(&mut *own))
                .unwrap_or_default();
            let finished = finish(name, planned, answer, target, shared, inputs, span);
            ((*name).to_owned(), finished)
        },
    )
}

/// Connects and asks the server who it is, in a snapshot that stays open.
async fn open(
    settings: &ConnectionSettings,
    limits: &Limits,
) -> Result<(Connection, Opening, Vec<String>), String> {
    let connection = connect(settings).await.map_err(|error| error.to_string())?;
    let client = &connection.client;
    session::begin(client, limits)
        .await
        .map_err(|error| error.to_string())?;
    let questions = [identity::IDENTITY.to_owned(), identity::DATABASES.to_owned()];
    let mut answers = session::ask(client, limits, &questions).await.into_iter();
    let mut next = || {
        answers
            .next()
            .unwrap_or_else(|| Err(AskError::Broken("no answer".to_owned())))
    };
    let (identity, databases) = (
        next().map_err(|e| e.to_string())?,
        next().map_err(|e| e.to_string())?,
    );
    let address = connection.transport.address();
    let transport = connection.transport.describe();
    let opening = identity::opening(&identity, &databases, address, transport)?;
    let warnings = connection.warnings.clone();
    Ok((connection, opening, warnings))
}

async fn ask_server(
    connection: Connection,
    opening: &Opening,
    target: &Target,
    settings: &ConnectionSettings,
    plan: &Plan<'_>,
    shared: &Collecting<'_>,
    answers: &mut BTreeMap<&str, Answers>,
) {
    let asked = Asked {
        server: &opening.server,
        verifier_function: opening.verifier_function,
    };
    let questions: Vec<(&String, Vec<Question>)> = plan
        .evidence
        .iter()
        .map(|(name, planned)| {
            (
                name,
                planned
                    .collector
                    .questions(planned.arguments, shared.catalog, &asked),
            )
        })
        .collect();
    let of_scope = |scope: Scope| -> Vec<Pending<'_>> {
        let pending = questions.iter().flat_map(|(evidence, questions)| {
            let planned = plan.evidence.get(*evidence);
            questions.iter().map(move |question| Pending {
                evidence,
                question,
                fills: planned.map_or_else(Vec::new, |planned| {
                    planned.collector.columns_from(&question.table)
                }),
                momentary: planned.map_or_else(Vec::new, |planned| {
                    let (table, arguments) = (&question.table, planned.arguments);
                    planned.collector.momentary(table, arguments, shared.catalog)
                }),
            })
        });
        pending
            .filter(|pending| pending.question.scope == scope)
            .collect()
    };
    let (cluster, everywhere) = (of_scope(Scope::Cluster), of_scope(Scope::Databases));
    let first = &opening.server.database;
    let mut here = cluster;
    if opening.databases.iter().any(|database| database.name == *first) {
        here.extend(of_scope(Scope::Databases));
    }
    let role = &opening.server.role;
    // The other databases are asked while the first one answers.
    let others: Vec<&Database> = opening
        .databases
        .iter()
        .filter(|database| database.name != *first)
        .collect();
    let main = ask_database(&connection, first, role, &here, &shared.limits);
    let rest = async {
        let asking = others.iter().map(|database| {
            let everywhere = &everywhere;
            async move {
                (
                    *database,
                    ask_other(settings, database, role, everywhere, &shared.limits).await,
                )
            }
        });
        let mut results: Vec<_> = futures_util::stream::iter(asking)
            .buffer_unordered(shared.limits.connections.max(1))
            .collect()
            .await;
        results.sort_by(|(left, _), (right, _)| left.name.cmp(&right.name));
        results
    };
    let databases = async {
        if everywhere.is_empty() {
            (main.await, Vec::new())
        } else {
            tokio::join!(main, rest)
        }
    };
    let ((main, rest), hosted, probed) = tokio::join!(
        databases,
        look_at_host(&connection, opening, target, plan, &shared.limits),
        probe(&connection, opening, settings, plan, &shared.limits),
    );
    connection.close().await;
    if let Some(hosted) = hosted {
        take_host(&hosted, plan, answers);
    }
    take_probes(probed, plan, answers);
    let mut batches: Vec<(&str, DatabaseAnswers)> = vec![(first.as_str(), main)];
    batches.extend(
        rest.into_iter()
            .map(|(database, result)| (database.name.as_str(), result)),
    );
    batches.sort_by_key(|(database, _)| *database);
    for (database, result) in batches {
        merge(
            database,
            role,
            result,
            &here,
            &everywhere,
            database == first,
            answers,
        );
    }
}

async fn ask_other(
    settings: &ConnectionSettings,
    database: &Database,
    role: &str,
    pending: &[Pending<'_>],
    limits: &Limits,
) -> DatabaseAnswers {
    let name = &database.name;
    if database.invalid {
        return DatabaseAnswers::Skipped(format!(
            "database `{name}` is invalid (an interrupted DROP DATABASE)"
        ));
    }
    if !database.allows_connections {
        return DatabaseAnswers::Skipped(format!("database `{name}` does not allow connections"));
    }
    if !database.may_connect {
        return DatabaseAnswers::Refused {
            need: format!("CONNECT on database {name}"),
            remedy: format!(
                "GRANT CONNECT ON DATABASE {} TO {};",
                sql_identifier(name),
                sql_identifier(role)
            ),
        };
    }
    match connect(&settings.with_database(name)).await {
        Ok(connection) => {
            if let Err(error) = session::begin(&connection.client, limits).await {
                return refused(name, &error.to_string());
            }
            let answers = ask_database(&connection, name, role, pending, limits).await;
            connection.close().await;
            answers
        }
        Err(error) => refused(name, &error.to_string()),
    }
}

fn refused(name: &str, error: &str) -> DatabaseAnswers {
    DatabaseAnswers::Refused {
        need: format!("a connection to database {name} ({error})"),
        remedy: format!(
            "let the role connect to database {} (pg_hba.conf, connection limits)",
            sql_identifier(name)
        ),
    }
}

/// Asks everything pending in one snapshot that is open already: first what the role may see, then what it may be asked.
async fn ask_database(
    connection: &Connection,
    database: &str,
    _role: &str,
    pending: &[Pending<'_>],
    limits: &Limits,
) -> DatabaseAnswers {
    let client = &connection.client;
    let needs: Vec<Need> = pending
        .iter()
        .flat_map(|pending| pending.question.needs.iter().map(|(need, _)| need.clone()))
        .collect();
    let first = [identity::SNAPSHOT.to_owned(), identity::needs_query(&needs)];
    let mut opening = session::ask(client, limits, &first).await.into_iter();
    let (snapshot, held) = match (opening.next(), opening.next()) {
        (Some(Ok(snapshot)), Some(Ok(held))) => (snapshot, identity::needs_held(&held, needs.len())),
        (Some(Err(error)), _) | (_, Some(Err(error))) => return refused(database, &error.to_string()),
        _ => return refused(database, "no answer"),
    };
    let mut held = held.into_iter();
    let held: Vec<Vec<bool>> = pending
        .iter()
        .map(|pending| held.by_ref().take(pending.question.needs.len()).collect())
        .collect();
    // A question whose object may not be read would only fail; its need says why it was not asked.
    let askable: Vec<bool> = pending
        .iter()
        .zip(&held)
        .map(|(pending, held)| {
            pending
                .question
                .needs
                .iter()
                .zip(held)
                .all(|((need, _), held)| *held || matches!(need, Need::Member(_)))
        })
        .collect();
    let texts: Vec<String> = pending
        .iter()
        .zip(&askable)
        .filter(|(_, askable)| **askable)
        .map(|(pending, _)| pending.question.sql.clone())
        .collect();
    let mut results = session::ask(client, limits, &texts).await.into_iter();
    let tables = askable
        .iter()
        .map(|askable| if *askable { results.next() } else { None })
        .collect();
    let text = |column: &str| {
        snapshot
            .rows
            .first()
            .and_then(|row| row.get(column)?.as_str().map(str::to_owned))
    };
    DatabaseAnswers::Answered {
        snapshot: text("snapshot").unwrap_or_default(),
        server_time: text("server_time"),
        held,
        tables,
    }
}

/// Takes what comes from files, for collectors that read them.
fn read_files(planned: &PlannedEvidence<'_>, target: &Target, shared: &Collecting<'_>, answer: &mut Answers) {
    let reading = Reading {
        control: planned.control,
        subject: Subject {
            target: Some(&target.id),
            tags: &target.tags,
            site: target.site.as_deref(),
        },
        attested: shared.attested,
        documents: shared.documents,
    };
    let Some(read) = planned.collector.read(&reading) else {
        return;
    };
    answer.failure = None;
    answer.server_time = None;
    answer.raw.insert(STATEMENTS.to_owned(), read.table);
    answer
        .requirements
        .extend(read.missing.map(|(need, remedy)| Requirement {
            need,
            remedy,
            held: false,
            columns: Vec::new(),
        }));
}

impl Collected {
    /// Nothing, and why.
    pub fn failed(failure: String) -> Self {
        Self {
            server: None,
            failure: Some(failure),
            warnings: Vec::new(),
            evidence: BTreeMap::new(),
            assignments: BTreeMap::new(),
        }
    }
}
