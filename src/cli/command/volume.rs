//! Volumes of an application.

use serde_json::{Value, json};

use super::cloud::shown_cloud;
use super::wait;
use crate::cli::output::printer::Reply;
use crate::cli::output::table::{Row, table};
use crate::client::error::Failure;
use crate::client::lookup;
use crate::client::lookup::FoundService;
use crate::client::session::{Session, taken, understood};
use crate::model::{ApplicationId, ServiceId, State};
use crate::rpc::RpcCall;

/// Creates a volume of `size_mb` and waits until it is attached to a node.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn create(
    session: &Session,
    application: &str,
    name: &str,
    size_mb: i64,
    agent: &str,
) -> Result<Reply, Failure> {
    let app = lookup::application(session, application).await?;
    let call = RpcCall::post(0, "create_volume").param("volumeName", name).param("volumeSize", size_mb);
    let answer = session.manager(app.aid, call.param("agentId", agent)).await?;
    let words = format!("Creating volume '{name}' and attaching it to node '{agent}'... ");
    settled(session, app.aid, &answer, &words).await
}

/// Deletes a volume and waits until it is gone.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn delete(session: &Session, application: &str, name: &str) -> Result<Reply, Failure> {
    let app = lookup::application(session, application).await?;
    let answer = session.manager(app.aid, RpcCall::post(0, "delete_volume").param("volumeName", name)).await?;
    settled(session, app.aid, &answer, &format!("Detaching volume '{name}' and deleting it... ")).await
}

/// The table of a service's volumes.
///
/// # Errors
/// In upstream's words.
pub(crate) async fn list(session: &Session, found: &FoundService) -> Result<Reply, Failure> {
    let call = RpcCall::post(0, "list_volumes").param("service_id", found.service.0);
    let mut answer = session.manager(found.application, call).await?;
    let volumes: Vec<Row> = understood("list_volumes", taken(&mut answer, "volumes"))?;
    let mut rows: Vec<Row> = Vec::new();
    for volume in volumes {
        let row = json!({
            "aid": found.application, "sid": found.service, "vol_name": volume.get("vol_name"),
            "vol_size": volume.get("vol_size"), "agent_id": volume.get("vm_id"), "cloud": volume.get("cloud")
        });
        rows.extend(row.as_object().cloned());
    }
    rows.iter_mut().for_each(shown_cloud);
    let text = match table(&["aid", "sid", "vol_name", "vol_size", "agent_id", "cloud"], &rows) {
        text if text.is_empty() => "No existing storage volumes.".to_owned(),
        text => text,
    };
    Ok(Reply::line(text, rows.into_iter().map(Value::Object).collect()))
}

async fn settled(session: &Session, application: ApplicationId, answer: &Value, words: &str) -> Result<Reply, Failure> {
    let service: ServiceId = understood("create_volume", answer.get("service_id").cloned().unwrap_or_default())?;
    wait::for_service(session, &FoundService { application, service }, words, &[State::Running]).await
}
