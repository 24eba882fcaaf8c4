//! A copy of the metadata takes the place of a master that does not answer.
//!
//! Where the director knows that the master's node is gone for good, this happens by itself: the node is made anew, and the
//! next `dir` node has the metadata. Where the node is only silent, nobody knows whether its master works on; two masters
//! would be two file systems. So a person says it.

use std::time::Duration;

use super::roles::{DIR, is_leaving, master, plays};
use super::volumes;
use crate::api::xtreemfs::StorageState;
use crate::model::State;
use crate::rpc::RpcCall;
use crate::service::call::Call;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::store::manager::NodeRow;

const ASK_LIMIT: Duration = Duration::from_secs(15);

/// `promote` (ours): the node with the metadata leaves, whatever it has, and the next `dir` node takes over.
pub(super) async fn promote(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let nodes = service.nodes().await?;
    let (first, next) = can_take_over(&nodes)?;
    let (first_state, next_state) = tokio::join!(ask(&service, first), ask(&service, next));
    let (first, next) = (first.view.id.clone(), &next.view.id);
    expect_copy(&first, first_state.ok().as_ref(), next, &next_state?)?;
    let id = first.clone();
    volumes::set(&service, move |settings| {
        settings.given_up.insert(id);
        Ok(())
    })
    .await?;
    Ok(Reply::Remove { ids: vec![first] })
}

async fn ask(service: &ServiceContext, node: &NodeRow) -> Result<StorageState, MethodError> {
    service.agents.call_within(ASK_LIMIT, node, &RpcCall::get(0, "get_storage_state")).await
}

/// Returns the node with the metadata, and the one that would take over.
fn can_take_over(nodes: &[NodeRow]) -> Result<(&NodeRow, &NodeRow), MethodError> {
    let first = master(nodes).ok_or_else(|| MethodError::refused("no node has the metadata"))?;
    let mut others = nodes.iter().filter(|node| node.view.id != first.view.id && plays(node, DIR) && !is_leaving(node));
    let next = others.next();
    let next = next.ok_or_else(|| {
        MethodError::refused("no other node keeps a copy of the metadata: start the first node again")
    })?;
    Ok((first, next))
}

/// Refuses where nothing has to take over, or nothing can.
fn expect_copy(
    first: &str,
    first_state: Option<&StorageState>,
    next: &str,
    next_state: &StorageState,
) -> Result<(), MethodError> {
    if first_state.is_some() {
        return Err(MethodError::refused(format!("node {first} with the metadata answers: nothing has to take over")));
    }
    if !next_state.has_copy {
        return Err(MethodError::refused(format!(
            "node {next} has no whole copy of the metadata: start node {first} again"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::roles::tests::nodes;
    use super::*;

    #[test]
    fn only_a_copy_takes_over() {
        let alone = nodes(&["dir_mrc_osd", "osd"]);
        assert!(can_take_over(&alone).is_err_and(|error| error.to_string().contains("no other node")));
        let with_copy = nodes(&["dir_mrc_osd", "osd", "dir"]);
        let (first, next) = can_take_over(&with_copy).unwrap();
        assert_eq!((&first.view.id, &next.view.id), (&with_copy[0].view.id, &with_copy[2].view.id));
    }

    #[test]
    fn a_copy_that_is_not_whole_does_not_take_over_and_none_does_while_the_first_answers() {
        let state = |has_copy| StorageState { has_copy, ..StorageState::default() };
        let refusal = |first: Option<&StorageState>, has_copy| {
            expect_copy("n2", first, "n4", &state(has_copy)).err().map(|error| error.to_string())
        };
        assert_eq!(refusal(None, true), None);
        let hollow = "node n4 has no whole copy of the metadata: start node n2 again";
        assert_eq!(refusal(None, false).as_deref(), Some(hollow));
        let answers = "node n2 with the metadata answers: nothing has to take over";
        assert_eq!(refusal(Some(&state(false)), true).as_deref(), Some(answers));
    }
}
