//! The kind `java`: web applications in Java, in Tomcat behind nginx.

mod default_code;
mod inspection;
mod manager;
mod plan;
mod settings;

use crate::service::kind::Kind;
use crate::service::web::{AGENT_TYPE, agent};

pub(crate) static KIND: Kind =
    Kind { name: "java", agent_type: AGENT_TYPE, manager: &manager::Java, agent: agent::make };
