//! The kind `generic`: runs the user's own five scripts on every node.

mod agent;
mod calls;
mod code_notes;
mod command;
mod default_code;
mod logs;
mod manager;
mod plan;
mod script_text;
mod scripts;
mod scripts_on_nodes;
mod similar;

use crate::service::kind::Kind;

pub(crate) static KIND: Kind =
    Kind { name: "generic", agent_type: "generic", manager: &manager::Generic, agent: agent::make };
