//! The manager's side of shared storage (`docs/reference/manager-api.md` §5.5).

use async_trait::async_trait;

use super::agent::{MASTER_LOG, SERVER_LOG};
use super::roles::{DIR, MRC, OSD, ROLES, check_removal, needs, plays};
use super::settings::XtreemfsSettings;
use super::{credentials, labels, plan, policies, servers, snapshot, takeover, volumes};
use crate::api::manager::NewSharedVolume;
use crate::api::xtreemfs::{StorageInfo, StorageNode, StorageNodeInfo};
use crate::api::{NodeView, VolumeRequest};
use crate::model::NodeNeeds;
use crate::service::call::Call;
use crate::service::care;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::log_file::LogFile;
use crate::service::manager_side::{ManagerKind, Settling};
use crate::service::manifest::ManifestKeys;
use crate::service::method::{Method, get, post};
use crate::service::plan::{NodePlan, PlanInput};
use crate::service::reply::Reply;
use crate::service::role::{Counts, Player, RoleSet, Roles};
use crate::service::settings::Document;
use crate::service::shared_mount::StorageOffer;
use crate::store::manager::NodeRow;

const METHODS: &[Method<ServiceContext>] = &[
    get("get_service_info", |service, call| Box::pin(get_service_info(service, call))),
    get("list_nodes", |service, call| Box::pin(list_nodes(service, call))),
    get("get_node_info", |service, call| Box::pin(get_node_info(service, call))),
    post("createVolume", |service, call| Box::pin(volumes::create(service, call))),
    post("deleteVolume", |service, call| Box::pin(volumes::delete(service, call))),
    get("listVolumes", |service, call| Box::pin(volumes::list(service, call))),
    get("get_volumes", |service, call| Box::pin(volumes::get_volumes(service, call))),
    post("get_volume_access", |service, call| Box::pin(volumes::get_access(service, call))),
    post("set_volume_quota", |service, call| Box::pin(volumes::set_quota(service, call))),
    post("set_volume_clients", |service, call| Box::pin(volumes::set_clients(service, call))),
    get("list_striping_policies", |_, call| Box::pin(policies::list(call, policies::STRIPING))),
    get("list_replication_policies", |_, call| Box::pin(policies::list(call, policies::REPLICATION))),
    get("list_osd_sel_policies", |_, call| Box::pin(policies::list(call, policies::OSD_SELECTION))),
    get("list_replica_sel_policies", |_, call| Box::pin(policies::list(call, policies::REPLICA_SELECTION))),
    post("set_osd_sel_policy", |service, call| Box::pin(policies::set_osd_selection(service, call))),
    post("set_replica_sel_policy", |service, call| Box::pin(policies::set_replica_selection(service, call))),
    post("set_replication_policy", |service, call| Box::pin(policies::set_replication(service, call))),
    post("set_striping_policy", |service, call| Box::pin(policies::set_striping(service, call))),
    post("set_server_labels", |service, call| Box::pin(labels::set(service, call))),
    post("toggle_persistent", |service, call| Box::pin(toggle_persistent(service, call))),
    post("set_osd_size", |service, call| Box::pin(set_osd_size(service, call))),
    post("get_client_cert", |service, call| Box::pin(credentials::get_client_cert(service, call))),
    post("get_user_cert", |service, call| Box::pin(credentials::get_user_cert(service, call))),
    post("get_service_snapshot", |service, call| Box::pin(snapshot::get(service, call))),
    post("set_service_snapshot", |service, call| Box::pin(snapshot::set(service, call))),
    post("promote", |service, call| Box::pin(takeover::promote(service, call))),
    get("get_servers", |service, call| Box::pin(servers::get_servers(service, call))),
    post("set_self_healing", |service, call| Box::pin(care::set_self_healing(service, call))),
];

/// Metadata takes little.
const DIR_MB: u64 = 256;

pub(super) struct Xtreemfs;

#[async_trait]
impl ManagerKind for Xtreemfs {
    fn roles(&self) -> &'static Roles {
        &ROLES
    }

    fn first_settings(&self) -> Result<Document, MethodError> {
        Document::of(&XtreemfsSettings::of_new_service())
    }

    fn start_counts(&self, settings: &Document) -> Result<Counts, MethodError> {
        Ok(ROLES.start_counts(&settings.read::<XtreemfsSettings>()?.counts))
    }

    fn with_nodes(&self, settings: &Document, nodes: &[NodeRow]) -> Result<Document, MethodError> {
        let mut settings: XtreemfsSettings = settings.read()?;
        let players: Vec<Player> = nodes.iter().map(|node| Player::of(node, &ROLES)).collect();
        settings.counts = ROLES.counts_of(&players);
        settings.given_up.retain(|id| nodes.iter().any(|node| node.view.id == *id));
        settings.labels.retain(|id, _| nodes.iter().any(|node| node.view.id == *id));
        Document::of(&settings)
    }

    fn volumes(&self, settings: &Document, roles: &RoleSet) -> Result<Vec<VolumeRequest>, MethodError> {
        let volume = |role: &str, vol_size, dev_name: &str| VolumeRequest {
            vol_name: format!("{role}-%(vm_id)s"),
            vol_size,
            dev_name: dev_name.to_owned(),
        };
        let (has_data, has_metadata) = (roles.plays(OSD), roles.plays(DIR));
        let osd_mb = settings.read::<XtreemfsSettings>()?.osd_mb();
        let data = has_data.then(|| volume(OSD, osd_mb, "sdb"));
        let metadata = has_metadata.then(|| volume(DIR, DIR_MB, if has_data { "sdc" } else { "sdb" }));
        Ok(data.into_iter().chain(metadata).collect())
    }

    fn with_volume_size(&self, settings: &Document, size_mb: i64) -> Result<Document, MethodError> {
        volumes::with_volume_size(settings, size_mb)
    }

    fn manifest(&self) -> ManifestKeys {
        ManifestKeys { shared_volume: Some("createVolume"), ..ManifestKeys::default() }
    }

    fn shared_volumes(&self, settings: &Document) -> Result<Vec<NewSharedVolume>, MethodError> {
        volumes::made(settings)
    }

    fn keeps_volumes(&self, settings: &Document) -> Result<bool, MethodError> {
        Ok(!settings.read::<XtreemfsSettings>()?.is_transient)
    }

    fn needs(&self, roles: &RoleSet) -> NodeNeeds {
        needs(roles)
    }

    fn plan(&self, input: &PlanInput<'_>) -> Result<Vec<NodePlan>, MethodError> {
        plan::of(input)
    }

    async fn settle(
        &self,
        service: &ServiceContext,
        nodes: &[NodeRow],
        new: &[NodeRow],
    ) -> Result<Settling, MethodError> {
        servers::settle(service, nodes, new).await
    }

    fn is_tended(&self) -> bool {
        true
    }

    async fn release(
        &self,
        service: &ServiceContext,
        nodes: &[NodeRow],
        leaving: &[NodeRow],
    ) -> Result<Settling, MethodError> {
        servers::release(service, nodes, leaving).await
    }

    fn releases_nodes(&self) -> bool {
        true
    }

    fn storage(&self, settings: &Document, nodes: &[NodeRow]) -> Result<Option<StorageOffer>, MethodError> {
        volumes::offer(settings, nodes).map(Some)
    }

    fn logs(&self, role: &str) -> &'static [LogFile] {
        logs(role)
    }

    fn check_removal(&self, nodes: &[NodeRow], counts: &Counts) -> Result<(), MethodError> {
        check_removal(nodes, counts)
    }

    fn methods(&self) -> &'static [Method<ServiceContext>] {
        METHODS
    }
}

fn logs(role: &str) -> &'static [LogFile] {
    let roles = ROLES.read(role);
    match (roles.plays(DIR), roles.plays(OSD)) {
        (true, true) => const { &[MASTER_LOG, SERVER_LOG] },
        (true, false) => const { &[MASTER_LOG] },
        (false, _) => const { &[SERVER_LOG] },
    }
}

async fn get_service_info(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    info(&service).await
}

async fn list_nodes(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    service.list_nodes_by_role(call, &ROLES).await
}

async fn get_node_info(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    let (node, logs) = service.node_and_logs(call, logs).await?;
    let [dir, mrc, osd] = [DIR, MRC, OSD].map(|role| plays(&node, role));
    let NodeView { ip, vmid, id, cloud_name: cloud, .. } = node.view;
    let node = StorageNode { id, ip, vmid, cloud, dir, mrc, osd, role: node.role, logs };
    Ok(Reply::of(&StorageNodeInfo { node }))
}

async fn toggle_persistent(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let toggle = |settings: &mut XtreemfsSettings| {
        settings.is_transient = !settings.is_transient;
        Ok(())
    };
    volumes::set(&service, toggle).await?;
    info(&service).await
}

/// Nodes grow while they serve, as soon as the manager looks after them.
async fn set_osd_size(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let size = call.params.positive("size")?;
    call.finish()?;
    volumes::set_size(&service, size).await?;
    info(&service).await
}

async fn info(service: &ServiceContext) -> Result<Reply, MethodError> {
    let row = service.row().await?;
    let settings: XtreemfsSettings = service.settings().await?.read()?;
    Ok(Reply::of(&StorageInfo {
        state: row.state,
        kind: service.kind_name.to_owned(),
        persistent: !settings.is_transient,
        osd_volume_size: settings.osd_mb(),
        reason: row.last_failure,
    }))
}
