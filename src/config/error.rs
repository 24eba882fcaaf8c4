//! The reasons why a configuration is refused, each with file, section and key.

use std::path::PathBuf;

use crate::sys::file::FileError;

/// Why a configuration is refused: which file, section and key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or not readable.
    #[error("no configuration")]
    File(#[from] FileError),
    /// A line that is neither section, nor `key = value`, nor a comment.
    #[error("{}: line {line}: {problem}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A section that means nothing here.
    #[error("{}: unknown section [{section}]; known here: {known}", file.display())]
    UnknownSection {
        /// The file.
        file: PathBuf,
        /// The section.
        section: String,
        /// The sections that mean something, as a list for people.
        known: String,
    },
    /// A key that is unknown, missing, or has a value that cannot be used.
    #[error("{}: [{section}] {key}: {problem}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// The section.
        section: String,
        /// The key, as its documentation spells it.
        key: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A cloud's section as a whole; the texts of upstream's director.
    #[error("{}: {problem}", file.display())]
    Cloud {
        /// The file.
        file: PathBuf,
        /// Upstream's text, or ours for a driver that is not there.
        problem: String,
    },
    /// Upstream's text for a client's `debug` that is no truth value.
    #[error("Option 'debug' in configuration file cps-tools.conf must be 'true' or 'false'.")]
    Debug,
}
