//! The start of an application: its manager is wanted, made, and answers, or does not.
//!
//! ```text
//! begin_start (recorded) → bring_up (the cloud, the node's answer) → record_started (recorded)
//! ```
//!
//! A start that a crash cuts short goes on when the director starts again.

use std::sync::Arc;
use std::time::Instant;

use super::application::owned;
use super::credit;
use super::error::Failure;
use super::node::bring_up::bring_up;
use super::node::request::{Wish, new_node_tag};
use super::state::{Director, OperationKey};
use crate::api::texts;
use crate::model::{ApplicationEvent, ApplicationId, CloudName, NodeRole, ServiceId, UserId};
use crate::store::director::application::{self, Advance};
use crate::store::director::node::{self, NewNode, Node, Phase};
use crate::store::director::outcome::{self, Outcome};
use crate::store::director::user;
use crate::store::{StoreError, Transaction};
use crate::sys::chain;
use crate::task::crash_point;

/// Records that an application starts, and goes on with it in a task of its own.
/// Returns the id by which the outcome is asked for.
pub(crate) async fn start(
    director: &Arc<Director>,
    uid: UserId,
    aid: ApplicationId,
    cloud: CloudName,
) -> Result<String, Failure> {
    director.reserve.check_room().await?;
    let operation_id = director.store.write(move |tx| begin_start(tx, uid, aid, cloud)).await?;
    crash_point("start_application.recorded");
    tracing::info!(app.id = aid.0, user.id = uid.0, "application starting");
    spawn_managers(director).await?;
    Ok(operation_id)
}

/// Returns what became of a start of one of the user's applications.
pub(crate) async fn outcome(director: &Director, uid: UserId, id: &str) -> Result<Outcome, Failure> {
    let wanted = id.to_owned();
    let found = director.store.read(move |tx| Ok::<_, Failure>(outcome::find(tx, uid, &wanted)?)).await?;
    found.ok_or_else(|| Failure::Application(texts::unknown_operation(id)))
}

/// Starts a task for every manager that is wanted and not up, unless one
/// works on it already.
pub(crate) async fn spawn_managers(director: &Arc<Director>) -> Result<(), Failure> {
    let nodes = director.store.read(|tx| Ok::<_, Failure>(node::all(tx)?)).await?;
    for node in nodes {
        if node.phase == Phase::Making && node.wanted.role == NodeRole::Manager {
            let director = Arc::clone(director);
            director.clone().tasks.spawn("bring up a manager", async move {
                let _one_at_a_time = director.operations.hold(&OperationKey::BringUp(node.rid)).await;
                bring_up_manager(&director, &node).await;
            });
        }
    }
    Ok(())
}

async fn bring_up_manager(director: &Arc<Director>, node: &Node) {
    let rid = node.rid;
    match director.store.read(move |tx| node::phase(tx, rid)).await {
        Ok(Some(Phase::Making)) => {}
        Ok(_) => return,
        Err(error) => return tracing::error!(error = %chain(&error), "cannot read the database"),
    }
    let started = Instant::now();
    let outcome = tokio::select! {
        outcome = bring_up(director, node) => outcome,
        // The next start of the director goes on from here.
        () = director.tasks.stopping().cancelled_owned() => return,
    };
    let reason = outcome.err().map(|error| chain(&error));
    let aid = node.wanted.aid;
    match &reason {
        None => tracing::info!(app.id = aid.0, elapsed_ms = started.elapsed().as_millis(), "application running"),
        Some(reason) => {
            tracing::error!(app.id = aid.0, node.tag = %node.wanted.tag, reason, "application cannot start");
        }
    }
    // Taken back by a power cut, the start is gone on with.
    let recorded = director.store.note(move |tx| record_started(tx, rid, aid, reason.as_deref().map_or(Ok(()), Err)));
    if let Err(error) = recorded.await {
        tracing::error!(app.id = aid.0, error = %chain(&error), "cannot record how the start ended");
    }
    director.start_ended.notify_waiters();
    crash_point("start_application.finished");
    director.reconcile.wake();
    credit::charge(director).await;
}

fn begin_start(tx: &Transaction<'_>, uid: UserId, aid: ApplicationId, cloud: CloudName) -> Result<String, Failure> {
    owned(tx, aid, uid)?;
    match application::advance(tx, aid, ApplicationEvent::Start, None)? {
        Advance::To(_) => {}
        Advance::Refused(_) => return Err(Failure::application(texts::APPLICATION_ALREADY_STARTED)),
        Advance::Gone => return Err(Failure::application(texts::APPLICATION_NOT_FOUND)),
    }
    // The state goes back with the transaction.
    if user::credit(tx, uid)?.unwrap_or_default() <= 0 {
        return Err(Failure::application(texts::INSUFFICIENT_CREDITS));
    }
    let new = NewNode {
        tag: new_node_tag(),
        cloud,
        role: NodeRole::Manager,
        uid,
        aid,
        sid: ServiceId::MANAGER,
        operation: None,
        request: Wish::default().to_text(),
        created: chrono::Utc::now().timestamp(),
    };
    node::insert(tx, &new)?;
    Ok(new.tag.to_string())
}

/// Records how the start of an application ended, for its manager's node `rid`.
/// A start that was stopped meanwhile leaves the application as it is.
fn record_started(
    tx: &Transaction<'_>,
    rid: i64,
    aid: ApplicationId,
    ended: Result<(), &str>,
) -> Result<(), StoreError> {
    let (event, reason) = match ended {
        Ok(()) if credit::start_counting(tx, rid)? => (ApplicationEvent::ManagerUp, None),
        Ok(()) => return outcome::insert(tx, rid, Some(texts::STOPPED_MEANWHILE)),
        Err(reason) => {
            node::set_removing(tx, rid)?;
            (ApplicationEvent::StartFailed, Some(reason))
        }
    };
    outcome::insert(tx, rid, reason)?;
    let _one_that_was_stopped_stays_so = application::advance(tx, aid, event, reason)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{State, VolumeFate};
    use crate::store::director::sample::Sample;

    fn begin(sample: &Sample) -> Result<i64, Failure> {
        sample.write(|tx| {
            begin_start(tx, sample.uid, sample.aid, CloudName::default_cloud())?;
            Ok(node::all(tx)?.last().expect("it was inserted").rid)
        })
    }

    fn finish(sample: &Sample, rid: i64, outcome: Result<(), &str>) {
        sample.run(|tx| record_started(tx, rid, sample.aid, outcome));
    }

    #[test]
    fn a_start_that_succeeds_runs_and_cannot_be_begun_twice() {
        let sample = Sample::new(5);
        let rid = begin(&sample).expect("a start");
        assert_eq!(begin(&sample).unwrap_err().to_string(), texts::APPLICATION_ALREADY_STARTED);
        assert_eq!(sample.state(), Some(State::Prologue));
        finish(&sample, rid, Ok(()));
        assert_eq!((sample.state(), sample.phase(rid)), (Some(State::Running), Some(Phase::Up)));
        assert_eq!(begin(&sample).unwrap_err().to_string(), texts::APPLICATION_ALREADY_STARTED);
    }

    #[test]
    fn a_start_that_fails_says_why_and_may_be_begun_again() {
        let sample = Sample::new(5);
        let rid = begin(&sample).expect("a start");
        finish(&sample, rid, Err("no room"));
        assert_eq!((sample.state(), sample.phase(rid)), (Some(State::Error), Some(Phase::Removing)));
        assert_eq!(sample.application().reason.as_deref(), Some("no room"));
        begin(&sample).expect("another start");
        assert_eq!((sample.state(), sample.application().reason), (Some(State::Prologue), None));
    }

    #[test]
    fn a_start_that_was_stopped_meanwhile_stays_stopped() {
        for outcome in [Ok(()), Err("no answer")] {
            let sample = Sample::new(5);
            let rid = begin(&sample).expect("a start");
            sample
                .write(|tx| super::super::application::record_stop(tx, sample.aid, VolumeFate::Lost))
                .expect("a stop");
            finish(&sample, rid, outcome);
            assert_eq!((sample.state(), sample.phase(rid)), (Some(State::Stopped), Some(Phase::Removing)));
        }
    }

    #[test]
    fn without_credit_nothing_starts_and_nothing_is_recorded() {
        let sample = Sample::new(0);
        assert_eq!(begin(&sample).unwrap_err().to_string(), texts::INSUFFICIENT_CREDITS);
        assert_eq!(sample.state(), Some(State::Init));
        assert!(sample.run(node::all).is_empty());
    }
}
