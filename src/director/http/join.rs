//! New nodes that come for their certificate (`POST /ca/join`, which ConPaaS 2.0 does not have).

use std::sync::Arc;

use super::call::Call;
use crate::director::error::Failure;
use crate::director::node::join::{self, Joining};
use crate::director::state::Director;
use crate::rpc::Response;

/// Answers a node's files, for its token.
pub(crate) async fn join(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let field = |name: &str| {
        let missing = || Failure::BadRequest(format!("the field '{name}' is missing"));
        call.form.filled(name).map(str::to_owned).ok_or_else(missing)
    };
    let (token, tag) = (field("token")?, field("tag")?);
    let request = call.certificate_request().await?;
    let joining = Joining { token, tag, request, peer: call.caller.address.ip() };
    Ok(Response::json_line(&join::join(&director, joining).await?))
}
