//! Adding, starting, stopping and removing services.

use std::sync::Arc;

use super::nodes::read_counts;
use super::parameters::{expect_credit, read_cloud, take_service};
use crate::api::Accepted;
use crate::api::manager::ServiceIdView;
use crate::manager::core::{Manager, Service};
use crate::manager::operation::{self, Task};
use crate::model::{ServiceEvent, ServiceId, VolumeFate};
use crate::service::{Call, Document, KINDS, Kind, MethodError, Reply, now};
use crate::store::manager as store;

pub(crate) async fn add_service(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let kinds: Vec<(&str, &Kind)> = KINDS.iter().map(|kind| (kind.name, *kind)).collect();
    let kind = call.params.choice("service_type", &kinds)?;
    call.finish()?;
    let settings = kind.manager.first_settings()?.into_text();
    let added = manager.adapting(move |tx| {
        let sid = store::insert_service(tx, None, kind.name, now())?;
        store::set_service_settings(tx, sid, settings.as_deref())?;
        Ok(sid)
    });
    let sid = added.await?;
    if let Some(service) = manager.find_service(sid).await? {
        manager.log_state(sid, service.row.state, "");
        if let Err(error) = kind.manager.on_add_service(&service.context).await {
            manager.store.write(move |tx| store::delete_service(tx, sid)).await?;
            return Err(error);
        }
    }
    Ok(Reply::of(&ServiceIdView { service_id: sid, operation_id: None }))
}

pub(crate) async fn remove_service(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let row = take_service(&manager, &mut call, "service_id").await?.row;
    call.finish()?;
    let submitted = operation::submit(&manager, row.sid, Task::RemoveService, "Removing the service").await?;
    Ok(Reply::of(&Accepted { operation_id: submitted.operation_id }))
}

pub(crate) async fn start_service(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let Service { kind, context: service, .. } = take_service(&manager, &mut call, "service_id").await?;
    let cloud = call.params.string("cloud")?;
    let nodes = call.params.object_or_empty("nodes")?;
    let volume_size = match call.params.values().contains_key("volume_size") {
        true => Some(call.params.integer("volume_size")?),
        false => None,
    };
    call.finish()?;
    expect_credit(&manager).await?;
    let counts = if nodes.is_empty() { Vec::new() } else { read_counts(kind, &nodes)? };
    kind.manager.check_addition(&[], &counts)?;
    service.expect_can(ServiceEvent::Start).await?;
    let cloud = read_cloud(&cloud)?;
    let task = Task::StartService { cloud: cloud.to_string(), counts };
    let (sid, kind) = (service.sid, kind.manager);
    let record = move |tx: &store::Transaction<'_>| {
        let Some(size_mb) = volume_size else { return Ok(()) };
        let settings = kind.with_volume_size(&Document::new(store::service_settings(tx, sid)?), size_mb)?;
        Ok(store::set_service_settings(tx, sid, settings.into_text().as_deref())?)
    };
    let submitted = operation::submit_with(&manager, sid, task, "", record).await?;
    Ok(Reply::of(&submitted.view()))
}

/// Where nobody says what becomes of the volumes, the service's kind does.
pub(crate) async fn stop_service(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let service = take_service(&manager, &mut call, "service_id").await?;
    let (sid, kind) = (service.row.sid, service.kind.manager);
    let keeps = match call.params.values().contains_key("keep_volumes") {
        true => call.params.boolean("keep_volumes")?,
        false => kind.keeps_volumes(&service.context.settings().await?)?,
    };
    call.finish()?;
    let submitted = operation::submit_stop(&manager, sid, VolumeFate::asked(keeps)).await?;
    Ok(Reply::of(&submitted.view()))
}

/// Stops every service; the first that refuses ends it with its words, after all were asked.
pub(crate) async fn stopall(manager: Arc<Manager>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let rows = manager.store.read(store::list_services).await?;
    let mut outcome = Ok(Reply::nothing());
    for row in rows.into_iter().filter(|row| row.sid != ServiceId::MANAGER && !row.state.is_stopped()) {
        if let Err(error) = operation::submit_stop(&manager, row.sid, VolumeFate::Lost).await {
            outcome = Err(error);
        }
    }
    outcome
}
