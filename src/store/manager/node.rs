//! Nodes of services.

use rusqlite::Row;

use super::json_column::{from_json, to_json};
use crate::api::NodeView;
use crate::model::ServiceId;
use crate::store::{StoreError, Transaction};

/// How far a node has come in its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodePhase {
    /// Made for an operation that is not done; given back if that fails.
    New,
    /// Works in its service.
    Active,
    /// Being removed.
    Leaving,
}

impl NodePhase {
    fn as_str(self) -> &'static str {
        match self {
            NodePhase::New => "new",
            NodePhase::Active => "active",
            NodePhase::Leaving => "leaving",
        }
    }

    fn read(text: &str) -> Result<Self, StoreError> {
        let all = [NodePhase::New, NodePhase::Active, NodePhase::Leaving];
        let found = all.into_iter().find(|phase| phase.as_str() == text);
        found.ok_or_else(|| StoreError::Corrupt(format!("node phase '{text}'")))
    }
}

/// A node of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NodeRow {
    /// Its service.
    pub sid: ServiceId,
    /// Its role in the service.
    pub role: String,
    /// How far it has come.
    pub phase: NodePhase,
    /// What the director says of it.
    pub view: NodeView,
}

/// Adds nodes in phase `New`; those that are there already stay as they are.
pub(crate) fn insert_nodes(tx: &Transaction<'_>, sid: ServiceId, nodes: &[NodeView]) -> Result<(), StoreError> {
    let sql = "INSERT OR IGNORE INTO node (sid, id, role, phase, view) VALUES (?1, ?2, ?3, ?4, ?5)";
    for node in nodes {
        let view = to_json(node)?;
        tx.execute(sql, (sid.0, &node.id, &node.role, NodePhase::New.as_str(), view))?;
    }
    Ok(())
}

/// Returns the nodes of a service, or of all services, oldest first.
pub(crate) fn list_nodes(tx: &Transaction<'_>, sid: Option<ServiceId>) -> Result<Vec<NodeRow>, StoreError> {
    let sql = "SELECT sid, role, phase, view FROM node WHERE ?1 IS NULL OR sid = ?1 ORDER BY number";
    let mut statement = tx.prepare(sql)?;
    let rows = statement.query_map([sid.map(|sid| sid.0)], read)?;
    rows.map(|row| row?).collect()
}

/// Says how far nodes have come.
pub(crate) fn set_node_phase(tx: &Transaction<'_>, ids: &[String], phase: NodePhase) -> Result<(), StoreError> {
    for id in ids {
        tx.execute("UPDATE node SET phase = ?2 WHERE id = ?1", (id, phase.as_str()))?;
    }
    Ok(())
}

/// Says which roles a node plays, by the one name for them.
pub(crate) fn set_node_role(tx: &Transaction<'_>, id: &str, role: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE node SET role = ?2 WHERE id = ?1", (id, role))?;
    Ok(())
}

/// Forgets nodes.
pub(crate) fn delete_nodes(tx: &Transaction<'_>, ids: &[String]) -> Result<(), StoreError> {
    for id in ids {
        tx.execute("DELETE FROM node WHERE id = ?1", [id])?;
    }
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<NodeRow, StoreError>> {
    let (sid, role, phase, view): (i64, String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
    Ok(NodePhase::read(&phase)
        .and_then(|phase| Ok(NodeRow { sid: ServiceId(sid), role, phase, view: from_json(&view)? })))
}
