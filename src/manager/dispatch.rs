//! Who may call a manager, and the way of a call to its method.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::try_join_all;

use super::core::Manager;
use super::method::{Addressed, OF_EVERY_SERVICE, OWN};
use super::operation::{self, Task};
use crate::api::Accepted;
use crate::config::ManagerConfig;
use crate::model::{CertificateRole, ServiceId};
use crate::node::Dispatch;
use crate::pki::Identity;
use crate::rpc::{Response, RpcRequest};
use crate::service::care::{MetricsOf, render};
use crate::service::{Call, Change, Method, MethodError, Reply, find, not_found, respond};
use crate::store::StoreError;
use crate::store::manager as store;

/// Where Prometheus asks.
const METRICS: &str = "/metrics";

pub(crate) struct ManagerDispatch {
    pub(crate) manager: Arc<Manager>,
}

#[async_trait]
impl Dispatch for ManagerDispatch {
    fn accepts(&self, identity: &Identity) -> bool {
        is_accepted(&self.manager.config, identity)
    }

    async fn dispatch(&self, request: RpcRequest) -> Response {
        let sid = ServiceId(request.service_id);
        if let Some(method) = find(OF_EVERY_SERVICE, &request) {
            return match self.is_there(sid).await {
                Ok(true) => {
                    let addressed = Addressed { manager: Arc::clone(&self.manager), sid };
                    answer(method, addressed, request).await
                }
                Ok(false) => Response::refusal(404, "Service not found"),
                Err(error) => respond(Err(error.into()), method.name, &request.id).await,
            };
        }
        if sid == ServiceId::MANAGER { self.dispatch_own(request).await } else { self.dispatch_to(sid, request).await }
    }

    /// The figures of all services, for Prometheus.
    async fn page(&self, path: &str) -> Option<Response> {
        if path != METRICS {
            return None;
        }
        Some(match self.metrics().await {
            Ok(text) => Response::text(text),
            Err(error) => Response::refusal(500, &error.to_string()),
        })
    }
}

/// Returns whether the holder of a certificate may call the manager of this configuration.
pub(super) fn is_accepted(config: &ManagerConfig, identity: &Identity) -> bool {
    let base = &config.base;
    let is_owners = identity.uid() == Some(base.user_id);
    match identity.role {
        CertificateRole::Frontend => true,
        CertificateRole::User => is_owners,
        CertificateRole::Manager => is_owners && identity.application() == Some(base.app_id),
        CertificateRole::Agent | CertificateRole::WebFrontend | CertificateRole::Ingress => false,
    }
}

impl ManagerDispatch {
    async fn is_there(&self, sid: ServiceId) -> Result<bool, StoreError> {
        Ok(sid == ServiceId::MANAGER || self.manager.find_service(sid).await?.is_some())
    }

    async fn metrics(&self) -> Result<String, MethodError> {
        let rows = self.manager.store.read(store::list_services).await?;
        let services = rows.into_iter().filter_map(|row| self.manager.service(row));
        let asked =
            services.map(|service| async move { MetricsOf::ask(&service.context, service.kind.manager.care()).await });
        Ok(render(&try_join_all(asked).await?))
    }

    async fn dispatch_own(&self, request: RpcRequest) -> Response {
        match find(OWN, &request) {
            Some(method) => answer(method, Arc::clone(&self.manager), request).await,
            None => not_found(OWN.iter().map(|method| method.kind), &request),
        }
    }

    async fn dispatch_to(&self, sid: ServiceId, request: RpcRequest) -> Response {
        let service = match self.manager.find_service(sid).await {
            Ok(Some(service)) => service,
            Ok(None) => return Response::refusal(404, "Service not found"),
            Err(error) => return respond(Err(error.into()), &request.method, &request.id).await,
        };
        let methods = service.kind.manager.methods();
        let Some(method) = find(methods, &request) else {
            let common = OF_EVERY_SERVICE.iter().map(|method| method.kind);
            return not_found(common.chain(methods.iter().map(|method| method.kind)), &request);
        };
        let outcome = match (method.handler)(service.context, Call::new(request.params, request.files)).await {
            Ok(Reply::Adapt { reason, change }) => self.adapt(sid, reason, change).await,
            Ok(Reply::Remove { ids }) => {
                operation::submit_removal(&self.manager, sid, ids, "", |_| Ok(())).await.map(|_| Reply::nothing())
            }
            outcome => outcome,
        };
        respond(outcome, method.name, &request.id).await
    }

    async fn adapt(&self, sid: ServiceId, reason: String, change: Change) -> Result<Reply, MethodError> {
        let task = Task::Adapt { change };
        let submitted = operation::submit(&self.manager, sid, task, &reason).await?;
        Ok(Reply::of(&Accepted { operation_id: submitted.operation_id }))
    }
}

async fn answer<S>(method: &Method<S>, side: S, request: RpcRequest) -> Response {
    let outcome = (method.handler)(side, Call::new(request.params, request.files)).await;
    respond(outcome, method.name, &request.id).await
}
