//! Certificates for nodes (`docs/reference/director-api.md` §3.6, and a renewal that is ours).

use std::sync::Arc;

use super::routes::Call;
use crate::director::error::Failure;
use crate::director::state::Director;
use crate::pki::{Lifetime, NodeNumber, Subject};
use crate::rpc::Response;
use crate::store::director::node;

const MAX_REQUEST_BYTES: u64 = 64 * 1024;

/// Signs a request of a manager for an agent of its own application, and nothing else.
pub(crate) async fn sign_agent(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let request = read_request(&call).await?;
    sign(&director, &call, &request, &Subject::agent(call.user(), call.application()), None)
}

/// Signs a request of a manager or an agent for its own subject again, as
/// long as its node is wanted: what was removed gets nothing.
///
/// Its certificate may be outdated: the director was away for longer than it
/// was good, or a time server has set the clock of a machine that did not
/// know the time. Such a certificate opens nothing but this.
pub(crate) async fn renew(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let caller = &call.caller;
    let (identity, is_current) = match (&caller.identity, &caller.outdated) {
        (Some(identity), _) => (identity, true),
        (None, Some(outdated)) => (outdated, false),
        (None, None) => return Err(Failure::False),
    };
    let request = read_request(&call).await?;
    let (aid, program, number) = (call.application(), identity.role.as_str(), identity.node);
    let is_wanted = director.store.read(move |tx| match number {
        Some(number) => Ok::<_, Failure>(node::is_wanted(tx, number.get(), aid, program)?),
        // It was signed for the manager, which gave it to whichever agent it liked.
        None => Ok(is_current && node::has_program(tx, aid, program)?),
    });
    if !is_wanted.await? {
        let text = format!("cert_required: application {aid} has no such {program} any more");
        return Err(Failure::Forbidden(text));
    }
    if !is_current {
        tracing::warn!(app.id = aid.0, program, "renewing a certificate that is outdated");
    }
    sign(&director, &call, &request, &identity.subject, number)
}

/// The file `csr` of a call.
pub(crate) async fn read_request(call: &Call) -> Result<String, Failure> {
    let Some(file) = call.form.files.get("csr") else {
        return Err(Failure::BadRequest("the file 'csr' is missing".into()));
    };
    let request = file.read(MAX_REQUEST_BYTES).await?;
    String::from_utf8(request).map_err(|_| Failure::BadRequest("the file 'csr' is not PEM".into()))
}

fn sign(
    director: &Director,
    call: &Call,
    request: &str,
    subject: &Subject,
    node: Option<NodeNumber>,
) -> Result<Response, Failure> {
    let lifetime = Lifetime(director.config.node_certificate_lifetime);
    let certificate = director.authority.sign_request(request, subject, node, lifetime)?;
    tracing::info!(app.id = call.application().0, "certificate issued to node");
    Ok(Response::text(certificate))
}
