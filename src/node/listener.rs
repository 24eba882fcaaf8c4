//! The listener of a node: who may call, and the way of one call.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::net::TcpListener;

use super::credentials::NodeCredentials;
use super::start::NodeError;
use crate::pki::Identity;
use crate::rpc::{Handler, Limits, Request, Response, RpcRequest, read_call, serve};
use crate::task::Tasks;

/// The logic behind a listener.
#[async_trait]
pub(crate) trait Dispatch: Send + Sync + 'static {
    /// Returns whether the holder of this certificate may call.
    fn accepts(&self, identity: &Identity) -> bool;

    /// Answers one call.
    async fn dispatch(&self, request: RpcRequest) -> Response;
}

/// Listens on `address:port` and answers calls, as one of `tasks`, until these stop.
///
/// # Errors
/// The port is taken or may not be used.
pub(crate) async fn listen(
    address: Ipv4Addr,
    port: u16,
    upload_directory: PathBuf,
    credentials: &NodeCredentials,
    dispatch: Arc<dyn Dispatch>,
    tasks: &Tasks,
) -> Result<(), NodeError> {
    let listener =
        TcpListener::bind((address, port)).await.map_err(|source| NodeError::Listen { address, port, source })?;
    let handler: Handler = Arc::new(move |request| {
        let dispatch = Arc::clone(&dispatch);
        Box::pin(async move { answer(&*dispatch, request).await })
    });
    // Half for one address: a neighbour on the same network cannot keep manager and director out.
    let limits = Limits { max_connections: 128, max_connections_per_address: 64, ..Limits::new(upload_directory) };
    let serving = serve(listener, credentials.server(), limits, handler, tasks.tracker(), tasks.stopping());
    tasks.spawn("listener", serving);
    Ok(())
}

async fn answer(dispatch: &dyn Dispatch, mut request: Request) -> Response {
    let caller = request.caller.clone();
    let is_accepted = caller.identity.as_ref().is_some_and(|identity| dispatch.accepts(identity));
    if !is_accepted {
        let role = caller.identity.map_or_else(|| "none".to_owned(), |identity| identity.role.to_string());
        tracing::warn!(peer = %caller.address, role, "refused a caller: its certificate is not of this application");
        request.discard_rest().await;
        return Response::refusal(403, "Your certificate does not allow calls to this application");
    }
    match read_call(&mut request).await {
        Ok(call) => dispatch.dispatch(call).await,
        Err(error) => {
            request.discard_rest().await;
            error.response()
        }
    }
}
