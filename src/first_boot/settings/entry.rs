//! Entries of the sources and problems with them, each with its place.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The place of an entry or a problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the file.
    pub file: String,
    /// Its line, from 1, where lines mean something.
    pub line: Option<usize>,
}

impl Origin {
    /// Returns a whole file.
    #[must_use]
    pub fn file(name: &str) -> Self {
        Origin { file: name.to_owned(), line: None }
    }

    /// Returns a line of a file, from 1.
    #[must_use]
    pub fn line(name: &str, line: usize) -> Self {
        Origin { file: name.to_owned(), line: Some(line) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, line {line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// One `key = value`. The value may be a secret: no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The key, in small letters.
    pub key: String,
    /// The value as written, without the blanks around it.
    pub value: String,
    /// Its place.
    pub origin: Origin,
}

impl Entry {
    /// Returns whether this is what was left when `value` was taken off the card: the
    /// same length, and stars in the place of some or all characters. A power
    /// cut may have left a part of it.
    #[must_use]
    pub fn is_remnant_of(&self, value: &str) -> bool {
        let mut pairs = self.value.bytes().zip(value.bytes());
        self.value.len() == value.len()
            && self.value.contains(char::from(MASK))
            && pairs.all(|(left, was)| left == was || left == MASK)
    }

    /// Returns an entry whose value was refused already, and is known to have been there.
    #[must_use]
    pub(crate) fn refused(key: &str, origin: Origin) -> Self {
        Entry { key: key.to_owned(), value: char::REPLACEMENT_CHARACTER.to_string(), origin }
    }

    /// Returns whether this is what [`Entry::refused`] made.
    #[must_use]
    pub(crate) fn is_refused(&self) -> bool {
        self.value.chars().eq([char::REPLACEMENT_CHARACTER])
    }

    /// Returns whether nothing but stars is left of the value.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        self.value.bytes().all(|byte| byte == MASK)
    }
}

/// Stands in the place of each byte of a secret that was taken off the card.
pub(crate) const MASK: u8 = b'*';

/// Something in the sources that is not used, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Its place; none for a problem of all sources together.
    pub origin: Option<Origin>,
    /// The key it is about.
    pub key: Option<String>,
    /// The sentence that says what is wrong and what would be right. Never a secret.
    pub text: String,
}

impl Problem {
    /// Returns a problem with one entry.
    #[must_use]
    pub fn with(entry: &Entry, text: impl Into<String>) -> Self {
        Problem { origin: Some(entry.origin.clone()), key: Some(entry.key.clone()), text: text.into() }
    }

    /// Returns a problem at one place.
    #[must_use]
    pub fn at(origin: Origin, text: impl Into<String>) -> Self {
        Problem { origin: Some(origin), key: None, text: text.into() }
    }

    /// Returns a problem with a key as all sources together have it.
    #[must_use]
    pub fn of_key(key: &str, text: impl Into<String>) -> Self {
        Problem { origin: None, key: Some(key.to_owned()), text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.text)
    }
}
