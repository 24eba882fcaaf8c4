//! The manager's side of a generic service (reference: `docs/reference/manager-api.md` §5.1).

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::command::Command;
use super::logs::LOGS;
use super::scripts::SCRIPTS;
use super::{code_notes, default_code, plan, scripts_on_nodes};
use crate::api::agent::ScriptStatus;
use crate::api::manager::{ScriptsOfNodes, StateView};
use crate::model::{CodeFormat, State};
use crate::service::call::Call;
use crate::service::code;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::log_file::LogFile;
use crate::service::manager_side::ManagerKind;
use crate::service::manifest::ManifestKeys;
use crate::service::method::{Method, get, post, upload};
use crate::service::plan::{NodePlan, PlanInput};
use crate::service::reply::Reply;
use crate::service::role::{Removal, Role, Roles};
use crate::store::manager::NodeRow;

const METHODS: &[Method<ServiceContext>] = &[
    get("get_service_info", |service, call| Box::pin(get_service_info(service, call))),
    get("list_nodes", |service, call| Box::pin(list_nodes(service, call))),
    get("get_node_info", |service, call| Box::pin(get_node_info(service, call))),
    get("list_code_versions", |service, call| Box::pin(code::list(service, call))),
    upload("upload_code_version", |service, call| Box::pin(code::upload(service, call, &INSPECTION))),
    get("download_code_version", |service, call| Box::pin(code::download(service, call))),
    post("enable_code", |service, call| Box::pin(code::enable_code(service, call, expect_no_scripts))),
    post("delete_code_version", |service, call| Box::pin(code::delete(service, call))),
    get("list_authorized_keys", |service, call| Box::pin(code::list_authorized_keys(service, call))),
    upload("upload_authorized_key", |service, call| Box::pin(code::upload_authorized_key(service, call))),
    post("execute_script", |service, call| Box::pin(execute_script(service, call))),
    get("get_script_status", |service, call| Box::pin(get_script_status(service, call))),
];
const MASTER: &str = "master";
const NODE: &str = "node";
/// There is one master; whatever is added later is a node, as in ConPaaS 2.0.
const ROLES: Roles = Roles {
    rules: &[
        Role { name: MASTER, added_as: NODE, removal: Removal::Never("Cannot remove the master node.") },
        Role { name: NODE, added_as: NODE, removal: Removal::Keep(0) },
    ],
    default: NODE,
    at_start: &[(MASTER, 1)],
    packed: &[],
    separator: "",
};
const SCRIPTS_RUN: &str = "ERROR: Scripts are still running inside at least one agent. \
                           Please wait for them to finish execution or call 'interrupt' first.";
const NO_SCRIPTS_RUN: &str = "ERROR: No scripts are currently running inside agents. Nothing to interrupt.";

const INSPECTION: code::Inspection =
    code::Inspection { scripts: &SCRIPTS, look: |code| Ok(code_notes::notes(code.contents)) };

pub(super) struct Generic;

#[async_trait]
impl ManagerKind for Generic {
    fn roles(&self) -> &'static Roles {
        &ROLES
    }

    fn plan(&self, input: &PlanInput<'_>) -> Result<Vec<NodePlan>, MethodError> {
        Ok(plan::of(input))
    }

    fn logs(&self, _role: &str) -> &'static [LogFile] {
        LOGS
    }

    async fn on_add_service(&self, service: &ServiceContext) -> Result<(), MethodError> {
        let tar = default_code::tar().map_err(|error| MethodError::refused(error.to_string()))?;
        code::add_default(service, "code-default.tar", CodeFormat::Tar, tar).await
    }

    async fn can_change_volumes(&self, service: &ServiceContext, _method: &str) -> Result<(), MethodError> {
        expect_no_scripts(service.clone()).await
    }

    fn manifest(&self) -> ManifestKeys {
        ManifestKeys { enable_code: Some("enable_code"), ..ManifestKeys::default() }
    }

    fn has_environment(&self) -> bool {
        true
    }

    fn has_git_code(&self) -> bool {
        true
    }

    async fn can_enable_code(&self, service: &ServiceContext) -> Result<(), MethodError> {
        expect_no_scripts(service.clone()).await
    }

    fn methods(&self) -> &'static [Method<ServiceContext>] {
        METHODS
    }
}

async fn get_service_info(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    service.service_info(call).await
}

async fn list_nodes(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    service.list_nodes_by_role(call, &ROLES).await
}

async fn get_node_info(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    let flags = |node: &NodeRow| BTreeMap::from([("is_master".to_owned(), node.role == MASTER)]);
    service.node_info(call, |_| LOGS, flags).await
}

async fn execute_script(service: ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let command = call.params.choice("command", &Command::OF_USERS)?;
    let parameters = call.params.string_or("parameters", "")?;
    call.finish()?;
    let row = service.expect_state(State::CALLABLE).await?;
    let any_run = any_script_runs(&service).await?;
    match (command, any_run) {
        (Command::Interrupt, false) => return Err(MethodError::refused(NO_SCRIPTS_RUN)),
        (Command::Run | Command::Cleanup, true) => return Err(MethodError::refused(SCRIPTS_RUN)),
        _ => {}
    }
    let nodes = service.nodes().await?;
    scripts_on_nodes::execute(&service, &nodes, command, &parameters).await?;
    Ok(Reply::of(&StateView { state: row.state, operation_id: None }))
}

async fn get_script_status(service: ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    service.expect_state(State::CALLABLE).await?;
    Ok(Reply::of(&ScriptsOfNodes { agents: scripts_on_nodes::script_status(&service).await? }))
}

async fn expect_no_scripts(service: ServiceContext) -> Result<(), MethodError> {
    if any_script_runs(&service).await? { Err(MethodError::refused(SCRIPTS_RUN)) } else { Ok(()) }
}

async fn any_script_runs(service: &ServiceContext) -> Result<bool, MethodError> {
    let agents = scripts_on_nodes::script_status(service).await?;
    Ok(agents.values().flat_map(BTreeMap::values).any(|status| *status == ScriptStatus::Running))
}
