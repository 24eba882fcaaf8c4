//! What was found in one file: entries in the form of `conpaas.txt`, and problems.

use super::super::settings::{Entry, Origin, Problem, is_secret};

/// The entries and problems of one file.
pub(super) struct Found {
    pub(super) file: String,
    pub(super) entries: Vec<Entry>,
    pub(super) problems: Vec<Problem>,
}

impl Found {
    /// An empty value says nothing.
    pub(super) fn add(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        if value.chars().any(char::is_control) {
            let text = "has characters that cannot be printed: not used";
            let origin = Some(Origin::file(&self.file));
            self.problems.push(Problem { origin, key: Some(key.to_owned()), text: text.to_owned() });
            if is_secret(key) {
                self.entries.push(Entry::refused(key, Origin::file(&self.file)));
            }
        } else if !value.is_empty() {
            self.entries.push(Entry { key: key.to_owned(), value, origin: Origin::file(&self.file) });
        }
    }

    /// The name of a wireless network is bytes, mostly a text.
    pub(super) fn add_wifi_name(&mut self, octets: &[u8]) {
        match std::str::from_utf8(octets) {
            Ok(text) if !text.chars().any(char::is_control) => self.add("wifi_name", text),
            _ => self.add("wifi_name_hex", octets.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        }
    }

    pub(super) fn complain(&mut self, text: impl Into<String>) {
        self.problems.push(Problem::at(Origin::file(&self.file), text));
    }

    /// One problem for everything that means nothing here.
    pub(super) fn ignore(&mut self, what: &[String]) {
        if !what.is_empty() {
            self.complain(format!("not used here: {}", what.join(", ")));
        }
    }
}
