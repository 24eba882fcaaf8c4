//! The kind `generic`: runs the user's own five scripts on every node.

mod agent;
mod default_code;
mod manager;
mod rollout;
mod scripts;

use crate::service::kind::{Kind, LogFile};

pub(crate) static KIND: Kind =
    Kind { name: "generic", agent_type: "generic", manager: &manager::Generic, agent: agent::make };

/// Where scripts' standard output goes, inside the node.
const AGENT_OUT: LogFile = LogFile { filename: "agent.out", description: "agent output", path: "/root/agent.out" };
/// Where scripts' standard error goes, inside the node.
const AGENT_ERR: LogFile = LogFile { filename: "agent.err", description: "agent error", path: "/root/agent.err" };

const LOGS: &[LogFile] = &[AGENT_OUT, AGENT_ERR];
