//! How the nodes of a service are brought to its plan.

use crate::manager::core::{Manager, Service};
use crate::service::plan::{self, NodePlan, PlanInput};
use crate::service::{Change, Document, MethodError, Player};
use crate::store::StoreError;
use crate::store::manager::{self as store, NodeRow, Transaction};

/// What a service is to be, with its nodes in the roles that they are to play.
pub(super) struct Target {
    plans: Vec<NodePlan>,
    /// Nodes by id whose roles differ from their records.
    roles: Vec<(String, String)>,
}

impl Target {
    /// Computes what the service is to be with these nodes, and with `change`.
    pub(super) async fn of(
        service: &Service,
        nodes: &[NodeRow],
        change: Option<&Change>,
    ) -> Result<Target, MethodError> {
        let sid = service.row.sid;
        let kept = service.context.store.read(move |tx| {
            let code = store::find_service(tx, sid)?.map(|row| row.active_code);
            Ok::<_, StoreError>((code, Document::new(store::service_settings(tx, sid)?)))
        });
        let (code, mut settings) = kept.await?;
        let mut code = code.ok_or_else(|| MethodError::refused("Service not found"))?;
        match change {
            Some(Change::Code { version }) => code = Some(version.clone()),
            Some(Change::Settings { settings: changed }) => settings = changed.clone(),
            None => {}
        }
        let kind = service.kind.manager;
        let players: Vec<Player> = nodes.iter().map(|node| Player::of(node, kind.roles())).collect();
        let roles: Vec<(String, String)> =
            kind.roles().repack(&players).into_iter().map(|node| (node.id, kind.roles().name(&node.roles))).collect();
        let mut nodes = nodes.to_vec();
        for node in &mut nodes {
            if let Some((_, role)) = roles.iter().find(|(id, _)| *id == node.view.id) {
                node.role.clone_from(role);
            }
        }
        let plans = kind.plan(&PlanInput { settings: &settings, nodes: &nodes, code: code.as_deref() })?;
        Ok(Target { plans, roles })
    }

    /// Brings nodes to their plans; what the plan leaves out of `nodes` is taken back.
    pub(super) async fn apply(&self, service: &Service, nodes: &[NodeRow]) -> Result<(), MethodError> {
        plan::apply(&service.context, nodes, &self.plans).await
    }

    /// Records the roles that nodes play now.
    pub(super) fn record(&self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        self.roles.iter().try_for_each(|(id, role)| store::set_node_role(tx, id, role))
    }
}

/// Brings the nodes that work to what is kept of their service, after an operation that failed.
pub(super) async fn go_back(service: &Service) -> Result<(), MethodError> {
    let working = service.context.nodes().await?;
    let target = Target::of(service, &working, None).await?;
    target.apply(service, &working).await?;
    Ok(service.context.store.write(move |tx| target.record(tx)).await?)
}

/// Notes what nodes run that an older program, which kept no such notes, brought to work.
pub(crate) async fn adopt_all(manager: &Manager) -> Result<(), StoreError> {
    for row in manager.store.read(store::list_services).await? {
        let is_at_work = row.state.can_show_nodes();
        let Some(service) = manager.service(row).filter(|_| is_at_work) else { continue };
        let nodes = service.context.nodes().await?;
        let adopted = match Target::of(&service, &nodes, None).await {
            Ok(target) => plan::adopt(&service.context, &target.plans).await,
            Err(error) => Err(error),
        };
        if let Err(error) = adopted {
            tracing::warn!("what the nodes of service {} run is not known: {error}", service.row.sid);
        }
    }
    Ok(())
}
