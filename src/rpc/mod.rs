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

mod client;
mod form;
mod json;
mod jsonrpc;
mod public_http;
mod response;
mod server;
mod tls;
mod unix_socket;

pub use client::{Answer, CallError, Client, ClientError, Endpoint, FormBody, RpcCall};
pub use form::{Form, Upload};
pub use json::{python_json, python_json_pretty};
pub use jsonrpc::{CallKind, EnvelopeError, RpcRequest, read_call, reply_error, reply_result};
pub use public_http::{WebAnswer, WebClient, WebError, WebLimits, WebRequest, web_client_config};
pub use response::Response;
pub use server::{BodyError, Caller, Handler, Limits, Request, serve, serve_plain};
pub use tls::{ClientAuthentication, PeerRule, TlsError, client_config, install_crypto, server_config};
pub use unix_socket::listen_to;
