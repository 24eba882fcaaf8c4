//! Volumes that users make.

use std::sync::Arc;

use serde_json::Value;

use super::parameters::ids;
use crate::api::manager::{ServiceIdView, VolumeList, VolumeView};
use crate::api::params::{bad, one_of, python_list, python_str};
use crate::manager::core::{Manager, Service};
use crate::manager::device::free_device;
use crate::manager::operation::{self, Task};
use crate::model::{ServiceEvent, ServiceId, VolumeName};
use crate::service::{Call, MethodError, Reply, take_node};
use crate::store::StoreError;
use crate::store::manager::{self as store, NodePhase, VolumeRow};
use crate::sys;

pub(crate) async fn create_volume(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let found =
        manager.store.read(|tx| Ok::<_, StoreError>((store::list_nodes(tx, None)?, store::list_volumes(tx, None)?)));
    let (mut nodes, volumes) = found.await?;
    nodes.retain(|node| node.phase == NodePhase::Active);
    let name = call.params.required("volumeName")?;
    let names: Vec<Value> = volumes.iter().map(|volume| volume.name.as_str().into()).collect();
    if names.contains(&name) {
        let name = python_str(&name);
        return Err(bad("volumeName", &format!("'{name}' must not be one of {}", python_list(&names))).into());
    }
    let size_mb = call.params.positive("volumeSize")?;
    let node = take_node(&mut call, "agentId", &nodes)?.clone();
    call.finish()?;
    let name: VolumeName =
        name.as_str().unwrap_or_default().parse().map_err(|error| MethodError::refused(format!("{error}")))?;
    let Service { kind, context: service, .. } = find_owner(&manager, node.sid).await?;
    service.expect_can(ServiceEvent::Change).await?;
    kind.manager.can_change_volumes(&service, "create_volume").await?;
    let volume = VolumeRow {
        name: name.to_string(),
        sid: node.sid,
        size_mb,
        device: free_device(&manager.config.dev_target, &volumes, &node.view.id)?,
        cloud: node.view.cloud_name.clone(),
        node_id: node.view.id.clone(),
        volume_id: None,
        is_kept: false,
    };
    let task = Task::CreateVolume { name: name.to_string() };
    let record = move |tx: &store::Transaction<'_>| Ok(store::insert_volume(tx, &volume)?);
    let operation_id = operation::submit_with(&manager, node.sid, task, "", record).await?.operation_id;
    Ok(Reply::of(&ServiceIdView { service_id: node.sid, operation_id }))
}

/// Attaches a volume that the director keeps to a node of any service whose kind has volumes.
pub(crate) async fn attach_volume(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let found =
        manager.store.read(|tx| Ok::<_, StoreError>((store::list_nodes(tx, None)?, store::list_volumes(tx, None)?)));
    let (mut nodes, volumes) = found.await?;
    nodes.retain(|node| node.phase == NodePhase::Active);
    let name = call.params.required("volumeName")?;
    let node = take_node(&mut call, "agentId", &nodes)?.clone();
    call.finish()?;
    let kept = manager.director.kept_volumes_for_caller().await;
    let kept = kept.map_err(|error| MethodError::refused(sys::chain(&error)))?;
    let names: Vec<&str> = kept.iter().map(|volume| volume.name.as_str()).collect();
    let name = one_of("volumeName", &name, &names)?.to_owned();
    let Service { kind, context: service, .. } = find_owner(&manager, node.sid).await?;
    service.expect_can(ServiceEvent::Change).await?;
    kind.manager.can_change_volumes(&service, "attach_volume").await?;
    let kept = kept.iter().find(|volume| volume.name == name).ok_or_else(|| MethodError::refused("no such volume"))?;
    if kept.cloud != node.view.cloud_name {
        let (theirs, its) = (&node.view.cloud_name, &kept.cloud);
        return Err(MethodError::refused(format!("Volume '{name}' is in cloud '{its}', the node in cloud '{theirs}'")));
    }
    let device = free_device(&manager.config.dev_target, &volumes, &node.view.id)?;
    let volume = operation::kept_row(kept, node.sid, &node, device);
    let task = Task::AttachVolume { name: name.clone() };
    let record = move |tx: &store::Transaction<'_>| match store::find_volume(tx, &name)? {
        Some(_) => Err(MethodError::refused(format!("Volume '{name}' is in use already, or about to be"))),
        None => Ok(store::insert_volume(tx, &volume)?),
    };
    let operation_id = operation::submit_with(&manager, node.sid, task, "", record).await?.operation_id;
    Ok(Reply::of(&ServiceIdView { service_id: node.sid, operation_id }))
}

pub(crate) async fn delete_volume(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let volumes = manager.store.read(|tx| store::list_volumes(tx, None)).await?;
    let names: Vec<&str> = volumes.iter().map(|volume| volume.name.as_str()).collect();
    let name = call.params.one_of("volumeName", &names)?;
    call.finish()?;
    let found = volumes.into_iter().find(|volume| name == volume.name);
    let volume = found.ok_or_else(|| MethodError::refused("no such volume"))?;
    let Service { kind, context: service, .. } = find_owner(&manager, volume.sid).await?;
    service.expect_can(ServiceEvent::Change).await?;
    kind.manager.can_change_volumes(&service, "delete_volume").await?;
    let task = Task::DeleteVolume { name: volume.name };
    let operation_id = operation::submit(&manager, volume.sid, task, "").await?.operation_id;
    Ok(Reply::of(&ServiceIdView { service_id: volume.sid, operation_id }))
}

pub(crate) async fn list_volumes(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let services = manager.store.read(store::list_services).await?;
    let sid = ServiceId(call.params.id_or("service_id", &ids(&services), ServiceId::MANAGER.0)?);
    call.finish()?;
    let wanted = (sid != ServiceId::MANAGER).then_some(sid);
    let volumes = manager.store.read(move |tx| store::list_volumes(tx, wanted)).await?;
    let shown = volumes.into_iter().map(|volume| {
        let service = services.iter().find(|row| row.sid == volume.sid);
        VolumeView {
            vol_name: volume.name,
            vol_id: volume.volume_id.unwrap_or_default(),
            vol_size: volume.size_mb,
            vm_id: volume.node_id,
            dev_name: volume.device,
            cloud: volume.cloud,
            service_id: volume.sid,
            service_name: service.map(|row| row.kind.clone()).unwrap_or_default(),
        }
    });
    Ok(Reply::of(&VolumeList { volumes: shown.collect() }))
}

async fn find_owner(manager: &Manager, sid: ServiceId) -> Result<Service, MethodError> {
    let found = manager.find_service(sid).await?;
    found.ok_or_else(|| MethodError::refused("Service not found"))
}
