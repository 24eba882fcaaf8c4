//! Certificates for nodes (`director-api.md` §3.6, and a renewal that is ours).

use std::sync::Arc;

use super::failure::Failure;
use super::routes::Call;
use super::state::Director;
use crate::pki::{Lifetime, Subject};
use crate::rpc::Response;
use crate::store::director::node;

const MAX_REQUEST_BYTES: u64 = 64 * 1024;

/// Signs a request of a manager for an agent of its own application, and nothing else.
pub(super) async fn sign_agent(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let request = read_request(&call).await?;
    sign(&director, &call, &request, &Subject::agent(call.user(), call.application()))
}

/// Signs a request of a manager or an agent for its own subject again, as
/// long as its application has such a node: what was removed gets nothing.
pub(super) async fn renew(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let identity = call.caller.identity.as_ref().ok_or(Failure::False)?;
    let request = read_request(&call).await?;
    let (aid, program) = (call.application(), identity.role.as_str());
    let has_node = director.store.read(move |tx| Ok::<_, Failure>(node::has_program(tx, aid, program)?)).await?;
    if !has_node {
        let text = format!("cert_required: application {aid} has no {program} any more");
        return Err(Failure::Forbidden(text));
    }
    sign(&director, &call, &request, &identity.subject)
}

/// The file `csr` of a call.
pub(super) async fn read_request(call: &Call) -> Result<String, Failure> {
    let Some(file) = call.form.files.get("csr") else {
        return Err(Failure::BadRequest("the file 'csr' is missing".into()));
    };
    let request = file.read(MAX_REQUEST_BYTES).await?;
    String::from_utf8(request).map_err(|_| Failure::BadRequest("the file 'csr' is not PEM".into()))
}

fn sign(director: &Director, call: &Call, request: &str, subject: &Subject) -> Result<Response, Failure> {
    let lifetime = Lifetime(director.config.node_certificate_lifetime);
    let certificate = director.authority.sign_request(request, subject, lifetime)?;
    tracing::info!(app.id = call.application().0, "certificate issued to node");
    Ok(Response::text(certificate))
}
