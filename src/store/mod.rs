//! What must outlive a crash: SQLite databases, one per role.
//!
//! The only room with SQL. Each role has a folder with its numbered
//! migrations and one file per noun; their functions take a [`Transaction`].
//! Databases run in WAL mode with `synchronous=FULL`: what a transaction
//! committed survives a power cut. Writes are few, an SD card must last.
//! What would be found out again anyway is only noted ([`Store::note`]).

mod database;
pub(crate) mod director;
mod error;
pub(crate) mod manager;
mod version;

pub(crate) use database::Store;
pub(crate) use error::StoreError;
pub(crate) use rusqlite::Transaction;
pub(crate) use version::Version;
