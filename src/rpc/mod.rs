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
//! - Every connection carries one request and is closed after the answer,
//!   because ConPaaS 2.0's clients read to the end of the stream.
//! - Reading a request is bounded in size and in time.

mod call;
mod client;
mod form;
mod json;
mod jsonrpc;
mod public_http;
mod response;
mod server;
mod tls;
mod unix_socket;

pub use call::{FormBody, RpcCall};
pub(crate) use client::{Answer, ClientError};
pub use client::{CallError, Client, Endpoint};
pub use form::Form;
pub(crate) use form::Upload;
pub(crate) use jsonrpc::{CallKind, RpcRequest};
pub use jsonrpc::{read_call, reply_error, reply_result};
pub(crate) use public_http::{WebAnswer, WebClient, WebError, WebLimits, WebRequest, web_client_config};
pub use response::Response;
pub(crate) use server::{BodyError, Caller, serve_plain};
pub use server::{Handler, Limits, Request, serve};
pub(crate) use tls::TlsError;
pub use tls::{ClientAuthentication, PeerRule, client_config, install_crypto, server_config};
pub(crate) use unix_socket::listen_to;
