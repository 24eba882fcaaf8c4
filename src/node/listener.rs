//! The listener of a node: who may call, and the way of one call.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::net::TcpListener;

use super::credentials::NodeCredentials;
use super::start::NodeError;
use crate::model::{CertificateRole, Ipv4Network};
use crate::pki::Identity;
use crate::rpc::{Handler, Limits, Origins, Request, Response, RpcRequest, read_call, serve};
use crate::task::Tasks;

/// Of the network in which other nodes are, as far as a node can know.
const NEIGHBOURHOOD_PREFIX: u8 = 24;
/// Bodies of requests: a node has little memory, and a parsed call takes a multiple of its text.
const MAX_MEMORY_BYTES: u64 = 16 * 1024 * 1024;

/// Methods that carry the director's word: nobody else may say who is wanted, or where the director is.
const OF_DIRECTOR: [&str; 2] = ["set_director_url", "set_wanted_nodes"];

/// The logic behind a listener.
#[async_trait]
pub(crate) trait Dispatch: Send + Sync + 'static {
    /// Returns whether the holder of this certificate may call.
    fn accepts(&self, identity: &Identity) -> bool;

    /// Answers one call.
    async fn dispatch(&self, request: RpcRequest) -> Response;

    /// Answers a `GET` of a path that is no call, if there is such a page.
    async fn page(&self, _path: &str) -> Option<Response> {
        None
    }
}

/// A port on which callers wait in line until [`Port::serve`] answers them: whoever waits for a node need not ask
/// again and again.
pub(crate) struct Port {
    listener: TcpListener,
    address: Ipv4Addr,
}

impl Port {
    /// Takes `address:port`. To be called as soon as the node is about to answer.
    ///
    /// # Errors
    /// The port is taken or may not be used.
    pub(crate) async fn take(address: Ipv4Addr, port: u16) -> Result<Port, NodeError> {
        let listener =
            TcpListener::bind((address, port)).await.map_err(|source| NodeError::Listen { address, port, source })?;
        Ok(Port { listener, address })
    }

    /// Answers calls, as one of `tasks`, until these stop.
    pub(crate) fn serve(
        self,
        upload_directory: PathBuf,
        credentials: &Arc<NodeCredentials>,
        dispatch: Arc<dyn Dispatch>,
        tasks: &Tasks,
    ) {
        let shown = Arc::clone(credentials);
        let handler: Handler = Arc::new(move |request| {
            let (dispatch, credentials) = (Arc::clone(&dispatch), Arc::clone(&shown));
            Box::pin(async move { answer(&*dispatch, &credentials, request).await })
        });
        // Neighbours can give themselves more addresses; all of them together are one stranger.
        let neighbours = Ipv4Network::around(self.address, NEIGHBOURHOOD_PREFIX);
        let origins =
            neighbours.map(|network| Origins::default().with_nodes(network, Some(self.address))).unwrap_or_default();
        let limits = Limits {
            max_connections: 128,
            max_memory_bytes: MAX_MEMORY_BYTES,
            origins,
            ..Limits::new(upload_directory)
        };
        let serving = serve(self.listener, credentials.server(), limits, handler, tasks.tracker(), tasks.stopping());
        tasks.spawn("listener", serving);
    }
}

async fn answer(dispatch: &dyn Dispatch, credentials: &NodeCredentials, mut request: Request) -> Response {
    let caller = request.caller.clone();
    if let Some(identity) = caller.identity.as_ref().filter(|identity| credentials.is_removed(identity)) {
        let serial = &identity.serial;
        tracing::warn!(peer = %caller.address, serial, "refused a caller: its certificate is of a node that was removed");
        request.discard_rest().await;
        return Response::refusal(403, "Your certificate is of a node that was removed");
    }
    let is_accepted = caller.identity.as_ref().is_some_and(|identity| dispatch.accepts(identity));
    let is_director = caller.identity.as_ref().is_some_and(|identity| identity.role == CertificateRole::Frontend);
    if !is_accepted {
        let role = caller.identity.map_or_else(|| "none".to_owned(), |identity| identity.role.to_string());
        tracing::warn!(peer = %caller.address, role, "refused a caller: its certificate is not of this application");
        request.discard_rest().await;
        return Response::refusal(403, "Your certificate does not allow calls to this application");
    }
    if request.method == "GET"
        && let Some(page) = dispatch.page(&request.path).await
    {
        return page;
    }
    match read_call(&mut request).await {
        Ok(call) if !is_director && OF_DIRECTOR.contains(&call.method.as_str()) => {
            tracing::warn!(peer = %caller.address, method = call.method, "refused a caller: it is not the director");
            Response::refusal(403, "Only the director may say that")
        }
        Ok(call) => dispatch.dispatch(call).await,
        Err(error) => {
            request.discard_rest().await;
            error.response()
        }
    }
}
