//! How the nodes of a service are brought to its plan.

use super::mounts;
use crate::api::environment::Variables;
use crate::manager::core::{Manager, Service};
use crate::model::ServiceId;
use crate::service::environment::of_links;
use crate::service::plan::{self, NodePlan, PlanInput};
use crate::service::{Change, Document, MethodError, Player};
use crate::store::StoreError;
use crate::store::manager::{self as store, LinkRow, NodeRow, Transaction};

/// What a service is to be, with its nodes in the roles that they are to play.
pub(super) struct Target {
    plans: Vec<NodePlan>,
    sid: ServiceId,
    /// Nodes by id whose roles differ from their records.
    roles: Vec<(String, String)>,
    /// The settings, where they differ from their record.
    settings: Option<Document>,
    /// The active code, where it differs from its record.
    code: Option<String>,
    /// What the user set for the environment, where it differs from its record.
    environment: Option<Variables>,
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
            let settings = Document::new(store::service_settings(tx, sid)?);
            Ok::<_, MethodError>((code, settings, Surroundings::read(tx, sid)?, mounts::read(tx, sid)?))
        });
        let (code, kept_settings, mut surroundings, mounts) = kept.await?;
        let kept_code = code.ok_or_else(|| MethodError::refused("Service not found"))?;
        let (changed_code, changed_settings) = match change {
            Some(Change::Code { version }) => (Some(version.clone()), None),
            Some(Change::Settings { settings }) => (None, Some(settings.clone())),
            Some(Change::Both { version, settings }) => (Some(version.clone()), Some(settings.clone())),
            Some(Change::Environment { .. }) | None => (None, None),
        };
        let environment = match change {
            Some(Change::Environment { environment }) => environment.clone(),
            _ => None,
        };
        if let Some(changed) = &environment {
            surroundings.own.clone_from(changed);
        }
        let kind = service.kind.manager;
        let settings = kind.with_nodes(changed_settings.as_ref().unwrap_or(&kept_settings), nodes)?;
        let code = changed_code.clone().or(kept_code);
        let players: Vec<Player> = nodes.iter().map(|node| Player::of(node, kind.roles())).collect();
        let roles: Vec<(String, String)> =
            kind.roles().repack(&players).into_iter().map(|node| (node.id, kind.roles().name(&node.roles))).collect();
        let mut nodes = nodes.to_vec();
        for node in &mut nodes {
            if let Some((_, role)) = roles.iter().find(|(id, _)| *id == node.view.id) {
                node.role.clone_from(role);
            }
        }
        let variables = surroundings.variables();
        let input = PlanInput { settings: &settings, nodes: &nodes, code: code.as_deref(), environment: &variables };
        let mut plans = kind.plan(&input)?;
        if kind.has_environment() {
            mounts::add(&mounts, &mut plans);
        }
        let settings = (settings != kept_settings).then_some(settings);
        Ok(Target { plans, sid, roles, settings, code: changed_code, environment })
    }

    /// Brings nodes to their plans; what the plan leaves out of `nodes` is taken back.
    pub(super) async fn apply(&self, service: &Service, nodes: &[NodeRow]) -> Result<(), MethodError> {
        plan::apply(&service.context, nodes, &self.plans).await
    }

    /// Records what the service is now: roles of nodes, settings, code.
    pub(super) fn record(&self, tx: &Transaction<'_>) -> Result<(), StoreError> {
        self.roles.iter().try_for_each(|(id, role)| store::set_node_role(tx, id, role))?;
        if let Some(version) = &self.code {
            store::set_active_code(tx, self.sid, version)?;
        }
        if let Some(settings) = &self.settings {
            store::set_service_settings(tx, self.sid, settings.clone().into_text().as_deref())?;
        }
        if let Some(environment) = &self.environment {
            store::set_service_environment(tx, self.sid, environment)?;
        }
        Ok(())
    }
}

/// What the environment of a service's programs is made of.
struct Surroundings {
    /// What its user set.
    own: Variables,
    /// Its links, each with the kind of the service that it leads to; those to services that are gone are none.
    links: Vec<(LinkRow, String)>,
}

impl Surroundings {
    fn read(tx: &Transaction<'_>, sid: ServiceId) -> Result<Surroundings, StoreError> {
        let mut links = Vec::new();
        for link in store::list_links(tx)?.into_iter().filter(|link| link.sid == sid) {
            if let Some(row) = store::find_service(tx, link.to_sid)? {
                links.push((link, row.kind));
            }
        }
        Ok(Surroundings { own: store::service_environment(tx, sid)?, links })
    }

    fn variables(&self) -> Variables {
        of_links(self.own.clone(), self.links.iter().map(|(link, kind)| (link, kind.as_str())))
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
