//! What a cloud of plain programs is told.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::config::ContextForm;
use crate::model::CloudName;

/// Disk that volumes must leave free, in bytes.
pub(crate) const DISK_RESERVE: u64 = 64 << 20;

/// What a cloud of plain programs is told. Checked by `ProcessCloud::new`.
#[derive(Debug, Clone)]
pub(crate) struct ProcessSettings {
    /// Its name in the configuration.
    pub name: CloudName,
    /// Holds `nodes/` and `volumes/`.
    pub state_directory: PathBuf,
    /// This program's file.
    pub program: PathBuf,
    /// First address for nodes, in 127.0.0.0/8.
    pub first_address: Ipv4Addr,
    /// Last address for nodes.
    pub last_address: Ipv4Addr,
    /// Port of managers.
    pub manager_port: u16,
    /// Port of agents.
    pub agent_port: u16,
    /// How nodes get their context.
    pub context: ContextForm,
}
