//! A node of a remote cloud joins: for its token it has its own key signed and
//! gets its files. The key never leaves it.
//!
//! # Guarantees
//! - A claim that gets no certificate does not use the token up.
//! - Every refusal reads the same, whatever is wrong.

use std::net::IpAddr;
use std::sync::Arc;

use super::context::Context;
use super::token::hash;
use crate::api::JoinView;
use crate::cloud::ContextError;
use crate::director::error::Failure;
use crate::director::state::Director;
use crate::model::{ApplicationId, NodeTag};
use crate::pki::CertificateRequest;
use crate::store::director::node::Node;
use crate::store::director::token::{self, Claim};
use crate::task::crash_point;

const REFUSED: &str = "the token is not good for this node, or not any more";

/// What somebody shows who says that he is a node. Holds a secret: no `Debug`.
pub(crate) struct Joining {
    pub(crate) token: String,
    /// The tag of the node that he says he is, as written.
    pub(crate) tag: String,
    /// A certificate request in PEM.
    pub(crate) request: String,
    /// Where he is, for the log.
    pub(crate) peer: IpAddr,
}

/// Signs the key of a node that shows its token, and returns its files.
pub(crate) async fn join(director: &Arc<Director>, joining: Joining) -> Result<JoinView, Failure> {
    let refused = || Failure::Forbidden(REFUSED.to_owned());
    let Joining { token, tag, request, peer } = joining;
    let tag: NodeTag = tag.parse().map_err(|_| refused())?;
    let now = chrono::Utc::now().timestamp();
    let claim =
        Claim { hash: hash(&token), tag: tag.clone(), key: CertificateRequest::read(&request)?.key_fingerprint(), now };
    let worker = Arc::clone(director);
    let outcome = director.store.write(move |tx| match token::claim(tx, &claim)? {
        Ok(node) => view(&worker, &node, &request).map(Ok),
        Err(refusal) => Ok(Err(refusal)),
    });
    match outcome.await? {
        Ok((aid, view)) => {
            crash_point("join.claimed");
            tracing::info!(node.tag = %tag, app.id = aid.0, "a node has joined");
            Ok(view)
        }
        Err(refusal) => {
            let reason = refusal.as_str();
            tracing::warn!(node.tag = %tag, %peer, reason, "refused somebody who would join as a node");
            Err(refused())
        }
    }
}

/// Returns the node's application, and all that it gets.
fn view(director: &Arc<Director>, node: &Node, request: &str) -> Result<(ApplicationId, JoinView), Failure> {
    // Its cloud may be about to say it.
    let Some(place) = &node.place else {
        return Err(Failure::NotYet("the address of this node is not known yet: ask again".into()));
    };
    let internal = |error: ContextError| Failure::Internal(error.to_string());
    let context = Context::new(director, node).map_err(internal)?;
    let number = Some(context.number().map_err(internal)?);
    let certificate = director.authority.sign_request(request, &context.subject(), number, context.lifetime())?;
    let view = context.view(place.private_ip, &certificate).map_err(internal)?;
    Ok((node.wanted.aid, view))
}
