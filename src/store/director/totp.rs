//! One-time codes of users, and the recovery codes that stand in for them.

use rusqlite::params;

use super::row::{one, value};
use crate::model::UserId;
use crate::store::{StoreError, Transaction};

/// The one-time codes of a user. Secret: no `Debug`.
pub(crate) struct Totp {
    /// What the codes are made from.
    pub secret: Vec<u8>,
    /// Whether the user has shown that he has it: from then on a code is needed.
    pub is_confirmed: bool,
    /// The time step of the newest code that was taken.
    pub last_step: i64,
}

/// Returns the one-time codes of a user; `None` if he never asked for them.
pub(crate) fn get(tx: &Transaction<'_>, uid: UserId) -> Result<Option<Totp>, StoreError> {
    one(tx, "SELECT secret, is_confirmed, last_step FROM totp WHERE uid = ?1", [uid.0], |row| {
        Ok(Totp { secret: row.get(0)?, is_confirmed: row.get(1)?, last_step: row.get(2)? })
    })
}

/// Records a new secret of a user, which is to be confirmed; what was there before is forgotten.
pub(crate) fn begin(tx: &Transaction<'_>, uid: UserId, secret: &[u8]) -> Result<(), StoreError> {
    delete(tx, uid)?;
    tx.execute(
        "INSERT INTO totp (uid, secret, is_confirmed, last_step) VALUES (?1, ?2, 0, 0)",
        params![uid.0, secret],
    )?;
    Ok(())
}

/// Records that a user has shown a code of `step`, and the fingerprints of his recovery codes.
pub(crate) fn confirm(tx: &Transaction<'_>, uid: UserId, step: i64, fingerprints: &[String]) -> Result<(), StoreError> {
    tx.execute("UPDATE totp SET is_confirmed = 1 WHERE uid = ?1", [uid.0])?;
    set_last_step(tx, uid, step)?;
    tx.execute("DELETE FROM recovery_code WHERE uid = ?1", [uid.0])?;
    for fingerprint in fingerprints {
        tx.execute("INSERT INTO recovery_code (uid, fingerprint) VALUES (?1, ?2)", params![uid.0, fingerprint])?;
    }
    Ok(())
}

/// Records the time step of a code that was taken.
pub(crate) fn set_last_step(tx: &Transaction<'_>, uid: UserId, step: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE totp SET last_step = ?2 WHERE uid = ?1", params![uid.0, step])?;
    Ok(())
}

/// Takes a recovery code, which is none any more. Returns whether it was one.
pub(crate) fn take_recovery_code(tx: &Transaction<'_>, uid: UserId, fingerprint: &str) -> Result<bool, StoreError> {
    let n_rows =
        tx.execute("DELETE FROM recovery_code WHERE uid = ?1 AND fingerprint = ?2", params![uid.0, fingerprint])?;
    Ok(n_rows > 0)
}

/// Returns how many recovery codes a user has left.
pub(crate) fn n_recovery_codes(tx: &Transaction<'_>, uid: UserId) -> Result<u32, StoreError> {
    value(tx, "SELECT COUNT(*) FROM recovery_code WHERE uid = ?1", [uid.0])
}

/// Forgets the one-time codes of a user. Returns whether a code was needed.
pub(crate) fn delete(tx: &Transaction<'_>, uid: UserId) -> Result<bool, StoreError> {
    let was_needed = get(tx, uid)?.is_some_and(|found| found.is_confirmed);
    tx.execute("DELETE FROM totp WHERE uid = ?1", [uid.0])?;
    Ok(was_needed)
}
