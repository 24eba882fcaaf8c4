//! Looks after services that work: every few seconds their nodes are asked what they do.
//!
//! ```text
//!   a node does not answer several times ──▶ told in the history; made anew by an operation (heal_nodes)
//!   too much or too little to do ──────────▶ nodes are added or removed by the ordinary operations
//! ```
//!
//! What is done is decided elsewhere ([`crate::service::care`]); what must survive a restart is in the store.

mod absent;
mod pulse;
mod round;
mod scale;

pub(crate) use absent::Absence;
pub(crate) use round::look_after;
