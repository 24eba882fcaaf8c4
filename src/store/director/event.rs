//! What happened to applications and their services, the newest of each user only.

use rusqlite::{Row, params};

use super::row::{one, parsed, readable, value};
use crate::model::{Actor, ApplicationId, ServiceId, State, UserId};
use crate::store::{StoreError, Transaction};

/// So many of a user's events are kept.
const MAX_KEPT: i64 = 1000;

/// A manager tells of a service before the director knows its name.
const SELECT: &str =
    "SELECT number, app_id, app_name, service_id, coalesce(service_name, service.name) AS service_name,
                      time, state, reason, actor FROM event
                      LEFT JOIN service ON application_id = app_id AND sid = service_id";

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// Later events have higher numbers.
    pub number: i64,
    /// The application.
    pub aid: ApplicationId,
    /// Its name at that time.
    pub app_name: String,
    /// The service, where it happened to one.
    pub sid: Option<ServiceId>,
    /// Its name at that time.
    pub service_name: Option<String>,
    /// Seconds since 1970.
    pub time: f64,
    /// The state that it led to.
    pub state: State,
    /// Why; may be empty.
    pub reason: String,
    /// Who did it.
    pub actor: Actor,
}

/// What happened to an application or to a service of it.
#[derive(Debug, Clone)]
pub(crate) struct NewEvent<'a> {
    /// The application; nothing is recorded of one that is gone.
    pub aid: ApplicationId,
    /// The service, where it happens to one.
    pub sid: Option<ServiceId>,
    /// Seconds since 1970.
    pub time: f64,
    /// The state that it leads to.
    pub state: State,
    /// Why; may be empty.
    pub reason: &'a str,
    /// Who does it.
    pub actor: Actor,
}

/// Which events are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Whose.
    pub uid: UserId,
    /// Of this application only.
    pub aid: Option<ApplicationId>,
    /// Those with higher numbers; without one the newest.
    pub since: Option<i64>,
    /// So many at most.
    pub limit: i64,
}

/// Records what happens, and forgets the oldest of its user.
pub(crate) fn insert(tx: &Transaction<'_>, new: &NewEvent<'_>) -> Result<(), StoreError> {
    let sql = "INSERT INTO event (user_id, app_id, app_name, service_id, service_name, time, state, reason, actor)
               SELECT user_id, aid, name, ?2,
                      (SELECT name FROM service WHERE application_id = aid AND sid = ?2), ?3, ?4, ?5, ?6
               FROM application WHERE aid = ?1";
    let NewEvent { aid, sid, time, state, reason, actor } = new;
    let sid = sid.map(|sid| sid.0);
    if tx.execute(sql, params![aid.0, sid, time, state.as_str(), reason, actor.as_str()])? > 0 {
        let sql = "DELETE FROM event WHERE user_id = (SELECT user_id FROM event WHERE number = ?1) AND number <= (
                   SELECT number FROM event WHERE user_id = (SELECT user_id FROM event WHERE number = ?1)
                   ORDER BY number DESC LIMIT 1 OFFSET ?2)";
        tx.execute(sql, [tx.last_insert_rowid(), MAX_KEPT])?;
    }
    Ok(())
}

/// Returns events, oldest first.
pub(crate) fn list(tx: &Transaction<'_>, wanted: &Wanted) -> Result<Vec<Event>, StoreError> {
    let condition = "user_id = ?1 AND (?2 IS NULL OR app_id = ?2)";
    let aid = wanted.aid.map(|aid| aid.0);
    let mut events = match wanted.since {
        Some(since) => {
            let sql = format!("{SELECT} WHERE {condition} AND number > ?3 ORDER BY number LIMIT ?4");
            let mut statement = tx.prepare_cached(&sql)?;
            readable("event", statement.query_map(params![wanted.uid.0, aid, since, wanted.limit], read)?)?
        }
        None => {
            let sql = format!("{SELECT} WHERE {condition} ORDER BY number DESC LIMIT ?3");
            let mut statement = tx.prepare_cached(&sql)?;
            readable("event", statement.query_map(params![wanted.uid.0, aid, wanted.limit], read)?)?
        }
    };
    events.sort_by_key(|event| event.number);
    Ok(events)
}

/// Returns the highest number that any event had.
pub(crate) fn last_number(tx: &Transaction<'_>) -> Result<i64, StoreError> {
    value(tx, "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0)", [])
}

/// Forgets what happened to a user's applications.
pub(crate) fn delete_all(tx: &Transaction<'_>, uid: UserId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM event WHERE user_id = ?1", [uid.0])?;
    Ok(())
}

/// Returns up to which number the manager of an application has told its history, 0 for a new one; `None` if it has no
/// manager.
pub(crate) fn heard(tx: &Transaction<'_>, aid: ApplicationId) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT coalesce(number, 0) FROM node LEFT JOIN heard ON heard.node = rid
               WHERE app_id = ?1 AND program = 'manager' AND phase <> 'removing' ORDER BY rid DESC LIMIT 1";
    one(tx, sql, [aid.0], |row| row.get(0))
}

/// Records up to which number the manager of an application has told its history.
pub(crate) fn set_heard(tx: &Transaction<'_>, aid: ApplicationId, number: i64) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO heard (node, number)
               SELECT rid, ?2 FROM node WHERE app_id = ?1 AND program = 'manager' AND phase <> 'removing'
               ORDER BY rid DESC LIMIT 1";
    tx.execute(sql, [aid.0, number])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        number: row.get("number")?,
        aid: ApplicationId(row.get("app_id")?),
        app_name: row.get("app_name")?,
        sid: row.get::<_, Option<i64>>("service_id")?.map(ServiceId),
        service_name: row.get("service_name")?,
        time: row.get("time")?,
        state: parsed(row, "state")?,
        reason: row.get("reason")?,
        actor: parsed(row, "actor")?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, new_user};
    use super::super::{application, node, service, user};
    use super::*;
    use crate::model::{ApplicationEvent, NodeRole};

    fn of(sample: &Sample, since: Option<i64>) -> Vec<(i64, State, String)> {
        let wanted = Wanted { uid: sample.uid, aid: None, since, limit: 5000 };
        let found = sample.run(|tx| list(tx, &wanted)).into_iter();
        found.map(|event| (event.number, event.state, event.reason)).collect()
    }

    fn new(aid: ApplicationId, reason: &str) -> NewEvent<'_> {
        NewEvent { aid, sid: None, time: 1.5, state: State::Running, reason, actor: Actor::Manager }
    }

    #[test]
    fn each_change_of_an_application_is_told_and_outlives_it() {
        let sample = Sample::new(0);
        let advance = |event, reason| {
            let _moved = sample.run(|tx| application::advance(tx, sample.aid, event, reason));
        };
        advance(ApplicationEvent::Start, None);
        advance(ApplicationEvent::ManagerUp, None);
        advance(ApplicationEvent::ManagerUp, None);
        advance(ApplicationEvent::ManagerLost, Some("its cloud has lost it"));
        advance(ApplicationEvent::Stop, None);
        advance(ApplicationEvent::Stop, None);
        sample.run(|tx| application::delete(tx, sample.aid));
        let wanted = Wanted { uid: sample.uid, aid: Some(sample.aid), since: None, limit: 10 };
        let events = sample.run(|tx| list(tx, &wanted));
        let told: Vec<_> = events.iter().map(|event| (event.state, event.actor, event.reason.as_str())).collect();
        assert_eq!(
            told,
            [
                (State::Init, Actor::User, ""),
                (State::Prologue, Actor::User, ""),
                (State::Running, Actor::Director, ""),
                (State::Error, Actor::Director, "its cloud has lost it"),
                (State::Stopped, Actor::User, ""),
                (State::Stopped, Actor::User, "The application is deleted"),
            ]
        );
        assert!(events.iter().all(|event| event.app_name == "app" && event.sid.is_none()));
    }

    #[test]
    fn the_newest_of_each_user_are_kept_and_are_his_alone() {
        let sample = Sample::new(0);
        let bob = sample.run(|tx| user::insert(tx, &new_user("bob", 0)));
        let other = sample.run(|tx| application::insert(tx, bob, "b"));
        sample.run(|tx| (0..MAX_KEPT + 5).try_for_each(|at| insert(tx, &new(sample.aid, &at.to_string()))));
        sample.run(|tx| insert(tx, &new(ApplicationId(99), "of nobody")));
        let all = of(&sample, None);
        assert_eq!((all.len() as i64, all[0].2.as_str()), (MAX_KEPT, "5"));
        let last = all.last().expect("many").0;
        assert_eq!(sample.run(last_number), last);
        assert_eq!(of(&sample, Some(last - 2)).len(), 2);
        assert!(of(&sample, Some(last)).is_empty());
        let of_bob = sample.run(|tx| list(tx, &Wanted { uid: bob, aid: None, since: None, limit: 10 }));
        assert_eq!(of_bob.iter().map(|event| event.aid).collect::<Vec<_>>(), [other]);
        sample.run(|tx| delete_all(tx, sample.uid));
        assert!(of(&sample, None).is_empty());
    }

    #[test]
    fn a_service_is_told_by_its_name_and_a_history_once_for_each_manager() {
        let sample = Sample::new(0);
        assert_eq!(sample.run(|tx| heard(tx, sample.aid)), None);
        let first = sample.add_node("n1", NodeRole::Manager);
        sample.run(|tx| set_heard(tx, sample.aid, 7));
        assert_eq!(sample.run(|tx| heard(tx, sample.aid)), Some(7));
        sample.run(|tx| node::set_removing(tx, first));
        assert_eq!(sample.run(|tx| heard(tx, sample.aid)), None);
        sample.add_node("n2", NodeRole::Manager);
        assert_eq!(sample.run(|tx| heard(tx, sample.aid)), Some(0), "another manager begins anew");
        let rec_id = sample.run(|tx| service::begin_adding(tx, sample.aid, "php", "now"));
        sample.run(|tx| service::finish_adding(tx, rec_id, ServiceId(3)));
        for sid in [3, 4] {
            sample.run(|tx| insert(tx, &NewEvent { sid: Some(ServiceId(sid)), ..new(sample.aid, "") }));
        }
        let found = sample.run(|tx| list(tx, &Wanted { uid: sample.uid, aid: None, since: Some(1), limit: 10 }));
        let names: Vec<_> = found.iter().map(|event| event.service_name.as_deref()).collect();
        assert_eq!(names, [Some("New php service"), None]);
    }
}
