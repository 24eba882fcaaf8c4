//! Operations under way. A row is there from before its operation acts until
//! after it is done or undone.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::json_column::{from_json, to_json};
use crate::model::ServiceId;
use crate::store::{StoreError, Transaction};

/// An operation, with its plan and how far it has come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OperationRow<P> {
    /// Its place among all operations.
    pub number: i64,
    /// Tells its calls to the director from those of any other operation.
    pub id: String,
    /// The service that it changes.
    pub sid: ServiceId,
    /// What it does and has done.
    pub plan: P,
    /// Why it is being undone, once it is.
    pub failure: Option<String>,
    /// How often it was taken up after a crash.
    pub attempts: i64,
}

/// Records an operation before it acts, and gives its number.
pub(crate) fn insert_operation<P: Serialize>(
    tx: &Transaction<'_>,
    id: &str,
    sid: ServiceId,
    plan: &P,
) -> Result<i64, StoreError> {
    let plan = to_json(plan)?;
    tx.execute("INSERT INTO operation (id, sid, plan) VALUES (?1, ?2, ?3)", (id, sid.0, plan))?;
    Ok(tx.last_insert_rowid())
}

/// Records how far an operation has come, and how often it was taken up.
pub(crate) fn save_operation<P: Serialize>(
    tx: &Transaction<'_>,
    operation: &OperationRow<P>,
) -> Result<(), StoreError> {
    let plan = to_json(&operation.plan)?;
    let sql = "UPDATE operation SET plan = ?2, attempts = ?3 WHERE number = ?1";
    tx.execute(sql, (operation.number, plan, operation.attempts))?;
    Ok(())
}

/// Records that an operation is to be undone, and why.
pub(crate) fn set_operation_failure(tx: &Transaction<'_>, number: i64, failure: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE operation SET failure = ?2 WHERE number = ?1", (number, failure))?;
    Ok(())
}

/// Forgets an operation that is done or undone.
pub(crate) fn delete_operation(tx: &Transaction<'_>, number: i64) -> Result<(), StoreError> {
    tx.execute("DELETE FROM operation WHERE number = ?1", [number])?;
    Ok(())
}

/// Returns the operations of a service, or of all services, in their order.
///
/// # Errors
/// The database holds a plan that this program does not know.
pub(crate) fn list_operations<P: DeserializeOwned>(
    tx: &Transaction<'_>,
    sid: Option<ServiceId>,
) -> Result<Vec<OperationRow<P>>, StoreError> {
    let sql = "SELECT number, id, sid, plan, failure, attempts FROM operation \
               WHERE ?1 IS NULL OR sid = ?1 ORDER BY number";
    let mut statement = tx.prepare(sql)?;
    let rows = statement.query_map([sid.map(|sid| sid.0)], |row| {
        let plan: String = row.get(3)?;
        Ok((row.get(0)?, row.get(1)?, ServiceId(row.get(2)?), plan, row.get(4)?, row.get(5)?))
    })?;
    rows.map(|row| {
        let (number, id, sid, plan, failure, attempts) = row?;
        Ok(OperationRow { number, id, sid, plan: from_json(&plan)?, failure, attempts })
    })
    .collect()
}
