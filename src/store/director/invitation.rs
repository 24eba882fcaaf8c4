//! Invitations that administrators made.

use rusqlite::params;

use super::row::value;
use crate::model::UserId;
use crate::store::{StoreError, Transaction};

/// An invitation to be recorded.
pub(crate) struct NewInvitation {
    /// Tells its code from all others.
    pub fingerprint: String,
    /// What its maker recognises it by.
    pub label: String,
    /// How often it may be used.
    pub uses: u32,
    /// Until when, in seconds since 1970.
    pub expires: i64,
    /// Local time of creation, ISO 8601 with microseconds.
    pub created: String,
    /// Who made it.
    pub uid: UserId,
}

/// An invitation as its maker sees it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invitation {
    /// Its number.
    pub id: i64,
    /// What its maker recognises it by.
    pub label: String,
    /// How often it may still be used.
    pub uses: u32,
    /// Until when, in seconds since 1970.
    pub expires: i64,
    /// Local time of creation, ISO 8601 with microseconds.
    pub created: String,
}

/// Records an invitation.
pub(crate) fn insert(tx: &Transaction<'_>, new: &NewInvitation) -> Result<(), StoreError> {
    let NewInvitation { fingerprint, label, uses, expires, created, uid } = new;
    tx.execute(
        "INSERT INTO invitation (fingerprint, label, uses, expires, created, uid) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![fingerprint, label, uses, expires, created, uid.0],
    )?;
    Ok(())
}

/// Returns those that are good at `now`, the oldest first. What is over is forgotten.
pub(crate) fn list(tx: &Transaction<'_>, now: i64) -> Result<Vec<Invitation>, StoreError> {
    let query = "SELECT id, label, uses, expires, created FROM invitation WHERE uses > 0 AND expires > ?1 ORDER BY id";
    let mut statement = tx.prepare(query)?;
    let rows = statement.query_map([now], |row| {
        Ok(Invitation {
            id: row.get(0)?,
            label: row.get(1)?,
            uses: row.get(2)?,
            expires: row.get(3)?,
            created: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns whether an invitation is good at `now`.
pub(crate) fn is_good(tx: &Transaction<'_>, fingerprint: &str, now: i64) -> Result<bool, StoreError> {
    let query = "SELECT EXISTS (SELECT 1 FROM invitation WHERE fingerprint = ?1 AND uses > 0 AND expires > ?2)";
    value(tx, query, params![fingerprint, now])
}

/// Uses an invitation once. Returns whether it was good at `now`.
pub(crate) fn take(tx: &Transaction<'_>, fingerprint: &str, now: i64) -> Result<bool, StoreError> {
    let query = "UPDATE invitation SET uses = uses - 1 WHERE fingerprint = ?1 AND uses > 0 AND expires > ?2";
    let was_good = tx.execute(query, params![fingerprint, now])? > 0;
    delete_over(tx, now)?;
    Ok(was_good)
}

/// Forgets an invitation. Returns whether there was one.
pub(crate) fn delete(tx: &Transaction<'_>, id: i64) -> Result<bool, StoreError> {
    Ok(tx.execute("DELETE FROM invitation WHERE id = ?1", [id])? > 0)
}

/// Forgets what nobody can use any more.
pub(crate) fn delete_over(tx: &Transaction<'_>, now: i64) -> Result<(), StoreError> {
    tx.execute("DELETE FROM invitation WHERE uses <= 0 OR expires <= ?1", [now])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    #[test]
    fn an_invitation_is_good_so_often_and_so_long() {
        let sample = Sample::new(0);
        let new = |fingerprint: &str, uses, expires| NewInvitation {
            fingerprint: fingerprint.to_owned(),
            label: "course".to_owned(),
            uses,
            expires,
            created: "2026-01-01T00:00:00".to_owned(),
            uid: sample.uid,
        };
        sample.run(|tx| insert(tx, &new("a", 2, 100)));
        sample.run(|tx| insert(tx, &new("b", 1, 50)));
        assert!(sample.run(|tx| is_good(tx, "a", 99)) && !sample.run(|tx| is_good(tx, "a", 100)));
        assert!(!sample.run(|tx| take(tx, "c", 0)) && !sample.run(|tx| take(tx, "b", 50)), "unknown, and over");
        assert_eq!(sample.run(|tx| list(tx, 0)).len(), 1, "what is over is gone");
        assert!(sample.run(|tx| take(tx, "a", 0)) && sample.run(|tx| take(tx, "a", 0)));
        assert!(!sample.run(|tx| take(tx, "a", 0)), "used up");
        sample.run(|tx| insert(tx, &new("d", 1, 100)));
        let id = sample.run(|tx| list(tx, 0))[0].id;
        assert!(sample.run(|tx| delete(tx, id)) && !sample.run(|tx| delete(tx, id)));
    }
}
