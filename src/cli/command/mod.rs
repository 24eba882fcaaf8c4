//! The commands of users, one file for each group of them, and the registry
//! of the groups that are no kinds of service.

pub(crate) mod application;
pub(crate) mod care;
pub(crate) mod certificate;
mod cloud;
pub(crate) mod code;
mod director;
pub(crate) mod every_service;
mod links;
mod local_user;
pub(crate) mod loss;
mod manifest;
mod manifest_bundle;
mod manifest_export;
pub(crate) mod nginx_hooks;
mod nodes;
mod owned_volume;
mod pushing;
mod service;
pub(crate) mod service_names;
mod storage;
mod totp;
mod user;
pub(crate) mod volume;
pub(crate) mod wait;
pub(crate) mod web_counts;

use super::group::Group;

/// Every group, but those of kinds.
pub(crate) const GROUPS: &[Group] = &[
    Group::of::<user::UserCommand>("user", "Manage ConPaaS users."),
    Group::of::<cloud::CloudCommand>("cloud", "Manage ConPaaS clouds."),
    Group::of::<application::ApplicationCommand>("application", "Manage ConPaaS applications."),
    Group::of::<service::ServiceCommand>("service", "Manage ConPaaS services."),
    Group::of::<owned_volume::OwnedVolumeCommand>("volume", "Manage volumes of all ConPaaS applications."),
    Group::of::<storage::StorageCommand>("storage", "Mount shared storage in ConPaaS services."),
    Group::of::<director::DirectorCommand>("director", "Manage ConPaaS director."),
];
