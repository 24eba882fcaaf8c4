//! Looks after services that work, one by one and beside each other ([`watch`]): every few seconds their nodes are asked
//! what they do. A kind says by data how that is done for it (its care, see [`round`]), or does it by itself (its
//! `settle`, see [`tend`]).
//!
//! ```text
//!   a node does not answer several times ──▶ told in the history; made anew by an operation (heal_nodes)
//!   too much or too little to do ──────────▶ nodes are added or removed by the ordinary operations
//!   nodes do not work together ────────────▶ told in the log; the kind does what they need for it
//! ```
//!
//! What is done is decided elsewhere ([`crate::service::care`]); what must survive a restart is in the store.

mod absent;
mod pulse;
mod round;
mod scale;
mod tend;
mod volumes;
mod watch;

pub(crate) use watch::look_after;
