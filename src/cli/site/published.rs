//! `published`: what others reach, and where.

use async_trait::async_trait;
use clap::Args;
use serde::Serialize;

use crate::api::{PublishedView, VisitsView};
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::model::{ApplicationId, ServiceId};

/// Shows all of the user's.
#[derive(Debug, Args)]
pub(crate) struct Published {}

/// A row of the table.
#[derive(Serialize)]
struct Row {
    aid: ApplicationId,
    app_name: String,
    sid: ServiceId,
    url: String,
    auth: String,
    visits: String,
    state: String,
}

#[async_trait(?Send)]
impl Action for Published {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        let rows: Vec<Row> = run.session.published().await?.into_iter().flat_map(rows).collect();
        let columns = ["aid", "app_name", "sid", "url", "auth", "visits", "state"];
        Ok(Reply::table(&columns, &rows, "Nothing is published."))
    }
}

/// Returns a row for each address.
fn rows(view: PublishedView) -> Vec<Row> {
    let state = match (view.trouble, view.maintenance) {
        (Some(trouble), _) => trouble,
        (None, true) => "maintenance".to_owned(),
        (None, false) => "published".to_owned(),
    };
    let row = |url: &String| Row {
        aid: view.app_id,
        app_name: view.app_name.clone(),
        sid: view.service_id,
        url: url.clone(),
        auth: view.auth_user.clone().unwrap_or_default(),
        visits: view.visits.as_ref().map(VisitsView::shown).unwrap_or_default(),
        state: state.clone(),
    };
    view.urls.iter().map(row).collect()
}
