//! Certificates for nodes (`docs/reference/director-api.md` §3.6, and a renewal that ConPaaS 2.0 does not have).

use std::sync::Arc;

use super::call::Call;
use crate::director::error::Failure;
use crate::director::node::certificate::{self, Shown};
use crate::director::state::Director;
use crate::rpc::Response;

/// Signs a request of a manager for an agent of its own application, and nothing else.
pub(crate) async fn sign_agent(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let request = call.certificate_request().await?;
    Ok(Response::text(certificate::sign_agent(&director, call.asker(), &request).await?))
}

/// Signs a request of a manager or an agent for its own subject again. Its
/// certificate may be outdated; such a one opens nothing but this.
pub(crate) async fn renew(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let shown = match (&call.caller.identity, &call.caller.outdated) {
        (Some(identity), _) => Shown::Current(identity),
        (None, Some(outdated)) => Shown::Outdated(outdated),
        (None, None) => return Err(Failure::False),
    };
    let request = call.certificate_request().await?;
    Ok(Response::text(certificate::renew(&director, call.application(), shown, &request).await?))
}
