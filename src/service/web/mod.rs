//! What services of web sites share: the kinds php and java.
//!
//! A node plays one or more of three roles. A *proxy* takes requests of visitors (port 80) and serves static files
//! by itself while no node plays *web* alone. A *web* node serves static files (port 8080). A *backend* runs the
//! user's program (port 9000). [`agent`] is the node's side of both kinds.
//!
//! Must not know: what a backend runs; that is the kind's.

pub(crate) mod agent;
pub(crate) mod document_root;
mod hooks;
mod logs;
mod methods;
pub(crate) mod plan;
pub(crate) mod proxy_log;
pub(crate) mod reload;
mod roles;
pub(crate) mod war;

use super::care::Care;

pub(crate) use hooks::{get_nginx_hooks, set_nginx_hook};
pub(crate) use logs::{java_logs, php_logs};
pub(crate) use methods::{
    SiteSettings, Weights, get_node_info, list_nodes, migrate_nodes, start_counts, update_weights, with_nodes,
};
pub(crate) use roles::{PROXY, ROLES, check_addition, check_removal};

/// Where proxies listen.
pub(crate) const PROXY_PORT: u16 = 80;
/// Where web nodes listen.
pub(crate) const WEB_PORT: u16 = 8080;
/// Where backends listen.
pub(crate) const BACKEND_PORT: u16 = 9000;
/// Where the sessions of visitors are kept.
pub(crate) const SESSION_PORT: u16 = 6379;
/// How their nodes are looked after.
pub(crate) const CARE: Care =
    Care { figures: "getFigures", scaled_role: roles::BACKEND, front_door: (PROXY, PROXY_PORT) };
/// The type of the agents of both kinds.
pub(crate) const AGENT_TYPE: &str = "web";
