//! The director's database: users, applications, services, nodes, volumes.
//!
//! One file for each noun, functions on a [`Transaction`](super::Transaction).
//! Every one of them fails when the database does; only what else can go
//! wrong is said beside it. Must not know: what the rows are for.

pub(crate) mod application;
pub(crate) mod node;
mod row;
pub(crate) mod running_time;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod service;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod volume;

use std::path::Path;

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
