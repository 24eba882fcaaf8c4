//! The bytes of a file that is larger than one upload may be, on their way through the manager to one node.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::methods::{LOAD_LIMIT, members, serving_member};
use crate::api::mysql::TakingNode;
use crate::model::State;
use crate::rpc::{RpcCall, Upload};
use crate::service::call::Call;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::store::manager::NodeRow;

/// Some bytes of a file.
pub(super) struct Piece {
    load: String,
    offset: i64,
    /// Whether the file ends with it.
    pub is_last: bool,
    /// The node that has taken the first ones.
    node: Option<String>,
    content: Upload,
}

impl Piece {
    /// Takes what a call says of its piece, and the piece.
    ///
    /// # Errors
    /// Returns an error for a parameter that is missing or wrong.
    pub(super) fn of_call(call: &mut Call, field: &str) -> Result<Self, MethodError> {
        let load = call.params.string("load")?;
        let offset = call.params.integer("offset")?;
        let is_last = call.params.boolean_or("last", false)?;
        let node = call.params.optional("node").as_ref().and_then(Value::as_str).map(str::to_owned);
        Ok(Piece { load, offset, is_last, node, content: call.file(field)? })
    }

    /// Returns whether it is the first one.
    pub(super) fn is_first(&self) -> bool {
        self.offset == 0
    }

    /// Returns the node that all pieces go to: the one that the caller names, or one that serves.
    ///
    /// # Errors
    /// Returns an error if that node is gone, or none serves.
    pub(super) async fn member(&self, service: &ServiceContext) -> Result<NodeRow, MethodError> {
        let Some(id) = &self.node else { return serving_member(service).await };
        let found = members(service).await?.into_iter().find(|node| node.view.id == *id);
        found.ok_or_else(|| MethodError::refused("the node that took the first pieces is gone"))
    }

    /// Returns the call that passes it on.
    pub(super) fn call(&self, method: &str, field: &str, filename: &str) -> RpcCall {
        let call = RpcCall::upload(0, method).param("load", self.load.as_str()).param("offset", self.offset);
        call.param("last", self.is_last).file(field, self.content.path(), filename)
    }
}

/// `load_dump_piece` (ours): the next bytes of a dump that is larger than one upload may be. The first answer names the
/// node that all pieces go to.
pub(super) async fn load_dump_piece(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let piece = Piece::of_call(&mut call, "mysqldump_file")?;
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let failed = |error: MethodError| MethodError::refused(format!("Could not upload mysqldump_file: {error}."));
    let member = piece.member(&service).await.map_err(failed)?;
    let call = piece.call("load_dump_piece", "mysqldump_file", "dump.sql");
    let _nothing_to_say: IgnoredAny = service.agents.call_within(LOAD_LIMIT, &member, &call).await.map_err(failed)?;
    Ok(Reply::of(&TakingNode { node: member.view.id }))
}
