//! Commands that the owner of the application has run in this node.
//!
//! - [`input`]: what it reads while it runs, also in a terminal.
//! - [`run`]: one command: its files, its processes, its end.
//! - [`table`]: those that run, and the methods.
//!
//! # Guarantees
//! - A command ends with its caller: when nobody asks for its output any more, at its time limit, when it says too much, and
//!   with the agent. Nothing that it started stays, as with scripts.
//! - What it says takes bounded disk, and memory for one answer.
//! - Who runs what stands in the agent's log before it runs.

mod input;
mod run;
mod table;

pub(super) use table::Execs;
