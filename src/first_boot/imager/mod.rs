//! The files that Raspberry Pi Imager leaves on the FAT partition, and the older ones
//! that people know from Raspberry Pi OS, read as data.
//!
//! # Guarantees
//! - Nothing here is ever run. Of a script only the well-known lines are read.
//! - What is not understood is left out and told, in one problem for each file.
//!
//! Must not know: where the files lie, what becomes of the settings.

mod found;
mod network_config;
mod plain;
mod preseed;
mod script;
mod supplicant;
mod user_data;
mod yaml;

use self::found::Found;
use super::settings::{Entry, Problem};

/// Reads the text of a file.
type Reader = fn(&str, &mut Found);

/// Every file that is read, the most important one first.
const FILES: [(&str, Reader); 8] = [
    ("user-data", user_data::read),
    ("network-config", network_config::read),
    ("rpi-preseed.toml", preseed::read),
    ("custom.toml", preseed::read),
    ("firstrun.sh", script::read),
    ("userconf.txt", plain::userconf),
    ("userconf", plain::userconf),
    ("wpa_supplicant.conf", supplicant::read),
];

/// Returns the name of every file that is read, the most important one first.
pub(crate) fn files() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(name, _)| *name)
}

/// Reads one of [`files`]; a file of another name says nothing.
#[must_use]
pub(crate) fn read(name: &str, bytes: &[u8]) -> (Vec<Entry>, Vec<Problem>) {
    let mut found = Found { file: name.to_owned(), entries: Vec::new(), problems: Vec::new() };
    let reader = FILES.iter().find(|(file, _)| *file == name).map(|(_, reader)| reader);
    match (reader, std::str::from_utf8(bytes)) {
        (None, _) => {}
        (_, Err(_)) => found.complain("is not UTF-8 text: not used"),
        (_, Ok(text)) if text.len() > super::settings::MAX_BYTES => found.complain("is too long: not used"),
        (Some(read), Ok(text)) => read(text, &mut found),
    }
    (found.entries, found.problems)
}

#[cfg(test)]
mod tests;
