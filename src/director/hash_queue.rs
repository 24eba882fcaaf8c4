//! Who is next to have a password looked at: whoever tried least of late. So a flood delays itself first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// A small machine has other work for its processors, and each takes 19 MB for a moment.
const MAX_AT_ONCE: usize = 2;
/// However many with fewer tries come meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Passwords that wait to be looked at.
pub(super) struct HashQueue {
    /// More would wait longer than a person does, or hold all places of strangers.
    max_waiting: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    n_at_work: usize,
    next_id: u64,
    /// By debt, then in the order in which they came.
    waiting: BTreeMap<(Duration, u64), oneshot::Sender<Turn>>,
}

impl State {
    /// Refuses whoever tried most of late; among equals the first, so that a newcomer is not kept out by a flood
    /// that came before him.
    fn give_up_one(&mut self) {
        let Some(((most, _), _)) = self.waiting.last_key_value() else { return };
        let first = self.waiting.range((*most, 0)..).next().map(|(key, _)| *key);
        first.and_then(|key| self.waiting.remove(&key));
    }
}

/// The right to look at one password; the next one has it when this value is dropped.
pub(super) struct Turn(Arc<HashQueue>);

impl HashQueue {
    /// Nobody waits; at most `max_waiting` may.
    pub(super) fn new(max_waiting: usize) -> Arc<Self> {
        Arc::new(HashQueue { max_waiting, state: Mutex::default() })
    }

    /// Waits for a turn; `debt` is how much the caller has tried of late. `None` when too many with less debt
    /// wait or came before.
    pub(super) async fn turn(self: &Arc<Self>, debt: Duration) -> Option<Turn> {
        let turn = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.n_at_work < MAX_AT_ONCE && state.waiting.is_empty() {
                state.n_at_work += 1;
                return Some(Turn(Arc::clone(self)));
            }
            let (sender, turn) = oneshot::channel();
            // Callers who went away would keep others from waiting.
            state.waiting.retain(|_, sender| !sender.is_closed());
            let id = state.next_id;
            state.next_id += 1;
            state.waiting.insert((debt, id), sender);
            if state.waiting.len() > self.max_waiting {
                state.give_up_one();
            }
            turn
        };
        tokio::time::timeout(LONGEST_WAIT, turn).await.ok()?.ok()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
            match state.waiting.pop_first() {
                Some((_, next)) => next,
                None => {
                    state.n_at_work -= 1;
                    return;
                }
            }
        };
        // One who went away drops the turn, and with it looks for the next.
        let _gone = next.send(Turn(Arc::clone(&self.0)));
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use futures_util::FutureExt;

    use super::*;

    type Waiting = Pin<Box<dyn Future<Output = Option<Turn>>>>;

    fn wait(queue: &Arc<HashQueue>, debt_s: u64) -> Waiting {
        let queue = Arc::clone(queue);
        let mut turn: Waiting = Box::pin(async move { queue.turn(Duration::from_secs(debt_s)).await });
        assert!(turn.as_mut().now_or_never().is_none(), "it waits");
        turn
    }

    fn state<T>(queue: &HashQueue, look: impl FnOnce(&State) -> T) -> T {
        look(&queue.state.lock().unwrap())
    }

    #[tokio::test]
    async fn whoever_tried_least_is_next_and_a_flood_gives_way() {
        let queue = HashQueue::new(16);
        let at_work = [queue.turn(Duration::ZERO).await, queue.turn(Duration::ZERO).await];
        let mut flood: Vec<Waiting> = (1..=50)
            .map(|debt| {
                let queue = Arc::clone(&queue);
                let mut turn: Waiting = Box::pin(async move { queue.turn(Duration::from_secs(debt)).await });
                let _waits_or_is_refused = turn.as_mut().now_or_never();
                turn
            })
            .collect();
        assert_eq!(state(&queue, |state| state.waiting.len()), 16);
        let mut alice = wait(&queue, 0);
        drop(at_work);
        assert!(alice.as_mut().now_or_never().flatten().is_some(), "she is before all of the flood");
        assert!(flood[0].as_mut().now_or_never().flatten().is_some());
        assert!(flood[1].as_mut().now_or_never().flatten().is_some(), "her turn went on to the next");
    }

    #[tokio::test]
    async fn among_equals_a_newcomer_is_not_the_one_who_is_refused() {
        let queue = HashQueue::new(2);
        let _at_work = [queue.turn(Duration::ZERO).await, queue.turn(Duration::ZERO).await];
        let (mut first, mut second, mut third) = (wait(&queue, 5), wait(&queue, 5), wait(&queue, 5));
        assert!(first.as_mut().now_or_never().is_some_and(|turn| turn.is_none()));
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_turn_of_one_who_went_away_is_not_lost() {
        let queue = HashQueue::new(16);
        let (first, second) = (queue.turn(Duration::ZERO).await, queue.turn(Duration::ZERO).await);
        let (gone, mut there) = (wait(&queue, 0), wait(&queue, 1));
        drop(gone);
        drop(first);
        assert!(there.as_mut().now_or_never().flatten().is_some());
        drop((second, there));
        assert_eq!(state(&queue, |state| (state.n_at_work, state.waiting.len())), (0, 0));
    }
}
