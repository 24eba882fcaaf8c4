//! What each node of a generic service is to run: it knows the other nodes,
//! and has the active code.
//!
//! ```text
//!   stage 0   new nodes are told who all are
//!   stage 1   nodes get their code, which runs init.sh
//!   stage 2   nodes that worked before are told of a change, which runs notify.sh
//! ```

use super::calls;
use super::command::Command;
use crate::api::environment::Variables;
use crate::service::plan::{Action, Deed, NodePlan, Part, PlanInput, StopCall};
use crate::store::manager::NodeRow;

/// Computes the plans of all nodes.
pub(super) fn of(input: &PlanInput<'_>) -> Vec<NodePlan> {
    let info = calls::agents_info(input.nodes);
    let plan = |node: &NodeRow| {
        let code = input.code.map(code);
        let environment = (!input.environment.is_empty()).then(|| environment(input.environment));
        let parts = environment.into_iter().chain(std::iter::once(neighbours(node, &info))).chain(code);
        NodePlan { node: node.clone(), parts: parts.collect() }
    };
    input.nodes.iter().map(plan).collect()
}

fn environment(variables: &Variables) -> Part {
    let set = Action { stage: 0, deed: Deed::Call(calls::set_environment(variables)) };
    let nothing = calls::environment_params(&Variables::default());
    let stop = Some(StopCall { method: calls::SET_ENVIRONMENT.to_owned(), params: nothing });
    let wanted = serde_json::Value::Object(calls::environment_params(variables)).to_string();
    Part { name: "environment", wanted, first: set.clone(), change: set, stop }
}

fn neighbours(node: &NodeRow, agents_info: &str) -> Part {
    let told = calls::init_agent(node, agents_info);
    let notified = calls::execute_script(Command::Notify, "", agents_info);
    Part {
        name: "neighbours",
        wanted: agents_info.to_owned(),
        first: Action { stage: 0, deed: Deed::Call(told) },
        change: Action { stage: 2, deed: Deed::Call(notified) },
        stop: None,
    }
}

fn code(version: &str) -> Part {
    let given = Action { stage: 1, deed: Deed::Code { method: "update_code", version: version.to_owned() } };
    Part { name: "code", wanted: version.to_owned(), first: given.clone(), change: given, stop: None }
}
