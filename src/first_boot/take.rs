//! Takes the first login: once, whoever comes first.
//!
//! # Guarantees
//! - A taker holds a lock, and has the passwords only after the file is off the disk.
//! - A power cut leaves them untaken, or taken and gone.

use super::error::FirstBootError;
use super::place::Place;
use super::{console, login};
use crate::api::first_boot::FirstLogin;
use crate::task::crash_point;

/// Removes the first login and returns it; `None` when it was taken before
/// or there never was one. The console stops showing it. Blocking.
///
/// # Errors
/// The file cannot be read or removed: then nobody has it.
pub(crate) fn take_first_login(place: &Place) -> Result<Option<FirstLogin>, FirstBootError> {
    let _held = login::lock(place)?;
    let Some(first_login) = login::read(place)? else { return Ok(None) };
    login::remove(place)?;
    crash_point("first-boot.login.taken");
    // The login is out of this machine now: whatever the console does, it must be given.
    if let Err(error) = console::show(place) {
        eprintln!("the console may still show it: {}", crate::sys::chain(&error));
    }
    Ok(Some(first_login))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::first_boot::Login;

    #[test]
    fn the_first_login_is_given_once_and_leaves_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::new(directory.path(), None);
        place.ensure_state().unwrap();
        assert!(take_first_login(&place).unwrap().is_none());
        let made_up = Login { name: "pi".to_owned(), password: "k7mw-x2ph".to_owned() };
        login::keep(&place, &FirstLogin { conpaas: None, system: Some(made_up) }).unwrap();
        let taken = take_first_login(&place).unwrap().and_then(|login| login.system);
        assert_eq!(taken.map(|login| login.password).as_deref(), Some("k7mw-x2ph"));
        assert!(!place.first_login().exists());
        assert!(take_first_login(&place).unwrap().is_none());
    }
}
