//! The manager's side of a generic service (reference: `docs/reference/manager-api.md` §5.1).

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{default_code, rollout};
use crate::api::params::python_list;
use crate::model::State;
use crate::service::code;
use crate::service::context::ServiceContext;
use crate::service::kind::LogFile;
use crate::service::manager_side::{Counts, ManagerKind, WantedNode, WorkError, last_nodes};
use crate::service::method::{Call, Method, MethodError, Reply};
use crate::store::manager::{self as store, NodeRow};

const METHODS: &[Method] = &[
    Method::get("get_service_info"),
    Method::get("list_nodes"),
    Method::get("get_node_info"),
    Method::get("list_code_versions"),
    Method::upload("upload_code_version"),
    Method::get("download_code_version"),
    Method::post("enable_code"),
    Method::post("delete_code_version"),
    Method::get("list_authorized_keys"),
    Method::upload("upload_authorized_key"),
    Method::post("execute_script"),
    Method::get("get_script_status"),
];
const COMMANDS: [&str; 3] = ["run", "interrupt", "cleanup"];
const MASTER: &str = "master";
const NODE: &str = "node";
const SCRIPTS_RUN: &str = "ERROR: Scripts are still running inside at least one agent. \
                           Please wait for them to finish execution or call 'interrupt' first.";
const NO_SCRIPTS_RUN: &str = "ERROR: No scripts are currently running inside agents. Nothing to interrupt.";

pub(crate) struct Generic;

#[async_trait]
impl ManagerKind for Generic {
    fn roles(&self) -> &'static [&'static str] {
        &[MASTER, NODE]
    }

    fn default_role(&self) -> &'static str {
        NODE
    }

    async fn nodes_at_start(&self, _service: &ServiceContext) -> Result<Vec<WantedNode>, WorkError> {
        Ok(vec![WantedNode::of_role(MASTER)])
    }

    /// There is one master; whatever is added later is a node, as upstream has it.
    fn wanted(&self, _role: &str) -> WantedNode {
        WantedNode::of_role(NODE)
    }

    fn logs(&self, _role: &str) -> &'static [LogFile] {
        super::LOGS
    }

    async fn on_add_service(&self, service: &ServiceContext) -> Result<(), WorkError> {
        let tar = default_code::tar().map_err(|error| MethodError::refused(error.to_string()))?;
        code::add_default(service, "code-default.tar", "tar", tar).await
    }

    fn plan_removal(&self, nodes: &[NodeRow], counts: &Counts) -> Result<Vec<String>, MethodError> {
        if counts.iter().any(|(role, n)| role == MASTER && *n > 0) {
            return Err(MethodError::refused("Cannot remove the master node."));
        }
        let removable: Vec<&NodeRow> = nodes.iter().filter(|node| node.role != MASTER).collect();
        last_nodes(&removable, counts.iter().map(|(_, n)| n).sum(), 0, "")
    }

    async fn on_start(&self, service: &ServiceContext, nodes: &[NodeRow]) -> Result<(), WorkError> {
        rollout::init_agents(service, nodes, nodes).await?;
        rollout::update_code(service, nodes, None).await
    }

    async fn on_add_nodes(
        &self,
        service: &ServiceContext,
        before: &[NodeRow],
        added: &[NodeRow],
    ) -> Result<(), WorkError> {
        let all = [before, added].concat();
        rollout::init_agents(service, &all, added).await?;
        rollout::update_code(service, added, None).await?;
        rollout::execute(service, &all, before, "notify", "").await
    }

    async fn on_remove_nodes(
        &self,
        service: &ServiceContext,
        left: &[NodeRow],
        _removed: &[NodeRow],
    ) -> Result<(), WorkError> {
        rollout::execute(service, left, left, "notify", "").await
    }

    async fn on_adapt(&self, service: &ServiceContext, work: &Value) -> Result<(), WorkError> {
        let version = enabled_version(work)?;
        let nodes = service.nodes().await?;
        rollout::update_code(service, &nodes, Some(version)).await?;
        activate(service, version).await
    }

    async fn undo_adapt(&self, service: &ServiceContext, _work: &Value) {
        let Ok(nodes) = service.nodes().await else { return };
        if let Err(error) = rollout::update_code(service, &nodes, None).await {
            tracing::warn!("some agents may not have the active code: {error}");
        }
    }

    async fn can_change_volumes(&self, service: &ServiceContext, _method: &str) -> Result<(), MethodError> {
        expect_no_scripts(service).await
    }

    fn has_git_code(&self) -> bool {
        true
    }

    fn methods(&self) -> &'static [Method] {
        METHODS
    }

    async fn call(&self, service: &ServiceContext, method: &str, call: Call) -> Result<Reply, MethodError> {
        match method {
            "get_service_info" => service.service_info(call, "generic").await,
            "list_nodes" => list_nodes(service, call).await,
            "get_node_info" => service.node_info(call, own_fields).await,
            "list_code_versions" => code::list(service, call).await,
            "upload_code_version" => code::upload(service, call).await,
            "download_code_version" => code::download(service, call).await,
            "enable_code" => enable_code(service, call).await,
            "delete_code_version" => code::delete(service, call).await,
            "list_authorized_keys" => code::list_authorized_keys(&service.config.base, call).await,
            "upload_authorized_key" => code::upload_authorized_key(&service.config.base, call).await,
            "execute_script" => execute_script(service, call).await,
            _ => get_script_status(service, call).await,
        }
    }
}

fn own_fields(node: &NodeRow) -> Map<String, Value> {
    Map::from_iter([("is_master".to_owned(), (node.role == MASTER).into())])
}

async fn list_nodes(service: &ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let Some(nodes) = service.shown_nodes().await? else { return Ok(Reply::nothing()) };
    let of_role = |role: &str| -> Vec<&str> {
        nodes.iter().filter(|node| node.role == role).map(|node| node.view.id.as_str()).collect()
    };
    Ok(Reply::Value(json!({ MASTER: of_role(MASTER), NODE: of_role(NODE) })))
}

async fn enable_code(service: &ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let code = code::take_version(service, &mut call).await?;
    call.finish()?;
    let row = service.expect_state(&[State::Init, State::Stopped, State::Running]).await?;
    if row.state != State::Running {
        activate(service, &code.id).await?;
        return Ok(Reply::nothing());
    }
    expect_no_scripts(service).await?;
    Ok(Reply::Adapt { reason: "Updating configuration".to_owned(), work: json!({ "codeVersionId": code.id }) })
}

async fn execute_script(service: &ServiceContext, mut call: Call) -> Result<Reply, MethodError> {
    let commands = COMMANDS.map(Value::from);
    let command = call.params.one_of("command", &commands, &python_list(&commands))?;
    let command = command.as_str().unwrap_or_default();
    let parameters = call.params.string_or("parameters", "")?;
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    let any_run = any_script_runs(service).await?;
    match (command, any_run) {
        ("interrupt", false) => return Err(MethodError::refused(NO_SCRIPTS_RUN)),
        ("run" | "cleanup", true) => return Err(MethodError::refused(SCRIPTS_RUN)),
        _ => {}
    }
    let nodes = service.nodes().await?;
    rollout::execute(service, &nodes, &nodes, command, &parameters).await?;
    Ok(Reply::Value(json!({ "state": State::Running })))
}

async fn get_script_status(service: &ServiceContext, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    service.expect_state(&[State::Running]).await?;
    Ok(Reply::Value(json!({ "agents": rollout::script_status(service).await? })))
}

async fn expect_no_scripts(service: &ServiceContext) -> Result<(), MethodError> {
    if any_script_runs(service).await? { Err(MethodError::refused(SCRIPTS_RUN)) } else { Ok(()) }
}

async fn any_script_runs(service: &ServiceContext) -> Result<bool, MethodError> {
    let agents = rollout::script_status(service).await?;
    let mut scripts = agents.values().filter_map(Value::as_object).flat_map(Map::values);
    Ok(scripts.any(|status| status == "RUNNING"))
}

async fn activate(service: &ServiceContext, version: &str) -> Result<(), MethodError> {
    let (sid, version) = (service.sid, version.to_owned());
    Ok(service.store.write(move |tx| store::set_active_code(tx, sid, &version)).await?)
}

fn enabled_version(work: &Value) -> Result<&str, MethodError> {
    let version = work.get("codeVersionId").and_then(Value::as_str);
    version.ok_or_else(|| MethodError::refused("the operation names no code version"))
}
