//! The resource object: one node that costs credits (`docs/reference/director-api.md` §4).

use serde::{Deserialize, Serialize};

use crate::model::{ApplicationId, NodeRole, ServiceId};

/// What `/list_resources` says of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResourceView {
    /// The application's name.
    pub app_name: String,
    /// Local time of creation, `YYYY-MM-DD HH:MM:SS.ffffff`.
    pub created: String,
    /// Its address.
    pub ip: String,
    /// The cloud's id of the node; unique.
    pub vmid: String,
    /// The application.
    pub app_id: ApplicationId,
    /// The program in it.
    pub role: NodeRole,
    /// The service, 0 for the manager.
    pub service_id: ServiceId,
    /// Row number.
    pub rid: i64,
    /// The cloud as users know it (`default`).
    pub cloud: String,
    /// Credits charged for it so far.
    pub charged: i64,
}
