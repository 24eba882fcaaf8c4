//! Ends a nutshell and leaves nothing of it behind.

use std::path::Path;
use std::time::Duration;

use super::client::Client;
use super::daemon::{self, Daemon};
use super::error::NutshellError;
use super::machine;
use super::namespace::mount_points;
use super::place::Place;
use super::say::Say;
use super::up::alone;
use crate::api::{ApplicationView, ResourceView};
use crate::model::State;
use crate::sys::file;
use crate::sys::program::LIMIT;
use crate::task::poll::{self, Pace};

/// How often the director is asked for the nodes that are left.
const PACE: Pace = Pace::every(Duration::from_millis(200));

/// What becomes of users, applications and certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    /// They stay for the next `up`.
    Keep,
    /// They go too.
    Purge,
}

/// Stops the applications and the director and removes what they made. Goes
/// on after a failure, so that as little as possible is left. Fine if there
/// is nothing.
///
/// # Errors
/// What is left.
pub(crate) async fn down(place: &Place, data: Data, say: Say<'_>) -> Result<(), NutshellError> {
    let _one_at_a_time = if place.home().exists() { Some(alone(place, say).await?) } else { None };
    let mut left = Vec::new();
    if let Err(error) = daemon::stop(place, Daemon::Frontend).await {
        left.push(error.to_string());
    }
    if daemon::running(place, Daemon::Director).is_none() && has_nodes(place) {
        // A director that was killed left them; its records shall say that they are gone.
        say("Starting the director once more, to stop what it runs.");
        if let Err(error) = daemon::ensure_started(place, Daemon::Director).await {
            say(&format!("It does not start, so its nodes are removed without it: {error}"));
        }
    }
    if daemon::running(place, Daemon::Director).is_some() {
        if let Err(error) = stop_applications(place, say).await {
            left.push(error.to_string());
        }
        say("Stopping the director.");
        if let Err(error) = daemon::stop(place, Daemon::Director).await {
            left.push(error.to_string());
        }
    }
    match machine::clear(place).await {
        Ok(failures) => left.extend(failures),
        Err(error) => left.push(error.to_string()),
    }
    let mounted = mounts_under(&place.directory)?;
    left.extend(mounted.iter().map(|path| format!("a mount on {path}")));
    if !left.is_empty() {
        return Err(NutshellError::Left(left.join("; ")));
    }
    if data == Data::Purge {
        file::ensure_absent(&place.directory)?;
        say("All data is removed.");
    } else if place.directory.exists() {
        say(&format!("The data stays in {}; `--purge` removes it too.", place.directory.display()));
    }
    Ok(())
}

/// Whether an earlier director's nodes may be there.
fn has_nodes(place: &Place) -> bool {
    let clouds = place.directory.join("clouds");
    let is_known = place.cert_dir().join("key.pem").exists() && place.home().join(".conpaas/cert.pem").exists();
    is_known && std::fs::read_dir(clouds).is_ok_and(|mut entries| entries.next().is_some())
}

async fn stop_applications(place: &Place, say: Say<'_>) -> Result<(), NutshellError> {
    if !place.home().join(".conpaas/cert.pem").exists() {
        return Ok(());
    }
    let client = Client::of_nutshell(place);
    let applications: Vec<ApplicationView> = client.rows(&["application", "list"]).await?;
    for app in applications {
        if ![State::Init, State::Stopped].contains(&app.status) {
            say(&format!("Stopping application {} ({}).", app.aid, app.name));
            client.type_command(&["application", "stop", "--yes", &app.aid.to_string()]).await?;
        }
    }
    wait_for_no_nodes(&client).await
}

/// Stopping goes on after the command has answered.
async fn wait_for_no_nodes(client: &Client) -> Result<(), NutshellError> {
    let list = async || client.rows::<ResourceView>(&["cloud", "list_resources"]).await;
    let ask = async || Ok::<_, NutshellError>(list().await?.is_empty().then_some(()));
    if poll::until(PACE, LIMIT, ask).await?.is_some() {
        return Ok(());
    }
    let names: Vec<String> = list().await?.into_iter().map(|node| node.vmid).collect();
    if names.is_empty() { Ok(()) } else { Err(NutshellError::Left(format!("nodes {}", names.join(", ")))) }
}

fn mounts_under(directory: &Path) -> Result<Vec<String>, NutshellError> {
    let points = mount_points()?;
    Ok(points.iter().filter(|point| point.starts_with(directory)).map(|point| point.display().to_string()).collect())
}
