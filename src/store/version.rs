//! Which state of a database something was read from.

use rusqlite::Transaction;

use super::error::StoreError;

/// A state of a database, for as long as this process has it open: two that are equal have the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    /// Rows that this process has changed.
    own: u64,
    /// What SQLite counts of other processes.
    others: i64,
}

impl Version {
    /// Returns what the transaction sees.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn of(tx: &Transaction<'_>) -> Result<Version, StoreError> {
        let others = tx.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?;
        Ok(Version { own: tx.total_changes(), others })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    #[test]
    fn it_differs_whenever_a_row_does_whoever_changed_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let open = || Store::open(&path, &["CREATE TABLE a (x INTEGER)"]).unwrap();
        let (store, other) = (open(), open());
        let now = || store.write_blocking(Version::of).unwrap();
        let insert = |store: &Store| {
            store
                .write_blocking(|tx| Ok::<_, StoreError>(tx.execute("INSERT INTO a VALUES (1)", []).map(drop)?))
                .unwrap();
        };
        let first = now();
        assert_eq!(now(), first, "a look changes nothing");
        insert(&store);
        let second = now();
        insert(&other);
        let third = now();
        assert!(first != second && second != third && third == now());
    }
}
