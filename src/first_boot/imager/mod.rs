//! The files that Raspberry Pi Imager leaves on the FAT partition, and the older ones
//! that people know from Raspberry Pi OS, read as data.
//!
//! # Guarantees
//! - Nothing here is ever run. Of a script only the well-known lines are read.
//! - What is not understood is left out and told, in one problem for each file.
//!
//! Must not know: where the files lie, what becomes of the settings.

mod network_config;
mod plain;
mod script;
mod user_data;
mod yaml;

use super::settings::{Entry, Origin, Problem};

/// Every file that is read, the most important one first.
pub(crate) const FILES: &[&str] =
    &["user-data", "network-config", "firstrun.sh", "userconf.txt", "userconf", "wpa_supplicant.conf"];

/// Reads one of [`FILES`].
#[must_use]
pub(crate) fn read(name: &str, bytes: &[u8]) -> (Vec<Entry>, Vec<Problem>) {
    let mut found = Found { file: name.to_owned(), entries: Vec::new(), problems: Vec::new() };
    let Ok(text) = std::str::from_utf8(bytes) else {
        found.complain("is not UTF-8 text: not used");
        return (found.entries, found.problems);
    };
    if text.len() > super::settings::MAX_BYTES {
        found.complain("is too long: not used");
        return (found.entries, found.problems);
    }
    match name {
        "user-data" => user_data::read(text, &mut found),
        "network-config" => network_config::read(text, &mut found),
        "firstrun.sh" => script::read(text, &mut found),
        "wpa_supplicant.conf" => plain::wpa_supplicant(text, &mut found),
        _ => plain::userconf(text, &mut found),
    }
    (found.entries, found.problems)
}

/// The entries and problems of one file.
struct Found {
    file: String,
    entries: Vec<Entry>,
    problems: Vec<Problem>,
}

impl Found {
    /// An empty value says nothing.
    fn add(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() && !value.chars().any(char::is_control) {
            self.entries.push(Entry { key: key.to_owned(), value, origin: Origin::file(&self.file) });
        }
    }

    fn complain(&mut self, text: impl Into<String>) {
        self.problems.push(Problem::at(Origin::file(&self.file), text));
    }

    /// One problem for everything that means nothing here.
    fn ignore(&mut self, what: &[String]) {
        if !what.is_empty() {
            self.complain(format!("not used here: {}", what.join(", ")));
        }
    }
}

#[cfg(test)]
mod tests;
