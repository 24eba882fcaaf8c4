//! What is done on the director's own machine, without the network.

use super::user::NewUser;
use crate::client::error::Failure;
use crate::config::locate_director_cfg;
use crate::director::local::{self, LocalError, NewAccount};
use crate::sys;

/// Checks that this machine has a director.
///
/// # Errors
/// It has none, in upstream's words.
pub(crate) fn check() -> Result<(), Failure> {
    if locate_director_cfg(None).exists() { Ok(()) } else { Err(LocalError::NoDirector.into()) }
}

/// Creates a user in the director's database.
///
/// # Errors
/// There is no director here, or it refuses the user.
pub(crate) async fn create_user(user: NewUser) -> Result<(), Failure> {
    let account = NewAccount {
        username: user.username,
        email: user.email.unwrap_or_default(),
        fname: user.fname.unwrap_or_default(),
        lname: user.lname.unwrap_or_default(),
        affiliation: user.affiliation.unwrap_or_default(),
        password: user.password.unwrap_or_default(),
        credit: user.credit,
    };
    Ok(sys::blocking(move || local::create_user(&locate_director_cfg(None), &account)).await?)
}

/// Users and their credit.
///
/// # Errors
/// There is no director here.
pub(crate) async fn list_users() -> Result<Vec<(String, i64)>, Failure> {
    Ok(sys::blocking(|| local::list_users(&locate_director_cfg(None))).await?)
}

/// Adds credit and gives the new one.
///
/// # Errors
/// There is no director here, or no such user.
pub(crate) async fn add_credit(username: &str, credit: i64) -> Result<i64, Failure> {
    let username = username.to_owned();
    Ok(sys::blocking(move || local::add_credit(&locate_director_cfg(None), &username, credit)).await?)
}

impl From<LocalError> for Failure {
    fn from(error: LocalError) -> Self {
        Failure::chained(&error)
    }
}
