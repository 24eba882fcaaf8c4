//! What of a nutshell is there.

use super::client::Client;
use super::daemon::{self, Daemon};
use super::error::NutshellError;
use super::place::Place;
use super::say::Say;

/// Tells what is there. Returns whether the director runs.
///
/// # Errors
/// The director runs, but does not answer.
pub(crate) async fn status(place: &Place, say: Say<'_>) -> Result<bool, NutshellError> {
    say(&format!("Everything is in {}.", place.directory.display()));
    let Some(process) = daemon::running(place, Daemon::Director) else {
        let is_made = place.director_cfg().exists();
        say(if is_made { "The nutshell is down; its data is there." } else { "There is no nutshell." });
        return Ok(false);
    };
    let (address, port) = (place.director_ip(), place.settings.port);
    say(&format!("The director runs as process {} on https://{address}:{port}.", process.pid));
    if daemon::running(place, Daemon::Frontend).is_some() {
        say(&format!("Its pages are on https://{address}:{}/.", place.pages_listen().port()));
    }
    for words in [["application", "list"], ["cloud", "list_resources"]] {
        say("");
        for line in Client::of_nutshell(place).type_command(&words).await?.lines() {
            say(line);
        }
    }
    Ok(true)
}
