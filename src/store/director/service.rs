//! Services, as far as the director knows them.

use rusqlite::{Row, params};

use super::row::{one, readable, value};
use crate::model::{ApplicationId, ServiceId, UserId};
use crate::store::{StoreError, Transaction};

/// A service as stored.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// Row number.
    pub rec_id: i64,
    /// Its application.
    pub aid: ApplicationId,
    /// Its id inside the application.
    pub sid: ServiceId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// UTC time of creation, ISO 8601 with microseconds.
    pub created: String,
}

/// Records that a service is about to be added. Returns the row number.
pub(crate) fn begin_adding(
    tx: &Transaction<'_>,
    aid: ApplicationId,
    kind: &str,
    created: &str,
) -> Result<i64, StoreError> {
    let name = free_name(tx, aid, &format!("New {kind} service"))?;
    tx.execute(
        "INSERT INTO service (application_id, name, type, created) VALUES (?1, ?2, ?3, ?4)",
        params![aid.0, name, kind, created],
    )?;
    Ok(tx.last_insert_rowid())
}

/// Returns `name`, with the first number from 2 on that makes it the only one of the application.
fn free_name(tx: &Transaction<'_>, aid: ApplicationId, name: &str) -> Result<String, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM service WHERE application_id = ?1 AND name = ?2)";
    let mut free = name.to_owned();
    let mut number = 1;
    while value::<bool>(tx, sql, params![aid.0, free])? {
        number += 1;
        free = format!("{name} {number}");
    }
    Ok(free)
}

/// Records the id that the manager gave. Returns the service, or `None` when
/// its application was stopped meanwhile.
pub(crate) fn finish_adding(tx: &Transaction<'_>, rec_id: i64, sid: ServiceId) -> Result<Option<Service>, StoreError> {
    one(tx, "UPDATE service SET sid = ?2 WHERE rec_id = ?1 RETURNING *", [rec_id, sid.0], read)
}

/// Takes out a row by its number.
pub(crate) fn delete(tx: &Transaction<'_>, rec_id: i64) -> Result<(), StoreError> {
    tx.execute("DELETE FROM service WHERE rec_id = ?1", [rec_id])?;
    Ok(())
}

/// Takes out all rows of an application.
pub(crate) fn delete_all(tx: &Transaction<'_>, aid: ApplicationId) -> Result<(), StoreError> {
    tx.execute("DELETE FROM service WHERE application_id = ?1", [aid.0])?;
    Ok(())
}

/// Returns a service of an application.
pub(crate) fn get(tx: &Transaction<'_>, aid: ApplicationId, sid: ServiceId) -> Result<Option<Service>, StoreError> {
    one(tx, "SELECT * FROM service WHERE application_id = ?1 AND sid = ?2", [aid.0, sid.0], read)
}

/// Returns all services of all applications of a user, or of one of them, by row number, but those that are being
/// removed.
pub(crate) fn list(tx: &Transaction<'_>, uid: UserId, only: Option<ApplicationId>) -> Result<Vec<Service>, StoreError> {
    let mut statement = tx.prepare_cached(
        "SELECT service.* FROM service JOIN application ON aid = application_id
         WHERE user_id = ?1 AND sid IS NOT NULL AND removal IS NULL AND (?2 IS NULL OR aid = ?2) ORDER BY rec_id",
    )?;
    readable("service", statement.query_map(params![uid.0, only.map(|aid| aid.0)], read)?)
}

/// A service whose manager is removing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Removal {
    /// Row number.
    pub rec_id: i64,
    /// Its application.
    pub aid: ApplicationId,
    /// Its id inside the application.
    pub sid: ServiceId,
    /// The manager's operation.
    pub operation: String,
}

/// Records that the manager is removing a service by `operation`, or with `None` that it does not.
pub(crate) fn set_removal(tx: &Transaction<'_>, rec_id: i64, operation: Option<&str>) -> Result<(), StoreError> {
    tx.execute("UPDATE service SET removal = ?2 WHERE rec_id = ?1", params![rec_id, operation])?;
    Ok(())
}

/// Returns the services that are being removed.
pub(crate) fn removals(tx: &Transaction<'_>) -> Result<Vec<Removal>, StoreError> {
    let sql = "SELECT rec_id, application_id, sid, removal FROM service WHERE removal IS NOT NULL AND sid IS NOT NULL";
    let mut statement = tx.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(Removal {
            rec_id: row.get(0)?,
            aid: ApplicationId(row.get(1)?),
            sid: ServiceId(row.get(2)?),
            operation: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Returns rows whose adding was never finished: (row number, application).
pub(crate) fn unfinished(tx: &Transaction<'_>) -> Result<Vec<(i64, ApplicationId)>, StoreError> {
    let mut statement = tx.prepare("SELECT rec_id, application_id FROM service WHERE sid IS NULL")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, ApplicationId(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Renames a service.
pub(crate) fn rename(tx: &Transaction<'_>, rec_id: i64, name: &str) -> Result<(), StoreError> {
    tx.execute("UPDATE service SET name = ?2 WHERE rec_id = ?1", params![rec_id, name])?;
    Ok(())
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Service> {
    Ok(Service {
        rec_id: row.get("rec_id")?,
        aid: ApplicationId(row.get("application_id")?),
        sid: ServiceId(row.get::<_, Option<i64>>("sid")?.unwrap_or_default()),
        name: row.get("name")?,
        kind: row.get("type")?,
        created: row.get("created")?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    #[test]
    fn a_service_shows_once_its_manager_has_said_its_id() {
        let sample = Sample::new(0);
        let rec_id = sample.run(|tx| begin_adding(tx, sample.aid, "generic", "now"));
        let shown = || sample.run(|tx| list(tx, sample.uid, None));
        assert!(shown().is_empty());
        assert_eq!(sample.run(unfinished), [(rec_id, sample.aid)]);
        let added = sample.run(|tx| finish_adding(tx, rec_id, ServiceId(3))).expect("a row");
        assert_eq!(
            (added.name.as_str(), added.kind.as_str(), added.sid),
            ("New generic service", "generic", ServiceId(3))
        );
        assert_eq!(sample.run(unfinished), []);
        sample.run(|tx| rename(tx, rec_id, "mine"));
        assert_eq!(sample.run(|tx| get(tx, sample.aid, ServiceId(3))).expect("a row").name, "mine");
        assert_eq!((shown().len(), sample.run(|tx| list(tx, sample.uid, Some(ApplicationId(99)))).len()), (1, 0));
    }

    #[test]
    fn a_service_that_is_being_removed_is_not_shown_and_not_forgotten() {
        let sample = Sample::new(0);
        let rec_id = sample.run(|tx| begin_adding(tx, sample.aid, "generic", "now"));
        sample.run(|tx| finish_adding(tx, rec_id, ServiceId(3)));
        let shown = || sample.run(|tx| list(tx, sample.uid, None)).len();
        sample.run(|tx| set_removal(tx, rec_id, Some("op")));
        let removal = Removal { rec_id, aid: sample.aid, sid: ServiceId(3), operation: "op".into() };
        assert_eq!((shown(), sample.run(removals)), (0, vec![removal]));
        assert!(sample.run(|tx| get(tx, sample.aid, ServiceId(3))).is_some(), "it can be removed once more");
        sample.run(|tx| set_removal(tx, rec_id, None));
        assert_eq!((shown(), sample.run(removals)), (1, vec![]));
    }

    #[test]
    fn services_of_one_default_name_take_numbers() {
        let sample = Sample::new(0);
        let add = |number: i64| {
            let rec_id = sample.run(|tx| begin_adding(tx, sample.aid, "generic", "now"));
            sample.run(|tx| finish_adding(tx, rec_id, ServiceId(number))).expect("a row")
        };
        let names = [1, 2, 3].map(|number| add(number).name);
        assert_eq!(names, ["New generic service", "New generic service 2", "New generic service 3"]);
        let second = sample.run(|tx| get(tx, sample.aid, ServiceId(2))).expect("a row");
        sample.run(|tx| delete(tx, second.rec_id));
        assert_eq!(add(4).name, "New generic service 2");
    }

    #[test]
    fn a_service_that_was_added_to_a_stopped_application_is_nowhere() {
        let sample = Sample::new(0);
        let rec_id = sample.run(|tx| begin_adding(tx, sample.aid, "generic", "now"));
        sample.run(|tx| delete_all(tx, sample.aid));
        assert!(sample.run(|tx| finish_adding(tx, rec_id, ServiceId(1))).is_none());
    }
}
