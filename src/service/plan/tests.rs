//! What differs between plans and what nodes were brought to.

use super::*;
use crate::api::NodeView;
use crate::model::ServiceId;
use crate::store::manager::NodePhase;

fn node(id: &str) -> NodeRow {
    NodeRow { sid: ServiceId(1), role: "node".to_owned(), phase: NodePhase::Active, view: NodeView::sample(id) }
}

fn part(name: &'static str, wanted: &str, stop: Option<&str>) -> Part {
    let call = |method: &str, stage| Action { stage, deed: Deed::Call(RpcCall::post(0, method)) };
    Part {
        name,
        wanted: wanted.to_owned(),
        first: call("create", 1),
        change: call("update", 2),
        stop: stop.map(|method| StopCall { method: method.to_owned(), params: Map::new() }),
    }
}

fn plan(id: &str, parts: &[Part]) -> NodePlan {
    NodePlan { node: node(id), parts: parts.to_vec() }
}

fn applied(id: &str, part: &str, wanted: Option<&str>) -> AppliedRow<StopCall> {
    let stop = StopCall { method: "stop".to_owned(), params: Map::new() };
    let digest = wanted.map(|wanted| fingerprint(wanted, 32));
    AppliedRow { node_id: id.to_owned(), part: part.to_owned(), digest, stop: Some(stop) }
}

/// Steps as (node, part, method, stage).
fn steps(nodes: &[NodeRow], plans: &[NodePlan], applied: &[AppliedRow<StopCall>]) -> Vec<(String, String, String, u8)> {
    let shown = |step: Step| {
        let method = match step.deed {
            Deed::Call(call) => call.method().to_owned(),
            Deed::Code { version, .. } => version,
        };
        (step.node.view.id, step.part, method, step.stage)
    };
    differences(nodes, plans, applied).into_iter().map(shown).collect()
}

fn step(node: &str, part: &str, method: &str, stage: u8) -> (String, String, String, u8) {
    (node.to_owned(), part.to_owned(), method.to_owned(), stage)
}

#[test]
fn a_node_that_is_where_it_should_be_is_left_alone() {
    let plans = [plan("a", &[part("web", "v1", None)])];
    assert_eq!(steps(&[node("a")], &plans, &[applied("a", "web", Some("v1"))]), []);
}

#[test]
fn a_new_part_is_made_and_another_wish_changes_it() {
    let plans = [plan("a", &[part("web", "v2", None)]), plan("b", &[part("web", "v2", None)])];
    let known = [applied("a", "web", Some("v1"))];
    let wanted = [step("a", "web", "update", 2), step("b", "web", "create", 1)];
    assert_eq!(steps(&[node("a"), node("b")], &plans, &known), wanted);
}

#[test]
fn a_part_that_was_begun_and_not_seen_to_end_is_brought_again() {
    let plans = [plan("a", &[part("web", "v1", None)])];
    let begun = [applied("a", "web", None)];
    assert_eq!(steps(&[node("a")], &plans, &begun), [step("a", "web", "update", 2)]);
}

#[test]
fn a_part_that_is_not_planned_any_more_is_taken_back_last_where_the_node_answers() {
    let known = [applied("a", "proxy", Some("v1")), applied("gone", "proxy", Some("v1"))];
    assert_eq!(steps(&[node("a")], &[plan("a", &[])], &known), [step("a", "proxy", "stop", u8::MAX)]);
    assert_eq!(steps(&[node("a")], &[], &known), [step("a", "proxy", "stop", u8::MAX)]);
}
