//! The director, made by the commands that people type.

use std::time::Duration;

use super::machine::Machine;
use super::outcome::{Outcome, done, skipped};
use crate::first_boot::error::FirstBootError;
use crate::sys::program::{self, ProgramError};
use crate::task::crash_point;

/// Keys and a database on a slow card.
const LIMIT: Duration = Duration::from_secs(300);
const CONFIGURATION: &str = "/etc/cpsdirector/director.cfg";
const ANNOUNCEMENT: &str = "/etc/avahi/services/conpaas.service";
/// The director's port; `config/avahi.service` names it, too.
pub(crate) const PORT: u16 = 5555;

pub(crate) async fn ensure(machine: &Machine) -> Result<Outcome, FirstBootError> {
    if !machine.has_director() {
        return skipped("this machine works for another director");
    }
    // Nodes call it by its address on their own network, which never changes and needs no name
    // server; people call it by its name, whatever addresses it has.
    let mut words = vec!["director".to_owned(), "init".to_owned(), "--hostname".to_owned()];
    words.push(machine.settings.plan.own.to_string());
    for name in
        [machine.local_name(), machine.settings.hostname.clone(), "localhost".to_owned(), "127.0.0.1".to_owned()]
    {
        words.extend(["--name".to_owned(), name]);
    }
    for (key, value) in options(machine) {
        words.extend(["--set".to_owned(), format!("{key}={value}")]);
    }
    type_command(machine, &words, "").await?;
    crash_point("first-boot.director.init");
    let text = format!(
        "# Written by the first boot of ConPaaS: the director of this machine, and its first user.\n\
         [cps-tools]\nDIRECTOR_URL = {}\nUSERNAME = {}\n",
        url(machine),
        machine.settings.user.name
    );
    machine.place.write("/etc/cps-tools/cps-tools.conf", &text, 0o644)?;
    machine.place.write(ANNOUNCEMENT, include_str!("../../../config/avahi.service"), 0o644)?;
    done(format!("{}, for nodes https://{}:{PORT}", url(machine), machine.settings.plan.own))
}

/// Returns the URL by which people find the director.
pub(crate) fn url(machine: &Machine) -> String {
    format!("https://{}:{PORT}", machine.local_name())
}

/// Returns whether the first user is there.
pub(crate) async fn has_user(machine: &Machine) -> Result<bool, FirstBootError> {
    let users = type_command(machine, &["user".to_owned(), "list".to_owned()], "").await?;
    Ok(users.lines().any(|line| line.trim() == machine.settings.user.name))
}

/// Makes the first user; the command asks for the password twice.
pub(crate) async fn create_user(machine: &Machine, password: &str) -> Result<(), FirstBootError> {
    let user = &machine.settings.user;
    let credit = user.credit.to_string();
    let words = ["user", "create", &user.name, "--email", &user.email, "--credit", &credit];
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    type_command(machine, &words, &format!("{password}\n{password}\n")).await?;
    Ok(())
}

fn options(machine: &Machine) -> Vec<(&'static str, String)> {
    let plan = &machine.settings.plan;
    let mut options = vec![
        ("director.NODE_TIME_SERVERS", plan.own.to_string()),
        ("iaas.BRIDGE", "conpaas0".to_owned()),
        ("iaas.NETWORK", plan.network.to_string()),
        ("iaas.GATEWAY", plan.own.to_string()),
        ("iaas.FIRST_ADDRESS", plan.first_container.to_string()),
        ("iaas.LAST_ADDRESS", plan.last_container.to_string()),
        // Containers reach the Internet where the machine does.
        ("iaas.NAT", "true".to_owned()),
    ];
    if !machine.place.is_live() {
        // Below another root the director's own files are there, too.
        let path = |absolute: &str| machine.place.path(absolute).display().to_string();
        options.extend([
            ("conpaas.CONF_DIR", path("/etc/cpsdirector")),
            ("conpaas.CERT_DIR", path("/etc/cpsdirector/certs")),
            ("director.DATABASE_URI", format!("sqlite:///{}", path("/etc/cpsdirector/director.db"))),
            ("director.USERDATA_DIR", path("/etc/cpsdirector/data")),
            ("director.STATE_DIR", path("/var/lib/conpaas")),
            ("iaas.IMAGE", path("/var/lib/conpaas/images/services")),
        ]);
    }
    options
}

/// Types a command of this program, about this machine's director. A secret
/// goes through `input`, never through `words`.
async fn type_command(machine: &Machine, words: &[String], input: &str) -> Result<String, ProgramError> {
    let mut arguments =
        vec!["-i".to_owned(), "HOME=/root".to_owned(), format!("PATH={}", std::env::var("PATH").unwrap_or_default())];
    arguments.push(format!("DIRECTOR_CFG={}", machine.place.path(CONFIGURATION).display()));
    arguments.push(machine.program.display().to_string());
    arguments.extend(words.iter().cloned());
    program::run_with_input("env", &arguments, input, LIMIT).await
}
