//! One-time codes of users (`docs/reference/director-api.md` §3.2).

use std::sync::Arc;

use super::call::Call;
use crate::api::{Done, totp as code};
use crate::director::error::Failure;
use crate::director::state::Director;
use crate::director::totp;
use crate::rpc::Response;

/// Answers whether the caller's login needs a code.
pub(crate) async fn of_user(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    Ok(Response::json_line(&totp::of_user(&director, call.user()).await?))
}

/// Answers what a phone needs to make codes. They are needed from `/confirm_totp` on.
pub(crate) async fn begin(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let secret = totp::begin(&director, call.user(), (password(&call), call.caller.address.ip())).await?;
    Ok(Response::json_line(&secret))
}

/// Switches codes on by the first one; answers the recovery codes.
pub(crate) async fn confirm(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    director.passwords.count_address(call.caller.address.ip())?;
    let given = call.form.get(code::FIELD).unwrap_or_default();
    Ok(Response::json_line(&totp::confirm(&director, call.user(), given).await?))
}

/// Switches codes off.
pub(crate) async fn end(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let shown = (password(&call), call.form.filled(code::FIELD));
    totp::end(&director, call.user(), shown, call.caller.address.ip()).await?;
    Ok(Response::json_line(&Done {}))
}

fn password(call: &Call) -> &str {
    call.form.get("password").unwrap_or_default()
}
