//! Kept volumes: they stay when nodes, services and their application end.
//!
//! ```text
//!   in use ──────────▶ kept, attached ────────▶ kept, free ────────▶ kept, attached ────▶ in use
//!           a stop keeps        detached, or its node   a start or         it is mounted
//!                                     removed │         an attachment
//!                                             ▼ deleted by its owner, or with its application
//!                                          removing
//! ```
//!
//! # Guarantees
//! - A volume is kept before its node ends, and until a node has mounted it: a crash in between loses nothing.
//! - What is kept goes only when its owner deletes it or its application.
//!
//! Must not know: requests and answers.

use super::application;
use super::asker::Asker;
use super::error::Failure;
use super::state::Director;
use super::volume::shown_name;
use crate::api::texts;
use crate::model::{ApplicationId, ServiceId, UserId};
use crate::store::Transaction;
use crate::store::director::volume::{self, Placed, Volume};
use crate::task::crash_point;

/// Records that a volume of the asking manager's application stays when its node ends, for the next start of a service.
pub(crate) async fn keep(director: &Director, asker: Asker, id: String, sid: ServiceId) -> Result<(), Failure> {
    director.reserve.make_room().await;
    let record = move |tx: &Transaction<'_>| {
        let found = owned(tx, asker, &id)?;
        Ok::<_, Failure>(volume::set_kept(tx, found.id, sid)?)
    };
    director.store.write(record).await?;
    crash_point("keep_volume.recorded");
    Ok(())
}

/// Records that a node uses a kept volume again.
pub(crate) async fn use_again(director: &Director, asker: Asker, id: String) -> Result<(), Failure> {
    let record = move |tx: &Transaction<'_>| {
        let found = owned(tx, asker, &id)?;
        if found.attached_to.is_none() {
            return Err(Failure::Application(format!("Volume {id} is attached to no node")));
        }
        Ok(volume::set_in_use(tx, found.id)?)
    };
    director.store.write(record).await?;
    crash_point("use_volume.recorded");
    Ok(())
}

/// Returns the kept volumes of the asking manager's application.
pub(crate) async fn of_application(director: &Director, asker: Asker) -> Result<Vec<Volume>, Failure> {
    director.store.read(move |tx| Ok::<_, Failure>(volume::kept_of(tx, asker.aid)?)).await
}

/// Returns all volumes of a user, kept and in use.
pub(crate) async fn of_user(director: &Director, uid: UserId) -> Result<Vec<Placed>, Failure> {
    director.store.read(move |tx| Ok::<_, Failure>(volume::placed_of(tx, uid)?)).await
}

/// Deletes a kept volume of a user's application, by its name or its cloud's id.
pub(crate) async fn delete(director: &Director, uid: UserId, aid: ApplicationId, name: &str) -> Result<(), Failure> {
    director.reserve.make_room().await;
    let wanted = name.to_owned();
    director.store.write(move |tx| record_deletion(tx, uid, aid, &wanted)).await?;
    crash_point("delete_kept_volume.recorded");
    tracing::info!(app.id = aid.0, user.id = uid.0, volume.name = name, "kept volume deleted");
    director.reconcile.wake();
    Ok(())
}

fn owned(tx: &Transaction<'_>, asker: Asker, id: &str) -> Result<Volume, Failure> {
    asker.expect_wanted(tx)?;
    let found = volume::by_volume_id(tx, asker.aid, id)?;
    found.ok_or_else(|| Failure::Application(texts::volume_not_found(id, asker.aid)))
}

fn record_deletion(tx: &Transaction<'_>, uid: UserId, aid: ApplicationId, name: &str) -> Result<(), Failure> {
    application::owned(tx, aid, uid)?;
    let kept = volume::kept_of(tx, aid)?;
    let is_meant =
        |volume: &&Volume| shown_name(&volume.wanted.name) == name || volume.volume_id.as_deref() == Some(name);
    let Some(found) = kept.iter().find(is_meant) else {
        return Err(Failure::Application(format!("Application {aid} keeps no volume '{name}'")));
    };
    if found.attached_to.is_some() {
        return Err(Failure::Application(format!("Volume '{name}' is being attached or detached; try again later")));
    }
    Ok(volume::set_removing(tx, found.id)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ApplicationEvent, CloudName, NodeRole, NodeTag, VolumeFate};
    use crate::pki::NodeNumber;
    use crate::store::director::sample::Sample;
    use crate::store::director::volume::NewVolume;
    use crate::store::director::{application as applications, node};

    fn kept_volume(sample: &Sample) -> i64 {
        let new = NewVolume {
            tag: "v1".parse().expect("a tag"),
            cloud: CloudName::default_cloud(),
            uid: sample.uid,
            aid: sample.aid,
            operation: None,
            name: "vol-data".into(),
            size_mb: 1,
        };
        sample.run(|tx| {
            let id = volume::insert(tx, &new)?;
            volume::set_ready(tx, id, "vol-1")?;
            volume::set_kept(tx, id, ServiceId(1))?;
            Ok(id)
        })
    }

    #[test]
    fn only_its_owner_deletes_a_kept_volume_and_only_while_it_is_free() {
        let sample = Sample::new(0);
        let id = kept_volume(&sample);
        let delete = |uid, name: &str| sample.write(|tx| record_deletion(tx, uid, sample.aid, name));
        assert!(delete(UserId(99), "data").is_err(), "it is not his");
        assert!(delete(sample.uid, "other").is_err());
        let node: NodeTag = "n1".parse().expect("a tag");
        sample.run(|tx| volume::set_attached(tx, id, &node, "sdb"));
        let busy = delete(sample.uid, "data").unwrap_err().to_string();
        assert!(busy.contains("being attached or detached"), "{busy}");
        sample.run(|tx| volume::set_detached(tx, id));
        delete(sample.uid, "data").expect("it is free");
        assert!(delete(sample.uid, "vol-1").is_err(), "it is deleted already");
    }

    #[test]
    fn nothing_is_kept_for_a_manager_that_is_not_wanted() {
        let sample = Sample::new(1);
        kept_volume(&sample);
        let _started = sample.run(|tx| applications::advance(tx, sample.aid, ApplicationEvent::Start, None));
        let rid = sample.add_node("manager", NodeRole::Manager);
        let asker = Asker { uid: sample.uid, aid: sample.aid, role: NodeRole::Manager, node: NodeNumber::new(rid) };
        let find = |asker| sample.write(|tx| owned(tx, asker, "vol-1")).is_ok();
        assert!(find(asker) && !find(Asker { aid: ApplicationId(99), ..asker }));
        sample.run(|tx| node::set_removing(tx, rid));
        assert!(!find(asker));
    }

    #[test]
    fn a_stop_leaves_what_is_kept_and_the_end_of_the_application_does_not() {
        let sample = Sample::new(0);
        kept_volume(&sample);
        let n_kept = || sample.run(|tx| volume::kept_of(tx, sample.aid)).len();
        sample.write(|tx| application::record_stop(tx, sample.aid, VolumeFate::Lost)).expect("a stop");
        assert_eq!(n_kept(), 1);
        sample.write(|tx| application::record_deletion(tx, sample.aid)).expect("a deletion");
        assert_eq!(n_kept(), 0);
        assert_eq!(sample.run(volume::all)[0].phase, volume::Phase::Removing);
    }
}
