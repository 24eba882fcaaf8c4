//! The contract: wire types, parameter rules and texts of director, manager
//! and agent, as ConPaaS 2.0 has them. No I/O.
//!
//! A field that upstream does not have is optional and left out when it says
//! nothing new, so that old clients see what they always saw.

mod administration;
pub(crate) mod agent;
mod application;
pub(crate) mod environment;
mod event;
pub(crate) mod exec;
mod external;
pub(crate) mod figures;
pub mod first_boot;
mod join;
pub(crate) mod manager;
pub(crate) mod mysql;
mod node;
pub(crate) mod node_metrics;
mod operation;
mod outcome;
pub(crate) mod params;
mod published;
pub(crate) mod python;
mod resource;
mod service;
pub(crate) mod texts;
pub(crate) mod totp;
mod user;
mod volume;
pub(crate) mod web;
pub(crate) mod xtreemfs;

pub(crate) use administration::{CheckView, CloudView, FindingVerdict, FindingView, InvitationView, NewInvitationView};
pub(crate) use application::ApplicationView;
pub(crate) use event::{EventView, EventsView, HeardView, MAX_TOLD_EVENTS, ToldEvent};
pub(crate) use external::{ExternalBegunView, ExternalLinkView, ExternalNext, ExternalProviderView, ExternalShownView};
pub use join::{JoinFile, JoinView};
pub use node::{NodeRequest, NodeView};
pub(crate) use node::{NodeVolume, VolumeIdView, VolumeRequest};
pub(crate) use operation::{
    Accepted, KNOWN, LIST_FINGERPRINT_BYTES, ManifestView, OperationStatus, OperationView, WAIT_FOR, wait_for,
};
pub(crate) use outcome::{Done, ErrorView, IsErrorView};
pub(crate) use published::{
    DoorView, IngressSite, IngressView, PublishedView, SiteState, SiteVisits, Troubles, VisitsView,
};
pub(crate) use resource::ResourceView;
pub(crate) use service::{ServiceAndApplication, ServiceView};
pub(crate) use totp::{RecoveryCodesView, TotpSecretView, TotpView};
pub(crate) use user::{CreditView, ManagedUserView, UserView};
pub(crate) use volume::{KeptVolumeView, OwnedVolumeView, VolumeState};

/// The port that managers listen on unless the application object says otherwise.
pub const MANAGER_PORT: u16 = 443;
/// The port that agents listen on.
pub const AGENT_PORT: u16 = 5555;
/// The parameter in which a web frontend tells the director its visitor's address.
pub(crate) const VISITOR: &str = "visitor_address";
/// The version that `/version` answers: the protocol's.
pub const PROTOCOL_VERSION: &str = "2.0.0";
