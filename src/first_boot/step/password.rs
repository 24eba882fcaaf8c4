//! Passwords: the given one of the account, and those that are made up.
//!
//! A password that is made up is kept for its owner before it is set, so that
//! after a power cut none is in force that nobody knows.

use super::account::{has_password, set_password};
use super::director;
use super::machine::Machine;
use super::outcome::{Outcome, done, skipped};
use crate::api::first_boot::{FirstLogin, Login};
use crate::first_boot::error::FirstBootError;
use crate::first_boot::login;
use crate::first_boot::settings::AccountPassword;
use crate::sys::random::readable_password;
use crate::task::crash_point;

pub(crate) async fn ensure(machine: &Machine) -> Result<Outcome, FirstBootError> {
    let kept = login::read(&machine.place)?.unwrap_or_default();
    let is_root = nix::unistd::geteuid().is_root();
    let system = if is_root { system_login(machine, &kept).await? } else { None };
    let conpaas = conpaas_login(machine, &kept).await?;
    let wanted = FirstLogin {
        system: system.clone().or(kept.system.clone()),
        conpaas: conpaas.clone().or(kept.conpaas.clone()),
    };
    if wanted != kept {
        login::keep(&machine.place, &wanted)?;
    }
    crash_point("first-boot.passwords.kept");
    if let Some(login) = &system {
        set_password(&machine.place, METHOD, &format!("{}:{}\n", login.name, login.password)).await?;
        crash_point("first-boot.passwords.system");
    }
    if let Some(login) = &conpaas {
        director::create_user(machine, &login.password).await?;
        crash_point("first-boot.passwords.conpaas");
    }
    match (&system, &conpaas) {
        (None, None) if wanted.is_empty() => skipped("none was made up"),
        _ => done("the first login waits on the console and the welcome page"),
    }
}

/// Hashed as Debian does.
const METHOD: &[&str] = &["--crypt-method", "YESCRYPT"];

/// Returns the login to be made for the account of the system; a given password is set at once.
async fn system_login(machine: &Machine, kept: &FirstLogin) -> Result<Option<Login>, FirstBootError> {
    let account = &machine.settings.account;
    let name = &account.name;
    match &account.password {
        Some(AccountPassword::Plain(password)) => {
            set_password(&machine.place, METHOD, &format!("{name}:{password}\n")).await?;
        }
        Some(AccountPassword::Hash(hash)) => {
            set_password(&machine.place, &["--encrypted"], &format!("{name}:{hash}\n")).await?;
        }
        None if account.ssh_keys.is_empty() && !has_password(&machine.place, name) => {
            let kept = kept.system.clone().filter(|login| login.name == *name);
            return Ok(Some(kept.unwrap_or_else(|| Login { name: name.clone(), password: readable_password() })));
        }
        None => {}
    }
    Ok(None)
}

/// Returns the login to be made for the first user of ConPaaS.
async fn conpaas_login(machine: &Machine, kept: &FirstLogin) -> Result<Option<Login>, FirstBootError> {
    if !machine.has_director() || director::has_user(machine).await? {
        return Ok(None);
    }
    let name = &machine.settings.user.name;
    let kept = kept.conpaas.clone().filter(|login| login.name == *name);
    Ok(Some(kept.unwrap_or_else(|| Login { name: name.clone(), password: readable_password() })))
}
