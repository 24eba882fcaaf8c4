//! `status`: applications, services, and where they answer.

use async_trait::async_trait;
use clap::Args;
use serde::Serialize;

use super::entry;
use crate::api::{ApplicationView, ServiceAndApplication};
use crate::cli::invocation::{Action, Invocation};
use crate::cli::kind::find_deployment;
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup::{self, FoundService};
use crate::client::session::Session;
use crate::model::{ApplicationId, ServiceId, State};

/// What is shown.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Name or identifier of an application; all of them when it is left out
    app_name_or_id: Option<String>,
}

/// A service, or an application that has none.
#[derive(Serialize)]
struct Row {
    aid: ApplicationId,
    application: String,
    application_status: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<ServiceId>,
    #[serde(rename = "type")]
    kind: String,
    service: String,
    status: String,
    code: String,
    urls: String,
}

#[async_trait(?Send)]
impl Action for Status {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        let session = &run.session;
        let applications = match &self.app_name_or_id {
            Some(name) => vec![lookup::application(session, name).await?],
            None => session.applications().await?,
        };
        let services = session.services().await?;
        let mut rows = Vec::new();
        for app in &applications {
            rows.extend(rows_of(session, app, &services).await?);
        }
        let columns = ["application", "application_status", "sid", "type", "service", "status", "code", "urls"];
        Ok(Reply::table(&columns, &rows, "No existing applications: 'conpaas deploy' makes one of a directory."))
    }
}

async fn rows_of(
    session: &Session,
    app: &ApplicationView,
    services: &[ServiceAndApplication],
) -> Result<Vec<Row>, Failure> {
    session.learn_manager(app);
    let mut services: Vec<_> = services.iter().filter(|found| found.service.application_id == app.aid).collect();
    services.sort_by_key(|found| found.service.sid);
    // A manager that does not answer makes states unknown, not the table impossible.
    let info = if app.status == State::Running { session.app_info(app.aid).await.ok() } else { None };
    let row = || Row {
        aid: app.aid,
        application: app.name.clone(),
        application_status: app.status,
        sid: None,
        kind: String::new(),
        service: String::new(),
        status: String::new(),
        code: String::new(),
        urls: String::new(),
    };
    let mut rows = Vec::new();
    for found in services {
        let sid = found.service.sid;
        let state = info.as_ref().and_then(|info| info.states.get(&sid)).copied();
        let mut row = Row {
            sid: Some(sid),
            kind: found.service.kind.clone(),
            service: found.service.name.clone(),
            status: state.map_or_else(|| "N/A".to_owned(), |state| state.as_str().to_owned()),
            ..row()
        };
        if let (Some(deployment), Some(_)) = (find_deployment(&found.service.kind), state) {
            let found = FoundService { application: app.aid, service: sid };
            let urls = entry::urls(session, &found, deployment.entry).await.unwrap_or_default();
            row.urls = urls.join(" ");
            let versions = session.code_versions(&found).await.unwrap_or_default();
            row.code =
                versions.into_iter().find(|version| version.current).map(|version| version.id).unwrap_or_default();
        }
        rows.push(row);
    }
    Ok(if rows.is_empty() { vec![row()] } else { rows })
}
