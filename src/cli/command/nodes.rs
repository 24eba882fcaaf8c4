//! Nodes of a service and their logs.

use serde_json::{Map, Value, json};

use super::cloud::shown_cloud;
use super::wait;
use crate::cli::output::printer::Reply;
use crate::cli::output::table::{Row, table};
use crate::client::error::Failure;
use crate::client::lookup;
use crate::client::lookup::FoundService;
use crate::client::session::{Session, taken, understood};
use crate::model::State;
use crate::rpc::RpcCall;

/// Adds nodes and waits for them.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn add(
    session: &Session,
    found: &FoundService,
    counts: &[(&str, i64)],
    cloud: Option<&str>,
) -> Result<Reply, Failure> {
    let (total, nodes) = summed(counts)?;
    if let Some(cloud) = cloud {
        lookup::check_cloud(session, cloud).await?;
    }
    let call = RpcCall::post(0, "add_nodes").param("nodes", nodes).param("service_id", found.service.0);
    session.manager(found.application, call.param("cloud", cloud.unwrap_or("default"))).await?;
    let (aid, sid) = (found.application, found.service);
    let words = format!("Starting {total} new nodes for service {sid} of application {aid}... ");
    wait::for_service(session, found, &words, &[State::Running]).await
}

/// Removes nodes and waits until they are gone.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn remove(session: &Session, found: &FoundService, counts: &[(&str, i64)]) -> Result<Reply, Failure> {
    let (total, nodes) = summed(counts)?;
    let call = RpcCall::post(0, "remove_nodes").param("nodes", nodes).param("service_id", found.service.0);
    session.manager(found.application, call).await?;
    let (aid, sid) = (found.application, found.service);
    let words = format!("Removing {total} nodes for service {sid} of application {aid}... ");
    wait::for_service(session, found, &words, &[State::Running, State::Stopped]).await
}

/// The table of nodes, one row for each role of a node.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn list(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let answer = session.manager(found.application, RpcCall::get(found.service.0, "list_nodes")).await?;
    let roles: Map<String, Value> = understood("list_nodes", answer)?;
    let mut rows: Vec<Row> = Vec::new();
    for (role, ids) in &roles {
        for id in ids.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let Ok(node) = node_info(session, found, id).await else {
                session.printer.note("WARNING: got node identifier from list_nodes but failed on get_node_info.");
                continue;
            };
            let row = json!({
                "aid": found.application, "sid": found.service, "role": role,
                "ip": node.get("ip"), "agent_id": id, "cloud": node.get("cloud")
            });
            rows.extend(row.as_object().cloned());
        }
    }
    rows.iter_mut().for_each(shown_cloud);
    rows.sort_by_key(|row| row.get("ip").and_then(Value::as_str).map(str::to_owned));
    let text = match table(&["aid", "sid", "role", "ip", "agent_id", "cloud"], &rows) {
        text if text.is_empty() => "No existing nodes.".to_owned(),
        text => text,
    };
    Ok(Reply::line(text, rows.into_iter().map(Value::Object).collect()))
}

/// The table of an agent's logs.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn list_agent_logs(session: &Session, found: &FoundService, agent: &str) -> Result<Reply, Failure> {
    let node = node_info(session, found, agent).await?;
    let logs = node.get("logs").cloned().unwrap_or_default();
    let rows: Vec<Row> = understood("get_node_info", logs)?;
    let text = table(&["filename", "description"], &rows);
    Ok(Reply::line(text, rows.into_iter().map(Value::Object).collect()))
}

/// The text of an agent's log.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn get_agent_log(
    session: &Session,
    found: &FoundService,
    agent: &str,
    filename: Option<&str>,
) -> Result<Reply, Failure> {
    let mut call = RpcCall::get(found.service.0, "get_agent_log").param("agentId", agent);
    if let Some(filename) = filename {
        call = call.param("filename", filename);
    }
    let answer = session.manager(found.application, call).await?;
    Ok(Reply::line(answer["log"].as_str().unwrap_or_default(), answer.clone()))
}

async fn node_info(session: &Session, found: &FoundService, id: &str) -> Result<Map<String, Value>, Failure> {
    let call = RpcCall::get(found.service.0, "get_node_info").param("serviceNodeId", id);
    let mut answer = session.manager(found.application, call).await?;
    understood("get_node_info", taken(&mut answer, "serviceNode"))
}

fn summed(counts: &[(&str, i64)]) -> Result<(i64, Value), Failure> {
    if let Some((_, count)) = counts.iter().find(|(_, count)| *count < 0) {
        return Err(Failure::said(format!("Invalid number of nodes {count}.")));
    }
    let total = counts.iter().map(|(_, count)| count).fold(0, |sum: i64, count| sum.saturating_add(*count));
    let nodes: Map<String, Value> = counts.iter().map(|(role, count)| ((*role).to_owned(), json!(count))).collect();
    Ok((total, Value::Object(nodes)))
}
