//! Configuration files, read into checked values.
//!
//! Four files: `director.cfg` ([`DirectorConfig`]), the context of a node
//! `/root/config.cfg` ([`ManagerConfig`], [`AgentConfig`]; written by the
//! director, read in the node), and `cps-tools.conf` ([`ClientConfig`]). And one
//! text: the [`Invitation`] that a node of a remote cloud finds as user-data.
//!
//! # Guarantees
//! - A file is checked whole when it is read: what comes out needs no second check.
//! - An unknown section or key is refused with file, section and key (only
//!   the client, as upstream's, warns instead).
//! - Option names are case-insensitive, section names are not, as in
//!   upstream's files.
//! - The defaults stand in the tables of keys, and a test holds the shipped
//!   files in `config/` against them.
//!
//! Must not know: what any value is used for.

mod archive;
mod client;
mod cloud;
mod director;
mod ec2;
mod edit;
mod error;
mod ini;
mod invitation;
mod node;
mod openid;
mod openstack;
mod output;
mod secret;
mod url;
mod value;

pub(crate) use archive::ArchiveLimits;
pub(crate) use client::ClientConfig;
pub use cloud::DriverConfig;
pub(crate) use cloud::{CloudConfig, ContextForm, LxcConfig};
pub use director::DirectorConfig;
pub(crate) use director::{LoginConfig, RegistrationRule, locate_director_cfg};
pub use ec2::Ec2Config;
pub(crate) use edit::{SHIPPED_CPS_TOOLS_CONF, SHIPPED_DIRECTOR_CFG, with_option};
pub(crate) use error::ConfigError;
pub(crate) use invitation::InvitationError;
pub use invitation::{Invitation, Token};
pub(crate) use node::with_director_url;
pub use node::{AgentConfig, ManagerConfig, NODE_CONFIG_PATH, NodeBase};
pub(crate) use openid::OpenIdConfig;
pub(crate) use openid::is_safe_url;
pub use openstack::{Floating, OpenStackConfig};
pub use secret::Secret;
pub use url::{DEFAULT_DIRECTOR_PORT, DirectorUrl};

#[cfg(test)]
mod shipped_tests;
