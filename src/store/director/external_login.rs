//! Identities at a provider by which users log in.

use rusqlite::params;

use super::row::one;
use crate::model::UserId;
use crate::store::{StoreError, Transaction};

/// Somebody as his provider knows him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExternalIdentity {
    /// The provider.
    pub issuer: String,
    /// His id there, which is never given to another.
    pub subject: String,
}

/// An identity that a user has linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExternalLogin {
    /// The identity.
    pub identity: ExternalIdentity,
    /// What the user recognises it by.
    pub shown: String,
    /// Local time of its beginning, ISO 8601 with microseconds.
    pub created: String,
}

/// Returns the user who has linked this identity.
pub(crate) fn user_of(tx: &Transaction<'_>, identity: &ExternalIdentity) -> Result<Option<UserId>, StoreError> {
    let ExternalIdentity { issuer, subject } = identity;
    let query = "SELECT uid FROM external_login WHERE issuer = ?1 AND subject = ?2";
    one(tx, query, [issuer, subject], |row| Ok(UserId(row.get(0)?)))
}

/// Links an identity that nobody has linked.
///
/// # Errors
/// [`StoreError::Exists`] when somebody has.
pub(crate) fn insert(tx: &Transaction<'_>, uid: UserId, new: &ExternalLogin) -> Result<(), StoreError> {
    let ExternalLogin { identity, shown, created } = new;
    tx.execute(
        "INSERT INTO external_login (issuer, subject, uid, shown, created) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![identity.issuer, identity.subject, uid.0, shown, created],
    )?;
    Ok(())
}

/// Returns what a user has linked, the oldest first.
pub(crate) fn of_user(tx: &Transaction<'_>, uid: UserId) -> Result<Vec<ExternalLogin>, StoreError> {
    let query = "SELECT issuer, subject, shown, created FROM external_login WHERE uid = ?1 ORDER BY created, subject";
    let mut statement = tx.prepare(query)?;
    let rows = statement.query_map([uid.0], |row| {
        let identity = ExternalIdentity { issuer: row.get(0)?, subject: row.get(1)? };
        Ok(ExternalLogin { identity, shown: row.get(2)?, created: row.get(3)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets an identity of a user. Returns whether it was one of his.
pub(crate) fn delete(tx: &Transaction<'_>, uid: UserId, identity: &ExternalIdentity) -> Result<bool, StoreError> {
    let ExternalIdentity { issuer, subject } = identity;
    let query = "DELETE FROM external_login WHERE uid = ?1 AND issuer = ?2 AND subject = ?3";
    Ok(tx.execute(query, params![uid.0, issuer, subject])? > 0)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, new_user};
    use super::super::user;
    use super::*;

    #[test]
    fn an_identity_is_one_users_and_goes_with_him() {
        let sample = Sample::new(0);
        let bob = sample.run(|tx| user::insert(tx, &new_user("bob", 0)));
        let identity = |subject: &str| ExternalIdentity { issuer: "https://i".into(), subject: subject.into() };
        let link = |subject: &str| ExternalLogin {
            identity: identity(subject),
            shown: "bob@example.org".into(),
            created: "2026-01-01T00:00:00".into(),
        };
        sample.run(|tx| insert(tx, bob, &link("1")));
        sample.run(|tx| insert(tx, bob, &link("2")));
        let again = sample.write(|tx| insert(tx, sample.uid, &link("1")));
        assert!(matches!(again, Err(StoreError::Exists(_))), "{again:?}");
        assert_eq!(sample.run(|tx| user_of(tx, &identity("1"))), Some(bob));
        let elsewhere = ExternalIdentity { issuer: "https://other".into(), subject: "1".into() };
        assert_eq!(sample.run(|tx| user_of(tx, &elsewhere)), None);
        assert_eq!(sample.run(|tx| of_user(tx, bob)), [link("1"), link("2")]);
        assert!(!sample.run(|tx| delete(tx, sample.uid, &identity("1"))), "it is another's");
        assert!(sample.run(|tx| delete(tx, bob, &identity("1"))));
        sample.run(|tx| user::delete(tx, bob));
        assert_eq!(sample.run(|tx| user_of(tx, &identity("2"))), None);
    }
}
