//! What a user may know of himself (`docs/reference/director-api.md` §3.2, §3.3).

use std::collections::HashMap;
use std::sync::Arc;

use super::routes::Call;
use crate::director::error::Failure;
use crate::director::state::Director;
use crate::director::views;
use crate::rpc::Response;
use crate::store::director::{application, node, user};

pub(crate) async fn user_config(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let uid = call.user();
    let found = director.store.read(move |tx| Ok::<_, Failure>(user::get(tx, uid)?)).await?;
    let found = found.ok_or(Failure::False)?;
    Ok(Response::json_line(&views::user(&found, None)))
}

pub(crate) async fn user_credit(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let uid = call.user();
    let credit = director.store.read(move |tx| Ok::<_, Failure>(user::credit(tx, uid)?)).await?;
    Ok(Response::json_line(&credit.ok_or(Failure::False)?))
}

pub(crate) async fn list_resources(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let uid = call.user();
    let resources = director
        .store
        .read(move |tx| {
            let names: HashMap<_, _> = application::list(tx, uid)?
                .into_iter()
                .map(|application| (application.aid, application.name))
                .collect();
            let nodes = node::up_of_user(tx, uid)?;
            let view = |node: &node::Node| views::resource(node, names.get(&node.wanted.aid)?.clone());
            Ok::<_, Failure>(nodes.iter().filter_map(view).collect::<Vec<_>>())
        })
        .await?;
    Ok(Response::json_line(&resources))
}
