//! The facts for the console, the welcome page and other programs of the machine.

use super::director;
use super::machine::Machine;
use super::outcome::{Outcome, done};
use crate::api::first_boot::{FIRST_BOOT_DIR, WELCOME_FILE, Welcome, WelcomeDirector, WelcomePages};
use crate::first_boot::error::FirstBootError;
use crate::first_boot::settings::MachineRole;
use crate::pki::fingerprint;
use crate::sys::file;

/// Read by scripts of the machine: a shell's variables, all of them plain words.
const FACTS: &str = "/etc/conpaas/board.conf";
const AUTHORITY: &str = "/etc/cpsdirector/certs/ca_cert.pem";
const WEB_AUTHORITY: &str = "/etc/cpsdirector/certs/web_ca_cert.pem";

pub(crate) fn ensure(machine: &Machine, n_problems: usize) -> Result<Outcome, FirstBootError> {
    let (place, settings) = (&machine.place, &machine.settings);
    let plan = &settings.plan;
    let role = match settings.role {
        MachineRole::Director => "director",
        MachineRole::Compute => "compute",
    };
    let facts = format!(
        "# Written by the first boot of ConPaaS.\nROLE={role}\nHOSTNAME={}\nADDRESS={}\nNETWORK={}\nBACKEND={}\n",
        settings.hostname, plan.own, plan.network, plan.backend
    );
    place.write(FACTS, &facts, 0o644)?;
    // Where the director could not be made, the page still shows the system's login.
    let has_authority = machine.has_director() && place.path(AUTHORITY).exists();
    let director = if has_authority { Some(director_facts(machine)?) } else { None };
    let welcome = Welcome {
        hostname: settings.hostname.clone(),
        account: settings.account.name.clone(),
        address: plan.own,
        first_container: plan.first_container,
        last_container: plan.last_container,
        director,
        n_problems,
    };
    let text = serde_json::to_string(&welcome).map_err(|_| FirstBootError::Damaged(place.welcome()))?;
    place.write(&format!("{FIRST_BOOT_DIR}/{WELCOME_FILE}"), &text, 0o644)?;
    done(format!("http://{}/", machine.local_name()))
}

fn director_facts(machine: &Machine) -> Result<WelcomeDirector, FirstBootError> {
    let authority_pem = file::read_text(&machine.place.path(AUTHORITY))?;
    let user = machine.settings.user.name.clone();
    let pages = pages_facts(machine)?;
    let url = director::url(machine);
    Ok(WelcomeDirector { url, user, fingerprint: fingerprint(&authority_pem)?, authority_pem, pages })
}

/// A director that was made by an older program has no web authority until its next start.
fn pages_facts(machine: &Machine) -> Result<Option<WelcomePages>, FirstBootError> {
    let Ok(authority_pem) = file::read_text(&machine.place.path(WEB_AUTHORITY)) else { return Ok(None) };
    let url = format!("https://{}/", machine.local_name());
    Ok(Some(WelcomePages { url, fingerprint: fingerprint(&authority_pem)?, authority_pem }))
}
