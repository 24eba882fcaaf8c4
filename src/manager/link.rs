//! Links between services of the application: an account that a service is given of another one.
//!
//! ```text
//!             account made          a user unlinks, or a service is removed
//!   making ──────────────▶ ready ──────────────▶ leaving ──▶ (account gone: none)
//!                           ▲  │ the other service has another address, or its data begins anew
//!                           └──┘
//! ```
//!
//! A link is recorded before its account is made. [`keep`] brings every link on, also after a crash: the same steps are
//! taken for the first time, for a change of the address, and for the end.
//!
//! # Guarantees
//! - What programs are told changes in the transaction that records the operation which tells them.
//! - An account goes only after the programs do not use it any more.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::core::{Manager, Service};
use super::operation::{self, Task};
use crate::api::environment::{LinkPhase, Variables};
use crate::model::{ServiceId, State};
use crate::node::Level;
use crate::service::environment::{Account, Offer};
use crate::service::{Change, Document, MethodError, now};
use crate::store::StoreError;
use crate::store::manager::{self as store, LinkRow, Transaction};
use crate::sys;
use crate::task::{crash_point, repeat};

/// A look costs a read of the database.
const PAUSE: Duration = Duration::from_secs(3);

/// Brings every link on, until `stop`.
pub(super) async fn keep(manager: Arc<Manager>, stop: CancellationToken) {
    let manager = &manager;
    let look = || async move {
        if let Err(error) = bring_all_on(manager).await {
            tracing::warn!("cannot look after the links: {}", sys::chain(&error));
        }
    };
    repeat::every(PAUSE, stop, look).await;
}

async fn bring_all_on(manager: &Arc<Manager>) -> Result<(), StoreError> {
    for link in manager.store.read(store::list_links).await? {
        // What cannot be done now is tried again; a service that does not run has its reasons told elsewhere.
        if let Err(error) = bring_on(manager, &link).await {
            tracing::debug!("the link of service {} stays '{}': {error}", link.sid, link.phase.as_str());
        }
    }
    Ok(())
}

async fn bring_on(manager: &Arc<Manager>, link: &LinkRow) -> Result<(), MethodError> {
    let user = manager.find_service(link.sid).await?;
    let source = manager.find_service(link.to_sid).await?;
    match link.phase {
        LinkPhase::Making | LinkPhase::Ready if user.is_none() || source.is_none() => {
            leave(manager, link, user.map(|user| user.row.state)).await.map(drop)
        }
        LinkPhase::Making => establish(manager, link.number).await.map(drop),
        LinkPhase::Ready => renew(manager, link, source).await,
        LinkPhase::Leaving => give_up(manager, link, user, source).await,
    }
}

/// Makes the account of a link that is recorded, and has the programs told. Returns the operation that tells them, if the
/// service works.
///
/// # Errors
/// Returns an error if the other service does not serve, or the service is changing right now.
pub(super) async fn establish(manager: &Arc<Manager>, number: i64) -> Result<Option<String>, MethodError> {
    let link = manager.store.read(move |tx| store::find_link(tx, number)).await?;
    let link = link.filter(|link| link.phase == LinkPhase::Making).ok_or_else(gone)?;
    let source = manager.find_service(link.to_sid).await?.ok_or_else(gone)?;
    let offer = running_offer(&source).await?;
    source.kind.manager.grant(&source.context, &Account::of(&link)).await?;
    crash_point("link.granted");
    settle(manager, &link, LinkPhase::Making, offer).await
}

/// Follows the other service to another address, and makes the account again where its data may lack it.
async fn renew(manager: &Arc<Manager>, link: &LinkRow, source: Option<Service>) -> Result<(), MethodError> {
    let Some(source) = source.filter(|source| source.row.state == State::Running) else { return Ok(()) };
    let offer = running_offer(&source).await?;
    let Some(place) = link.place.as_ref().filter(|place| **place != offer) else { return Ok(()) };
    if place.incarnation != offer.incarnation {
        source.kind.manager.grant(&source.context, &Account::of(link)).await?;
    }
    let (sid, to_sid) = (link.sid, link.to_sid);
    manager.note(sid, Level::Info, &format!("Service {to_sid} is found at {} now", offer.host));
    settle(manager, link, LinkPhase::Ready, offer).await.map(drop)
}

/// Records where the other service is found, and has the programs told.
async fn settle(
    manager: &Arc<Manager>,
    link: &LinkRow,
    before: LinkPhase,
    offer: Offer,
) -> Result<Option<String>, MethodError> {
    let number = link.number;
    let record = move |tx: &Transaction<'_>| {
        let now = store::find_link(tx, number)?.filter(|link| link.phase == before);
        now.ok_or_else(gone)?;
        Ok(store::set_link_place(tx, number, &offer)?)
    };
    tell(manager, link.sid, "Linking to another service", None, record).await
}

/// Records that a link ends, and has the programs told. Returns the operation that tells them, if the service works.
///
/// # Errors
/// Returns an error if the service is changing right now.
pub(super) async fn leave(
    manager: &Arc<Manager>,
    link: &LinkRow,
    state: Option<State>,
) -> Result<Option<String>, MethodError> {
    let number = link.number;
    let record = move |tx: &Transaction<'_>| Ok(store::set_link_phase(tx, number, LinkPhase::Leaving)?);
    if state.is_none() {
        manager.store.write(record).await?;
        return Ok(None);
    }
    tell(manager, link.sid, "Unlinking from another service", None, record).await
}

/// Takes the account back once no program uses it.
async fn give_up(
    manager: &Arc<Manager>,
    link: &LinkRow,
    user: Option<Service>,
    source: Option<Service>,
) -> Result<(), MethodError> {
    if user.is_some_and(|user| !is_at_rest(user.row.state)) {
        return Err(MethodError::refused("its programs are being told"));
    }
    if let Some(source) = source {
        running_offer(&source).await?;
        source.kind.manager.revoke(&source.context, &Account::of(link)).await?;
    }
    let number = link.number;
    Ok(manager.store.write(move |tx| store::delete_link(tx, number)).await?)
}

/// Records a change of what a service's programs find in their environment, `environment` if its user set another one,
/// and has the operation that tells them carried out if they work. Returns that operation.
///
/// # Errors
/// Returns an error if the service is changing right now, or what `record` says.
pub(super) async fn tell(
    manager: &Arc<Manager>,
    sid: ServiceId,
    reason: &str,
    environment: Option<Variables>,
    record: impl FnOnce(&Transaction<'_>) -> Result<(), MethodError> + Send + 'static,
) -> Result<Option<String>, MethodError> {
    let service = manager.find_service(sid).await?.ok_or_else(|| MethodError::refused("Service not found"))?;
    if service.row.state == State::Running {
        let task = Task::Adapt { change: Change::Environment { environment } };
        return Ok(operation::submit_with(manager, sid, task, reason, record).await?.operation_id);
    }
    let noted = reason.to_owned();
    let recorded = manager.store.write(move |tx| {
        let row = store::find_service(tx, sid)?.ok_or_else(|| MethodError::refused("Service not found"))?;
        if row.state == State::Running || !is_at_rest(row.state) {
            let state = row.state;
            return Err(MethodError::refused(format!("The service is {state} now: try again when that is over")));
        }
        record(tx)?;
        if let Some(environment) = &environment {
            store::set_service_environment(tx, sid, environment)?;
        }
        Ok(store::note_event(tx, sid, &noted, now())?)
    });
    recorded.await?;
    Ok(None)
}

/// Returns whether no operation changes what the service's programs are told.
fn is_at_rest(state: State) -> bool {
    State::CODE_CAN_CHANGE.contains(&state) || state == State::Error
}

/// Returns where a service is found that others are linked to.
async fn running_offer(source: &Service) -> Result<Offer, MethodError> {
    let sid = source.row.sid;
    let idle = || MethodError::refused(format!("Service {sid} does not run: start it first"));
    if !source.row.state.can_call_nodes() {
        return Err(idle());
    }
    let settings: Document = source.context.settings().await?;
    let nodes = source.context.nodes().await?;
    source.kind.manager.offer(&settings, &nodes)?.ok_or_else(idle)
}

fn gone() -> MethodError {
    MethodError::refused("The link was changed meanwhile")
}
