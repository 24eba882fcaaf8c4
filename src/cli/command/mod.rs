//! The commands of users, one file for each group of them.

pub(crate) mod application;
pub(crate) mod certificate;
pub(crate) mod cloud;
pub(crate) mod code;
pub(crate) mod director;
pub(crate) mod every_service;
pub(crate) mod local_user;
pub(crate) mod nodes;
pub(crate) mod service;
pub(crate) mod user;
pub(crate) mod volume;
pub(crate) mod wait;
