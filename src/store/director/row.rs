//! How rows and columns are read.

use std::str::FromStr;

use rusqlite::Transaction;
use rusqlite::types::{FromSql, Type};

use crate::store::StoreError;

/// Reads a column that holds the text of `T`.
pub(super) fn parsed<T>(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text: String = row.get(column)?;
    parse(column, &text)
}

/// Reads a column that holds the text of `T`, or null.
pub(super) fn parsed_option<T>(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<Option<T>>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text: Option<String> = row.get(column)?;
    text.map(|text| parse(column, &text)).transpose()
}

/// Returns the error of a column `phase` that holds no phase.
pub(super) fn unknown(phase: &str) -> rusqlite::Error {
    let text = format!("column phase: '{}' is no phase", phase.escape_debug());
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, text.into())
}

fn parse<T>(column: &str, text: &str) -> rusqlite::Result<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| {
        let text = format!("column {column}: {error}");
        rusqlite::Error::FromSqlConversionFailure(0, Type::Text, text.into())
    })
}

/// Returns the rows of a table that can be read, and says in the log that one
/// cannot: a damaged row is not to hide all others.
pub(super) fn readable<T>(table: &str, rows: impl Iterator<Item = rusqlite::Result<T>>) -> Result<Vec<T>, StoreError> {
    let mut readable = Vec::new();
    for row in rows {
        match row {
            Ok(row) => readable.push(row),
            Err(error) if is_unreadable(&error) => {
                tracing::error!(table, error = %error, "a row of the database cannot be read; 'conpaas director check' says which");
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(readable)
}

/// Returns a line for each row of a table that cannot be read.
pub(super) fn unreadable<T>(
    tx: &Transaction<'_>,
    table: &str,
    read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<String>, StoreError> {
    let mut statement = tx.prepare(&format!("SELECT rowid AS number_of_row, * FROM {table}"))?;
    let mut rows = statement.query([])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        if let Err(error) = read(row) {
            let number: i64 = row.get("number_of_row")?;
            lines.push(format!("row {number} of table {table} cannot be read: {error}"));
        }
    }
    Ok(lines)
}

/// Whether only this row is damaged, and not the database.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    matches!(
        error,
        Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..)
    )
}

/// Returns the first row that a query answers, if any. The query is kept ready for the next time.
pub(super) fn one<T>(
    tx: &Transaction<'_>,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, StoreError> {
    match tx.prepare_cached(sql)?.query_row(params, read) {
        Ok(value) => Ok(Some(value)),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns the one value of the one row that a query answers.
pub(super) fn value<T: FromSql>(
    tx: &Transaction<'_>,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<T, StoreError> {
    Ok(tx.prepare_cached(sql)?.query_row(params, |row| row.get(0))?)
}
