//! Nodes of a service and their logs.

use serde::Serialize;

use super::cloud::shown_cloud;
use super::loss::{self, Consent};
use super::wait;
use crate::api::python::dict_order;
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup;
use crate::client::lookup::FoundService;
use crate::client::manager::Counts;
use crate::client::session::Session;
use crate::client::wait::Awaited;
use crate::model::{ApplicationId, ServiceId, State};

/// A row of `list_nodes`: a node in one of its roles.
#[derive(Serialize)]
struct NodeRow {
    aid: ApplicationId,
    sid: ServiceId,
    role: String,
    ip: String,
    agent_id: String,
    cloud: String,
}

/// Adds nodes and waits for them.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn add(
    run: &Invocation,
    found: &FoundService,
    counts: &Counts,
    cloud: Option<&str>,
) -> Result<Reply, Failure> {
    let total = total(counts)?;
    if let Some(cloud) = cloud {
        lookup::check_cloud(&run.session, cloud).await?;
    }
    let operation = run.session.add_nodes(found, counts, cloud).await?;
    let (aid, sid) = (found.application, found.service);
    let words = format!("Starting {total} new nodes for service {sid} of application {aid}... ");
    wait::for_service(run, found, &words, Awaited { operation: &operation, ends: &[State::Running] }).await
}

/// Removes nodes and waits until they are gone.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn remove(
    run: &Invocation,
    found: &FoundService,
    counts: &Counts,
    consent: Consent,
) -> Result<Reply, Failure> {
    let total = total(counts)?;
    let words = format!("Removing {total} nodes of service {} of application {}", found.service, found.application);
    loss::agree_for_nodes(run, found, total, &words, consent).await?;
    let operation = run.session.remove_nodes(found, counts).await?;
    let (aid, sid) = (found.application, found.service);
    let words = format!("Removing {total} nodes for service {sid} of application {aid}... ");
    let awaited = Awaited { operation: &operation, ends: &[State::Running, State::Stopped] };
    wait::for_service(run, found, &words, awaited).await
}

/// Lists the nodes, one row for each role of a node.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn list(run: &Invocation, found: &FoundService) -> Result<Reply, Failure> {
    let mut rows: Vec<NodeRow> = Vec::new();
    // Rows of one address stay in this order, which is that of ConPaaS 2.0's client.
    let by_role = dict_order(run.session.nodes(found).await?.into_iter().collect(), |(role, _)| role);
    for (role, ids) in by_role {
        for id in ids {
            let Ok(node) = run.session.node(found, &id).await else {
                run.printer.note("WARNING: got node identifier from list_nodes but failed on get_node_info.");
                continue;
            };
            rows.push(NodeRow {
                aid: found.application,
                sid: found.service,
                role: role.clone(),
                ip: node.ip,
                agent_id: id,
                cloud: shown_cloud(&node.cloud).to_owned(),
            });
        }
    }
    rows.sort_by(|one, other| one.ip.cmp(&other.ip));
    Ok(Reply::table(&["aid", "sid", "role", "ip", "agent_id", "cloud"], &rows, "No existing nodes."))
}

/// Lists the logs of an agent.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn list_agent_logs(session: &Session, found: &FoundService, agent: &str) -> Result<Reply, Failure> {
    let node = session.node(found, agent).await?;
    Ok(Reply::table(&["filename", "description"], &node.logs, ""))
}

/// Returns the text of an agent's log.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn get_agent_log(
    session: &Session,
    found: &FoundService,
    agent: &str,
    filename: Option<&str>,
) -> Result<Reply, Failure> {
    let log = session.node_log(found, agent, filename, None).await?;
    Ok(Reply::line(log.log.as_str(), &log))
}

fn total(counts: &Counts) -> Result<i64, Failure> {
    if let Some(count) = counts.values().find(|count| **count < 0) {
        return Err(Failure::said(format!("Invalid number of nodes {count}.")));
    }
    Ok(counts.values().fold(0, |sum: i64, count| sum.saturating_add(*count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_summed_and_less_than_none_is_refused() {
        assert_eq!(total(&Counts::from([("web", 2), ("backend", 0), ("proxy", 1)])).unwrap(), 3);
        assert_eq!(total(&Counts::from([("a", i64::MAX), ("b", 1)])).unwrap(), i64::MAX);
        let failure = total(&Counts::from([("web", 2), ("backend", -1)])).unwrap_err();
        assert_eq!(failure.text, "Invalid number of nodes -1.");
    }
}
