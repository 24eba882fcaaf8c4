//! The manager's rows in a real database.

use super::code::EnabledRow;
use super::*;
use crate::api::NodeView;
use crate::model::{CodeFormat, ServiceEvent, ServiceId, State};
use crate::store::{Store, StoreError};

struct Database {
    store: Store,
    _directory: tempfile::TempDir,
}

impl Database {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("manager.db"), MIGRATIONS).unwrap();
        Database { store, _directory: directory }
    }

    fn run<T, E: From<StoreError> + std::fmt::Debug>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, E>) -> T {
        self.store.write_blocking(work).unwrap()
    }
}

fn volume(name: &str, sid: ServiceId) -> VolumeRow {
    VolumeRow {
        name: name.to_owned(),
        sid,
        size_mb: 100,
        node_id: "iaas1".to_owned(),
        cloud: "iaas".to_owned(),
        device: "sdb".to_owned(),
        volume_id: None,
        is_kept: false,
    }
}

fn code(id: &str, format: CodeFormat, time: f64) -> CodeRow {
    CodeRow {
        id: id.to_owned(),
        filename: "a".to_owned(),
        description: "b".to_owned(),
        format,
        time,
        notes: vec!["odd".to_owned()],
    }
}

#[test]
fn an_event_changes_the_state_and_the_history_together_or_neither() {
    let database = Database::new();
    let sid = database.run(|tx| insert_service(tx, None, "generic", 1.0));
    let state = database.run(|tx| record_event(tx, sid, ServiceEvent::Start, "why", 2.0));
    assert_eq!(state, State::Prologue);
    let refused = database.store.write_blocking(|tx| record_event(tx, sid, ServiceEvent::Change, "", 3.0));
    assert!(matches!(refused, Err(EventError::WrongState(_))), "{refused:?}");
    let gone = database.store.write_blocking(|tx| record_event(tx, ServiceId(99), ServiceEvent::Start, "", 3.0));
    assert!(matches!(gone, Err(EventError::Gone)), "{gone:?}");
    let (row, log) = database.run(|tx| Ok::<_, StoreError>((find_service(tx, sid)?, history(tx, sid)?)));
    assert_eq!(row.unwrap().state, State::Prologue);
    let entry = |time: f64, state, reason: &str| HistoryRow { time, state, reason: reason.to_owned() };
    assert_eq!(log, [entry(1.0, State::Init, ""), entry(2.0, State::Prologue, "why")]);
}

#[test]
fn a_history_keeps_its_newest_entries() {
    let database = Database::new();
    let log = database.run(|tx| {
        let sid = insert_service(tx, None, "generic", 0.0)?;
        for i in 0..2500 {
            record_event(tx, sid, ServiceEvent::ManagerUp, &i.to_string(), 1.0)?;
        }
        Ok::<_, EventError>(history(tx, sid)?)
    });
    assert_eq!((log.len(), log[0].reason.as_str(), log[1999].reason.as_str()), (2000, "500", "2499"));
}

#[test]
fn an_id_is_never_used_again_and_a_service_takes_everything_with_it() {
    let database = Database::new();
    let sid = database.run(|tx| {
        let sid = insert_service(tx, None, "generic", 0.0)?;
        insert_nodes(tx, sid, &[NodeView::sample("iaas1")])?;
        insert_volume(tx, &volume("v", sid))?;
        insert_code(tx, sid, &code("code-a", CodeFormat::Tar, 1.0))?;
        Ok::<_, StoreError>(sid)
    });
    database.run(|tx| {
        delete_service(tx, sid)?;
        assert_eq!(find_service(tx, sid)?, None);
        assert_eq!(list_nodes(tx, None)?, []);
        assert_eq!(list_volumes(tx, None)?, []);
        assert_eq!(list_codes(tx, sid)?, []);
        assert_eq!(history(tx, sid)?, []);
        Ok::<_, StoreError>(())
    });
    let next = database.run(|tx| insert_service(tx, None, "generic", 0.0));
    assert!(next > sid, "{next}");
}

#[test]
fn what_is_known_of_a_service_reads_back() {
    let database = Database::new();
    database.run(|tx| {
        let own = insert_service(tx, Some(ServiceId::MANAGER), "manager", 0.0)?;
        let sid = insert_service(tx, None, "generic", 0.0)?;
        set_active_code(tx, sid, "code-a")?;
        set_last_failure(tx, sid, Some("no nodes"))?;
        set_service_settings(tx, sid, Some("{}"))?;
        let rows = list_services(tx)?;
        assert_eq!(rows.iter().map(|row| row.sid).collect::<Vec<_>>(), [own, sid]);
        let row = &rows[1];
        assert_eq!((row.kind.as_str(), row.state), ("generic", State::Init));
        assert_eq!((row.active_code.as_deref(), row.last_failure.as_deref()), (Some("code-a"), Some("no nodes")));
        assert_eq!(service_settings(tx, sid)?.as_deref(), Some("{}"));
        set_last_failure(tx, sid, None)?;
        assert_eq!(find_service(tx, sid)?.unwrap().last_failure, None);
        Ok::<_, StoreError>(())
    });
}

#[test]
fn nodes_keep_their_order_and_a_repetition_changes_none() {
    let database = Database::new();
    database.run(|tx| {
        let sid = insert_service(tx, None, "generic", 0.0)?;
        let other = insert_service(tx, None, "generic", 0.0)?;
        insert_nodes(tx, sid, &[NodeView::sample("b"), NodeView::sample("a")])?;
        insert_nodes(tx, other, &[NodeView::sample("c")])?;
        set_node_phase(tx, &["b".to_owned()], NodePhase::Active)?;
        insert_nodes(tx, sid, &[NodeView::sample("b")])?;
        let shown = |rows: Vec<NodeRow>| rows.into_iter().map(|row| (row.view.id, row.phase)).collect::<Vec<_>>();
        let (b, a) = (("b".to_owned(), NodePhase::Active), ("a".to_owned(), NodePhase::New));
        assert_eq!(shown(list_nodes(tx, Some(sid))?), [b.clone(), a.clone()]);
        assert_eq!(shown(list_nodes(tx, None)?), [b, a.clone(), ("c".to_owned(), NodePhase::New)]);
        delete_nodes(tx, &["b".to_owned(), "gone".to_owned()])?;
        assert_eq!(shown(list_nodes(tx, Some(sid))?), [a]);
        Ok::<_, StoreError>(())
    });
}

#[test]
fn a_code_version_keeps_what_it_came_after_and_the_settings_that_it_was_left_with() {
    let database = Database::new();
    database.run(|tx| {
        let sid = insert_service(tx, None, "php", 0.0)?;
        for id in ["a", "b", "c", "d"] {
            insert_code(tx, sid, &code(id, CodeFormat::Tar, 1.0))?;
        }
        let after = |id: &str| Some(id.to_owned());
        set_active_code(tx, sid, "a")?;
        set_service_settings(tx, sid, Some("1"))?;
        // It is not the enabling that writes them down, but what takes the place.
        set_active_code(tx, sid, "a")?;
        assert_eq!(enabled_codes(tx, sid)?["a"], EnabledRow { came_after: None, last_settings: None });
        set_active_code(tx, sid, "c")?;
        set_service_settings(tx, sid, Some("2"))?;
        set_active_code(tx, sid, "a")?;
        insert_code(tx, sid, &code("c", CodeFormat::Tar, 9.0))?;
        set_active_code(tx, sid, "d")?;
        let enabled = enabled_codes(tx, sid)?;
        assert_eq!(enabled.keys().collect::<Vec<_>>(), ["a", "c", "d"]);
        assert_eq!(enabled["a"], EnabledRow { came_after: None, last_settings: after("2") }, "it came first");
        assert_eq!(enabled["c"], EnabledRow { came_after: after("a"), last_settings: after("2") });
        assert_eq!(enabled["d"].came_after, after("a"), "that was there once more");
        set_active_code(tx, sid, "b")?;
        delete_code(tx, sid, "d")?;
        assert_eq!(enabled_codes(tx, sid)?["b"].came_after, after("a"));
        Ok::<_, StoreError>(())
    });
}

#[test]
fn code_versions_come_newest_first_and_one_id_is_one_version() {
    let database = Database::new();
    database.run(|tx| {
        let sid = insert_service(tx, None, "generic", 0.0)?;
        let (zip, git) = (code("code-a", CodeFormat::Zip, 1.0), code("git-b", CodeFormat::Git, 2.0));
        insert_code(tx, sid, &zip)?;
        insert_code(tx, sid, &git)?;
        insert_code(tx, sid, &git)?;
        assert_eq!(list_codes(tx, sid)?, [git, zip.clone()]);
        assert_eq!(find_code(tx, sid, "code-a")?, Some(zip));
        assert_eq!(find_code(tx, ServiceId(99), "code-a")?, None);
        delete_code(tx, sid, "code-a")?;
        assert_eq!(find_code(tx, sid, "code-a")?, None);
        tx.execute("UPDATE code SET filetype = 'rar'", ())?;
        assert!(matches!(list_codes(tx, sid), Err(StoreError::Corrupt(_))));
        Ok::<_, StoreError>(())
    });
}

#[test]
fn a_volume_is_known_before_its_cloud_names_it() {
    let database = Database::new();
    database.run(|tx| {
        let sid = insert_service(tx, None, "generic", 0.0)?;
        insert_volume(tx, &volume("v", sid))?;
        set_volume_id(tx, "v", "vol-1")?;
        insert_volume(tx, &volume("v", sid))?;
        assert_eq!(find_volume(tx, "v")?, Some(VolumeRow { volume_id: Some("vol-1".to_owned()), ..volume("v", sid) }));
        assert_eq!(list_volumes(tx, Some(ServiceId(99)))?, []);
        let is_kept = || Ok::<_, StoreError>(find_volume(tx, "v")?.is_some_and(|volume| volume.is_kept));
        set_volumes_kept(tx, ServiceId(99))?;
        assert!(!is_kept()?, "of another service");
        set_volumes_kept(tx, sid)?;
        assert!(is_kept()?);
        set_volume_in_use(tx, "v")?;
        assert!(!is_kept()?);
        delete_volume(tx, "v")?;
        assert_eq!(find_volume(tx, "v")?, None);
        Ok::<_, StoreError>(())
    });
}

#[test]
fn an_operation_is_kept_with_its_plan_until_it_is_done() {
    let database = Database::new();
    database.run(|tx| {
        let (one, two) = (ServiceId(1), ServiceId(2));
        let first = insert_operation(tx, "id1", one, &"plan".to_owned())?;
        let second = insert_operation(tx, "id2", two, &"other".to_owned())?;
        assert!(second > first);
        let mut row = list_operations::<String>(tx, Some(one))?.remove(0);
        (row.plan, row.attempts) = ("further".to_owned(), 3);
        save_operation(tx, &row)?;
        set_operation_failure(tx, first, "why")?;
        row.failure = Some("why".to_owned());
        assert_eq!(list_operations(tx, Some(one))?, [row]);
        assert_eq!(list_operations::<String>(tx, None)?.len(), 2);
        assert!(matches!(list_operations::<i64>(tx, None), Err(StoreError::Corrupt(_))), "another program's plan");
        delete_operation(tx, first)?;
        assert_eq!(list_operations::<String>(tx, Some(one))?, []);
        Ok::<_, StoreError>(())
    });
}
