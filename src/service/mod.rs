//! The kinds of service: what an application can be made of.
//!
//! A kind is one folder, `kinds/<kind>/{mod,manager,agent}.rs`, and one line in [`registry`]. Its
//! manager side ([`manager_side`]) plans and directs, its agent side ([`agent_side`]) works in a node.
//! Each side has one table of methods ([`method`]). Parts that several kinds need stand beside the
//! folders: [`code`] (code versions) and [`volume`]; a kind gets them by listing their methods in its
//! tables.
//!
//! Must not know: operations and their steps (the manager's), clouds, users, credits.
//! `docs/new-service.md` shows how a kind is added.

pub(crate) mod account;
mod agent_calls;
mod agent_side;
mod call;
pub(crate) mod care;
mod change;
pub(crate) mod code;
mod context;
pub(crate) mod environment;
mod error;
pub(crate) mod git;
pub(crate) mod home;
mod kind;
pub(crate) mod kinds;
mod log_file;
mod manager_side;
mod manifest;
mod method;
pub(crate) mod plan;
mod registry;
pub(crate) mod reply;
mod role;
mod settings;
pub(crate) mod shared_mount;
pub mod volume;
pub(crate) mod wanted_file;
pub(crate) mod web;

pub(crate) use agent_calls::Agents;
pub(crate) use agent_side::{AgentEnvironment, AgentKind};
pub(crate) use call::Call;
pub(crate) use change::Change;
pub(crate) use context::{ServiceContext, now, take_node};
pub(crate) use error::MethodError;
pub(crate) use kind::Kind;
pub(crate) use log_file::{AGENT_LOG, LogFile, LogPart, MAX_LOG_ANSWER_BYTES};
pub(crate) use manager_side::{NodeSettings, Settling};
pub(crate) use manifest::ManifestKeys;
pub(crate) use method::{BoundMethod, Method, bind, find, get, not_found, post, upload};
pub use registry::kind_names;
pub(crate) use registry::{KINDS, find_agent_type, find_kind};
pub(crate) use reply::{Reply, respond};
pub(crate) use role::{Counts, Player};
pub(crate) use settings::Document;
