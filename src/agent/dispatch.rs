//! Who may call an agent, and the methods that every agent has.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::exec::Execs;
use super::meter::Meter;
use super::mounts::Mounts;
use crate::config::AgentConfig;
use crate::model::{CertificateRole, ServiceId};
use crate::node::{Dispatch, LogWriter, NodeCredentials};
use crate::pki::Identity;
use crate::rpc::{Response, RpcRequest};
use crate::service::{
    AgentKind, BoundMethod, Call, LogFile, LogPart, Method, MethodError, Reply, bind, get, not_found, post, respond,
};
use crate::sys;

/// The methods of every agent, whatever its kind.
const METHODS: &[Method<Arc<Own>>] = &[
    get("check_process", |_, call| Box::pin(check_process(call))),
    get("get_log", |own, call| Box::pin(get_log(own, call))),
    post("exec", |own, call| Box::pin(async move { own.shared.execs.exec(call).await })),
    post("exec_input", |own, call| Box::pin(async move { own.shared.execs.input(call).await })),
    post("exec_resize", |own, call| Box::pin(async move { own.shared.execs.resize(call).await })),
    post("exec_output", |own, call| Box::pin(async move { own.shared.execs.output(call).await })),
    post("exec_stop", |own, call| Box::pin(async move { own.shared.execs.stop(call).await })),
    post("mount_storage", |own, call| Box::pin(async move { own.shared.mounts.mount(call).await })),
    get("get_node_metrics", |own, call| Box::pin(get_node_metrics(own, call))),
    post("set_director_url", |own, call| Box::pin(set_director_url(own, call))),
    post("set_wanted_nodes", |own, call| Box::pin(set_wanted_nodes(own, call))),
];

/// Finds the method that is called, and calls it.
pub(crate) struct AgentDispatch {
    config: Arc<AgentConfig>,
    methods: Vec<BoundMethod>,
}

/// What every agent has: the logs that it offers, and its way to the director.
struct Own {
    config: Arc<AgentConfig>,
    credentials: Arc<NodeCredentials>,
    shared: Shared,
    of_kind: &'static [LogFile],
}

/// What methods of every agent share with its tasks.
pub(crate) struct Shared {
    /// The agent's own log.
    pub(super) log: LogWriter,
    pub(super) execs: Execs,
    pub(super) meter: Meter,
    pub(super) mounts: Mounts,
}

impl AgentDispatch {
    /// Makes a dispatch to the methods of every agent and those of `agent`.
    pub(crate) fn new(
        config: Arc<AgentConfig>,
        credentials: Arc<NodeCredentials>,
        agent: Arc<dyn AgentKind>,
        shared: Shared,
    ) -> Self {
        let own = Arc::new(Own { config: Arc::clone(&config), credentials, shared, of_kind: agent.logs() });
        let mut methods = bind(METHODS, &own);
        methods.extend(agent.methods());
        AgentDispatch { config, methods }
    }

    #[cfg(test)]
    pub(super) fn methods(&self) -> &[BoundMethod] {
        &self.methods
    }
}

#[async_trait]
impl Dispatch for AgentDispatch {
    fn accepts(&self, identity: &Identity) -> bool {
        let base = &self.config.base;
        match identity.role {
            CertificateRole::Frontend => true,
            CertificateRole::User | CertificateRole::WebFrontend | CertificateRole::Ingress => false,
            CertificateRole::Manager | CertificateRole::Agent => {
                identity.uid() == Some(base.user_id) && identity.application() == Some(base.app_id)
            }
        }
    }

    async fn dispatch(&self, request: RpcRequest) -> Response {
        if request.service_id != ServiceId::MANAGER.0 {
            return Response::refusal(404, "Service not found");
        }
        let mut methods = self.methods.iter();
        let Some(method) = methods.find(|method| method.is_called_by(&request)) else {
            return not_found(self.methods.iter().map(|method| method.kind), &request);
        };
        let outcome = method.call(Call::new(request.params, request.files)).await;
        respond(outcome, method.name, &request.id).await
    }
}

async fn check_process(call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    Ok(Reply::nothing())
}

/// Reads the end of one of the logs that this agent offers; that of ConPaaS 2.0 reads any file of the machine.
async fn get_log(node: Arc<Own>, mut call: Call) -> Result<Reply, MethodError> {
    let own = node.config.base.log_file.display().to_string();
    let filename = call.params.string_or("filename", &own)?;
    let part = LogPart::take(&mut call)?;
    call.finish()?;
    let path = if filename == own { Some(node.shared.log.path().to_owned()) } else { node.offered(&filename) };
    let unreadable = || MethodError::refused(format!("Failed to read log file: '{filename}'"));
    let path = path.ok_or_else(unreadable)?;
    Ok(Reply::of(&part.read(path, unreadable()).await?))
}

/// Answers what the node used during the last minutes.
async fn get_node_metrics(node: Arc<Own>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    Ok(Reply::of(&node.shared.meter.metrics()))
}

/// Takes the director's word that it has moved.
async fn set_director_url(node: Arc<Own>, mut call: Call) -> Result<Reply, MethodError> {
    let url = call.director_url()?;
    call.finish()?;
    sys::blocking(move || node.credentials.move_director(&url)).await?;
    Ok(Reply::nothing())
}

/// Takes the director's word on which nodes of the application are wanted.
async fn set_wanted_nodes(node: Arc<Own>, mut call: Call) -> Result<Reply, MethodError> {
    let said = call.wanted_nodes()?;
    call.finish()?;
    sys::blocking(move || node.credentials.learn_nodes(&said)).await?;
    Ok(Reply::nothing())
}

impl Own {
    fn offered(&self, filename: &str) -> Option<PathBuf> {
        let mut logs = self.of_kind.iter();
        let log = logs.find(|log| log.path == filename || log.filename == filename)?;
        Some(self.config.base.rooted(log.path))
    }
}
