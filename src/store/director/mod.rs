//! The director's database: users, applications, services, nodes, volumes.
//!
//! One file for each noun, functions on a [`Transaction`].
//! Every one of them fails when the database does; only what else can go
//! wrong is said beside it. Must not know: what the rows are for.

pub(crate) mod application;
pub(crate) mod event;
pub(crate) mod external_login;
pub(crate) mod invitation;
pub(crate) mod manifest;
pub(crate) mod mark;
pub(crate) mod node;
pub(crate) mod orphan;
pub(crate) mod outcome;
pub(crate) mod published;
mod row;
pub(crate) mod running_time;
#[cfg(test)]
pub(crate) mod sample;
pub(crate) mod service;
pub(crate) mod token;
pub(crate) mod totp;
pub(crate) mod user;
pub(crate) mod volume;

use std::path::Path;

use super::{Store, StoreError, Transaction};

/// All migrations, oldest first.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("001.sql"),
    include_str!("002_running_time.sql"),
    include_str!("003_node_token.sql"),
    include_str!("004_orphan.sql"),
    include_str!("005_outcome.sql"),
    include_str!("006_kept_volume.sql"),
    include_str!("007_removal.sql"),
    include_str!("008_manifest.sql"),
    include_str!("009_published.sql"),
    include_str!("010_event.sql"),
    include_str!("011_administrator.sql"),
    include_str!("012_totp.sql"),
    include_str!("013_force_https.sql"),
    include_str!("014_external_login.sql"),
    include_str!("015_invitation.sql"),
];

/// Returns a line for each row that cannot be read.
pub(crate) fn unreadable(tx: &Transaction<'_>) -> Result<Vec<String>, StoreError> {
    let mut lines = row::unreadable(tx, "user", user::read)?;
    lines.extend(row::unreadable(tx, "application", application::read_sound)?);
    lines.extend(row::unreadable(tx, "service", service::read)?);
    lines.extend(row::unreadable(tx, "node", node::read)?);
    lines.extend(row::unreadable(tx, "volume", volume::read)?);
    lines.extend(row::unreadable(tx, "published", published::read)?);
    Ok(lines)
}

/// Opens the director's database. Blocking.
///
/// # Errors
/// As [`Store::open`].
pub(crate) fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(path, MIGRATIONS)
}
