//! The words of the system as types: ids, names, roles, states and plans.
//!
//! Pure: no I/O, reads no clock, starts nothing. Everything here is made by
//! parsing and needs no second check afterwards.

mod actor;
mod asked_host;
mod certificate_role;
mod code_format;
mod credit;
mod finding;
mod host_name;
mod id;
mod id_pool;
mod name;
mod network;
mod node_needs;
mod node_role;
mod published;
mod running;
mod service_state;
mod state;
mod volume_fate;

pub(crate) use actor::Actor;
pub(crate) use asked_host::AskedHost;
pub use certificate_role::CertificateRole;
pub(crate) use code_format::CodeFormat;
pub(crate) use credit::plan_charge;
pub use finding::{Finding, Verdict};
pub(crate) use host_name::check_host_name;
pub use id::{ApplicationId, NodeGroup, ServiceId, UserId};
pub(crate) use id_pool::{IdMap, IdPool};
pub use name::{CloudName, NodeTag, VolumeName};
pub(crate) use name::{NameError, VolumeTag, is_number};
pub(crate) use network::{Ipv4Network, ParseNetworkError};
pub use node_needs::NodeNeeds;
pub use node_role::NodeRole;
pub(crate) use published::{Protocol, PublishedName};
pub(crate) use running::{RunningMark, SinceBoot};
pub(crate) use service_state::{ServiceEvent, WrongServiceState, next_service};
pub(crate) use state::{ApplicationEvent, State, WrongState, next_application};
pub(crate) use volume_fate::VolumeFate;
