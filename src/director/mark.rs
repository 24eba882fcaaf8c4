//! Whether the database is the one that the state directory belongs to.
//!
//! The directory bears the mark of its database and how often a director has
//! started with it. A database that was made anew, comes from elsewhere or is
//! an older copy does not know what the clouds hold: absence from it says nothing.

use std::path::Path;

use super::error::Failure;
use super::state::Director;
use crate::store::Store;
use crate::store::director::mark::{self, Mark};
use crate::sys::file::{self, FileError};
use crate::sys::{self, chain};

/// What the mark in the state directory says of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// There is no mark yet.
    Unmarked,
    /// It is this one's.
    Own,
    /// It is this one's, and this one is an older copy of it.
    Older,
    /// It is another database's, or cannot be read.
    Foreign,
}

const FILE: &str = "database-mark";

/// Compares the mark in the state directory with the database's. Blocking.
///
/// # Errors
/// The database or the directory cannot be read.
pub(crate) fn look(store: &Store, state_dir: &Path) -> Result<Ownership, Failure> {
    let own = store.write_blocking(|tx| Ok::<_, Failure>(mark::get(tx)?))?;
    Ok(match read(state_dir)? {
        Recorded::Nothing => Ownership::Unmarked,
        Recorded::Mark(recorded) if recorded.text == own.text && recorded.n_starts <= own.n_starts => Ownership::Own,
        Recorded::Mark(recorded) if recorded.text == own.text => Ownership::Older,
        Recorded::Mark(_) | Recorded::Unreadable => Ownership::Foreign,
    })
}

/// Makes the database the one that the state directory belongs to, and counts a start. Blocking.
///
/// # Errors
/// The database or the directory cannot be written.
pub(crate) fn claim(store: &Store, state_dir: &Path) -> Result<(), Failure> {
    let recorded = match read(state_dir)? {
        Recorded::Mark(recorded) => recorded.n_starts,
        Recorded::Nothing | Recorded::Unreadable => 0,
    };
    let claimed = store.write_blocking(|tx| {
        let own = mark::get(tx)?;
        let n_starts = own.n_starts.max(recorded) + 1;
        mark::set_starts(tx, n_starts)?;
        Ok::<_, Failure>(Mark { n_starts, ..own })
    })?;
    // A crash before this line leaves a database that is ahead, which is no older copy.
    let text = format!("{} {}\n", claimed.text, claimed.n_starts);
    file::write_atomic(&state_dir.join(FILE), text.as_bytes(), 0o600).map_err(|error| internal(&error))
}

/// Returns whether the state directory belongs to the director's database; not if that is unknown.
pub(crate) async fn is_own(director: &Director) -> bool {
    let (store, state_dir) = (director.store.clone(), director.config.state_dir.clone());
    match sys::blocking(move || look(&store, &state_dir)).await {
        Ok(ownership) => ownership == Ownership::Own,
        Err(error) => {
            tracing::error!(error = %chain(&error), "cannot tell whether the database is the state directory's");
            false
        }
    }
}

enum Recorded {
    Nothing,
    Mark(Mark),
    Unreadable,
}

fn read(state_dir: &Path) -> Result<Recorded, Failure> {
    let bytes = match file::read(&state_dir.join(FILE)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Recorded::Nothing),
        other => other.map_err(|error| internal(&error))?,
    };
    let text = String::from_utf8_lossy(&bytes);
    let parsed = text.trim().split_once(' ').and_then(|(text, n)| Some((text.to_owned(), n.parse().ok()?)));
    Ok(parsed.map_or(Recorded::Unreadable, |(text, n_starts)| Recorded::Mark(Mark { text, n_starts })))
}

fn internal(error: &FileError) -> Failure {
    Failure::Internal(chain(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::director::sample::Sample;

    #[test]
    fn a_directory_knows_its_database_from_others_and_from_older_copies() {
        let (own, other) = (Sample::new(0), Sample::new(0));
        let directory = tempfile::tempdir().unwrap();
        let look = |sample: &Sample| look(&sample.store, directory.path()).unwrap();
        assert_eq!(look(&own), Ownership::Unmarked);
        claim(&own.store, directory.path()).unwrap();
        assert_eq!((look(&own), look(&other)), (Ownership::Own, Ownership::Foreign));
        let copy = directory.path().join("copy.db");
        own.store.copy_to(&copy).unwrap();
        claim(&own.store, directory.path()).unwrap();
        assert_eq!(look(&own), Ownership::Own);
        let copy = crate::store::director::open(&copy).unwrap();
        assert_eq!(super::look(&copy, directory.path()).unwrap(), Ownership::Older);
        claim(&copy, directory.path()).unwrap();
        assert_eq!(super::look(&copy, directory.path()).unwrap(), Ownership::Own);
        assert_eq!(look(&own), Ownership::Older, "there is one that is ahead now");
    }

    #[test]
    fn a_mark_that_cannot_be_read_is_no_absence() {
        let sample = Sample::new(0);
        let directory = tempfile::tempdir().unwrap();
        for text in ["", "x", "\0\0\0", "mark with-no-number"] {
            std::fs::write(directory.path().join(FILE), text).unwrap();
            assert_eq!(look(&sample.store, directory.path()).unwrap(), Ownership::Foreign, "{text:?}");
        }
    }
}
