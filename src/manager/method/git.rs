//! The manager's git repository: what a push brings, how users push, and whether a service runs it at once.

use std::sync::Arc;

use crate::api::manager::{AutoEnable, GitInfo};
use crate::manager::core::Manager;
use crate::model::{CodeFormat, ServiceId};
use crate::node::Level;
use crate::service::code::repository_head;
use crate::service::git::place;
use crate::service::{Call, MethodError, Reply, now};
use crate::store::StoreError;
use crate::store::manager::{self as store, CodeRow};

pub(crate) async fn git_push_hook(manager: Arc<Manager>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let head = repository_head(&manager.config.base).await?;
    let id = format!("git-{}", head.revision);
    let rows = manager.store.read(store::list_services).await?;
    let services = rows.into_iter().filter_map(|row| manager.service(row));
    let takers = services.filter(|service| service.kind.manager.has_git_code());
    let takers: Vec<_> = takers.map(|service| service.row.sid).collect();
    let code = CodeRow {
        id: id.clone(),
        filename: head.revision,
        description: head.subject,
        format: CodeFormat::Git,
        time: now(),
        notes: Vec::new(),
    };
    let added = manager.store.write(move |tx| {
        takers.iter().try_for_each(|sid| store::insert_code(tx, *sid, &code))?;
        Ok::<_, StoreError>(())
    });
    added.await?;
    Ok(Reply::of(&format!("code version: {id}")))
}

/// How code is pushed; for a service also where its code belongs.
pub(crate) async fn get_git_info(manager: Arc<Manager>, sid: ServiceId, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let is_service = sid != ServiceId::MANAGER;
    if is_service {
        expect_code(&manager, sid).await?;
    }
    let auto_enable = match is_service {
        true => Some(manager.store.read(move |tx| store::auto_enable(tx, sid)).await?),
        false => None,
    };
    let (state, reason) = manager.git.state().await;
    let key = manager.git.host_key().await;
    Ok(Reply::of(&GitInfo {
        state,
        reason,
        user: place::ACCOUNT.to_owned(),
        repository: place::NAME.to_owned(),
        port: place::PORT,
        directory: is_service.then(|| sid.to_string()),
        auto_enable,
        host_key: key.as_ref().map(|key| key.line.clone()),
        fingerprint: key.map(|key| key.fingerprint),
    }))
}

/// Says whether a service runs what is pushed as soon as it is pushed.
pub(crate) async fn set_auto_enable(
    manager: Arc<Manager>,
    sid: ServiceId,
    mut call: Call,
) -> Result<Reply, MethodError> {
    let is_wanted = call.params.boolean("enabled")?;
    call.finish()?;
    if sid == ServiceId::MANAGER {
        return Err(MethodError::refused("Service 0 is the application manager itself, which has no code"));
    }
    expect_code(&manager, sid).await?;
    manager.store.write(move |tx| store::set_auto_enable(tx, sid, is_wanted)).await?;
    let text = if is_wanted { "What is pushed is enabled at once" } else { "What is pushed is not enabled by itself" };
    manager.note(sid, Level::Info, text);
    Ok(Reply::of(&AutoEnable { auto_enable: is_wanted }))
}

async fn expect_code(manager: &Manager, sid: ServiceId) -> Result<(), MethodError> {
    let service = manager.find_service(sid).await?;
    let service = service.ok_or_else(|| MethodError::refused("Service not found"))?;
    if service.kind.manager.has_git_code() {
        return Ok(());
    }
    Err(MethodError::refused(format!("services of type '{}' have no code that could be pushed", service.kind.name)))
}
