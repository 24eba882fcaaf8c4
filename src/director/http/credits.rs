//! Credits of the users whose applications ask (`docs/reference/director-api.md` §6).

use std::sync::Arc;

use super::call::Call;
use crate::api::{CreditView, IsErrorView};
use crate::director::credit;
use crate::director::error::Failure;
use crate::director::state::Director;
use crate::rpc::Response;

pub(crate) async fn credit(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let credit = credit::of_user(&director, call.user()).await?;
    Ok(Response::json_line(&CreditView { credit }))
}

/// Takes credits from the user whose application asks: all of them, or none where there are fewer.
pub(crate) async fn decrement(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let is_own = call.form.filled("aid").and_then(|text| text.parse().ok()) == Some(call.application());
    let amount = call.form.filled("decrement").and_then(|text| text.trim().parse::<i64>().ok());
    let is_taken = match amount.filter(|amount| *amount > 0 && is_own) {
        Some(amount) => credit::take(&director, call.asker(), amount).await?,
        None => false,
    };
    Ok(Response::json_line(&IsErrorView { error: !is_taken }))
}
