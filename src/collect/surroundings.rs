//! What lies around a server: its host, and the network before it.

use std::collections::BTreeMap;

use super::answers::Answers;
use super::host::{self, Hosted};
use super::identity::Opening;
use super::plan::Plan;
use super::{Collector, Endpoint, Limits};
use crate::evidence::Table;
use crate::target::{Connection, ConnectionSettings, Target};

/// Looks at the server's host, when something of the plan wants it. The connection stays open meanwhile: its process is
/// how the host is recognised.
pub(super) async fn look_at_host(
    connection: &Connection,
    opening: &Opening,
    target: &Target,
    plan: &Plan<'_>,
    limits: &Limits,
) -> Option<Hosted> {
    let wanting: Vec<(&str, &'static dyn Collector)> = plan
        .evidence
        .iter()
        .filter(|(_, planned)| planned.collector.reads_host())
        .map(|(name, planned)| (name.as_str(), planned.collector))
        .collect();
    if wanting.is_empty() {
        return None;
    }
    let server = &opening.server;
    let facts = host::facts(&connection.client, limits, &server.database, server.major()).await;
    Some(host::gather(&target.host, &connection.transport, facts, &wanting, limits).await)
}

pub(super) fn take_host(hosted: &Hosted, plan: &Plan<'_>, answers: &mut BTreeMap<&str, Answers>) {
    for (name, planned) in &plan.evidence {
        let Some(answer) = answers.get_mut(name.as_str()) else {
            continue;
        };
        if !planned.collector.reads_host() {
            continue;
        }
        answer.host.clone_from(&hosted.host);
        answer.queries.extend(hosted.queries.iter().cloned());
        answer.requirements.extend(hosted.missing.clone());
        if let Some(commands) = hosted.commands.get(name) {
            answer.raw.insert(host::SERVER.to_owned(), hosted.server.clone());
            answer.raw.insert(host::COMMANDS.to_owned(), commands.clone());
        }
    }
}

/// Runs each distinct probe of the plan once.
pub(super) async fn probe(
    connection: &Connection,
    opening: &Opening,
    settings: &ConnectionSettings,
    plan: &Plan<'_>,
    limits: &Limits,
) -> BTreeMap<&'static str, Result<BTreeMap<String, Table>, String>> {
    let endpoint = Endpoint {
        settings,
        transport: &connection.transport,
        server: &opening.server,
        limits,
    };
    let probes: BTreeMap<&'static str, _> = plan
        .evidence
        .values()
        .filter_map(|planned| {
            Some((
                planned.collector.probe_name()?,
                planned.collector.probe(endpoint)?,
            ))
        })
        .collect();
    let mut probed = BTreeMap::new();
    for (name, probing) in probes {
        probed.insert(name, probing.await);
    }
    probed
}

pub(super) fn take_probes(
    probed: BTreeMap<&'static str, Result<BTreeMap<String, Table>, String>>,
    plan: &Plan<'_>,
    answers: &mut BTreeMap<&str, Answers>,
) {
    for (name, planned) in &plan.evidence {
        let result = planned.collector.probe_name().and_then(|probe| probed.get(probe));
        let (Some(result), Some(answer)) = (result, answers.get_mut(name.as_str())) else {
            continue;
        };
        match result {
            Ok(tables) => answer.raw.extend(tables.clone()),
            Err(reason) => answer.failure = Some(reason.clone()),
        }
    }
}
