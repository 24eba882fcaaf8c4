//! What happened (`docs/reference/director-api.md` §3.4b). ConPaaS 2.0 has nothing of this.

use std::str::FromStr;
use std::sync::Arc;

use super::call::Call;
use crate::api::ToldEvent;
use crate::director::error::Failure;
use crate::director::event;
use crate::director::node::request::unusable;
use crate::director::state::Director;
use crate::rpc::{Form, Response};

/// Answers what happened to the caller's applications, at once or as soon as something happens.
pub(crate) async fn list(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (aid, since) = (number(&call.form, "app_id")?, number(&call.form, "since")?);
    let view = event::list(&director, call.user(), aid, since, call.wait_for()?).await?;
    Ok(Response::json_line(&view))
}

/// Takes the word of a manager about what happened to its services.
pub(crate) async fn tell(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let after = number(&call.form, "after")?.unwrap_or_default();
    let told: Vec<ToldEvent> =
        serde_json::from_str(call.required("events")?).map_err(|error| unusable("events", error))?;
    Ok(Response::json_line(&event::tell(&director, call.asker(), after, told).await?))
}

fn number<T: FromStr>(form: &Form, field: &str) -> Result<Option<T>, Failure> {
    let read = |text: &str| text.trim().parse().map_err(|_| unusable(field, "it is no number"));
    form.filled(field).map(read).transpose()
}
