//! Logins by an OpenID provider (`docs/reference/director-api.md` §3.2b). ConPaaS 2.0 has nothing of this.

use std::sync::Arc;

use super::accounts;
use super::call::Call;
use crate::api::{Done, ExternalProviderView, totp as code};
use crate::director::account;
use crate::director::error::Failure;
use crate::director::external::{self, Return};
use crate::director::state::Director;
use crate::pki::Credentials;
use crate::rpc::Response;
use crate::store::director::external_login::ExternalIdentity;

/// Answers what users call the provider.
pub(crate) async fn provider(director: Arc<Director>, _call: Call) -> Result<Response, Failure> {
    Ok(Response::json_line(&ExternalProviderView { name: external::name(&director) }))
}

/// Answers where a visitor is to go to log in.
pub(crate) async fn begin_login(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let begun = external::begin_login(&director, call.required("redirect_uri")?, call.visitor()).await?;
    Ok(Response::json_line(&begun))
}

/// Takes a visitor back whom the provider has sent; answers what comes next.
pub(crate) async fn come_back(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let back = Return {
        state: call.required("state")?,
        secret: call.required("secret")?,
        code: call.required("code")?,
        issuer: call.form.filled("iss"),
    };
    Ok(Response::json_line(&external::come_back(&director, back, call.visitor()).await?))
}

/// Issues the certificate of a user who has come back.
pub(crate) async fn certificate(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (ticket, given) = (call.required("ticket")?, call.form.filled(code::FIELD));
    zip(&external::certificate(&director, ticket, given, call.visitor()).await?)
}

/// Makes an account for somebody who has come back, and issues its certificate.
pub(crate) async fn account(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let admission = account::expect_invited(&director, call.form.filled("invitation")).await?;
    let wanted = accounts::registration_without_password(&director, &call.form)?;
    let made = external::register(&director, call.required("ticket")?, (wanted, admission), call.visitor()).await?;
    zip(&made)
}

/// Answers what the caller has linked.
pub(crate) async fn of_user(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    Ok(Response::json_line(&external::of_user(&director, call.user()).await?))
}

/// Begins to link an identity with the caller; answers where he is to go.
pub(crate) async fn begin_link(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (url, address) = (call.required("redirect_uri")?, call.caller.address.ip());
    Ok(Response::json_line(&external::begin_link(&director, call.user(), url, shown(&call), address).await?))
}

/// Ends a link of the caller.
pub(crate) async fn end_link(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let text = |name: &str| call.required(name).map(str::to_owned);
    let identity = ExternalIdentity { issuer: text("issuer")?, subject: text("subject")? };
    external::end_link(&director, call.user(), identity, shown(&call), call.caller.address.ip()).await?;
    Ok(Response::json_line(&Done {}))
}

fn shown(call: &Call) -> (&str, Option<&str>) {
    (call.form.get("password").unwrap_or_default(), call.form.filled(code::FIELD))
}

fn zip(credentials: &Credentials) -> Result<Response, Failure> {
    let zip = credentials.to_zip().map_err(|error| Failure::Internal(format!("cannot make certs.zip: {error}")))?;
    Ok(Response::attachment("application/zip", "certs.zip", zip))
}
