//! What the console and the welcome page tell, and what other programs of
//! the board may want to know.

use super::{Board, Outcome, director, done};
use crate::api::first_boot::{FIRST_BOOT_DIR, WELCOME_FILE, Welcome, WelcomeDirector};
use crate::first_boot::BoardError;
use crate::first_boot::settings::BoardRole;
use crate::pki::fingerprint;
use crate::sys::file;

/// Read by scripts of the board: a shell's variables, all of them plain words.
const FACTS: &str = "/etc/conpaas/board.conf";
const AUTHORITY: &str = "/etc/cpsdirector/certs/ca_cert.pem";

pub(crate) fn ensure(board: &Board, n_problems: usize) -> Result<Outcome, BoardError> {
    let (place, settings) = (&board.place, &board.settings);
    let plan = &settings.plan;
    let role = match settings.role {
        BoardRole::Director => "director",
        BoardRole::Compute => "compute",
    };
    let facts = format!(
        "# Written by the first boot of ConPaaS.\nROLE={role}\nHOSTNAME={}\nADDRESS={}\nNETWORK={}\nBACKEND={}\n",
        settings.hostname, plan.own, plan.network, plan.backend
    );
    place.write(FACTS, &facts, 0o644)?;
    // Where the director could not be made, the page still gives the system's login.
    let has_authority = board.has_director() && place.path(AUTHORITY).exists();
    let director = if has_authority { Some(director_facts(board)?) } else { None };
    let welcome = Welcome {
        hostname: settings.hostname.clone(),
        account: settings.account.name.clone(),
        address: plan.own,
        first_container: plan.first_container,
        last_container: plan.last_container,
        director,
        n_problems,
    };
    let text = serde_json::to_string(&welcome).map_err(|_| BoardError::Damaged(place.welcome()))?;
    place.write(&format!("{FIRST_BOOT_DIR}/{WELCOME_FILE}"), &text, 0o644)?;
    done(format!("http://{}/", board.local_name()))
}

fn director_facts(board: &Board) -> Result<WelcomeDirector, BoardError> {
    let authority_pem = file::read_text(&board.place.path(AUTHORITY))?;
    let user = board.settings.user.name.clone();
    Ok(WelcomeDirector { url: director::url(board), user, fingerprint: fingerprint(&authority_pem)?, authority_pem })
}
