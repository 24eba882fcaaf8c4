//! The logs that nodes of a generic service offer besides their agent's own.

use crate::service::log_file::LogFile;

/// Where scripts' standard output goes, inside the node.
pub(super) const AGENT_OUT: LogFile =
    LogFile { filename: "agent.out", description: "agent output", path: "/root/agent.out" };
/// Where scripts' standard error goes, inside the node.
pub(super) const AGENT_ERR: LogFile =
    LogFile { filename: "agent.err", description: "agent error", path: "/root/agent.err" };

/// All of them.
pub(super) const LOGS: &[LogFile] = &[AGENT_OUT, AGENT_ERR];
