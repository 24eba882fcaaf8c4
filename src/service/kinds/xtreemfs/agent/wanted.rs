//! What a node is to run: written down before anything is done about it.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::api::xtreemfs::MasterWish;

/// What a node is to run.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// Where the metadata of this node is, or its copy: chosen once.
    pub metadata: Option<PathBuf>,
    /// Where the data of this node is: chosen once.
    pub data: Option<PathBuf>,
    /// The metadata.
    pub master: Option<MasterWish>,
    /// A copy of the metadata, by the address of the master.
    pub logger: Option<Ipv4Addr>,
    /// A part of the data.
    pub server: Option<Server>,
}

/// A server with data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Server {
    /// The address of the master.
    pub master: Ipv4Addr,
    /// What servers of this service prove each other by.
    pub auth_code: String,
    /// Whether all that it has is to be elsewhere.
    pub is_leaving: bool,
    /// What volumes choose it by, a letter each.
    #[serde(default)]
    pub labels: String,
}
