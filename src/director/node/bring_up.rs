//! Bringing a node up: ask its cloud, write down what it gave, wait until
//! the program in it answers. Every step may be repeated after a crash.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::BringUpError;
use super::{context, peer, tell_wanted};
use crate::cloud::{CloudNode, NodeSpec};
use crate::director::state::Director;
use crate::rpc::{CallError, Client, ClientError, RpcCall};
use crate::store::director::node::{self, Node, Place};
use crate::sys::chain;
use crate::sys::excerpt::excerpt;
use crate::task::crash_point;
use crate::task::poll::Pace;

/// Answers come within tens of milliseconds; a Pi may take seconds.
const PACE: Pace = Pace::growing(Duration::from_millis(2), Duration::from_millis(250), 32);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const CONSOLE_LINES: usize = 5;
const MAX_CONSOLE_CHARS: usize = 1000;
const MAX_CHECK_BYTES: u64 = 16 * 1024;
const MAX_REASON_CHARS: usize = 500;
const MAX_TEXTS_TOLD: usize = 8;
/// How often it is looked whether a node that does not answer runs at all.
const LOOK: Duration = Duration::from_secs(1);
/// How often a new node may end before it is given up.
const MAX_DEATHS: u32 = 3;

/// Brings one node up. The caller records the outcome.
pub(crate) async fn bring_up(director: &Arc<Director>, node: &Node) -> Result<Place, BringUpError> {
    let cloud = director.clouds.get(&node.wanted.cloud)?;
    let spec = context::node_spec(director, node)?;
    let made = cloud.ensure_node(&spec).await?;
    crash_point("bring_up.made");
    let place = place_of(&made);
    let (rid, written) = (node.rid, place.clone());
    // After a power cut no container runs, and the node is made once more.
    if !director.store.note(move |tx| node::set_place(tx, rid, &written)).await? {
        return Err(BringUpError::Unwanted);
    }
    crash_point("bring_up.placed");
    let client = wait_until_answers(director, node, &spec, &place).await?;
    let (teller, told, at) = (Arc::clone(director), node.clone(), place.clone());
    // Nobody waits for it: a node that is not told now is told with the next look.
    director.tasks.spawn("tell a new node of the others", async move {
        tell_wanted::tell_by(&client, &teller, &told, &at).await;
    });
    crash_point("bring_up.answered");
    Ok(place)
}

pub(crate) fn place_of(made: &CloudNode) -> Place {
    Place { vmid: made.vmid.clone(), ip: made.ip, private_ip: made.private_ip, port: made.port }
}

/// Returns a client that has a connection to the node.
async fn wait_until_answers(
    director: &Director,
    node: &Node,
    spec: &NodeSpec,
    place: &Place,
) -> Result<Client, BringUpError> {
    let mut pulse = Pulse { looked: Instant::now(), n_deaths: 0 };
    let client = peer::client(director, node, ANSWER_LIMIT)?;
    let endpoint = peer::endpoint(place);
    let limit = director.config.node_start_timeout;
    let began = Instant::now();
    let check = RpcCall::get(0, "check_process").answered_within(MAX_CHECK_BYTES);
    let mut told = DistinctTexts::default();
    loop {
        let Err(last) = client.call(&endpoint, &check).await else { return Ok(client) };
        // Whoever made the startup script chooses the words.
        let text = excerpt(&chain(&last), MAX_REASON_CHARS);
        let is_expected = matches!(&last, CallError::Client(ClientError::Connect { .. }));
        if !is_expected && told.is_new(&text) {
            tracing::warn!(node.tag = %node.wanted.tag, error = text, "a new node does not answer as it should yet");
        }
        if began.elapsed() >= limit {
            let console = last_lines(&console_of(director, node).await);
            return Err(BringUpError::Silent { endpoint, limit, last: text, console });
        }
        if is_expected {
            pulse.look(director, node, spec).await?;
        }
        tokio::time::sleep(PACE.pause_after(began.elapsed())).await;
    }
}

/// Texts that were told already; the node chooses them, so there is an end to new ones.
#[derive(Default)]
struct DistinctTexts(HashSet<String>);

impl DistinctTexts {
    fn is_new(&mut self, text: &str) -> bool {
        self.0.len() < MAX_TEXTS_TOLD && self.0.insert(text.to_owned())
    }
}

/// Looks now and then whether a node that does not answer still runs.
struct Pulse {
    looked: Instant,
    n_deaths: u32,
}

impl Pulse {
    /// Starts a node again that has ended; one that ends again and again will not answer.
    async fn look(&mut self, director: &Director, node: &Node, spec: &NodeSpec) -> Result<(), BringUpError> {
        if self.looked.elapsed() < LOOK {
            return Ok(());
        }
        self.looked = Instant::now();
        let cloud = director.clouds.get(&node.wanted.cloud)?;
        // One that `conpaas director stop-nodes` ended stays so.
        if director.stop_mark.is_set() || cloud.runs(&node.wanted.tag).await? != Some(false) {
            return Ok(());
        }
        self.n_deaths += 1;
        let console = last_lines(&console_of(director, node).await);
        if self.n_deaths >= MAX_DEATHS {
            return Err(BringUpError::Died { n_deaths: self.n_deaths, console });
        }
        let rid = node.rid;
        if !matches!(director.store.read(move |tx| node::phase(tx, rid)).await?, Some(node::Phase::Making)) {
            return Err(BringUpError::Unwanted);
        }
        tracing::warn!(node.tag = %node.wanted.tag, console, "a new node has ended; it is started again");
        cloud.ensure_node(spec).await?;
        Ok(())
    }
}

async fn console_of(director: &Director, node: &Node) -> String {
    match director.clouds.get(&node.wanted.cloud) {
        Ok(cloud) => cloud.console(&node.wanted.tag).await,
        Err(_) => String::new(),
    }
}

fn last_lines(console: &str) -> String {
    let lines: Vec<&str> = console.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(CONSOLE_LINES)..];
    if last.is_empty() {
        return String::new();
    }
    format!("; its console ends: {}", excerpt(&last.join(" | "), MAX_CONSOLE_CHARS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_says_something_else_each_time_is_told_of_a_few_times() {
        let mut told = DistinctTexts::default();
        assert!(told.is_new("a") && !told.is_new("a"));
        let n_new = (0..100_000).filter(|n| told.is_new(&n.to_string())).count();
        assert_eq!(n_new, MAX_TEXTS_TOLD - 1);
    }

    #[test]
    fn the_last_lines_of_a_console_that_say_something_are_shown() {
        assert_eq!(last_lines("\n  \n"), "");
        assert_eq!(last_lines("a\n\nb\n"), "; its console ends: a | b");
        let long = last_lines(&"\u{1b}[2J".repeat(100_000));
        assert!(long.len() < 10 * MAX_CONSOLE_CHARS && !long.contains('\u{1b}'), "{} bytes", long.len());
        assert_eq!(last_lines("1\n2\n3\n4\n5\n6\n7\n"), "; its console ends: 3 | 4 | 5 | 6 | 7");
    }
}
