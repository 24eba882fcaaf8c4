//! Calls to the manager of an application.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::error::Failure;
use super::state::Director;
use crate::api::texts;
use crate::model::{ApplicationId, UserId};
use crate::rpc::{CallError, Client, Endpoint, PeerRule, RpcCall};
use crate::store::director::application::Application;
use crate::store::director::node::Node;
use crate::store::director::{application, node};
use crate::sys::chain;
use crate::sys::excerpt::excerpt;

const LIMIT: Duration = Duration::from_secs(60);
const MAX_REASON_CHARS: usize = 300;

/// Returns the application and its manager's node, in the words and the order of
/// upstream's checks; `shown` is the id as the caller wrote it.
pub(crate) async fn find(
    director: &Director,
    uid: UserId,
    aid: ApplicationId,
    shown: &str,
) -> Result<(Application, Node), Failure> {
    let found = director
        .store
        .read(move |tx| Ok::<_, Failure>((application::owned(tx, aid, uid)?, node::manager(tx, aid)?)))
        .await?;
    match found {
        (None, _) => Err(Failure::Application(texts::application_id_not_found(shown))),
        (Some(_), None) => Err(Failure::Application(texts::application_not_started(shown))),
        (Some(application), Some(node)) => Ok((application, node)),
    }
}

/// Calls a method of service 0 of a manager, and reads its answer.
pub(crate) async fn call<T: DeserializeOwned>(director: &Director, node: &Node, call: &RpcCall) -> Result<T, Failure> {
    call_within(LIMIT, director, node, call).await
}

/// Calls a method of a manager, or of one of its services, within `limit`, and reads its answer.
pub(crate) async fn call_within<T: DeserializeOwned>(
    limit: Duration,
    director: &Director,
    node: &Node,
    call: &RpcCall,
) -> Result<T, Failure> {
    let Some(place) = &node.place else { return Err(Failure::Internal("a node that is up has no address".into())) };
    let rule = PeerRule::Manager(node.wanted.uid, node.wanted.aid);
    let client = Client::new(Some(&director.certificate.credentials()), rule)
        .map_err(|error| Failure::Internal(chain(&error)))?
        .with_timeout(limit);
    let endpoint = Endpoint { host: place.ip.to_string(), port: place.port };
    let answer = client.call(&endpoint, call).await.map_err(|error| match error {
        CallError::Remote(text) => Failure::Application(text),
        other => {
            let text = chain(&other);
            tracing::warn!(app.id = node.wanted.aid.0, error = text, "a manager does not answer as it should");
            Failure::Application(format!("The manager of application {} cannot be reached: {text}", node.wanted.aid))
        }
    })?;
    serde_json::from_value(answer).map_err(|error| {
        let aid = node.wanted.aid;
        let reason = excerpt(&error.to_string(), MAX_REASON_CHARS);
        Failure::Application(format!("The manager of application {aid} answered what cannot be understood: {reason}"))
    })
}
