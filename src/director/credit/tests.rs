use super::*;
use crate::model::{ApplicationEvent, CloudName, NodeRole, State};
use crate::store::Store;
use crate::store::director::sample::Sample;
use crate::store::director::volume::{self, NewVolume};

const HOUR: i64 = 3600;

/// A user with an application that runs, and a machine that runs, stops and loses its power.
struct House {
    sample: Sample,
    n_nodes: usize,
    n_boots: i64,
    /// Since the machine was booted.
    seconds: i64,
}

impl House {
    fn new(credit: i64) -> House {
        let sample = Sample::new(credit);
        let events = [ApplicationEvent::Start, ApplicationEvent::ManagerUp];
        for event in events {
            let moved = sample.run(|tx| application::advance(tx, sample.aid, event, None));
            assert!(matches!(moved, application::Advance::To(_)), "{moved:?}");
        }
        House { sample, n_nodes: 0, n_boots: 1, seconds: 900 }
    }

    fn now(&self) -> SinceBoot {
        SinceBoot { boot: format!("boot {}", self.n_boots), seconds: self.seconds }
    }

    fn add_node(&mut self) {
        self.n_nodes += 1;
        let rid = self.sample.add_node(&format!("n{}", self.n_nodes), NodeRole::Agent);
        let work = |tx: &Transaction<'_>| {
            let mark = running_time::look(tx, self.now())?;
            node::set_up(tx, rid, 0, &mark)
        };
        assert!(self.sample.run(work));
    }

    /// Runs on for some seconds, with a look at the end.
    fn run(&mut self, seconds: i64) {
        self.seconds += seconds;
        self.charge();
    }

    fn charge(&self) -> usize {
        self.sample.write(|tx| charge_all(tx, self.now())).unwrap()
    }

    fn boot(&mut self) {
        self.n_boots += 1;
        self.seconds = 20;
        self.charge();
    }

    fn switch_off_and_on(&mut self) {
        self.sample.write(|tx| remember(tx, self.now())).unwrap();
        self.boot();
    }
}

#[test]
fn several_nodes_are_charged_each_by_its_own_age_and_never_twice() {
    let mut house = House::new(50);
    for _ in 0..3 {
        house.add_node();
    }
    let begin = house.seconds;
    for (age, left) in [(0, 47), (0, 47), (3599, 47), (3600, 44), (3601, 44), (4 * HOUR + 5, 35), (4 * HOUR + 5, 35)] {
        house.run(begin + age - house.seconds);
        assert_eq!(house.sample.credit(), left, "at {age} s");
    }
}

#[test]
fn what_a_switched_off_machine_does_not_run_costs_nothing() {
    let mut house = House::new(50);
    house.add_node();
    house.run(HOUR / 2);
    assert_eq!(house.sample.credit(), 49);
    house.switch_off_and_on();
    // The half hour from before counts, and half an hour of this boot makes it whole.
    house.run(HOUR / 2 - 1);
    assert_eq!(house.sample.credit(), 49);
    house.run(1);
    assert_eq!(house.sample.credit(), 48);
    for _ in 0..100 {
        house.switch_off_and_on();
    }
    assert_eq!(house.sample.credit(), 48);
}

#[test]
fn a_node_of_a_machine_that_ran_for_long_before_it_is_not_free_after_a_power_cut() {
    let mut house = House::new(50);
    house.charge();
    house.run(1000 * HOUR);
    house.add_node();
    house.boot();
    assert_eq!(house.sample.credit(), 49);
    house.run(HOUR);
    assert_eq!(house.sample.credit(), 48);
}

#[test]
fn however_often_it_is_looked_and_booted_every_started_hour_is_charged_once() {
    // A fixed seed gives the same days again.
    let mut seed: u64 = 4711;
    let mut dice = |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((seed >> 33) % n).unwrap()
    };
    for has_power_cuts in [false, true] {
        let mut house = House::new(1_000_000);
        house.add_node();
        house.charge();
        let (mut ran, mut n_cuts) = (0, 0);
        for _ in 0..2000 {
            match dice(20) {
                0 => house.switch_off_and_on(),
                1 if has_power_cuts => {
                    n_cuts += 1;
                    house.boot();
                }
                // The director itself is killed, or misses looks: the next one finds all.
                2 => {
                    let seconds = dice(40_000);
                    ran += seconds;
                    house.run(seconds);
                }
                _ => {
                    let seconds = dice(120);
                    ran += seconds;
                    house.run(seconds);
                }
            }
        }
        let (charged, due) = (1_000_000 - house.sample.credit(), ran / HOUR + 1);
        assert!(ran > 200 * HOUR && charged <= due, "{charged} of {due}");
        // A power cut costs the director at most the hour that was not full.
        assert!(charged >= due - n_cuts, "{charged} of {due} after {n_cuts} power cuts");
        assert_eq!(has_power_cuts, n_cuts > 0);
    }
}

#[test]
fn a_look_at_which_nothing_is_due_writes_nothing() {
    let mut house = House::new(50);
    for _ in 0..12 {
        house.add_node();
    }
    house.charge();
    let begin = house.seconds;
    let mut n_writes = 0;
    for minute in 1..=180 {
        let before = house.sample.n_written();
        house.run(begin + minute * 60 - house.seconds);
        n_writes += u64::from(house.sample.n_written() != before);
    }
    assert_eq!((n_writes, house.sample.credit()), (3, 2), "once an hour for all nodes");
    // A director that is started again on the same day neither.
    let before = house.sample.n_written();
    house.charge();
    assert_eq!(house.sample.n_written(), before);
}

#[test]
fn nodes_of_an_older_database_go_on_with_the_hour_that_was_charged_last() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("director.db");
    let first = &crate::store::director::MIGRATIONS[..1];
    let old = Store::open(&path, first).unwrap();
    old.write_blocking(|tx| {
        tx.execute_batch(
            "INSERT INTO user (uid, username, email, password_hash, created, credit) VALUES (1, 'a', 'a', '', '', 50);
             INSERT INTO application (aid, user_id, name, status) VALUES (1, 1, 'x', 'RUNNING');
             INSERT INTO node (tag, phase, cloud, program, user_id, app_id, charged, created) VALUES
                 ('n1', 'up', 'iaas', 'manager', 1, 1, 7, 1700000000), ('n2', 'up', 'iaas', 'agent', 1, 1, 0, 1700000000);",
        )?;
        Ok::<_, StoreError>(())
    })
    .unwrap();
    drop(old);
    let store = crate::store::director::open(&path).unwrap();
    let credit_at = |seconds| {
        let now = SinceBoot { boot: "a".into(), seconds };
        store.write_blocking(|tx| charge_all(tx, now)).unwrap();
        store.write_blocking(|tx| Ok::<_, Failure>(user::credit(tx, UserId(1))?)).unwrap().unwrap()
    };
    for (seconds, credit) in [(500, 49), (500 + HOUR - 1, 49), (500 + HOUR, 47)] {
        assert_eq!(credit_at(seconds), credit, "at {seconds}");
    }
}

#[test]
fn at_zero_the_applications_stop() {
    let mut house = House::new(2);
    for _ in 0..3 {
        house.add_node();
    }
    let new = NewVolume {
        tag: "v1".parse().expect("a tag"),
        cloud: CloudName::default_cloud(),
        uid: house.sample.uid,
        aid: house.sample.aid,
        operation: None,
        name: "vol-data".into(),
        size_mb: 1,
    };
    house.sample.run(|tx| {
        let id = volume::insert(tx, &new)?;
        volume::set_ready(tx, id, "vol-1")
    });
    house.seconds += 10;
    assert_eq!(house.charge(), 1);
    assert_eq!(house.sample.state(), Some(State::Stopped));
    assert_eq!(house.sample.run(|tx| volume::kept_of(tx, house.sample.aid)).len(), 1, "data stays");
    let nodes = house.sample.run(node::all);
    assert!(nodes.iter().all(|node| node.phase == Phase::Removing));
    assert_eq!(house.sample.credit(), 0);
}
