//! What anyone may know (`docs/reference/director-api.md` §3.1).

use std::sync::Arc;

use super::call::Call;
use crate::api;
use crate::director::error::Failure;
use crate::director::state::Director;
use crate::rpc::Response;
use crate::service;

pub(crate) async fn version(_: Arc<Director>, _: Call) -> Result<Response, Failure> {
    Ok(Response::text(api::PROTOCOL_VERSION))
}

pub(crate) async fn support_external_idp(director: Arc<Director>, _: Call) -> Result<Response, Failure> {
    Ok(Response::text(python_bool(director.config.support_external_idp)))
}

pub(crate) async fn support_openid(director: Arc<Director>, _: Call) -> Result<Response, Failure> {
    Ok(Response::text(python_bool(director.config.support_openid)))
}

/// The level of another part's talk; only the web frontend asks, for `js`.
pub(crate) async fn debug_level(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let part = call.arguments.first().map(String::as_str).unwrap_or_default();
    Ok(Response::text(director.config.debug_level(part).to_string()))
}

pub(crate) async fn available_services(_: Arc<Director>, _: Call) -> Result<Response, Failure> {
    Ok(Response::json_line(&service::kind_names()))
}

pub(crate) async fn available_clouds(director: Arc<Director>, _: Call) -> Result<Response, Failure> {
    let names: Vec<&str> = director.clouds.names().map(crate::model::CloudName::shown).collect();
    Ok(Response::json_line(&names))
}

fn python_bool(truth: bool) -> &'static str {
    if truth { "True" } else { "False" }
}
