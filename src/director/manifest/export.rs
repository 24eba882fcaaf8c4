//! From an application to a manifest that makes the same again.

use std::collections::BTreeMap;

use crate::api::manager::ServiceDescription;
use crate::director::error::Failure;
use crate::director::manager_calls;
use crate::director::service as services;
use crate::director::state::Director;
use crate::manifest::{Described, Manifest};
use crate::model::{ApplicationId, ServiceId, UserId};
use crate::rpc::RpcCall;
use crate::store::director::application;

/// Returns the manifest of an application. Archives and scripts are named as files beside it, which whoever wants them
/// fetches from the manager.
pub(crate) async fn export(director: &Director, uid: UserId, aid: ApplicationId) -> Result<Manifest, Failure> {
    let owned = director.store.read(move |tx| Ok::<_, Failure>(application::owned(tx, aid, uid)?)).await?;
    let owned = owned.ok_or_else(|| Failure::Application(format!("The appid {aid} does not exist")))?;
    let found = services::list(director, uid, Some(aid)).await?;
    let names: BTreeMap<ServiceId, String> =
        found.iter().map(|(service, _)| (service.sid, service.name.clone())).collect();
    let mut entries = Vec::new();
    for (service, _) in &found {
        let (_, node) = manager_calls::find(director, uid, aid, &aid.to_string()).await?;
        let call = RpcCall::get(0, "describe_service").param("service_id", service.sid.0);
        let description: ServiceDescription = manager_calls::call(director, &node, &call).await?;
        let (name, kind) = (service.name.as_str(), service.kind.as_str());
        entries.push(Described { sid: service.sid, name, kind, description: &description }.entry(&names));
    }
    Ok(Manifest { application: Some(owned.name), services: entries })
}
