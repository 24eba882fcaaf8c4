//! The mark by which a state directory knows its database again.

use rusqlite::params;

use crate::store::{StoreError, Transaction};

/// The mark of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// No other database has it.
    pub text: String,
    /// How often a director has started with it: an older copy has fewer.
    pub n_starts: i64,
}

/// Returns the mark.
pub(crate) fn get(tx: &Transaction<'_>) -> Result<Mark, StoreError> {
    let read = |row: &rusqlite::Row<'_>| Ok(Mark { text: row.get("mark")?, n_starts: row.get("n_starts")? });
    Ok(tx.query_row("SELECT mark, n_starts FROM mark", [], read)?)
}

/// Records how often a director has started with this database.
pub(crate) fn set_starts(tx: &Transaction<'_>, n_starts: i64) -> Result<(), StoreError> {
    tx.execute("UPDATE mark SET n_starts = ?1", params![n_starts])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    #[test]
    fn no_two_databases_have_one_mark() {
        let (first, second) = (Sample::new(0), Sample::new(0));
        let mark = first.run(get);
        assert_eq!((mark.text.len(), mark.n_starts), (32, 0));
        assert_ne!(mark.text, second.run(get).text);
        first.run(|tx| set_starts(tx, 7));
        assert_eq!(first.run(get), Mark { n_starts: 7, ..mark });
    }
}
