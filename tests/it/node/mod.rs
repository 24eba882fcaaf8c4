//! Manager and agent as processes on loopback.

mod agent;
mod bad_input;
pub(super) mod bench;
mod care;
mod code;
mod crash;
mod director;
mod hostile_agents;
mod kept_volume;
mod lost;
mod manager;
mod operation;
mod pace;
mod program;
mod removed_node;
mod world;
