//! Programs that outlive the process that started them.
//!
//! - [`script`]: a program that runs to its end, once.
//! - [`daemon`]: programs that serve for as long as they are wanted.
//! - [`keeper`]: the small process that stays beside each of them, and writes down how it ends.
//!
//! What starts a program anywhere shares the parts of this room, of `sys` and
//! of `task`: spawn ([`program`](crate::sys::program)), identity and waiting
//! ([`process`](crate::sys::process)), pauses
//! ([`backoff`](crate::task::backoff)), signals and reaping ([`signals`],
//! [`ending`]).
//! Two loops stay apart. PID 1 ([`init`](crate::init)) has to reap everything and may keep no
//! runtime, so it runs a loop of its own. The nutshell and the process cloud end with
//! the machine's session and restart nothing, so they keep no state.
//!
//! Must not know: services, their kinds, the cloud, what a program is good for.

pub mod daemon;
pub(crate) mod ending;
pub(crate) mod keeper;
mod output;
mod record;
pub(crate) mod script;
pub(crate) mod signals;
pub(crate) mod terminal;
