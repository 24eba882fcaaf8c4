//! How starts of applications ended, the newest of each user only. A start is
//! known by the tag of the manager's node that it makes.

use rusqlite::params;

use super::row::{one, value};
use crate::model::{ApplicationId, UserId};
use crate::store::{StoreError, Transaction};

/// Somebody who waits asks every second: that many starts later nobody does.
const MAX_KEPT: i64 = 200;

/// What became of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It goes on.
    UnderWay,
    /// The application runs.
    Done,
    /// It was given up for this reason.
    Failed(String),
}

/// Records how the start of the manager's node `rid` ended; the first word counts.
pub(crate) fn insert(tx: &Transaction<'_>, rid: i64, failure: Option<&str>) -> Result<(), StoreError> {
    tx.execute(
        "INSERT OR IGNORE INTO outcome (id, user_id, failure) SELECT tag, user_id, ?2 FROM node WHERE rid = ?1",
        params![rid, failure],
    )?;
    tx.execute(
        "DELETE FROM outcome WHERE user_id = (SELECT user_id FROM node WHERE rid = ?1) AND number NOT IN (
            SELECT number FROM outcome WHERE user_id = (SELECT user_id FROM node WHERE rid = ?1)
            ORDER BY number DESC LIMIT ?2)",
        params![rid, MAX_KEPT],
    )?;
    Ok(())
}

/// Records that the start of an application, if one goes on, is given up for this reason.
pub(crate) fn fail_start_of(tx: &Transaction<'_>, aid: ApplicationId, failure: &str) -> Result<(), StoreError> {
    let sql = "SELECT rid FROM node WHERE app_id = ?1 AND program = 'manager' AND phase = 'making'";
    let mut statement = tx.prepare_cached(sql)?;
    let rows: Vec<i64> = statement.query_map([aid.0], |row| row.get(0))?.collect::<Result<_, _>>()?;
    rows.into_iter().try_for_each(|rid| insert(tx, rid, Some(failure)))
}

/// Returns what became of a start of one of the user's applications; `None` when it is not known, or not any more.
pub(crate) fn find(tx: &Transaction<'_>, uid: UserId, id: &str) -> Result<Option<Outcome>, StoreError> {
    let sql = "SELECT failure FROM outcome WHERE id = ?1 AND user_id = ?2";
    let ended: Option<Option<String>> = one(tx, sql, params![id, uid.0], |row| row.get(0))?;
    if let Some(failure) = ended {
        return Ok(Some(failure.map_or(Outcome::Done, Outcome::Failed)));
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM node
               WHERE tag = ?1 AND user_id = ?2 AND program = 'manager' AND phase = 'making')";
    let is_under_way: bool = value(tx, sql, params![id, uid.0])?;
    Ok(is_under_way.then_some(Outcome::UnderWay))
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;
    use crate::model::NodeRole;

    #[test]
    fn a_start_goes_on_until_its_first_end_and_is_its_owners_to_ask_for() {
        let sample = Sample::new(0);
        let rid = sample.add_node("n1", NodeRole::Manager);
        let found = |uid| sample.run(|tx| find(tx, uid, "n1"));
        assert_eq!(found(sample.uid), Some(Outcome::UnderWay));
        assert_eq!(found(UserId(99)), None);
        sample.run(|tx| fail_start_of(tx, sample.aid, "stopped"));
        sample.run(|tx| insert(tx, rid, None));
        assert_eq!(found(sample.uid), Some(Outcome::Failed("stopped".to_owned())));
        assert_eq!(found(UserId(99)), None);
        assert_eq!(sample.run(|tx| find(tx, sample.uid, "n2")), None);
    }
}
