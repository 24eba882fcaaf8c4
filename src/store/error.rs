//! Why the database did not do what was asked.

use std::path::PathBuf;

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The file cannot be opened, or is no database.
    #[error("cannot open the database {}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// SQLite's words.
        #[source]
        source: rusqlite::Error,
    },
    /// A new file cannot be put in its place.
    #[error("cannot make the database {}", path.display())]
    Make {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The disk does not take what was committed.
    #[error("cannot write {} to the disk", path.display())]
    Settle {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It was written by a newer version of this program.
    #[error("the database {} has version {found}, this program knows {known}: install the newer program again", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: usize,
        /// Ours.
        known: usize,
    },
    /// The file was removed or replaced while it was open.
    #[error("the database {} was removed or replaced while this program uses it: nothing is recorded any more; stop the program, put the file back, start the program again", path.display())]
    Gone {
        /// Which file.
        path: PathBuf,
    },
    /// A page of the file is not what SQLite wrote.
    #[error("the database {} is damaged ({words}): put a backup in its place", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// SQLite's words.
        words: String,
    },
    /// A row that must be unique is there already.
    #[error("it is there already: {0}")]
    Exists(String),
    /// No room, or a broken disk.
    #[error("the database cannot be written: is the disk full?")]
    Full(#[source] rusqlite::Error),
    /// Anything else that SQLite says.
    #[error("the database failed")]
    Sql(#[source] rusqlite::Error),
    /// A row whose content cannot be understood.
    #[error("the database holds a row that cannot be understood: {0}")]
    Corrupt(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => StoreError::Exists(error.to_string()),
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::ReadOnly) => StoreError::Full(error),
            _ => StoreError::Sql(error),
        }
    }
}
