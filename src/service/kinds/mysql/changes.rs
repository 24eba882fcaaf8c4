//! What is set of a service besides the variables of its servers.

use super::settings::MysqlSettings;
use crate::api::params::bad;
use crate::model::State;
use crate::service::call::Call;
use crate::service::change::Change;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::reply::Reply;
use crate::service::settings::Document;
use crate::store::manager as store;

/// The tables of a new cluster and what it keeps for members that come back fill the half of it.
const LEAST_MB: i64 = 512;
const MOST_MB: i64 = 16 * 1024 * 1024;

/// `encrypt` (ours): the nodes of a service that was made by an older program talk with each other by TLS from now on.
/// All of them start anew at once: one that talks in another way than the rest is no member.
pub(super) async fn encrypt(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let settings: MysqlSettings = service.settings().await?.read()?;
    if settings.tls {
        return Err(MethodError::refused("The nodes talk with each other by TLS already"));
    }
    let settings = Document::of(&MysqlSettings { tls: true, ..settings })?;
    let reason = "The nodes begin to talk with each other by TLS".to_owned();
    Ok(Reply::Adapt { reason, change: Change::Settings { settings } })
}

/// `set_volume_size` (ours): of nodes that are made from now on, and of those that there are. These grow while they serve,
/// as soon as the manager looks after them.
pub(super) async fn set_volume_size(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let size = call.params.integer("size")?;
    call.finish()?;
    let sid = service.sid;
    let kept = service.store.write(move |tx| {
        // An operation that has begun meanwhile writes what it knew.
        let row = store::find_service(tx, sid)?.ok_or_else(|| MethodError::refused("Service not found"))?;
        if ![State::Init, State::Stopped, State::Running].contains(&row.state) {
            return Err(MethodError::refused("The service is changing: say it again when that is done"));
        }
        let settings = with_volume_size(&Document::new(store::service_settings(tx, sid)?), size)?;
        let volumes = store::list_volumes(tx, Some(sid))?;
        if let Some(largest) = volumes.iter().map(|volume| volume.size_mb).max().filter(|largest| *largest > size) {
            let text = format!("{size} is less than the {largest} MB of a node: volumes only grow");
            return Err(bad("size", &text).into());
        }
        store::set_service_settings(tx, sid, settings.into_text().as_deref())?;
        Ok(())
    });
    kept.await?;
    Ok(Reply::nothing())
}

/// Returns the settings with which volumes have this size.
///
/// # Errors
/// Returns an error if no volume can have it.
pub(super) fn with_volume_size(settings: &Document, size_mb: i64) -> Result<Document, MethodError> {
    if !(LEAST_MB..=MOST_MB).contains(&size_mb) {
        return Err(bad("size", &format!("{size_mb} is not from {LEAST_MB} to {MOST_MB} (MB)")).into());
    }
    let settings: MysqlSettings = settings.read()?;
    Document::of(&MysqlSettings { volume_mb: u64::try_from(size_mb).ok(), ..settings })
}
