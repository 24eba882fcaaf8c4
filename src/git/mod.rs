//! What runs as the account `git` in a manager's node when somebody clones or pushes.
//!
//! - [`serve()`]: the one command that the SSH server runs, whatever was asked for.
//! - [`request`]: what a visitor may ask for; [`room`]: what that may cost.
//! - [`hook()`]: what git runs before and after it takes a push.
//! - [`check`]: what a push may not bring.
//!
//! # Guarantees
//! - Only the manager's repository is read and written, by `git upload-pack` and `git receive-pack`.
//! - A push costs bounded memory, time, disk and objects. One that is refused leaves nothing.
//!
//! Must not know: services; the manager, but for the socket by which it is told of a push.

mod check;
mod hook;
mod request;
mod room;
mod serve;

pub(crate) use hook::hook;
pub(crate) use serve::serve;
