//! What was found in one file: entries in the form of `conpaas.txt`, and problems.

use super::super::settings::{Entry, Origin, Problem};

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
        if !value.is_empty() && !value.chars().any(char::is_control) {
            self.entries.push(Entry { key: key.to_owned(), value, origin: Origin::file(&self.file) });
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
