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

/// Returns the one row that a query answers, if any.
pub(super) fn optional<T>(outcome: rusqlite::Result<T>) -> Result<Option<T>, StoreError> {
    match outcome {
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
    Ok(tx.query_row(sql, params, |row| row.get(0))?)
}
