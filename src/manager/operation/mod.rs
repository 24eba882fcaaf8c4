//! Operations: work that outlives the request that asked for it.
//!
//! ```text
//!   submit: recorded with the service's new state, which allows it (one transaction)
//!      │
//!      ▼            every step repeatable, each noted when it is done
//!   carry out ──▶ step ──▶ step ──▶ finished: last state, outcome and removal of the record (one transaction)
//!      │ a step fails, or the operation was broken off too often
//!      ▼
//!   failure noted ──▶ undo ──▶ the state that a failure leads to, with the reason
//! ```
//!
//! # Guarantees
//! - Operations of one service run one after the other.
//! - An operation whose service is being stopped ends at its next step; what
//!   it made is given back by it or by the stop.
//! - How an operation ended is told to whoever asks by its id (`get_operation`).
//! - Nodes that could not be given back are given back by [`mod@sweep`].

mod adapt;
mod apply;
mod carry_out;
mod heal;
mod kept_volumes;
mod mounts;
mod nodes_in;
mod nodes_out;
mod step;
mod submit;
mod sweep;
mod task;
mod volumes;

pub(crate) use kept_volumes::kept_row;
pub(crate) use submit::{resume, submit, submit_removal, submit_stop, submit_with};
pub(crate) use sweep::sweep;
pub(crate) use task::Task;
