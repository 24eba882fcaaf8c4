//! Users, for administrators (`docs/reference/director-api.md` §3.2a). ConPaaS 2.0 has nothing of this.

use std::str::FromStr;
use std::sync::Arc;

use super::call::Call;
use crate::api::{CreditView, Done};
use crate::director::account::Running;
use crate::director::administration;
use crate::director::error::Failure;
use crate::director::node::request::unusable;
use crate::director::state::Director;
use crate::director::{health, invitation};
use crate::model::UserId;
use crate::rpc::Response;

pub(crate) async fn users(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    Ok(Response::json_line(&administration::users(&director, call.user()).await?))
}

pub(crate) async fn add_credit(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (uid, amount) = (UserId(number(&call, "uid")?), number(&call, "credit")?);
    let credit = administration::add_credit(&director, call.user(), uid, amount).await?;
    Ok(Response::json_line(&CreditView { credit }))
}

pub(crate) async fn set_password(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (uid, password) = (UserId(number(&call, "uid")?), call.form.get("new_password").unwrap_or_default());
    administration::set_password(&director, call.user(), uid, (password, call.caller.address.ip())).await?;
    Ok(Response::json_line(&Done {}))
}

pub(crate) async fn remove(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let uid = UserId(number(&call, "uid")?);
    let running = match call.form.filled("force") {
        Some("true") => Running::Stop,
        None | Some("false") => Running::Refuse,
        Some(_) => return Err(unusable("force", "say true or false")),
    };
    administration::remove_user(&director, call.user(), uid, running).await?;
    Ok(Response::json_line(&Done {}))
}

/// Answers what is to be said of the director and its clouds.
pub(crate) async fn check(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    Ok(Response::json_line(&health::look(&director, call.user()).await?))
}

pub(crate) async fn invitations(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    Ok(Response::json_line(&invitation::list(&director, call.user()).await?))
}

pub(crate) async fn invite(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (label, bounds) =
        (call.form.get("label").unwrap_or_default(), (number(&call, "uses")?, number(&call, "days")?));
    Ok(Response::json_line(&invitation::create(&director, call.user(), label, bounds).await?))
}

pub(crate) async fn withdraw(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    invitation::remove(&director, call.user(), number(&call, "id")?).await?;
    Ok(Response::json_line(&Done {}))
}

fn number<T: FromStr>(call: &Call, field: &str) -> Result<T, Failure> {
    call.required(field)?.trim().parse().map_err(|_| unusable(field, "it is no whole number"))
}
