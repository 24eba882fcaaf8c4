//! Who may call an agent, and the methods that every agent has.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use crate::api::manager::LogText;
use crate::config::AgentConfig;
use crate::model::{CertificateRole, ServiceId};
use crate::node::{Dispatch, LogWriter};
use crate::pki::Identity;
use crate::rpc::{Response, RpcRequest};
use crate::service::{
    AgentKind, BoundMethod, Call, LogFile, Method, MethodError, Reply, bind, get, not_found, respond,
};
use crate::sys::{self, file};

/// The methods of every agent, whatever its kind.
const METHODS: &[Method<Arc<OwnLogs>>] = &[
    get("check_process", |_, call| Box::pin(check_process(call))),
    get("get_log", |logs, call| Box::pin(get_log(logs, call))),
];
const MAX_LOG_BYTES: u64 = 1024 * 1024;

/// Finds the method that is called, and calls it.
pub(crate) struct AgentDispatch {
    config: Arc<AgentConfig>,
    methods: Vec<BoundMethod>,
}

/// The logs that an agent offers.
struct OwnLogs {
    config: Arc<AgentConfig>,
    own: LogWriter,
    of_kind: &'static [LogFile],
}

impl AgentDispatch {
    /// Makes a dispatch to the methods of every agent and those of `agent`; `log` is the agent's own.
    pub(crate) fn new(config: Arc<AgentConfig>, agent: Arc<dyn AgentKind>, log: LogWriter) -> Self {
        let logs = Arc::new(OwnLogs { config: Arc::clone(&config), own: log, of_kind: agent.logs() });
        let mut methods = bind(METHODS, &logs);
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
            CertificateRole::User => false,
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
async fn get_log(logs: Arc<OwnLogs>, mut call: Call) -> Result<Reply, MethodError> {
    let own = logs.config.base.log_file.display().to_string();
    let filename = call.params.string_or("filename", &own)?;
    call.finish()?;
    let path = if filename == own { Some(logs.own.path().to_owned()) } else { logs.offered(&filename) };
    let unreadable = || MethodError::refused(format!("Failed to read log file: '{filename}'"));
    let path = path.ok_or_else(unreadable)?;
    let log = sys::blocking(move || file::read_log(&path, MAX_LOG_BYTES)).await.map_err(|_| unreadable())?;
    Ok(Reply::of(&LogText { log }))
}

impl OwnLogs {
    fn offered(&self, filename: &str) -> Option<PathBuf> {
        let mut logs = self.of_kind.iter();
        let log = logs.find(|log| log.path == filename || log.filename == filename)?;
        Some(self.config.base.rooted(log.path))
    }
}
