//! The manager's side of a mysql service (`docs/reference/manager-api.md` §5.3).

use async_trait::async_trait;

use super::agent::MYSQL_LOG;
use super::roles::{GLB, MYSQL, ROLES, plays};
use super::settings::MysqlSettings;
use super::{backups, changes, cluster, links, methods, pieces, plan, ports, recovery, roles};
use crate::api::mysql::{DatabaseNode, DatabaseNodeInfo};
use crate::api::web::Performance;
use crate::api::{NodeView, VolumeRequest};
use crate::rpc::RpcCall;
use crate::service::call::Call;
use crate::service::care;
use crate::service::context::ServiceContext;
use crate::service::environment::{Account, Offer};
use crate::service::error::MethodError;
use crate::service::log_file::LogFile;
use crate::service::manager_side::{ManagerKind, Settling};
use crate::service::manifest::ManifestKeys;
use crate::service::method::{Method, get, post, upload};
use crate::service::plan::{NodePlan, PlanInput};
use crate::service::reply::Reply;
use crate::service::role::{Counts, RoleSet, Roles};
use crate::service::settings::Document;
use crate::store::manager::NodeRow;

const METHODS: &[Method<ServiceContext>] = &[
    get("get_service_info", |service, call| Box::pin(get_service_info(service, call))),
    get("list_nodes", |service, call| Box::pin(list_nodes(service, call))),
    get("get_node_info", |service, call| Box::pin(get_node_info(service, call))),
    post("set_password", |service, call| Box::pin(methods::set_password(service, call))),
    upload("load_dump", |service, call| Box::pin(methods::load_dump(service, call))),
    upload("load_dump_piece", |service, call| Box::pin(pieces::load_dump_piece(service, call))),
    get("sqldump", |service, call| Box::pin(methods::sqldump(service, call))),
    get("getMeanLoad", |service, call| Box::pin(methods::get_mean_load(service, call))),
    get("getGangliaParams", |service, call| Box::pin(methods::get_ganglia_params(service, call))),
    get("get_service_performance", |service, call| Box::pin(get_service_performance(service, call))),
    get("remove_specific_nodes", |service, call| Box::pin(methods::remove_specific_nodes(service, call))),
    get("setMySqlParams", |service, call| Box::pin(methods::set_mysql_params(service, call))),
    get("backup", |service, call| Box::pin(backups::back_up(service, call))),
    upload("restore", |service, call| Box::pin(backups::restore(service, call))),
    upload("restore_piece", |service, call| Box::pin(backups::restore_piece(service, call))),
    post("restore_kept", |service, call| Box::pin(backups::restore_kept(service, call))),
    post("schedule_backup", |service, call| Box::pin(backups::schedule(service, call))),
    get("list_backups", |service, call| Box::pin(backups::list(service, call))),
    post("encrypt", |service, call| Box::pin(changes::encrypt(service, call))),
    post("set_volume_size", |service, call| Box::pin(changes::set_volume_size(service, call))),
    get("get_members", |service, call| Box::pin(recovery::get_members(service, call))),
    post("recover", |service, call| Box::pin(recovery::recover(service, call))),
    post("set_self_healing", |service, call| Box::pin(care::set_self_healing(service, call))),
    post("migrate_nodes", |service, call| Box::pin(methods::migrate_nodes(service, call))),
];

pub(super) struct Mysql;

#[async_trait]
impl ManagerKind for Mysql {
    fn roles(&self) -> &'static Roles {
        &ROLES
    }

    fn first_settings(&self) -> Result<Document, MethodError> {
        Document::of(&MysqlSettings::of_new_service())
    }

    fn start_counts(&self, settings: &Document) -> Result<Counts, MethodError> {
        Ok(ROLES.start_counts(&settings.read::<MysqlSettings>()?.counts))
    }

    fn with_nodes(&self, settings: &Document, nodes: &[NodeRow]) -> Result<Document, MethodError> {
        let mut settings: MysqlSettings = settings.read()?;
        settings.counts = roles::counts_of(nodes);
        Document::of(&settings)
    }

    fn volumes(&self, settings: &Document, roles: &RoleSet) -> Result<Vec<VolumeRequest>, MethodError> {
        let vol_name = "mysql-%(vm_id)s".to_owned();
        let vol_size = settings.read::<MysqlSettings>()?.volume_mb();
        let volume = VolumeRequest { vol_name, vol_size, dev_name: "sdb".to_owned() };
        Ok(if roles.plays(MYSQL) { vec![volume] } else { Vec::new() })
    }

    fn with_volume_size(&self, settings: &Document, size_mb: i64) -> Result<Document, MethodError> {
        changes::with_volume_size(settings, size_mb)
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
        cluster::settle(service, nodes, new).await
    }

    fn manifest(&self) -> ManifestKeys {
        ManifestKeys {
            set: Some(links::set_variables),
            shown: links::shown_variables,
            password: Some(|sid, password| {
                RpcCall::post(sid, "set_password").param("user", "mysqldb").param("password", password)
            }),
            dump: Some(("load_dump", "mysqldump_file")),
            ..ManifestKeys::default()
        }
    }

    fn door(&self) -> (Option<&'static str>, u16) {
        (Some(MYSQL), ports::MYSQL)
    }

    fn can_be_linked_to(&self) -> bool {
        true
    }

    fn offer(&self, settings: &Document, nodes: &[NodeRow]) -> Result<Option<Offer>, MethodError> {
        links::offer(settings, nodes)
    }

    async fn grant(&self, service: &ServiceContext, account: &Account) -> Result<(), MethodError> {
        links::grant(service, account).await
    }

    async fn revoke(&self, service: &ServiceContext, account: &Account) -> Result<(), MethodError> {
        links::revoke(service, account).await
    }

    fn is_tended(&self) -> bool {
        true
    }

    fn logs(&self, role: &str) -> &'static [LogFile] {
        logs(role)
    }

    fn check_removal(&self, nodes: &[NodeRow], counts: &Counts) -> Result<(), MethodError> {
        roles::check_removal(nodes, counts)
    }

    fn methods(&self) -> &'static [Method<ServiceContext>] {
        METHODS
    }
}

fn logs(role: &str) -> &'static [LogFile] {
    if ROLES.read(role).plays(MYSQL) { &[MYSQL_LOG] } else { &[] }
}

async fn get_service_info(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    service.service_info(call).await
}

async fn list_nodes(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    service.list_nodes_by_role(call, &ROLES).await
}

async fn get_node_info(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    let (node, logs) = service.node_and_logs(call, logs).await?;
    let (has_data, is_balancer) = (plays(&node, MYSQL), plays(&node, GLB));
    let NodeView { ip, vmid, id, cloud_name: cloud, .. } = node.view;
    let node = DatabaseNode { logs, ip, has_data, vmid, is_balancer, role: node.role, id, cloud };
    Ok(Reply::of(&DatabaseNodeInfo { node }))
}

/// Zeros, as ConPaaS 2.0 answers.
async fn get_service_performance(_service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    Ok(Reply::of(&Performance::default()))
}
