//! What makes the same service again (ours): for the export of a manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::links::view;
use super::parameters::take_service;
use super::startup;
use crate::api::environment::LinkPhase;
use crate::api::manager::{DescribedCode, ServiceDescription};
use crate::manager::core::{Manager, Service};
use crate::service::code::DEFAULT_VERSION;
use crate::service::{Call, Document, MethodError, Player, Reply};
use crate::store::StoreError;
use crate::store::manager::{self as store, LinkRow, VolumeRow};
use crate::sys::{self, file};

/// `describe_service`.
pub(crate) async fn describe_service(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let Service { row, kind, context } = take_service(&manager, &mut call, "service_id").await?;
    call.finish()?;
    let (sid, active) = (row.sid, row.active_code.clone());
    let read = manager.store.read(move |tx| {
        let code = active.map(|id| store::find_code(tx, sid, &id)).transpose()?.flatten();
        let volumes: Vec<VolumeRow> = store::list_volumes(tx, Some(sid))?;
        let links: Vec<LinkRow> = store::list_links(tx)?;
        Ok::<_, StoreError>((code, volumes, links, store::service_environment(tx, sid)?))
    });
    let (code, volumes, links, environment) = read.await?;
    let roles = kind.manager.roles();
    let nodes = context.nodes().await?;
    let players: Vec<Player> = nodes.iter().map(|node| Player::of(node, roles)).collect();
    let path = manager.config.base.rooted(startup::path(&manager, sid));
    let startup_script = sys::blocking(move || file::read_text(&path).ok()).await;
    let settings: Document = context.settings().await?;
    let is_made_with_nodes = |name: &str| nodes.iter().any(|node| node.view.volumes.iter().any(|v| v.vol_name == name));
    let own_volumes = volumes.into_iter().filter(|volume| !is_made_with_nodes(&volume.name));
    let code = code.filter(|code| code.id != DEFAULT_VERSION && !code.id.starts_with("git-"));
    let link = links.iter().find(|link| link.sid == sid && link.phase == LinkPhase::Ready);
    Ok(Reply::of(&ServiceDescription {
        is_running: row.state.can_show_nodes(),
        counts: roles.counts_of(&players).into_iter().collect::<BTreeMap<_, _>>(),
        code: code.map(|code| DescribedCode { id: code.id, filename: code.filename }),
        startup_script,
        environment,
        settings: (kind.manager.manifest().shown)(&settings)?,
        volumes: own_volumes.map(|volume| (volume.name, volume.size_mb)).collect(),
        shared_volumes: kind.manager.shared_volumes(&settings)?,
        link: link.map(view),
    }))
}
