//! The network: TLS with client certificates, HTTP, and the two envelopes
//! of ConPaaS (forms for the director, JSON-RPC for managers and agents);
//! for the welcome page of a machine also HTTP without TLS.
//!
//! Only this room knows sockets and status codes. It knows what a caller
//! *is* (an [`Identity`](crate::pki::Identity)), never what he may do: that
//! is each role's own matter.
//!
//! # Guarantees
//! - A slow, refused or broken client costs its own connection and nothing else.
//! - A connection is closed after the answer, because ConPaaS 2.0's clients read to the end of the stream. It stays open
//!   for a moment only for callers with a certificate who ask for that, as our own programs do; whether such a caller
//!   may call is looked at with each request. Browsers keep theirs.
//! - Reading a request is bounded in size and in time. A file may take as long as it moves.
//! - Nobody waits for a place that a slow or silent connection holds.

mod answer;
mod call;
mod client;
mod client_error;
mod connection;
mod crowd;
mod endpoint;
mod exchange;
mod form;
mod form_body;
mod json;
mod jsonrpc;
mod kept_connections;
mod known_nodes;
mod limits;
mod packing;
mod path;
mod peer_rule;
mod progress;
mod public_http;
#[cfg(test)]
mod recorded_json;
mod request;
mod response;
mod server;
mod text_stream;
mod tls;
mod unix_socket;

pub(crate) use answer::Answer;
pub use call::RpcCall;
pub use client::Client;
pub(crate) use client::{Download, Streamed};
pub use client_error::CallError;
pub(crate) use client_error::ClientError;
pub(crate) use crowd::Origin;
pub(crate) use crowd::Origins;
pub use endpoint::Endpoint;
pub use form::Form;
pub(crate) use form::{FormBounds, Upload};
pub use form_body::FormBody;
pub(crate) use jsonrpc::{CallKind, RpcRequest};
pub use jsonrpc::{read_call, reply_error, reply_result};
pub(crate) use known_nodes::KnownNodes;
pub use limits::Limits;
pub(crate) use packing::Packing;
pub(crate) use path::path_arguments;
pub use peer_rule::PeerRule;
pub(crate) use public_http::{WebAnswer, WebClient, WebError, WebLimits, WebRequest, web_client_config};
pub use request::Request;
pub(crate) use request::{BodyError, Caller};
pub use response::Response;
pub use server::{Handler, serve};
pub(crate) use server::{serve_pages, serve_plain};
pub use tls::{ClientAuthentication, client_config, install_crypto, server_config};
pub(crate) use tls::{TlsError, pages_config};
pub(crate) use unix_socket::listen_to;
