//! One command of the nutshell, on the right side of its namespace.

use std::ffi::OsString;

use super::demo::demo;
use super::down::{Data, down};
use super::error::NutshellError;
use super::namespace::{enter, leave_and_remove};
use super::place::Place;
use super::say::Say;
use super::status::status;
use super::up::{check_image, up};

use crate::sys::program::attend;

/// Set, by this program for itself, inside the namespace.
const INSIDE: &str = "CONPAAS_NUTSHELL_INSIDE";

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Make it.
    Up,
    /// Run the example program in it.
    Demo,
    /// Tell what is there.
    Status,
    /// End it.
    Down(Data),
    /// Run these words, or a shell when there are none, as its user.
    Shell(Vec<OsString>),
}

/// Does `action`, and returns the exit code. With a network namespace this
/// program is run again inside of it, with the very same words.
///
/// # Errors
/// What could not be done.
pub(crate) async fn run(place: &Place, action: Action, say: Say<'_>) -> Result<u8, NutshellError> {
    if place.settings.netns.is_some() && std::env::var_os(INSIDE).is_none() {
        if action == Action::Up {
            check_image(place)?;
        }
        return run_inside(place, &action).await;
    }
    match action {
        Action::Up => up(place, say).await.map(|()| 0),
        Action::Demo => demo(place, say).await.map(|()| 0),
        Action::Status => status(place, say).await.map(|is_up| u8::from(!is_up)),
        Action::Down(data) => down(place, data, say).await.map(|()| 0),
        Action::Shell(words) => shell(place, words, say).await,
    }
}

async fn run_inside(place: &Place, action: &Action) -> Result<u8, NutshellError> {
    let mut words: Vec<OsString> = enter(place).await?.into_iter().map(OsString::from).collect();
    let program = words.remove(0).to_string_lossy().into_owned();
    words.push(place.program.clone().into());
    words.extend(std::env::args_os().skip(1));
    let code = attend(&program, &words, &[(INSIDE.into(), "1".into())]).await?;
    if code == 0 && matches!(action, Action::Down(_)) {
        leave_and_remove(place).await?;
    }
    Ok(code)
}

async fn shell(place: &Place, words: Vec<OsString>, say: Say<'_>) -> Result<u8, NutshellError> {
    if !place.home().join(".conpaas/cert.pem").exists() {
        return Err(NutshellError::NotUp);
    }
    let mut environment = place.environment();
    let mut path = OsString::from(place.program.parent().unwrap_or(&place.directory));
    if let Some(usual) = std::env::var_os("PATH") {
        path.push(":");
        path.push(usual);
    }
    environment.retain(|(name, _)| name != "PATH");
    environment.push(("PATH".into(), path));
    environment.push(("DIRECTOR_CFG".into(), place.director_cfg().into()));
    let mut words = words.into_iter();
    let Some(program) = words.next() else {
        say("In this shell `conpaas` talks to the nutshell's director; `exit` leaves it.");
        return Ok(attend("bash", &["--norc"], &environment).await?);
    };
    let rest: Vec<OsString> = words.collect();
    Ok(attend(&program.to_string_lossy(), &rest, &environment).await?)
}
