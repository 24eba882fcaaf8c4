//! Where the programs of shared storage listen.

use crate::service::shared_mount;

/// Where a master answers those who keep copies of its metadata.
pub(super) const LOGGERS: u16 = 9419;
/// Where a master answers servers with data.
pub(super) const SERVERS: u16 = 9420;
/// Where a master answers clients.
pub(super) const CLIENTS: u16 = shared_mount::PORT;
/// Where a server with data answers clients and other servers.
pub(super) const DATA: u16 = 9422;
