//! Work that outlives a request, and tasks that outlive a function.
//!
//! An operation is recorded in its role's [`store`](crate::store) before it
//! acts; each of its steps may be repeated; at start a role resumes or undoes
//! what it finds. This room has what all roles share of that: the tasks of a
//! role, and the points at which tests make a role crash.

pub mod backoff;
mod crash_point;
pub(crate) mod keyed_lock;
pub(crate) mod poll;
pub(crate) mod repeat;
mod set;

pub use crash_point::CRASH_VARIABLE;
pub(crate) use crash_point::crash_point;
pub use set::Tasks;
pub(crate) use set::stop_requested;
