//! What `conpaas user …` does on the director's own machine: the database
//! directly, whether the director runs or not.

use std::path::Path;

pub use super::account::Running;
use super::account::{self, Registration};
use super::error::Failure;
use super::password::hash_blocking;
use crate::config::DirectorConfig;
use crate::store::director::totp;
use crate::store::director::user::{self, User};
use crate::store::{Store, Transaction};
use crate::sys::chain;

/// Why a local command did not work; the text is for people.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// There is no `director.cfg` here.
    #[error("Cannot find a ConPaaS director on this machine.")]
    NoDirector,
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The database may not be read or written by this user.
    #[error("Unable to update the director's database.\nMaybe you don't have access rights? Try again with 'sudo'.")]
    NoAccess,
    /// The director's own refusal, such as a name that is taken.
    #[error("{0}")]
    Refused(String),
}

/// Who is to be added.
#[derive(Clone)]
pub struct NewAccount {
    /// Login name.
    pub username: String,
    /// E-mail address.
    pub email: String,
    /// First name.
    pub fname: String,
    /// Last name.
    pub lname: String,
    /// Affiliation.
    pub affiliation: String,
    /// The password. Secret: no `Debug`.
    pub password: String,
    /// Credits to begin with; the operator may give any number.
    pub credit: i64,
}

/// Adds a user with his first application. Blocking.
///
/// # Errors
/// No director here, no access, or the name or address is taken.
pub fn create_user(director_cfg: &Path, account: &NewAccount) -> Result<(), LocalError> {
    let store = open(director_cfg)?;
    let wanted = Registration {
        username: account.username.clone(),
        fname: account.fname.clone(),
        lname: account.lname.clone(),
        email: account.email.clone(),
        affiliation: account.affiliation.clone(),
        password: account.password.clone(),
        credit: account.credit,
        uuid: String::new(),
        openid: None,
    };
    let new = wanted.into_user(hash_blocking(&account.password));
    store.write_blocking(|tx| account::add(tx, new)).map(|_| ()).map_err(refused)
}

/// All users by name, with their credit. Blocking.
///
/// # Errors
/// No director here, or no access.
pub fn list_users(director_cfg: &Path) -> Result<Vec<(String, i64)>, LocalError> {
    let users = open(director_cfg)?.write_blocking(|tx| Ok::<_, Failure>(user::list(tx)?)).map_err(refused)?;
    Ok(users.into_iter().map(|user| (user.details.username, user.details.credit)).collect())
}

/// Adds to a user's credit, which stops at 0; returns the new credit. Blocking.
///
/// # Errors
/// No director here, no access, or no such user.
pub fn add_credit(director_cfg: &Path, username: &str, amount: i64) -> Result<i64, LocalError> {
    let outcome = open(director_cfg)?.write_blocking(|tx| {
        let found = user::by_username(tx, username)?;
        let credit = found.map(|found| user::add_credit(tx, found.uid, amount)).transpose()?.flatten();
        credit.ok_or_else(|| Failure::Application(format!("Unknown user '{username}'")))
    });
    outcome.map_err(refused)
}

/// Changes the password of a user. Certificates that he has stay good. Blocking.
///
/// # Errors
/// No director here, no access, or no such user.
pub fn set_password(director_cfg: &Path, username: &str, password: &str) -> Result<(), LocalError> {
    let store = open(director_cfg)?;
    if password.is_empty() {
        return Err(LocalError::Refused("the password is empty".to_owned()));
    }
    let hash = hash_blocking(password);
    let outcome = store.write_blocking(|tx| Ok(user::set_password(tx, find(tx, username)?.uid, &hash)?));
    outcome.map_err(refused)
}

/// Changes the login name of a user. Blocking.
///
/// # Errors
/// No director here, no access, no such user, or the name is taken or unusable.
pub fn rename_user(director_cfg: &Path, username: &str, new_name: &str) -> Result<(), LocalError> {
    let outcome = open(director_cfg)?.write_blocking(|tx| {
        let found = find(tx, username)?;
        account::check_name(new_name)?;
        if user::by_username(tx, new_name)?.is_some() {
            return Err(Failure::Application(format!("Username '{new_name}' is already taken")));
        }
        Ok(user::rename(tx, found.uid, new_name)?)
    });
    outcome.map_err(refused)
}

/// Removes a user and his applications. A director that runs removes their nodes and volumes soon. Blocking.
///
/// # Errors
/// No director here, no access, no such user, or an application of his runs or keeps volumes and is not to be stopped.
pub fn remove_user(director_cfg: &Path, username: &str, running: Running) -> Result<(), LocalError> {
    let outcome = open(director_cfg)?.write_blocking(|tx| account::record_removal(tx, &find(tx, username)?, running));
    outcome.map_err(refused)
}

/// Says whether a user is an administrator from now on. Blocking.
///
/// # Errors
/// No director here, no access, or no such user.
pub fn set_administrator(director_cfg: &Path, username: &str, is_one: bool) -> Result<(), LocalError> {
    let outcome =
        open(director_cfg)?.write_blocking(|tx| Ok(user::set_administrator(tx, find(tx, username)?.uid, is_one)?));
    outcome.map_err(refused)
}

/// Switches one-time codes of a user off. Returns whether a code was needed. Blocking.
///
/// # Errors
/// No director here, no access, or no such user.
pub fn end_totp(director_cfg: &Path, username: &str) -> Result<bool, LocalError> {
    let outcome = open(director_cfg)?.write_blocking(|tx| Ok(totp::delete(tx, find(tx, username)?.uid)?));
    outcome.map_err(refused)
}

fn find(tx: &Transaction<'_>, username: &str) -> Result<User, Failure> {
    let unknown = || Failure::Application(format!("Unknown user '{username}'"));
    user::by_username(tx, username)?.ok_or_else(unknown)
}

fn open(director_cfg: &Path) -> Result<Store, LocalError> {
    if !director_cfg.exists() {
        return Err(LocalError::NoDirector);
    }
    let config = DirectorConfig::read(director_cfg)?;
    if !config.database.exists() {
        return Err(LocalError::NoDirector);
    }
    crate::store::director::open(&config.database).map_err(|_| LocalError::NoAccess)
}

fn refused(failure: Failure) -> LocalError {
    match failure {
        Failure::Application(text) => LocalError::Refused(text),
        Failure::Store(crate::store::StoreError::Full(_)) => LocalError::NoAccess,
        other => LocalError::Refused(chain(&other)),
    }
}
