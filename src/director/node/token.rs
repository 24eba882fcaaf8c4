//! Nodes of remote clouds that come for their certificate (ours).
//!
//! Such a node was told a one-time token where others may have read it. With
//! the token it has its own key signed and gets its files; the key never
//! leaves it.
//!
//! # Guarantees
//! - A token is good for one node, for a short time, and for the first key
//!   that is shown with it. With that key it may be shown again, so that an
//!   answer that was lost on its way costs no node.
//! - Only the hash of a token is kept. No token is ever logged.
//! - Every refusal reads the same, whatever is wrong.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::context::Context;
use crate::api::JoinView;
use crate::cloud::ContextError;
use crate::config::Token;
use crate::director::error::Failure;
use crate::director::http::certificates::read_request;
use crate::director::http::routes::Call;
use crate::director::state::Director;
use crate::model::{ApplicationId, NodeTag};
use crate::pki::Authority;
use crate::rpc::Response;
use crate::store::StoreError;
use crate::store::director::node::Node;
use crate::store::director::token::{self, Claim};
use crate::task::crash_point;

const REFUSED: &str = "the token is not good for this node, or not any more";

/// Makes a token for a node and records its hash.
pub(crate) async fn new_token(director: &Director, tag: &NodeTag) -> Result<Token, StoreError> {
    let token = Token::random();
    let (hash, tag) = (hash(token.as_str()), tag.clone());
    let (now, expires) = (chrono::Utc::now().timestamp(), expiry(director));
    director.store.write(move |tx| token::insert(tx, &hash, &tag, expires, now)).await?;
    Ok(token)
}

/// When a token that is given out now expires, in seconds since 1970.
pub(crate) fn expiry(director: &Director) -> i64 {
    let lifetime = director.config.node_token_lifetime.as_secs();
    chrono::Utc::now().timestamp().saturating_add_unsigned(lifetime)
}

/// Signs the key of a node that shows its token, and gives it its files.
pub(crate) async fn join(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let missing = |field: &str| Failure::BadRequest(format!("the field '{field}' is missing"));
    let shown = hash(call.form.filled("token").ok_or_else(|| missing("token"))?);
    let tag = call.form.filled("tag").ok_or_else(|| missing("tag"))?;
    let request = read_request(&call).await?;
    let refused = || Failure::Forbidden(REFUSED.to_owned());
    let tag: NodeTag = tag.parse().map_err(|_| refused())?;
    let now = chrono::Utc::now().timestamp();
    let claim = Claim { hash: shown, tag: tag.clone(), key: Authority::request_key(&request)?, now };
    let worker = Arc::clone(&director);
    // A request that gets no certificate does not use the token up.
    let outcome = director.store.write(move |tx| match token::claim(tx, &claim)? {
        Ok(node) => view(&worker, &node, &request).map(Ok),
        Err(refusal) => Ok(Err(refusal)),
    });
    match outcome.await? {
        Ok((aid, view)) => {
            crash_point("join.claimed");
            tracing::info!(node.tag = %tag, app.id = aid.0, "a node has joined");
            Ok(Response::json_line(&view))
        }
        Err(refusal) => {
            let (peer, reason) = (call.caller.address.ip(), refusal.as_str());
            tracing::warn!(node.tag = %tag, %peer, reason, "refused somebody who would join as a node");
            Err(refused())
        }
    }
}

/// The node's application, and all that it gets.
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

fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
