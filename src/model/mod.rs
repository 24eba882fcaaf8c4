//! The words of the system as types: ids, names, roles, states and plans.
//!
//! Pure: no I/O, reads no clock, starts nothing. Everything here is made by
//! parsing and needs no second check afterwards.

mod certificate_role;
mod credit;
mod id;
mod name;
mod network;
mod running;
mod state;

pub use certificate_role::CertificateRole;
pub use credit::{Charge, plan_charge};
pub use id::{ApplicationId, ParseIdError, ServiceId, UserId};
pub use name::{CloudName, NameError, NodeTag, VolumeName};
pub use network::{Ipv4Network, ParseNetworkError};
pub use running::{RunningMark, SinceBoot};
pub use state::{ApplicationEvent, State, WrongState, next_application};
