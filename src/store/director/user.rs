//! Users and their credit.

use rusqlite::{Row, named_params, params};

use super::event;
use super::row::{one, readable, value};
use crate::model::UserId;
use crate::store::{StoreError, Transaction};

/// A user to be added.
#[derive(Clone)]
pub(crate) struct NewUser {
    /// Login name; unique.
    pub username: String,
    /// First name.
    pub fname: String,
    /// Last name.
    pub lname: String,
    /// E-mail address; unique.
    pub email: String,
    /// Affiliation.
    pub affiliation: String,
    /// Argon2id in PHC notation. Secret: no `Debug`.
    pub password_hash: String,
    /// Local time of creation, ISO 8601 with microseconds.
    pub created: String,
    /// Credits to begin with.
    pub credit: i64,
    /// External id; empty is none.
    pub uuid: String,
    /// OpenID identity.
    pub openid: Option<String>,
}

/// A user as stored.
#[derive(Clone)]
pub(crate) struct User {
    /// The user's id.
    pub uid: UserId,
    /// All else.
    pub details: NewUser,
}

/// Adds a user.
///
/// # Errors
/// [`StoreError::Exists`] when name or address are taken.
pub(crate) fn insert(tx: &Transaction<'_>, user: &NewUser) -> Result<UserId, StoreError> {
    tx.execute(
        "INSERT INTO user (username, fname, lname, email, affiliation, password_hash, created, credit, uuid, openid)
         VALUES (:username, :fname, :lname, :email, :affiliation, :hash, :created, :credit, :uuid, :openid)",
        named_params! {
            ":username": user.username, ":fname": user.fname, ":lname": user.lname, ":email": user.email,
            ":affiliation": user.affiliation, ":hash": user.password_hash, ":created": user.created,
            ":credit": user.credit, ":uuid": user.uuid, ":openid": user.openid,
        },
    )?;
    Ok(UserId(tx.last_insert_rowid()))
}

/// Returns the user `uid`.
pub(crate) fn get(tx: &Transaction<'_>, uid: UserId) -> Result<Option<User>, StoreError> {
    one(tx, "SELECT * FROM user WHERE uid = ?1", [uid.0], read)
}

/// Returns the user with this login name.
pub(crate) fn by_username(tx: &Transaction<'_>, username: &str) -> Result<Option<User>, StoreError> {
    one(tx, "SELECT * FROM user WHERE username = ?1", [username], read)
}

/// Returns the user with this external id, which must not be empty.
pub(crate) fn by_uuid(tx: &Transaction<'_>, uuid: &str) -> Result<Option<User>, StoreError> {
    one(tx, "SELECT * FROM user WHERE uuid = ?1 AND uuid <> '' LIMIT 1", [uuid], read)
}

/// Returns the user with this OpenID identity.
pub(crate) fn by_openid(tx: &Transaction<'_>, openid: &str) -> Result<Option<User>, StoreError> {
    one(tx, "SELECT * FROM user WHERE openid = ?1 AND openid NOT IN ('', '<none>') LIMIT 1", [openid], read)
}

/// Returns whether an e-mail address is registered.
pub(crate) fn has_email(tx: &Transaction<'_>, email: &str) -> Result<bool, StoreError> {
    value(tx, "SELECT EXISTS (SELECT 1 FROM user WHERE email = ?1)", [email])
}

/// Returns all users, by name.
pub(crate) fn list(tx: &Transaction<'_>) -> Result<Vec<User>, StoreError> {
    let mut statement = tx.prepare("SELECT * FROM user ORDER BY username")?;
    readable("user", statement.query_map([], read)?)
}

/// Returns the credits of a user; `None` if there is no such user.
pub(crate) fn credit(tx: &Transaction<'_>, uid: UserId) -> Result<Option<i64>, StoreError> {
    one(tx, "SELECT credit FROM user WHERE uid = ?1", [uid.0], |row| row.get(0))
}

/// Adds to (or, below zero, takes from) a user's credit, which stops at 0. Returns the new credit.
pub(crate) fn add_credit(tx: &Transaction<'_>, uid: UserId, amount: i64) -> Result<Option<i64>, StoreError> {
    let Some(before) = credit(tx, uid)? else { return Ok(None) };
    // SQLite's own sum would become a floating-point number where it does not fit.
    let after = before.saturating_add(amount).max(0);
    tx.execute("UPDATE user SET credit = ?2 WHERE uid = ?1", [uid.0, after])?;
    Ok(Some(after))
}

/// Changes the password of a user.
pub(crate) fn set_password(tx: &Transaction<'_>, uid: UserId, password_hash: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE user SET password_hash = ?2 WHERE uid = ?1", params![uid.0, password_hash])?;
    Ok(())
}

/// Returns whether a user is an administrator.
pub(crate) fn is_administrator(tx: &Transaction<'_>, uid: UserId) -> Result<bool, StoreError> {
    value(tx, "SELECT EXISTS (SELECT 1 FROM user WHERE uid = ?1 AND administrator <> 0)", [uid.0])
}

/// Says whether a user is an administrator.
pub(crate) fn set_administrator(tx: &Transaction<'_>, uid: UserId, is_one: bool) -> Result<(), StoreError> {
    tx.execute("UPDATE user SET administrator = ?2 WHERE uid = ?1", params![uid.0, is_one])?;
    Ok(())
}

/// Changes the login name of a user.
///
/// # Errors
/// [`StoreError::Exists`] when the name is taken.
pub(crate) fn rename(tx: &Transaction<'_>, uid: UserId, username: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE user SET username = ?2 WHERE uid = ?1", params![uid.0, username])?;
    Ok(())
}

/// Takes out a user who has no application left. The id is never used again.
pub(crate) fn delete(tx: &Transaction<'_>, uid: UserId) -> Result<(), StoreError> {
    event::delete_all(tx, uid)?;
    tx.execute("DELETE FROM user WHERE uid = ?1", [uid.0])?;
    Ok(())
}

/// Returns the users whose credit is used up and who have an application that costs.
pub(crate) fn without_credit(tx: &Transaction<'_>) -> Result<Vec<UserId>, StoreError> {
    let mut statement = tx.prepare(
        "SELECT uid FROM user WHERE credit <= 0 AND EXISTS (
            SELECT 1 FROM node WHERE node.user_id = uid AND phase <> 'removing')",
    )?;
    Ok(statement.query_map([], |row| Ok(UserId(row.get(0)?)))?.collect::<Result<_, _>>()?)
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        uid: UserId(row.get("uid")?),
        details: NewUser {
            username: row.get("username")?,
            fname: row.get("fname")?,
            lname: row.get("lname")?,
            email: row.get("email")?,
            affiliation: row.get("affiliation")?,
            password_hash: row.get("password_hash")?,
            created: row.get("created")?,
            credit: row.get("credit")?,
            uuid: row.get("uuid")?,
            openid: row.get("openid")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::node;
    use super::super::sample::{Sample, new_user};
    use super::*;
    use crate::model::NodeRole;

    #[test]
    fn credit_stops_at_0_and_at_the_largest_number() {
        let sample = Sample::new(5);
        for (amount, left) in [(3, 8), (-9, 0), (-1, 0), (i64::MAX, i64::MAX), (1, i64::MAX), (i64::MIN, 0)] {
            assert_eq!(sample.run(|tx| add_credit(tx, sample.uid, amount)), Some(left), "{amount}");
            assert_eq!(sample.credit(), left);
        }
        assert_eq!(sample.run(|tx| add_credit(tx, UserId(99), 1)), None);
    }

    #[test]
    fn users_are_found_by_what_is_theirs_and_by_nothing_that_is_empty() {
        let sample = Sample::new(0);
        let add = |name: &str, uuid: &str, openid: Option<&str>| {
            let new = NewUser { uuid: uuid.into(), openid: openid.map(str::to_owned), ..new_user(name, 0) };
            sample.run(|tx| insert(tx, &new))
        };
        let (bob, eve) = (add("bob", "u1", Some("o1")), add("eve", "", Some("<none>")));
        let found = |user: Option<User>| user.map(|user| user.uid);
        assert_eq!(found(sample.run(|tx| by_username(tx, "eve"))), Some(eve));
        assert_eq!(found(sample.run(|tx| by_uuid(tx, "u1"))), Some(bob));
        assert_eq!(found(sample.run(|tx| by_openid(tx, "o1"))), Some(bob));
        for nothing in ["", "<none>"] {
            assert_eq!(found(sample.run(|tx| by_uuid(tx, nothing))), None, "{nothing}");
            assert_eq!(found(sample.run(|tx| by_openid(tx, nothing))), None, "{nothing}");
        }
        assert!(sample.run(|tx| has_email(tx, "bob@example.org")) && !sample.run(|tx| has_email(tx, "bob")));
        let names: Vec<String> = sample.run(list).into_iter().map(|user| user.details.username).collect();
        assert_eq!(names, ["alice", "bob", "eve"]);
    }

    #[test]
    fn only_those_whose_nodes_cost_are_without_credit() {
        let sample = Sample::new(0);
        assert_eq!(sample.run(without_credit), []);
        let rid = sample.add_node("n1", NodeRole::Agent);
        assert_eq!(sample.run(without_credit), [sample.uid]);
        sample.run(|tx| add_credit(tx, sample.uid, 1));
        assert_eq!(sample.run(without_credit), []);
        sample.run(|tx| add_credit(tx, sample.uid, -1));
        sample.run(|tx| node::set_removing(tx, rid));
        assert_eq!(sample.run(without_credit), []);
    }
}
