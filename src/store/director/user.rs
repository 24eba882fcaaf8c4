//! Users and their credit.

use rusqlite::{Row, named_params};

use super::{count, optional};
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

/// The user `uid`.
///
/// # Errors
/// The database fails.
pub(crate) fn get(tx: &Transaction<'_>, uid: UserId) -> Result<Option<User>, StoreError> {
    optional(tx.query_row("SELECT * FROM user WHERE uid = ?1", [uid.0], read))
}

/// The user with this login name.
///
/// # Errors
/// The database fails.
pub(crate) fn by_username(tx: &Transaction<'_>, username: &str) -> Result<Option<User>, StoreError> {
    optional(tx.query_row("SELECT * FROM user WHERE username = ?1", [username], read))
}

/// The user with this external id, which must not be empty.
///
/// # Errors
/// The database fails.
pub(crate) fn by_uuid(tx: &Transaction<'_>, uuid: &str) -> Result<Option<User>, StoreError> {
    optional(tx.query_row("SELECT * FROM user WHERE uuid = ?1 AND uuid <> '' LIMIT 1", [uuid], read))
}

/// The user with this OpenID identity.
///
/// # Errors
/// The database fails.
pub(crate) fn by_openid(tx: &Transaction<'_>, openid: &str) -> Result<Option<User>, StoreError> {
    optional(tx.query_row(
        "SELECT * FROM user WHERE openid = ?1 AND openid NOT IN ('', '<none>') LIMIT 1",
        [openid],
        read,
    ))
}

/// Whether an e-mail address is registered.
///
/// # Errors
/// The database fails.
pub(crate) fn has_email(tx: &Transaction<'_>, email: &str) -> Result<bool, StoreError> {
    count(tx, "SELECT EXISTS (SELECT 1 FROM user WHERE email = ?1)", [email])
}

/// All users, by name.
///
/// # Errors
/// The database fails.
pub(crate) fn list(tx: &Transaction<'_>) -> Result<Vec<User>, StoreError> {
    let mut statement = tx.prepare("SELECT * FROM user ORDER BY username")?;
    Ok(statement.query_map([], read)?.collect::<Result<_, _>>()?)
}

/// Credits of a user; `None` if there is no such user.
///
/// # Errors
/// The database fails.
pub(crate) fn credit(tx: &Transaction<'_>, uid: UserId) -> Result<Option<i64>, StoreError> {
    optional(tx.query_row("SELECT credit FROM user WHERE uid = ?1", [uid.0], |row| row.get(0)))
}

/// Adds to (or, below zero, takes from) a user's credit, which stops at 0. Returns the new credit.
///
/// # Errors
/// The database fails.
pub(crate) fn add_credit(tx: &Transaction<'_>, uid: UserId, amount: i64) -> Result<Option<i64>, StoreError> {
    let Some(before) = credit(tx, uid)? else { return Ok(None) };
    // SQLite's own sum would become a floating-point number where it does not fit.
    let after = before.saturating_add(amount).max(0);
    tx.execute("UPDATE user SET credit = ?2 WHERE uid = ?1", [uid.0, after])?;
    Ok(Some(after))
}

/// Users whose credit is used up and who have an application that costs.
///
/// # Errors
/// The database fails.
pub(crate) fn without_credit(tx: &Transaction<'_>) -> Result<Vec<UserId>, StoreError> {
    let mut statement = tx.prepare(
        "SELECT uid FROM user WHERE credit <= 0 AND EXISTS (
            SELECT 1 FROM node WHERE node.user_id = uid AND phase <> 'removing')",
    )?;
    Ok(statement.query_map([], |row| Ok(UserId(row.get(0)?)))?.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<User> {
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
