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
    let first = can_take_over(&nodes)?.view.id.clone();
    let asked = nodes.iter().find(|node| node.view.id == first).map(|node| {
        let ask = RpcCall::get(0, "get_storage_state");
        let service = service.clone();
        async move { service.agents.call_within::<StorageState>(ASK_LIMIT, node, &ask).await }
    });
    if let Some(asked) = asked
        && asked.await.is_ok()
    {
        return Err(MethodError::refused(format!("node {first} with the metadata answers: nothing has to take over")));
    }
    let id = first.clone();
    volumes::set(&service, move |settings| {
        settings.given_up.insert(id);
        Ok(())
    })
    .await?;
    Ok(Reply::Remove { ids: vec![first] })
}

/// Returns the node with the metadata, if another one keeps a copy.
fn can_take_over(nodes: &[NodeRow]) -> Result<&NodeRow, MethodError> {
    let first = master(nodes).ok_or_else(|| MethodError::refused("no node has the metadata"))?;
    let mut others = nodes.iter().filter(|node| node.view.id != first.view.id && plays(node, DIR) && !is_leaving(node));
    match others.next() {
        Some(_) => Ok(first),
        None => Err(MethodError::refused("no other node keeps a copy of the metadata: start the first node again")),
    }
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
        assert_eq!(can_take_over(&with_copy).unwrap().view.id, with_copy[0].view.id);
    }
}
