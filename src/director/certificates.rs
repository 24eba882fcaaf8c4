//! Certificates for nodes (`director-api.md` §3.6, and a renewal that is ours).

use std::sync::Arc;

use super::failure::Failure;
use super::routes::Call;
use super::state::Director;
use crate::pki::{Lifetime, Subject};
use crate::rpc::Response;

const MAX_REQUEST_BYTES: u64 = 64 * 1024;

/// Signs a request of a manager for an agent of its own application, and nothing else.
pub(super) async fn sign_agent(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let subject = Subject::agent(call.user(), call.application());
    sign(&director, &call, &subject).await
}

/// Signs a request of a manager or an agent for its own subject again.
pub(super) async fn renew(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let identity = call.caller.identity.as_ref().ok_or(Failure::False)?;
    let subject = identity.subject.clone();
    sign(&director, &call, &subject).await
}

async fn sign(director: &Director, call: &Call, subject: &Subject) -> Result<Response, Failure> {
    let Some(file) = call.form.files.get("csr") else {
        return Err(Failure::BadRequest("the file 'csr' is missing".into()));
    };
    let request = file.read(MAX_REQUEST_BYTES).await?;
    let request = String::from_utf8(request).map_err(|_| Failure::BadRequest("the file 'csr' is not PEM".into()))?;
    let lifetime = Lifetime(director.config.node_certificate_lifetime);
    let certificate = director.authority.sign_request(&request, subject, lifetime)?;
    tracing::info!(app.id = call.application().0, "certificate issued to node");
    Ok(Response::text(certificate))
}
