//! Who may call an agent, and the methods that every agent has.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use crate::config::AgentConfig;
use crate::model::{CertificateRole, ServiceId};
use crate::node::{Dispatch, LogWriter};
use crate::pki::Identity;
use crate::rpc::{Response, RpcRequest};
use crate::service::{AgentKind, Call, Method, MethodError, Reply, respond};
use crate::sys::{self, file};

const METHODS: &[Method] = &[Method::get("check_process"), Method::get("get_log")];
const MAX_LOG_BYTES: u64 = 1024 * 1024;

pub(crate) struct AgentDispatch {
    pub(crate) config: Arc<AgentConfig>,
    pub(crate) agent: Arc<dyn AgentKind>,
    pub(crate) log: LogWriter,
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
        let method = match Method::find(&[METHODS, self.agent.methods()], &request) {
            Ok(method) => method,
            Err(response) => return response,
        };
        let id = request.id;
        let call = Call::new(request.params, request.files);
        let outcome = match method {
            "check_process" => call.finish().map(|()| Reply::nothing()).map_err(MethodError::from),
            "get_log" => self.get_log(call).await,
            _ => self.agent.call(method, call).await,
        };
        respond(outcome, method, &id).await
    }
}

impl AgentDispatch {
    /// Reads the end of one of the logs that this agent offers; upstream's
    /// read any file of the machine.
    async fn get_log(&self, mut call: Call) -> Result<Reply, MethodError> {
        let own = self.config.base.log_file.display().to_string();
        let filename = call.params.string_or("filename", &own)?;
        call.finish()?;
        let path = if filename == own { Some(self.log.path().to_owned()) } else { self.offered(&filename) };
        let unreadable = || MethodError::refused(format!("Failed to read log file: '{filename}'"));
        let path = path.ok_or_else(unreadable)?;
        let text = sys::blocking(move || file::read_tail(&path, MAX_LOG_BYTES)).await.map_err(|_| unreadable())?;
        Ok(Reply::Value(json!({ "log": text })))
    }

    fn offered(&self, filename: &str) -> Option<PathBuf> {
        let mut logs = self.agent.logs().iter();
        let log = logs.find(|log| log.path == filename || log.filename == filename)?;
        Some(self.config.base.rooted(log.path))
    }
}
