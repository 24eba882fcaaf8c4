//! The operating system: programs, files, processes, time, randomness.
//!
//! Programs are started here, and by the keepers of [`supervise`](crate::supervise). This room knows nothing of clouds, services or
//! the network protocol. Nothing here blocks an async task without saying so:
//! blocking functions are marked, [`blocking`] is the one place that moves
//! them off the runtime's workers.

pub(crate) mod address;
pub(crate) mod allocator;
pub(crate) mod code_memory;
pub(crate) mod contained;
pub(crate) mod excerpt;
pub(crate) mod file;
pub(crate) mod fingerprint;
pub(crate) mod follow;
pub(crate) mod last_lines;
pub(crate) mod lock;
pub(crate) mod machine;
pub(crate) mod memory;
pub mod mount;
pub(crate) mod pipe;
pub mod process;
pub(crate) mod processors;
pub(crate) mod program;
pub(crate) mod random;
mod removal;
pub(crate) mod resource;
pub mod tree;
pub(crate) mod usage;

use std::panic;

/// Runs blocking work (SQLite, archives, liblxc, file trees) on the threads
/// meant for it.
///
/// # Panics
/// Passes on a panic of `work`.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(payload) => panic::resume_unwind(payload),
            Err(_) => unreachable!("blocking work is never cancelled: nothing keeps its handle"),
        },
    }
}

/// Returns an error and its sources on one line, for people.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
