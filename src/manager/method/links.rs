//! Links between services, and the environment of their programs (ours).

use std::sync::Arc;

use super::parameters::take_service;
use crate::api::Accepted;
use crate::api::environment::{EnvironmentView, LinkList, LinkPassword, LinkPhase, LinkView};
use crate::api::params::bad;
use crate::manager::core::Manager;
use crate::manager::link;
use crate::model::{ServiceId, State};
use crate::service::environment::{is_plain_name, parse};
use crate::service::{Call, MethodError, Reply};
use crate::store::manager::{self as store, LinkRow};
use crate::sys::random;

const PASSWORD_LENGTH: usize = 32;

/// `link_service`: answers when the account is there; the operation that tells the programs goes on.
pub(crate) async fn link_service(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let user = take_service(&manager, &mut call, "service_id").await?;
    let source = take_service(&manager, &mut call, "to_service_id").await?;
    let (sid, to_sid) = (user.row.sid, source.row.sid);
    let name = call.params.string_or("database", &format!("service{sid}"))?;
    call.finish()?;
    if !is_plain_name(&name) {
        return Err(bad("database", "letters, digits and underscores are wanted, 64 at most").into());
    }
    if !user.kind.manager.has_environment() {
        let kind = user.kind.name;
        return Err(MethodError::refused(format!("Services of type {kind} cannot be linked to others")));
    }
    if !source.kind.manager.can_be_linked_to() {
        let kind = source.kind.name;
        return Err(MethodError::refused(format!("No service can be linked to one of type {kind}")));
    }
    user.context.expect_state(State::CODE_CAN_CHANGE).await?;
    source.context.expect_state(&[State::Running]).await?;
    let password = random::alphanumeric(PASSWORD_LENGTH);
    let recorded = manager.store.write(move |tx| {
        let links = store::list_links(tx)?;
        let other = links.iter().find(|link| link.sid == sid && link.phase != LinkPhase::Leaving);
        match other {
            Some(other) => Err(MethodError::refused(format!(
                "Service {sid} is linked to service {} already: unlink it first",
                other.to_sid
            ))),
            None => Ok(store::insert_link(tx, sid, to_sid, &name, &password)?),
        }
    });
    let number = recorded.await?;
    crate::task::crash_point("link.recorded");
    match link::establish(&manager, number).await {
        Ok(operation_id) => {
            let row = manager.store.read(move |tx| store::find_link(tx, number)).await?;
            let row = row.ok_or_else(|| MethodError::refused("The link was changed meanwhile"))?;
            Ok(Reply::of(&LinkView { operation_id, ..view(&row) }))
        }
        Err(error) => {
            let taken_back = manager.store.write(move |tx| {
                let row = store::find_link(tx, number)?;
                if row.is_some_and(|row| row.phase == LinkPhase::Making) {
                    store::set_link_phase(tx, number, LinkPhase::Leaving)?;
                }
                Ok::<_, crate::store::StoreError>(())
            });
            taken_back.await?;
            Err(error)
        }
    }
}

/// `unlink_service`: the data stays where it is.
pub(crate) async fn unlink_service(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let user = take_service(&manager, &mut call, "service_id").await?;
    call.finish()?;
    let row = link_of(&manager, user.row.sid).await?;
    let operation_id = link::leave(&manager, &row, Some(user.row.state)).await?;
    Ok(Reply::of(&Accepted { operation_id }))
}

/// `list_links`.
pub(crate) async fn list_links(manager: Arc<Manager>, call: Call) -> Result<Reply, MethodError> {
    call.finish()?;
    let rows = manager.store.read(store::list_links).await?;
    Ok(Reply::of(&LinkList { links: rows.iter().map(view).collect() }))
}

/// `get_link_password`: shown once, to whoever asks first.
pub(crate) async fn get_link_password(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let user = take_service(&manager, &mut call, "service_id").await?;
    call.finish()?;
    let number = link_of(&manager, user.row.sid).await?.number;
    let shown = manager.store.write(move |tx| {
        let row = store::find_link(tx, number)?.ok_or_else(|| MethodError::refused("The link is gone"))?;
        if row.is_shown {
            return Err(MethodError::refused(
                "The password was shown already, and is shown once: unlink and link the service for another one",
            ));
        }
        store::set_link_shown(tx, number)?;
        Ok(row.password)
    });
    Ok(Reply::of(&LinkPassword { password: shown.await? }))
}

/// `set_environment`: all variables of a service but those of links.
pub(crate) async fn set_environment(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let service = take_service(&manager, &mut call, "service_id").await?;
    let environment = parse(call.params.object("environment")?)?;
    call.finish()?;
    if !service.kind.manager.has_environment() {
        let kind = service.kind.name;
        return Err(MethodError::refused(format!("Services of type {kind} have no environment")));
    }
    let sid = service.row.sid;
    let told = link::tell(&manager, sid, "Changing the environment", Some(environment), |_| Ok(()));
    let operation_id = told.await?;
    Ok(Reply::of(&Accepted { operation_id }))
}

/// `get_environment`.
pub(crate) async fn get_environment(manager: Arc<Manager>, mut call: Call) -> Result<Reply, MethodError> {
    let sid = take_service(&manager, &mut call, "service_id").await?.row.sid;
    call.finish()?;
    let environment = manager.store.read(move |tx| store::service_environment(tx, sid)).await?;
    Ok(Reply::of(&EnvironmentView { environment }))
}

async fn link_of(manager: &Manager, sid: ServiceId) -> Result<LinkRow, MethodError> {
    let links = manager.store.read(store::list_links).await?;
    let found = links.into_iter().find(|link| link.sid == sid && link.phase != LinkPhase::Leaving);
    found.ok_or_else(|| MethodError::refused(format!("Service {sid} is linked to no other")))
}

pub(super) fn view(row: &LinkRow) -> LinkView {
    LinkView {
        service_id: row.sid,
        to_service_id: row.to_sid,
        state: row.phase,
        account: row.account(),
        database: row.name.clone(),
        address: row.place.as_ref().map(|place| format!("{}:{}", place.host, place.port)),
        operation_id: None,
    }
}
