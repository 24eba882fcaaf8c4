//! Whether a cluster serves, and who begins it again when nobody does.
//!
//! A server that dies comes back. It waits until another one serves, and joins that. Where nobody serves, one of them has to
//! begin, and it must be the one whose data is the newest: two that begin are two databases. Servers that run, and have lost
//! most of the others, go on by themselves once they find enough of them.
//!
//! ```text
//!   nobody serves ──▶ all have answered ──▶ all say how far  ──▶ others that run    ──▶ the newest
//!                                           their data is        start anew, and wait   begins
//! ```
//!
//! # Guarantees
//! - Nobody begins before every member has said how far its data is. A member that is gone for good is taken out of the
//!   service before, by the director's word or the operator's.
//! - Nobody begins while another one runs: servers that run may be the greater part of their cluster, although none of them
//!   answers. One that waits does not come to life by itself. So no data grows between the answers and the beginning, but
//!   that of the member which begins.
//! - The member that begins has the newest data of all.

use std::time::Duration;

use super::backups;
use super::roles::{MYSQL, plays};
use crate::api::mysql::{MemberState, Position, Stage};
use crate::rpc::RpcCall;
use crate::service::context::ServiceContext;
use crate::service::error::MethodError;
use crate::service::manager_side::Settling;
use crate::store::manager::NodeRow;

/// Members that have lost each other have this time to find each other. To end it early costs a start, and no data.
const PATIENCE_S: u64 = 15;
/// The same for those that have never served: they cannot go on by themselves, but somebody may be about to.
const SHORT_PATIENCE_S: u64 = 3;
/// A server that works, but not with those who serve, is stuck after so long. It needs seconds to find them.
const ALONE_S: u64 = 30;
/// The same for one that does not answer yet, and may still look through its data.
const SEARCH_S: u64 = 180;
/// An agent that is asked how its member is answers at once, or is not there.
const ASK_LIMIT: Duration = Duration::from_secs(10);
/// A new member whose server fails so often does not come up.
const MOST_FAILURES: u32 = 5;

/// What is to be done for a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Nothing: all members serve.
    Nothing,
    /// Nothing yet, and why.
    Wait(String),
    /// These members, by their places in the list, start anew and wait for whoever serves.
    Forget(Vec<usize>),
    /// This member begins, by its place in the list.
    Begin(usize),
}

/// Looks at all members, and has one begin the cluster if that is needed and safe. `new` are the nodes that somebody
/// waits for; where it is empty all are meant.
///
/// # Errors
/// Returns an error if a new member does not come up.
pub(super) async fn settle(
    service: &ServiceContext,
    nodes: &[NodeRow],
    new: &[NodeRow],
) -> Result<Settling, MethodError> {
    // Balancers tell by their answer that they are there.
    let answers = ask(service, nodes).await;
    let silent: Vec<String> = nodes
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.is_err())
        .map(|(node, _)| node.view.id.clone())
        .collect();
    // Where somebody waits for a new node, the next look tells.
    for (node, answer) in nodes.iter().zip(&answers).filter(|_| new.is_empty()) {
        if let Some(outcome) = answer.as_ref().ok().and_then(|state| state.last_backup.as_ref()) {
            backups::note(service, node, outcome).await?;
        }
    }
    let (members, answers): (Vec<&NodeRow>, Vec<Result<MemberState, MethodError>>) =
        nodes.iter().zip(answers).filter(|(node, _)| plays(node, MYSQL)).unzip();
    let states: Vec<(&str, Option<&MemberState>)> =
        members.iter().zip(&answers).map(|(node, answer)| (node.view.id.as_str(), answer.as_ref().ok())).collect();
    let is_new = |id: &str| new.iter().any(|node| node.view.id == id);
    // Who waits for one that gives its data to another does so in vain now and then.
    let is_one_busy = states.iter().any(|(_, state)| state.is_some_and(|state| state.stage == Stage::Busy));
    for (id, state) in states.iter().filter(|_| !is_one_busy) {
        let Some(state) = state.filter(|state| is_new(id) && state.n_failures >= MOST_FAILURES) else { continue };
        let reason = state.reason.clone().unwrap_or_else(|| "it does not say why".to_owned());
        return Err(MethodError::refused(format!("agent {id}: {reason}")));
    }
    let missing = members.iter().zip(&answers).find(|(node, answer)| is_new(&node.view.id) && answer.is_err());
    if let Some((_, Err(error))) = missing {
        return Ok(Settling::Missing(error.to_string()));
    }
    let are_all_new = states.iter().all(|(id, _)| is_new(id));
    match decide(&states, are_all_new) {
        Step::Nothing if new.is_empty() && !silent.is_empty() => Ok(Settling::Without(silent)),
        Step::Nothing => Ok(Settling::Settled),
        Step::Wait(_) if new.is_empty() && serve_without(&states, &silent) => Ok(Settling::Without(silent)),
        Step::Wait(_) if !new.is_empty() && new_ones_serve(&states, is_new) => Ok(Settling::Settled),
        Step::Wait(why) => Ok(Settling::Waits(why)),
        Step::Forget(places) => {
            for place in places {
                let node = members[place];
                service
                    .note(crate::node::Level::Info, &format!("node {} looks anew for those who serve", node.view.id));
                let _nothing_to_say: serde::de::IgnoredAny =
                    service.agents.call(node, &RpcCall::post(0, "forget_cluster")).await?;
            }
            Ok(Settling::Waits("the members look anew for each other".to_owned()))
        }
        Step::Begin(place) => {
            let node = members[place];
            service.note(crate::node::Level::Info, &format!("node {} begins the cluster", node.view.id));
            let _nothing_to_say: serde::de::IgnoredAny =
                service.agents.call(node, &RpcCall::post(0, "begin_cluster")).await?;
            Ok(Settling::Waits(format!("node {} begins the cluster", node.view.id)))
        }
    }
}

/// Asks all nodes at once how their members are.
pub(super) async fn ask(service: &ServiceContext, nodes: &[NodeRow]) -> Vec<Result<MemberState, MethodError>> {
    let call = RpcCall::get(0, "get_member_state");
    let asked = nodes.iter().map(|node| service.agents.call_within(ASK_LIMIT, node, &call));
    futures_util::future::join_all(asked).await
}

/// Returns whether somebody serves, and all others that do not are those who do not answer.
fn serve_without(states: &[(&str, Option<&MemberState>)], silent: &[String]) -> bool {
    let serves = |state: &Option<&MemberState>| state.is_some_and(|state| state.stage.is_serving());
    states.iter().any(|(_, state)| serves(state))
        && states.iter().all(|(id, state)| serves(state) || silent.iter().any(|silent| silent == id))
}

/// A node that joins does not wait for others that are gone.
fn new_ones_serve(states: &[(&str, Option<&MemberState>)], is_new: impl Fn(&str) -> bool) -> bool {
    let mut new = states.iter().filter(|(id, _)| is_new(id));
    let anybody_serves = states.iter().any(|(_, state)| state.is_some_and(|state| state.stage.is_serving()));
    anybody_serves && new.all(|(_, state)| state.is_some_and(|state| state.stage.is_serving()))
}

/// Returns the places of those members that are so.
fn places<'a>(
    states: impl Iterator<Item = Option<&'a MemberState>>,
    is_so: impl Fn(&MemberState) -> bool,
) -> Vec<usize> {
    states.enumerate().filter(|(_, state)| state.is_some_and(&is_so)).map(|(place, _)| place).collect()
}

/// Decides what is to be done. Where not all are new, somebody must have data.
fn decide(states: &[(&str, Option<&MemberState>)], are_all_new: bool) -> Step {
    let names = |is_one: &dyn Fn(Option<&MemberState>) -> bool| {
        let found: Vec<&str> = states.iter().filter(|(_, state)| is_one(*state)).map(|(id, _)| *id).collect();
        (!found.is_empty()).then(|| found.join(", "))
    };
    let serves = |state: Option<&MemberState>| state.is_some_and(|state| state.stage.is_serving());
    if states.iter().all(|(_, state)| serves(*state)) {
        return Step::Nothing;
    }
    if states.iter().any(|(_, state)| serves(*state)) {
        let is_stuck = |state: &MemberState| {
            let limit_s = match state.stage {
                Stage::Alone => ALONE_S,
                // Before it says how far its data is, it looks through it.
                Stage::Joining if state.position.is_some() || !state.has_data => ALONE_S,
                Stage::Joining => SEARCH_S,
                Stage::Absent | Stage::Busy | Stage::Synced => return false,
            };
            !state.gets_data && state.searches_s >= limit_s
        };
        let stuck = places(states.iter().map(|(_, state)| *state), is_stuck);
        if !stuck.is_empty() {
            return Step::Forget(stuck);
        }
        let joining = names(&|state| !serves(state)).unwrap_or_default();
        return Step::Wait(format!("waiting for {joining}"));
    }
    if let Some(missing) = names(&|state| state.is_none_or(|state| state.stage == Stage::Absent)) {
        return Step::Wait(format!("nobody serves, and nobody may begin before {missing} says how far its data is"));
    }
    let states: Vec<(&str, &MemberState)> = states.iter().filter_map(|(id, state)| Some((*id, (*state)?))).collect();
    begin(&states, are_all_new)
}

/// Chooses who begins, where all have answered and nobody serves.
fn begin(states: &[(&str, &MemberState)], are_all_new: bool) -> Step {
    let newest = newest(states, are_all_new);
    // A server that runs goes on as it is: those who were with it wait. One that begins already is told so again.
    let is_alone = |place: usize| states[place].1.stage == Stage::Alone;
    let can_go_on = |state: &MemberState| state.begins || (state.stage == Stage::Alone && state.has_data);
    let goes_on = |place: usize| newest == Ok(place) && can_go_on(states[place].1);
    let runs = |state: &MemberState| state.remembers_others || state.stage == Stage::Alone;
    let mut running = places(states.iter().map(|(_, state)| Some(*state)), runs);
    running.retain(|place| !goes_on(*place));
    if running.is_empty() {
        return newest.map_or_else(Step::Wait, Step::Begin);
    }
    // Whoever starts anew says how far its data is.
    let patience_s = if running.iter().any(|place| is_alone(*place)) { PATIENCE_S } else { SHORT_PATIENCE_S };
    if states.iter().any(|(_, state)| state.waits_s < patience_s) {
        return Step::Wait("the members look for each other".to_owned());
    }
    Step::Forget(running)
}

/// Returns the place of the member with the newest data, one that runs before others; or why that is not known.
fn newest(states: &[(&str, &MemberState)], are_all_new: bool) -> Result<usize, String> {
    let with_data = || states.iter().enumerate().filter(|(_, (_, state))| state.has_data);
    if !are_all_new && with_data().next().is_none() {
        return Err("nobody serves, and nobody has the data".to_owned());
    }
    if let Some((_, (id, _))) = with_data().find(|(_, (_, state))| state.position.is_none()) {
        return Err(format!("how far the data of {id} is, is not known yet"));
    }
    let positions = || with_data().filter_map(|(place, (_, state))| Some((place, state.position.as_ref()?)));
    let mut known = positions().filter(|(_, position)| position.is_known());
    let Some((first, of)) = known.next() else {
        // Nobody has written anything.
        let beginning = states.iter().position(|(_, state)| state.begins);
        return Ok(with_data().next().map_or_else(|| beginning.unwrap_or(0), |(place, _)| place));
    };
    let rank = |place: usize, position: &Position| {
        let state = states[place].1;
        (position.change, state.begins, state.stage == Stage::Alone)
    };
    let mut newest: (usize, &Position) = (first, of);
    for (place, position) in known {
        if position.history != of.history {
            let (one, other) = (states[first].0, states[place].0);
            return Err(format!("the data of {one} and that of {other} have nothing in common"));
        }
        if rank(place, position) > rank(newest.0, newest.1) {
            newest = (place, position);
        }
    }
    Ok(newest.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTORY: &str = "e4b3f1c2-0000-11ef-8d2a-0242ac110002";

    fn state(stage: Stage, change: Option<i64>) -> MemberState {
        MemberState {
            stage,
            has_data: change.is_some(),
            position: change.map(|change| Position { history: HISTORY.to_owned(), change }),
            remembers_others: false,
            begins: false,
            waits_s: 60,
            searches_s: 60,
            gets_data: false,
            n_failures: 0,
            reason: None,
            last_backup: None,
        }
    }

    fn step(states: &[Option<MemberState>]) -> Step {
        let names = ["a", "b", "c"];
        let states: Vec<(&str, Option<&MemberState>)> =
            names.into_iter().zip(states).map(|(id, state)| (id, state.as_ref())).collect();
        decide(&states, true)
    }

    fn waits(states: &[Option<MemberState>], word: &str) {
        match step(states) {
            Step::Wait(why) => assert!(why.contains(word), "{why}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn of_new_members_the_first_begins() {
        let new = || Some(state(Stage::Joining, None));
        assert_eq!(step(&[new(), new(), new()]), Step::Begin(0));
        let serving = Some(state(Stage::Synced, Some(5)));
        assert_eq!(step(&[serving.clone(), serving.clone()]), Step::Nothing);
    }

    #[test]
    fn the_newest_data_begins_and_nobody_before_all_have_answered() {
        let at = |change| Some(state(Stage::Joining, Some(change)));
        assert_eq!(step(&[at(7), at(9), at(8)]), Step::Begin(1));
        assert_eq!(step(&[Some(state(Stage::Joining, None)), at(-1), at(3)]), Step::Begin(2));
        waits(&[at(7), None, at(8)], "before b says");
        waits(&[at(7), Some(state(Stage::Absent, None)), at(8)], "before b says");
        let unknown = MemberState { position: None, ..state(Stage::Joining, Some(1)) };
        waits(&[at(7), Some(unknown), at(8)], "the data of b");
    }

    #[test]
    fn who_runs_looks_for_the_others_first_and_waits_then() {
        let remembering =
            |waits_s| Some(MemberState { remembers_others: true, waits_s, ..state(Stage::Joining, Some(7)) });
        let at = |change| Some(state(Stage::Joining, Some(change)));
        waits(&[remembering(60), remembering(2)], "look for each other");
        waits(&[remembering(60), at(9), Some(MemberState { waits_s: 2, ..at(9).unwrap() })], "look for each other");
        assert_eq!(step(&[remembering(60), at(9), remembering(31)]), Step::Forget(vec![0, 2]));
        let alone = |change, waits_s| Some(MemberState { waits_s, ..state(Stage::Alone, Some(change)) });
        waits(&[alone(7, 14), alone(7, 60)], "look for each other");
        // One that begins already is let go on, also where it makes its first tables.
        let begins = |change| {
            Some(MemberState { begins: true, remembers_others: true, waits_s: 9, ..state(Stage::Joining, change) })
        };
        assert_eq!(step(&[at(9), begins(Some(9)), at(8)]), Step::Begin(1));
        assert_eq!(step(&[Some(state(Stage::Joining, None)), begins(None)]), Step::Begin(1));
        assert_eq!(step(&[at(10), begins(Some(9)), at(8)]), Step::Forget(vec![1]));
        // One that has got all data from another one, which died then, says how far that is when it starts anew.
        let unknown = |state: Option<MemberState>| state.map(|state| MemberState { position: None, ..state });
        assert_eq!(step(&[at(7), unknown(remembering(60)), at(6)]), Step::Forget(vec![1]));
        waits(&[at(7), unknown(at(8)), at(6)], "the data of b");
        // Two that run may be the greater part, although neither answers.
        assert_eq!(step(&[alone(7, 5), remembering(60), remembering(60)]), Step::Forget(vec![1, 2]));
        // Also one whose others may have gone on without it: it may not begin before they have said that they have not.
        assert_eq!(step(&[alone(8, 40), at(9)]), Step::Forget(vec![0]));
        assert_eq!(step(&[at(8), at(9)]), Step::Begin(1));
        // One that runs and has the newest data goes on at once, when nobody else could.
        assert_eq!(step(&[at(9), alone(9, 0), at(8)]), Step::Begin(1));
        waits(&[at(9), alone(9, 0), alone(9, 0)], "look for each other");
        assert_eq!(step(&[at(9), alone(9, 40), alone(9, 40)]), Step::Forget(vec![2]));
    }

    #[test]
    fn while_one_serves_nobody_begins_and_who_is_stuck_looks_anew() {
        let serving = || Some(state(Stage::Synced, Some(5)));
        let other = |stage, searches_s, gets_data| Some(MemberState { searches_s, gets_data, ..state(stage, Some(9)) });
        waits(&[serving(), other(Stage::Joining, 29, false), None], "waiting for b, c");
        waits(&[serving(), other(Stage::Joining, 9000, true)], "waiting for b");
        assert_eq!(step(&[serving(), None, other(Stage::Joining, 30, false)]), Step::Forget(vec![2]));
        let looks_through =
            |searches_s| other(Stage::Joining, searches_s, false).map(|state| MemberState { position: None, ..state });
        waits(&[serving(), looks_through(179)], "waiting for b");
        assert_eq!(step(&[serving(), looks_through(180)]), Step::Forget(vec![1]));
        assert_eq!(step(&[other(Stage::Alone, 30, false), serving()]), Step::Forget(vec![0]));
        waits(&[serving(), other(Stage::Absent, 9000, false)], "waiting for b");
    }

    /// Members that stand anyhow: whoever begins has the newest data of all, and nobody could have written meanwhile.
    #[test]
    fn who_begins_lacks_nothing_however_the_members_stand() {
        let stages = [Stage::Absent, Stage::Joining, Stage::Alone, Stage::Busy, Stage::Synced];
        let mut some: Vec<Option<MemberState>> = vec![None];
        for stage in stages {
            for change in [None, Some(-1), Some(7), Some(8)] {
                for (remembers_others, waits_s) in [(false, 0), (false, 60), (true, 0), (true, 60)] {
                    some.push(Some(MemberState { remembers_others, waits_s, ..state(stage, change) }));
                }
            }
        }
        some.push(Some(MemberState { position: None, ..state(Stage::Joining, Some(1)) }));
        let mut n_begun = 0;
        for one in &some {
            for other in &some {
                for third in &some {
                    let all = [one.clone(), other.clone(), third.clone()];
                    let Step::Begin(place) = step(&all) else { continue };
                    n_begun += 1;
                    let all: Vec<MemberState> =
                        all.into_iter().map(|state| state.expect("all have answered")).collect();
                    let change = |state: &MemberState| match &state.position {
                        Some(position) if state.has_data => position.change,
                        _ => i64::MIN,
                    };
                    assert!(all.iter().all(|state| change(state) <= change(&all[place])), "{all:?}");
                    let is_free = |state: &MemberState| state.remembers_others || state.stage != Stage::Joining;
                    let others = all.iter().enumerate().filter(|(other, _)| *other != place);
                    assert!(!others.map(|(_, state)| state).any(is_free), "{all:?}");
                    assert!(!is_free(&all[place]) || all[place].stage == Stage::Alone || all[place].begins, "{all:?}");
                    assert!(all.iter().all(|state| !state.has_data || state.position.is_some()), "{all:?}");
                }
            }
        }
        assert!(n_begun > 100, "{n_begun}");
    }

    #[test]
    fn nobody_begins_without_the_data_that_there_was() {
        let new = state(Stage::Joining, None);
        let states = [("a", Some(&new)), ("b", Some(&new))];
        assert!(matches!(decide(&states, false), Step::Wait(why) if why.contains("nobody has the data")));
    }

    #[test]
    fn who_serves_goes_on_without_those_that_do_not_answer() {
        let (serving, joining) = (state(Stage::Synced, Some(5)), state(Stage::Joining, Some(5)));
        let silent = ["b".to_owned()];
        assert!(serve_without(&[("a", Some(&serving)), ("b", None)], &silent));
        assert!(!serve_without(&[("a", Some(&joining)), ("b", None)], &silent));
        assert!(!serve_without(&[("a", Some(&serving)), ("b", None), ("c", Some(&joining))], &silent));
    }

    #[test]
    fn two_histories_are_never_mixed() {
        let mut other = state(Stage::Joining, Some(900));
        other.position = Some(Position { history: HISTORY.replace('e', "f"), change: 900 });
        waits(&[Some(state(Stage::Joining, Some(7))), Some(other)], "nothing in common");
        let mut nothing = state(Stage::Joining, Some(-1));
        nothing.position = Some(Position { history: HISTORY.replace(|c: char| c != '-', "0"), change: -1 });
        assert_eq!(step(&[Some(nothing), Some(state(Stage::Joining, Some(7)))]), Step::Begin(1));
    }
}
