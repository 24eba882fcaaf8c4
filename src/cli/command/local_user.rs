//! What is done on the director's own machine, without the network.

use clap::Args;

use crate::client::certificate;
use crate::client::error::Failure;
use crate::config::locate_director_cfg;
use crate::director::local::{self, LocalError, NewAccount};
use crate::sys;

/// A new account, as it is typed.
#[derive(Debug, Args)]
pub(crate) struct NewUser {
    /// User's username
    pub username: String,
    /// User's email
    #[arg(long)]
    pub email: Option<String>,
    /// User's first name
    #[arg(long)]
    pub fname: Option<String>,
    /// User's last name
    #[arg(long)]
    pub lname: Option<String>,
    /// User's affiliation
    #[arg(long)]
    pub affiliation: Option<String>,
    /// User's password; better leave it out and be asked
    #[arg(long)]
    pub password: Option<String>,
    /// Initial credit
    #[arg(long, value_name = "CRED", default_value_t = 50, allow_negative_numbers = true)]
    pub credit: i64,
}

impl NewUser {
    /// Returns what the director is told over the network; what is missing is empty.
    pub(crate) fn account(self) -> certificate::NewAccount {
        certificate::NewAccount {
            username: self.username,
            fname: self.fname.unwrap_or_default(),
            lname: self.lname.unwrap_or_default(),
            email: self.email.unwrap_or_default(),
            affiliation: self.affiliation.unwrap_or_default(),
            password: self.password.unwrap_or_default(),
            credit: self.credit,
            invitation: String::new(),
        }
    }
}

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

/// Returns users and their credit.
///
/// # Errors
/// There is no director here.
pub(crate) async fn list_users() -> Result<Vec<(String, i64)>, Failure> {
    Ok(sys::blocking(|| local::list_users(&locate_director_cfg(None))).await?)
}

/// Adds credit and returns the new one.
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
