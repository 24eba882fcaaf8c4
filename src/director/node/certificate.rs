//! Certificates of nodes, signed and renewed.
//!
//! # Guarantees
//! - A manager gets certificates for agents of its own application, and no other.
//! - A node has its certificate renewed while it is wanted, and not after.

use crate::director::asker::Asker;
use crate::director::error::Failure;
use crate::director::state::Director;
use crate::model::{ApplicationId, NodeRole};
use crate::pki::{Identity, Lifetime, NodeNumber, Subject};
use crate::store::director::node;

/// The certificate that a node shows when it wants a new one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shown<'a> {
    /// It is good.
    Current(&'a Identity),
    /// It was good: the director was away for longer than that, or a time
    /// server has set the clock of a machine that did not know the time.
    Outdated(&'a Identity),
}

/// Signs a request of a manager for an agent of its own application.
pub(crate) async fn sign_agent(director: &Director, asker: Asker, request: &str) -> Result<String, Failure> {
    director.store.read(move |tx| asker.expect_wanted(tx)).await?;
    sign(director, asker.aid, request, &Subject::agent(asker.uid, asker.aid), None)
}

/// Signs a request of a node for its own subject again, as long as the node is wanted.
pub(crate) async fn renew(
    director: &Director,
    aid: ApplicationId,
    shown: Shown<'_>,
    request: &str,
) -> Result<String, Failure> {
    let (identity, is_current) = match shown {
        Shown::Current(identity) => (identity, true),
        Shown::Outdated(identity) => (identity, false),
    };
    let role = NodeRole::of_certificate(identity.role).ok_or(Failure::False)?;
    let number = identity.node;
    let is_wanted = director.store.read(move |tx| match number {
        Some(number) => Ok::<_, Failure>(node::is_wanted(tx, number.get(), aid, role)?),
        // It was signed for the manager, which gave it to whichever agent it liked.
        None => Ok(is_current && node::has_role(tx, aid, role)?),
    });
    if !is_wanted.await? {
        return Err(Failure::Forbidden(format!("cert_required: application {aid} has no such {role} any more")));
    }
    if !is_current {
        tracing::warn!(app.id = aid.0, node.role = role.as_str(), "renewing a certificate that is outdated");
    }
    sign(director, aid, request, &identity.subject, number)
}

fn sign(
    director: &Director,
    aid: ApplicationId,
    request: &str,
    subject: &Subject,
    node: Option<NodeNumber>,
) -> Result<String, Failure> {
    let lifetime = Lifetime(director.config.node_certificate_lifetime);
    let certificate = director.authority.sign_request(request, subject, node, lifetime)?;
    tracing::info!(app.id = aid.0, "certificate issued to node");
    Ok(certificate)
}
