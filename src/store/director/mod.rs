//! The director's database: users, applications, services, nodes, volumes.

pub(crate) mod application;
pub(crate) mod node;
pub(crate) mod running_time;
pub(crate) mod service;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod volume;

use std::path::Path;
use std::str::FromStr;

use rusqlite::types::{FromSql, Type};

use super::{Store, StoreError};

/// All migrations, oldest first.
pub(crate) const MIGRATIONS: &[&str] =
    &[include_str!("001.sql"), include_str!("002_running_time.sql"), include_str!("003_node_token.sql")];

/// Opens the director's database. Blocking.
///
/// # Errors
/// As [`Store::open`].
pub(crate) fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(path, MIGRATIONS)
}

/// Reads a column that holds the text of `T`.
fn parsed<T>(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let text: String = row.get(column)?;
    parse(column, &text)
}

/// Reads a column that holds the text of `T`, or null.
fn parsed_option<T>(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<Option<T>>
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

/// The one row that a query gives, if any.
fn optional<T>(outcome: rusqlite::Result<T>) -> Result<Option<T>, StoreError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn count<T: FromSql>(tx: &super::Transaction<'_>, sql: &str, params: impl rusqlite::Params) -> Result<T, StoreError> {
    Ok(tx.query_row(sql, params, |row| row.get(0))?)
}
