//! The kind `helloworld`: the smallest service there can be, and the example
//! of `docs/new-service.md`.

mod agent;
mod manager;

use crate::service::kind::Kind;

pub(crate) static KIND: Kind =
    Kind { name: "helloworld", agent_type: "helloworld", manager: &manager::Helloworld, agent: agent::make };
