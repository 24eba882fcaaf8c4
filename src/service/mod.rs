//! The kinds of service: what an application can be made of.
//!
//! A kind is one folder, `<kind>/{mod,manager,agent}.rs`, and one line in
//! [`registry`]. Its manager side ([`ManagerKind`]) plans and directs, its
//! agent side ([`AgentKind`]) works in a node. Parts that several kinds need
//! stand beside the folders: [`archive`], [`code`] (code versions), [`volume`].
//! [`node`] is what a manager and an agent share as programs.
//!
//! Must not know: operations and their steps (the manager's), clouds, users,
//! credits. `docs/new-service.md` shows how a kind is added.

mod agent_calls;
pub(crate) mod code;
mod context;
mod kind;
pub(crate) mod kinds;
mod manager_side;
mod method;
mod plan;
mod registry;
mod role;
mod settings;
pub mod volume;

pub(crate) use agent_calls::Agents;
pub(crate) use context::{ServiceContext, now, take_node};
pub(crate) use kind::{AGENT_LOG, AgentEnvironment, AgentKind, LogFile};
pub(crate) use manager_side::{Counts, WantedNode};
pub(crate) use method::{Call, Method, MethodError, Reply, respond};
pub(crate) use registry::{KINDS, find_agent_type, find_kind};

/// The names of all kinds, in the order in which they are listed.
#[must_use]
pub fn kind_names() -> Vec<&'static str> {
    KINDS.iter().map(|kind| kind.name).collect()
}
