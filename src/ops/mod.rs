//! Work that outlives a request, and tasks that outlive a function.
//!
//! An operation is recorded in its role's [`store`](crate::store) before it
//! acts; each of its steps may be repeated; at start a role resumes or undoes
//! what it finds. This room has what all roles share of that: the tasks of a
//! role, and the points at which tests make a role crash.

mod crash;
mod tasks;

pub use crash::{CRASH_VARIABLE, crash_point};
pub use tasks::{Tasks, stop_requested};
