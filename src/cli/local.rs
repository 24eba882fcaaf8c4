//! What is done on the director's own machine, without the network.

use super::failure::Failure;
use super::user::NewUser;
use crate::config::locate_director_cfg;

/// Checks that this machine has a director.
///
/// # Errors
/// It has none, in upstream's words.
pub(super) fn check() -> Result<(), Failure> {
    if locate_director_cfg(None).exists() { Ok(()) } else { Err(no_director()) }
}

/// Creates a user in the director's database.
///
/// # Errors
/// There is no director here, or it refuses the user.
pub(super) async fn create_user(_user: NewUser) -> Result<(), Failure> {
    Err(no_director())
}

/// Users and their credit.
///
/// # Errors
/// There is no director here.
pub(super) async fn list_users() -> Result<Vec<(String, i64)>, Failure> {
    Err(no_director())
}

/// Adds credit and gives the new one.
///
/// # Errors
/// There is no director here, or no such user.
pub(super) async fn add_credit(_username: &str, _credit: i64) -> Result<i64, Failure> {
    Err(no_director())
}

fn no_director() -> Failure {
    Failure::said("Cannot find a ConPaaS director on this machine.")
}
