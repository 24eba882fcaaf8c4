//! The manager's side of a php service (`docs/reference/manager-api.md` §5.4).

use async_trait::async_trait;

use super::settings::PhpSettings;
use super::{configuration, default_code, plan};
use crate::model::CodeFormat;
use crate::rpc::RpcCall;
use crate::service::call::Call;
use crate::service::care::{self, Care};
use crate::service::code;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::log_file::LogFile;
use crate::service::manager_side::ManagerKind;
use crate::service::manifest::ManifestKeys;
use crate::service::method::{Method, get, post, upload};
use crate::service::plan::{NodePlan, PlanInput};
use crate::service::reply::Reply;
use crate::service::role::{Counts, Roles};
use crate::service::settings::Document;
use crate::service::web;
use crate::store::manager::NodeRow;

const METHODS: &[Method<ServiceContext>] = &[
    get("get_service_info", |service, call| Box::pin(get_service_info(service, call))),
    get("list_nodes", |service, call| Box::pin(web::list_nodes(service, call))),
    get("get_node_info", |service, call| Box::pin(web::get_node_info::<PhpSettings>(service, call, web::php_logs))),
    get("list_code_versions", |service, call| Box::pin(configuration::list_codes(service, call))),
    upload("upload_code_version", |service, call| Box::pin(code::upload(service, call, &INSPECTION))),
    get("download_code_version", |service, call| Box::pin(code::download(service, call))),
    post("delete_code_version", |service, call| Box::pin(code::delete(service, call))),
    get("list_authorized_keys", |service, call| Box::pin(code::list_authorized_keys(service, call))),
    upload("upload_authorized_key", |service, call| Box::pin(code::upload_authorized_key(service, call))),
    get("get_service_performance", |service, call| Box::pin(care::get_service_performance(service, &web::CARE, call))),
    get("get_metrics", |service, call| Box::pin(care::get_metrics(service, &web::CARE, call))),
    post("on_autoscaling", |service, call| Box::pin(care::on_autoscaling(service, call))),
    post("off_autoscaling", |service, call| Box::pin(care::off_autoscaling(service, call))),
    post("set_self_healing", |service, call| Box::pin(care::set_self_healing(service, call))),
    post("update_nodes_weight", |service, call| Box::pin(web::update_weights::<PhpSettings>(service, call))),
    post("migrate_nodes", |service, call| Box::pin(web::migrate_nodes(service, call))),
    get("get_nginx_hooks", |service, call| Box::pin(web::get_nginx_hooks::<PhpSettings>(service, call))),
    upload("set_nginx_hook", |service, call| Box::pin(web::set_nginx_hook::<PhpSettings>(service, call))),
    get("get_configuration", |service, call| Box::pin(configuration::get(service, call))),
    post("update_php_configuration", |service, call| Box::pin(configuration::update(service, call))),
    post("cdn_enable", |service, call| Box::pin(configuration::cdn_enable(service, call))),
];

const INSPECTION: code::Inspection =
    code::Inspection { scripts: &[], look: |code| Ok(code.contents.top_note().into_iter().collect()) };

pub(super) struct Php;

#[async_trait]
impl ManagerKind for Php {
    fn roles(&self) -> &'static Roles {
        &web::ROLES
    }

    fn first_settings(&self) -> Result<Document, MethodError> {
        Document::of(&PhpSettings::of_new_service())
    }

    fn start_counts(&self, settings: &Document) -> Result<Counts, MethodError> {
        web::start_counts::<PhpSettings>(settings)
    }

    fn with_nodes(&self, settings: &Document, nodes: &[NodeRow]) -> Result<Document, MethodError> {
        web::with_nodes::<PhpSettings>(settings, nodes)
    }

    fn plan(&self, input: &PlanInput<'_>) -> Result<Vec<NodePlan>, MethodError> {
        plan::of(input)
    }

    fn logs(&self, role: &str) -> &'static [LogFile] {
        web::php_logs(role)
    }

    async fn on_add_service(&self, service: &ServiceContext) -> Result<(), MethodError> {
        let tar = default_code::tar().map_err(|error| MethodError::refused(error.to_string()))?;
        code::add_default(service, "code-default.tar", CodeFormat::Tar, tar).await
    }

    fn check_addition(&self, nodes: &[NodeRow], counts: &Counts) -> Result<(), MethodError> {
        web::check_addition(nodes, counts)
    }

    fn check_removal(&self, nodes: &[NodeRow], counts: &Counts) -> Result<(), MethodError> {
        web::check_removal(nodes, counts)
    }

    fn care(&self) -> Option<&'static Care> {
        Some(&web::CARE)
    }

    fn manifest(&self) -> ManifestKeys {
        ManifestKeys {
            enable_code: Some("update_php_configuration"),
            set: Some(|sid, settings| {
                vec![RpcCall::post(sid, "update_php_configuration").param("phpconf", settings.clone())]
            }),
            is_set_before_start: true,
            shown: |settings| Ok(settings.read::<PhpSettings>()?.changed()),
            ..ManifestKeys::default()
        }
    }

    fn has_environment(&self) -> bool {
        true
    }

    fn has_git_code(&self) -> bool {
        true
    }

    fn entry_role(&self) -> Option<&'static str> {
        Some(web::PROXY)
    }

    fn methods(&self) -> &'static [Method<ServiceContext>] {
        METHODS
    }
}

/// ConPaaS 2.0 writes the type of this kind in capitals.
async fn get_service_info(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    service.service_info_as(call, "PHP").await
}
