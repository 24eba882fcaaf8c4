//! The kind `php`: sites in PHP, behind nginx.

mod configuration;
mod default_code;
mod manager;
mod plan;
mod settings;

use crate::service::kind::Kind;
use crate::service::web::{AGENT_TYPE, agent};

pub(crate) static KIND: Kind = Kind { name: "php", agent_type: AGENT_TYPE, manager: &manager::Php, agent: agent::make };
