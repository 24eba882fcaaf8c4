//! What each node of a php service is to run.

use serde::Serialize;

use super::settings::PhpSettings;
use crate::api::web::{Php, SessionStore};
use crate::service::error::MethodError;
use crate::service::plan::{NodePlan, PlanInput};
use crate::service::web::plan::{Site, address, part};
use crate::service::web::{BACKEND_PORT, PROXY, SESSION_PORT};

/// The parameter of `createSessions`.
#[derive(Serialize)]
struct Sessions<'a> {
    store: &'a SessionStore,
}

/// Computes the plans of all nodes.
///
/// # Errors
/// Returns an error if the settings cannot be read, or an address of a node is none.
pub(super) fn of(input: &PlanInput<'_>) -> Result<Vec<NodePlan>, MethodError> {
    let settings: PhpSettings = input.settings.read()?;
    let code = input.code.ok_or_else(|| MethodError::refused("no code version is enabled"))?;
    let site = Site {
        nodes: input.nodes,
        code,
        code_method: "updatePHPCode",
        max_body_mb: settings.max_body_mb(),
        web_weights: &settings.web_weights,
        backend_weights: &settings.backend_weights,
        backend_port: BACKEND_PORT,
        document_root: settings.document_root.as_deref(),
        hooks: &settings.hooks,
    };
    let Some(keeper) = site.first_proxy() else { return Ok(Vec::new()) };
    let store = SessionStore {
        ip: address(keeper)?,
        port: SESSION_PORT,
        password: settings.session_password.clone(),
        prefix: format!("s{}:", keeper.sid),
    };
    let php = Php {
        port: BACKEND_PORT,
        configuration: settings.phpconf.clone(),
        proxies: site.of_role(PROXY).map(address).collect::<Result<_, _>>()?,
        sessions: Some(store.clone()),
        environment: input.environment.clone(),
    };
    let sessions = part("sessions", 0, ["createSessions"; 2], "stopSessions", &Sessions { store: &store });
    let backend = part("php", 2, ["createPHP", "updatePHP"], "stopPHP", &php);
    site.plans(Some(&sessions), &backend, |proxy, backends| proxy.fpm_list = backends)
}
