//! What a user may know of himself (`docs/reference/director-api.md` §3.2, §3.3).

use std::sync::Arc;

use super::call::Call;
use crate::api::UserView;
use crate::director::error::Failure;
use crate::director::state::Director;
use crate::director::{account, credit, resource, views};
use crate::rpc::Response;

pub(crate) async fn user_config(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let found = account::get(&director, call.user()).await?;
    let administrator = account::is_administrator(&director, call.user()).await?;
    Ok(Response::json_line(&UserView { administrator, ..views::user(&found, None) }))
}

pub(crate) async fn user_credit(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    Ok(Response::json_line(&credit::of_user(&director, call.user()).await?))
}

pub(crate) async fn list_resources(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let found = resource::list(&director, call.user()).await?;
    let views = found.into_iter().filter_map(|(node, name)| views::resource(&node, name));
    Ok(Response::json_line(&views.collect::<Vec<_>>()))
}
