//! Applications: made, listed, renamed, stopped, deleted. How one starts is
//! `application_start`'s.
//!
//! What is asked for is recorded; the reconcilers act on it. Must not know: requests and answers.

use std::collections::BTreeMap;

use super::error::Failure;
use super::state::Director;
use crate::api::texts;
use crate::model::{ApplicationEvent, ApplicationId, NodeRole, UserId, VolumeFate, is_number};
use crate::store::Transaction;
use crate::store::director::application::{Advance, Application};
use crate::store::director::node::Node;
use crate::store::director::{application, node, outcome, service, volume};
use crate::task::crash_point;

const MAX_NAME_CHARS: usize = 256;

/// An application, and its manager's node once that answers.
pub(crate) type WithManager = (Application, Option<Node>);

/// Adds an application to those of a user.
pub(crate) async fn create(director: &Director, uid: UserId, name: &str) -> Result<Application, Failure> {
    check_name(name)?;
    director.reserve.check_room().await?;
    let name = name.to_owned();
    director
        .store
        .write(move |tx| {
            refuse_taken(tx, uid, &name)?;
            let aid = application::insert(tx, uid, &name)?;
            owned(tx, aid, uid)
        })
        .await
}

/// Renames an application.
pub(crate) async fn rename(director: &Director, uid: UserId, aid: ApplicationId, name: &str) -> Result<(), Failure> {
    check_name(name)?;
    let name = name.to_owned();
    director
        .store
        .write(move |tx| {
            owned(tx, aid, uid)?;
            refuse_taken(tx, uid, &name)?;
            Ok(application::rename(tx, aid, &name)?)
        })
        .await
}

/// Stops an application, whatever it is doing.
pub(crate) async fn stop(
    director: &Director,
    uid: UserId,
    aid: ApplicationId,
    volumes: VolumeFate,
) -> Result<(), Failure> {
    director.reserve.make_room().await;
    director
        .store
        .write(move |tx| {
            owned(tx, aid, uid)?;
            record_stop(tx, aid, volumes)
        })
        .await?;
    director.start_ended.notify_waiters();
    crash_point("stop_application.recorded");
    tracing::info!(app.id = aid.0, user.id = uid.0, "application stopped");
    director.reconcile.wake();
    Ok(())
}

/// Stops an application and forgets it; its kept volumes go with it.
pub(crate) async fn delete(director: &Director, uid: UserId, aid: ApplicationId) -> Result<(), Failure> {
    director.reserve.make_room().await;
    director
        .store
        .write(move |tx| {
            owned(tx, aid, uid)?;
            record_deletion(tx, aid)
        })
        .await?;
    crash_point("delete_application.recorded");
    tracing::info!(app.id = aid.0, user.id = uid.0, "application deleted");
    director.reconcile.wake();
    Ok(())
}

/// Returns all applications of a user, each with its manager's node.
pub(crate) fn with_managers(tx: &Transaction<'_>, uid: UserId) -> Result<Vec<WithManager>, Failure> {
    let up = node::up_of_user(tx, uid)?.into_iter().rev();
    // Of several the first one counts.
    let mut managers: BTreeMap<ApplicationId, Node> =
        up.filter(|node| node.wanted.role == NodeRole::Manager).map(|node| (node.wanted.aid, node)).collect();
    let with_manager = |found: Application| {
        let manager = managers.remove(&found.aid);
        (found, manager)
    };
    Ok(application::list(tx, uid)?.into_iter().map(with_manager).collect())
}

/// Records that an application is stopped: none of its nodes is wanted any
/// more, and of its volumes those that are kept. The reconcilers remove the others.
pub(crate) fn record_stop(tx: &Transaction<'_>, aid: ApplicationId, volumes: VolumeFate) -> Result<(), Failure> {
    record_end(tx, aid, volumes, ApplicationEvent::Stop)
}

/// Records the same of an application whose owner has no credit left. Nobody was asked whether what is on its volumes
/// may go: they are kept.
pub(crate) fn record_end_of_credit(tx: &Transaction<'_>, aid: ApplicationId) -> Result<(), Failure> {
    record_end(tx, aid, VolumeFate::Kept, ApplicationEvent::CreditUsedUp)
}

fn record_end(
    tx: &Transaction<'_>,
    aid: ApplicationId,
    volumes: VolumeFate,
    event: ApplicationEvent,
) -> Result<(), Failure> {
    match application::advance(tx, aid, event, None)? {
        Advance::Gone => return Ok(()),
        Advance::Refused(wrong) => return Err(Failure::Internal(wrong.to_string())),
        Advance::To(_) => {}
    }
    outcome::fail_start_of(tx, aid, texts::STOPPED_MEANWHILE)?;
    node::set_all_removing(tx, aid)?;
    if volumes == VolumeFate::Kept {
        volume::keep_all(tx, aid)?;
    }
    volume::set_removing_unless_kept(tx, aid)?;
    Ok(service::delete_all(tx, aid)?)
}

/// Records that an application is stopped and forgotten: nothing of it is wanted any more.
pub(crate) fn record_deletion(tx: &Transaction<'_>, aid: ApplicationId) -> Result<(), Failure> {
    record_stop(tx, aid, VolumeFate::Lost)?;
    volume::set_all_removing(tx, aid)?;
    Ok(application::delete(tx, aid)?)
}

/// Returns the application, if it is the caller's.
pub(crate) fn owned(tx: &Transaction<'_>, aid: ApplicationId, uid: UserId) -> Result<Application, Failure> {
    application::owned(tx, aid, uid)?.ok_or_else(|| Failure::application(texts::APPLICATION_NOT_FOUND))
}

fn refuse_taken(tx: &Transaction<'_>, uid: UserId, name: &str) -> Result<(), Failure> {
    if application::has_name(tx, uid, name)? {
        return Err(Failure::Application(texts::application_name_taken(name)));
    }
    Ok(())
}

pub(super) fn check_name(name: &str) -> Result<(), Failure> {
    if name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        let text = format!("An application's name is at most {MAX_NAME_CHARS} printable characters");
        return Err(Failure::Application(text));
    }
    if is_number(name) {
        return Err(Failure::Application(texts::name_is_number("application", name)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::State;
    use crate::store::director::node::Phase;
    use crate::store::director::sample::Sample;

    #[test]
    fn names_are_short_and_printable() {
        for (name, is_good) in [
            ("a", true),
            ("ü b", true),
            ("a\tb", false),
            ("\u{1b}[31m", false),
            ("3", false),
            (" 03 ", false),
            ("3a", true),
        ] {
            assert_eq!(check_name(name).is_ok(), is_good, "{name:?}");
        }
        assert!(check_name(&"ü".repeat(MAX_NAME_CHARS)).is_ok());
        assert!(check_name(&"a".repeat(MAX_NAME_CHARS + 1)).is_err());
    }

    #[test]
    fn a_stop_wants_nothing_any_more_and_may_be_repeated() {
        let sample = Sample::new(0);
        let nodes = [sample.add_node("n1", NodeRole::Manager), sample.add_node("n2", NodeRole::Agent)];
        sample.run(|tx| service::begin_adding(tx, sample.aid, "generic", "now"));
        for _ in 0..2 {
            sample.write(|tx| record_stop(tx, sample.aid, VolumeFate::Lost)).expect("a stop");
            assert_eq!(sample.state(), Some(State::Stopped));
            assert_eq!(nodes.map(|rid| sample.phase(rid)), [Some(Phase::Removing); 2]);
            assert!(sample.run(service::unfinished).is_empty());
        }
        sample.run(|tx| application::delete(tx, sample.aid));
        sample.write(|tx| record_stop(tx, sample.aid, VolumeFate::Lost)).expect("what is gone is stopped");
    }
}
