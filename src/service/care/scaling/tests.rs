//! Loads over time, and what becomes of the nodes under them.

use super::*;

/// How often the manager looks.
const TICK: f64 = 5.0;
/// A node answers one request alone in so many milliseconds.
const SERVICE_MS: f64 = 100.0;

fn scaling(strategy: Strategy) -> Scaling {
    Scaling {
        cool_down: Duration::from_secs(60),
        response_time: Duration::from_millis(300),
        strategy,
        min_nodes: 1,
        max_nodes: 6,
    }
}

/// What a load of `demand` (requests in a second times seconds each takes) does to nodes: the shape of an M/M/1 queue.
fn load(n_nodes: u32, demand: f64) -> Load {
    if demand == 0.0 {
        return Load { n_nodes, credit: Some(100), ..Load::default() };
    }
    let used = (demand / f64::from(n_nodes)).min(0.98);
    let n_waiting = if demand > f64::from(n_nodes) { 4 * u64::from(n_nodes) } else { 0 };
    Load {
        n_nodes,
        response_ms: Some(SERVICE_MS / (1.0 - used)),
        busy: f64::from(n_nodes) * used / (1.0 - used),
        n_waiting,
        credit: Some(100),
    }
}

/// Plays recorded demands, one a minute, and returns the number of nodes after each minute, and all changes.
fn play(scaling: &Scaling, demands: &[f64]) -> (Vec<u32>, Vec<Decision>) {
    let (mut n_nodes, mut trend, mut changed_at) = (1, Trend::default(), None);
    let (mut counts, mut decisions) = (Vec::new(), Vec::new());
    let mut now = 1000.0;
    for demand in demands {
        for _ in 0..(60.0 / TICK) as usize {
            now += TICK;
            let (decision, next) = decide(scaling, &load(n_nodes, *demand), trend, changed_at, now);
            trend = next;
            match &decision {
                Decision::Stay => continue,
                Decision::Add(n, _) => n_nodes += n,
                Decision::Remove(n, _) => n_nodes -= n,
                // It changes nothing, and the manager tells it once.
                Decision::CannotAdd(_) => continue,
            }
            changed_at = Some(now);
            decisions.push(decision);
        }
        counts.push(n_nodes);
    }
    (counts, decisions)
}

/// The visitors of a shop on a day, an hour a step: night, morning, noon, afternoon, evening, night.
const DAY: [f64; 24] = [
    0.1, 0.1, 0.0, 0.0, 0.1, 0.2, 0.5, 1.0, 1.5, 2.0, 2.4, 2.6, 3.0, 2.6, 2.2, 2.0, 2.2, 2.8, 3.4, 3.0, 2.0, 1.0, 0.2,
    0.1,
];

fn day() -> Vec<f64> {
    DAY.iter().flat_map(|demand| std::iter::repeat_n(*demand, 60)).collect()
}

#[test]
fn a_day_is_followed_up_and_down() {
    for (_, strategy) in Strategy::ALL {
        let (counts, decisions) = play(&scaling(strategy), &day());
        let at_hour = |hour: usize| counts[hour * 60 + 59];
        assert_eq!(at_hour(3), 1, "{strategy:?}: the night needs one");
        assert!(at_hour(12) >= 4 && at_hour(18) >= 4, "{strategy:?}: the rush needs more: {}", at_hour(18));
        assert_eq!(at_hour(23), 1, "{strategy:?}: and it ends");
        assert!(decisions.len() < 30, "{strategy:?} changes {} times a day", decisions.len());
        for (hour, demand) in DAY.iter().enumerate().skip(7) {
            let load = load(at_hour(hour), *demand);
            assert!(load.response_ms.is_none_or(|took| took <= 300.0), "{strategy:?} at {hour}: {load:?}");
        }
    }
}

#[test]
fn who_wants_more_has_more_nodes_through_the_day() {
    let sum = |strategy| play(&scaling(strategy), &day()).0.iter().sum::<u32>();
    let from_few = [Strategy::Low, Strategy::MediumDown, Strategy::Medium, Strategy::MediumUp, Strategy::High];
    let sums = from_few.map(sum);
    assert!(sums.is_sorted() && sums[0] < sums[4], "{sums:?}");
}

#[test]
fn a_load_that_stays_brings_nodes_to_rest() {
    for (_, strategy) in Strategy::ALL {
        for tenths in 0..30 {
            let (counts, _) = play(&scaling(strategy), &vec![f64::from(tenths) / 10.0; 120]);
            let late = &counts[60..];
            assert!(late.iter().all(|count| *count == late[0]), "{strategy:?} at {tenths}: {late:?}");
        }
    }
}

#[test]
fn a_moment_changes_nothing() {
    let scaling = scaling(Strategy::Low);
    let (decision, trend) = decide(&scaling, &load(1, 5.0), Trend::default(), None, 100.0);
    assert_eq!(decision, Decision::Stay);
    let (decision, trend) = decide(&scaling, &load(1, 0.2), trend, None, 105.0);
    assert_eq!(decision, Decision::Stay);
    let (decision, _) = decide(&scaling, &load(1, 5.0), trend, None, 110.0);
    assert_eq!(decision, Decision::Stay, "the load began anew");
}

#[test]
fn after_a_change_there_is_a_pause_also_over_a_restart_and_a_clock_that_was_wrong() {
    let scaling = scaling(Strategy::Low);
    let long = Trend { busy_since: Some(0.0), idle_since: None };
    let at = |changed_at, now| decide(&scaling, &load(1, 5.0), long, changed_at, now).0;
    assert_eq!(at(Some(100.0), 159.0), Decision::Stay);
    assert!(matches!(at(Some(100.0), 160.0), Decision::Add(1, _)));
    assert!(matches!(at(Some(1e12), 160.0), Decision::Add(1, _)));
}

#[test]
fn limits_of_nodes_and_credit_are_kept_and_told() {
    let long = Trend { busy_since: Some(0.0), idle_since: None };
    let decide_with = |load: Load| decide(&scaling(Strategy::High), &load, long, None, 100.0).0;
    assert!(matches!(decide_with(load(5, 9.0)), Decision::Add(1, _)), "only one more is allowed");
    let Decision::CannotAdd(why) = decide_with(load(6, 9.0)) else { panic!("six is the limit") };
    assert!(why.starts_with("answers take 5000 ms, more than 210 ms, but there are 6 nodes"), "{why}");
    assert!(matches!(decide_with(Load { credit: Some(1), ..load(2, 9.0) }), Decision::Add(1, _)));
    for credit in [Some(0), Some(-3), None] {
        let Decision::CannotAdd(why) = decide_with(Load { credit, ..load(2, 9.0) }) else { panic!("{credit:?}") };
        assert!(why.ends_with("no credit for another node"), "{why}");
    }
    let idle = Trend { busy_since: None, idle_since: Some(0.0) };
    assert_eq!(decide(&scaling(Strategy::Low), &load(1, 0.0), idle, None, 100.0).0, Decision::Stay);
    let Decision::Remove(1, why) = decide(&scaling(Strategy::Low), &load(2, 0.0), idle, None, 100.0).0 else {
        panic!("one goes")
    };
    assert_eq!(why, "nobody asks for anything");
}

#[test]
fn a_program_that_is_slow_by_itself_gets_no_nodes_that_would_not_help() {
    let long = Trend { busy_since: Some(0.0), idle_since: Some(0.0) };
    let slow = Load { n_nodes: 2, response_ms: Some(900.0), busy: 0.3, n_waiting: 0, credit: Some(9) };
    let (decision, _) = decide(&scaling(Strategy::High), &slow, long, None, 100.0);
    assert_eq!(decision, Decision::Stay);
    let (decision, _) = decide(&scaling(Strategy::High), &Load { busy: 0.1, ..slow }, long, None, 100.0);
    assert!(matches!(decision, Decision::Remove(1, _)), "one is enough: {decision:?}");
}

#[test]
fn requests_that_wait_are_too_much_however_quick_answers_are() {
    let long = Trend { busy_since: Some(0.0), idle_since: None };
    let load = Load { n_nodes: 2, response_ms: Some(10.0), busy: 2.0, n_waiting: 9, credit: Some(9) };
    let (decision, _) = decide(&scaling(Strategy::Low), &load, long, None, 100.0);
    assert_eq!(decision, Decision::Add(1, "9 requests wait for 2 nodes".to_owned()));
}

#[test]
fn a_short_cool_down_lets_nodes_go_soon() {
    let idle = Trend { busy_since: None, idle_since: Some(90.0) };
    let after = |cool_down| {
        let scaling = Scaling { cool_down: Duration::from_secs(cool_down), ..scaling(Strategy::Low) };
        decide(&scaling, &load(2, 0.0), idle, None, 100.0).0
    };
    assert!(matches!(after(0), Decision::Remove(1, _)));
    assert_eq!(after(300), Decision::Stay);
}
