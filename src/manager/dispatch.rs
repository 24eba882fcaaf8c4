//! Who may call a manager, and the way of a call to its method.

use std::sync::Arc;

use async_trait::async_trait;

use super::core::Manager;
use super::method;
use super::operation::{self, Task};
use crate::model::{CertificateRole, ServiceId, State};
use crate::node::Dispatch;
use crate::pki::Identity;
use crate::rpc::{Response, RpcRequest};
use crate::service::{Call, Method, MethodError, Reply, respond};

pub(crate) struct ManagerDispatch {
    pub(crate) manager: Arc<Manager>,
}

#[async_trait]
impl Dispatch for ManagerDispatch {
    fn accepts(&self, identity: &Identity) -> bool {
        let base = &self.manager.config.base;
        let is_owners = identity.uid() == Some(base.user_id);
        match identity.role {
            CertificateRole::Frontend => true,
            CertificateRole::User => is_owners,
            CertificateRole::Manager => is_owners && identity.application() == Some(base.app_id),
            CertificateRole::Agent => false,
        }
    }

    async fn dispatch(&self, request: RpcRequest) -> Response {
        let id = request.id.clone();
        let sid = ServiceId(request.service_id);
        if sid == ServiceId::MANAGER {
            let method = match Method::find(&[method::COMMON, method::OWN], &request) {
                Ok(method) => method,
                Err(response) => return response,
            };
            let call = Call::new(request.params, request.files);
            return respond(method::call_own(&self.manager, method, call).await, method, &id).await;
        }
        let (_, service) = match self.manager.find_service(sid).await {
            Ok(Some(found)) => found,
            Ok(None) => return Response::refusal(404, "Service not found"),
            Err(error) => return respond(Err(error.into()), &request.method, &id).await,
        };
        let kind = service.kind.manager;
        let method = match Method::find(&[method::COMMON, kind.methods()], &request) {
            Ok(method) => method,
            Err(response) => return response,
        };
        let call = Call::new(request.params, request.files);
        let outcome = if method::COMMON.iter().any(|common| common.name == method) {
            method::call_common(&self.manager, sid, method, call).await
        } else {
            match kind.call(&service, method, call).await {
                Ok(Reply::Adapt { reason, work }) => self.adapt(sid, reason, work).await,
                outcome => outcome,
            }
        };
        respond(outcome, method, &id).await
    }
}

impl ManagerDispatch {
    async fn adapt(&self, sid: ServiceId, reason: String, work: serde_json::Value) -> Result<Reply, MethodError> {
        let task = Task::Adapt { work };
        operation::submit(&self.manager, sid, task, &[State::Running], State::Adapting, &reason).await?;
        Ok(Reply::nothing())
    }
}
