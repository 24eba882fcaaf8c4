//! Volumes of shared storage in the plans of those that mount them.

use std::net::Ipv4Addr;

use serde_json::{Map, Value};

use crate::model::ServiceId;
use crate::rpc::RpcCall;
use crate::service::plan::{Action, Deed, NodePlan, Part, StopCall};
use crate::service::shared_mount::SharedMount;
use crate::service::{Document, MethodError, find_kind};
use crate::store::manager::{self as store, MountRow, NodePhase, Transaction};

const METHOD: &str = "mount_storage";
const PARAMETER: &str = "mounts";

/// Returns what a service mounts. A volume that is gone is mounted no more.
///
/// # Errors
/// Returns an error if settings of the service that has one cannot be read.
pub(super) fn read(tx: &Transaction<'_>, sid: ServiceId) -> Result<Vec<SharedMount>, MethodError> {
    let rows = store::list_mounts(tx)?.into_iter().filter(|row| row.sid == sid);
    let found: Result<Vec<Option<SharedMount>>, MethodError> = rows.map(|row| find(tx, row)).collect();
    Ok(found?.into_iter().flatten().collect())
}

fn find(tx: &Transaction<'_>, row: MountRow) -> Result<Option<SharedMount>, MethodError> {
    let Some(source) = store::find_service(tx, row.to_sid)? else { return Ok(None) };
    let Some(kind) = find_kind(&source.kind) else { return Ok(None) };
    let settings = Document::new(store::service_settings(tx, row.to_sid)?);
    let mut nodes = store::list_nodes(tx, Some(row.to_sid))?;
    nodes.retain(|node| node.phase == NodePhase::Active);
    let Some(mut offer) = kind.manager.storage(&settings, &nodes)? else { return Ok(None) };
    // Storage that does not run now comes back where it was, or its mounts are told where it is.
    let host: Result<Ipv4Addr, _> = offer.host.unwrap_or(row.host).parse();
    let (Some(password), Ok(host)) = (offer.passwords.remove(&row.volume), host) else { return Ok(None) };
    Ok(Some(SharedMount { host, volume: row.volume, password, path: row.path.into() }))
}

/// Has every node mount them before it does anything else.
pub(super) fn add(mounts: &[SharedMount], plans: &mut [NodePlan]) {
    if mounts.is_empty() {
        return;
    }
    let wanted = serde_json::to_value(mounts).unwrap_or_default();
    let call = RpcCall::post(0, METHOD).param(PARAMETER, wanted.clone());
    let nothing: Map<String, Value> = [(PARAMETER.to_owned(), Value::Array(Vec::new()))].into_iter().collect();
    for plan in plans {
        for part in &mut plan.parts {
            part.first.stage += 1;
            part.change.stage += 1;
        }
        let mount = Action { stage: 0, deed: Deed::Call(call.clone()) };
        plan.parts.push(Part {
            name: "storage",
            wanted: wanted.to_string(),
            first: mount.clone(),
            change: mount,
            stop: Some(StopCall { method: METHOD.to_owned(), params: nothing.clone() }),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::NodeView;
    use crate::store::manager::NodeRow;

    #[test]
    fn volumes_are_mounted_before_programs_start() {
        let node = NodeRow {
            sid: ServiceId(1),
            role: "node".to_owned(),
            phase: NodePhase::Active,
            view: NodeView::sample("n1"),
        };
        let first = Action { stage: 0, deed: Deed::Call(RpcCall::post(0, "x")) };
        let part = Part { name: "x", wanted: String::new(), first: first.clone(), change: first, stop: None };
        let mut plans = [NodePlan { node, parts: vec![part] }];
        add(&[], &mut plans);
        assert_eq!(plans[0].parts.len(), 1);
        let mount = SharedMount {
            host: Ipv4Addr::LOCALHOST,
            volume: "pictures".to_owned(),
            password: "secret".to_owned(),
            path: "/srv/pictures".into(),
        };
        add(&[mount], &mut plans);
        let stages: Vec<(&str, u8)> = plans[0].parts.iter().map(|part| (part.name, part.first.stage)).collect();
        assert_eq!(stages, [("x", 1), ("storage", 0)]);
    }
}
