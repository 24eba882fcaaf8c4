//! What is published, for users, managers and ingresses (`docs/reference/director-api.md`).

use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use super::call::Call;
use super::services::ids;
use crate::api::{Done, DoorView, Troubles};
use crate::director::error::Failure;
use crate::director::node::request::unusable;
use crate::director::published::{self, Auth, Wish};
use crate::director::state::Director;
use crate::director::troubles::Said;
use crate::rpc::{Form, Response};

pub(crate) async fn publish(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (aid, sid, _) = ids(&call.form)?;
    let wish = Wish {
        protocol: read(&call.form, "protocol")?,
        port: read(&call.form, "port")?,
        target: read(&call.form, "target")?,
        name: read(&call.form, "name")?,
        auth: auth(&call.form)?,
        is_in_maintenance: read(&call.form, "maintenance")?,
        is_https_forced: read(&call.form, "force_https")?,
    };
    let view = published::publish(&director, call.user(), aid, sid, wish).await?;
    Ok(Response::json_line(&view))
}

pub(crate) async fn unpublish(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (aid, sid, _) = ids(&call.form)?;
    published::unpublish(&director, call.user(), aid, sid).await?;
    Ok(Response::json_pretty(&true))
}

pub(crate) async fn list(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    Ok(Response::json_line(&published::list(&director, call.user()).await?))
}

/// Answers what visitors of a service asked for, from where the caller read last.
pub(crate) async fn log(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (aid, sid, _) = ids(&call.form)?;
    let text = published::log(&director, call.user(), aid, sid, call.form.get("cursor")).await?;
    Ok(Response::json_line(&text))
}

/// Takes the word of an ingress about what visitors ask for.
pub(crate) async fn visits(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let told = json(call.required("visits")?, "visits")?;
    director.visits.remember(call.caller.address.ip(), told, Instant::now());
    Ok(Response::json_line(&Done {}))
}

/// Takes the word of a manager about the doors of its services. Answers once ingresses lead there, if it is to wait.
pub(crate) async fn doors(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let doors: Vec<DoorView> = json(call.required("doors")?, "doors")?;
    published::set_doors(&director, call.asker(), doors).await?;
    published::await_ingresses(&director, call.asker().aid, call.wait_for()?).await?;
    Ok(Response::json_line(&Done {}))
}

/// Answers an ingress what it serves, once that is not what it knows.
pub(crate) async fn sites(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    if let Some(text) = call.form.filled("troubles") {
        let troubles: Troubles = json(text, "troubles")?;
        let secure = call.form.filled("secure").map(|text| json(text, "secure")).transpose()?.unwrap_or_default();
        director.troubles.remember(call.caller.address.ip(), Said { troubles, secure });
    }
    if let Some(digest) = call.form.filled("known") {
        director.served.remember(call.caller.address.ip(), digest, Instant::now());
    }
    let view = published::sites(&director, call.form.filled("known"), call.wait_for()?).await?;
    Ok(Response::json_line(&view))
}

fn auth(form: &Form) -> Result<Option<Auth>, Failure> {
    if read(form, "no_auth")? == Some(true) {
        return Ok(Some(Auth::Nobody));
    }
    let Some(user) = form.filled("auth_user") else { return Ok(None) };
    let password = form.get("auth_password").unwrap_or_default();
    Ok(Some(Auth::Password(user.to_owned(), password.to_owned())))
}

fn read<T: FromStr<Err: ToString>>(form: &Form, field: &str) -> Result<Option<T>, Failure> {
    let read = |text: &str| text.trim().parse().map_err(|error: T::Err| unusable(field, error.to_string()));
    form.filled(field).map(read).transpose()
}

fn json<T: serde::de::DeserializeOwned>(text: &str, field: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| unusable(field, error))
}
