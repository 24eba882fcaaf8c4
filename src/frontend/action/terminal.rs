//! A shell in a node, on a page: it is opened, reads keys, and learns the size of its window. What it says is
//! [`live`](crate::frontend::live)'s.
//!
//! It ends when nobody listens any more, and after an hour: the agent sees to that.

use std::time::{Duration, Instant};

use crate::api::exec::Terminal;
use crate::client::lookup::FoundService;
use crate::client::manager::ExecStdin;
use crate::frontend::outcome::{Done, Problem};
use crate::frontend::page::node_of;
use crate::frontend::visit::Visit;
use crate::rpc::Response;

const LIMIT_SECONDS: i64 = 3600;
/// What the script of the page understands.
const KIND: &str = "xterm";
const MAX_SIZE: u16 = 500;
/// A program that reads nothing for so long loses what is typed.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// Opens a shell; answers by what it is known.
pub(super) async fn open(visit: &Visit) -> Result<Done, Problem> {
    let (place, node) = node_of(visit).await?;
    let (columns, rows) = size(visit)?;
    // Some nodes have no bash.
    let shell = "if command -v bash >/dev/null; then exec bash -l; else exec sh -l; fi";
    let words = ["sh", "-c", shell].map(str::to_owned);
    let input = ExecStdin::Terminal(Terminal { columns, rows, kind: KIND.to_owned() });
    let started = visit.client.exec(&place.found, &node, &words, LIMIT_SECONDS, &input).await?;
    Ok(word(started.exec_id))
}

/// Passes on what is typed.
pub(super) async fn input(visit: &Visit) -> Result<Done, Problem> {
    let (found, node) = meant(visit)?;
    let (mut left, until) = (visit.typed("input").as_bytes(), Instant::now() + PATIENCE);
    while !left.is_empty() && Instant::now() < until {
        let taken = visit.client.exec_input(&found, node, visit.field("exec"), left, false).await?;
        left = left.get(taken..).unwrap_or_default();
        if !left.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
    }
    if left.is_empty() { Ok(word(String::new())) } else { Err(Problem::Form(visit.t.not_done.to_owned())) }
}

/// Tells it how large its window is now.
pub(super) async fn resize(visit: &Visit) -> Result<Done, Problem> {
    let (found, node) = meant(visit)?;
    visit.client.exec_resize(&found, node, visit.field("exec"), size(visit)?).await?;
    Ok(word(String::new()))
}

/// Ends it.
pub(super) async fn close(visit: &Visit) -> Result<Done, Problem> {
    let (found, node) = meant(visit)?;
    visit.client.exec_stop(&found, node, visit.field("exec")).await?;
    Ok(word(String::new()))
}

/// Returns the service and the node of the path. Whose they are the manager knows: each key is not worth three calls.
fn meant(visit: &Visit) -> Result<(FoundService, &str), Problem> {
    let application = visit.argument(0).parse().map_err(|_| Problem::NotFound)?;
    let service = visit.argument(1).parse().map_err(|_| Problem::NotFound)?;
    Ok((FoundService { application, service }, visit.argument(2)))
}

fn size(visit: &Visit) -> Result<(u16, u16), Problem> {
    let of = |name: &str| visit.field(name).parse::<u16>().ok().filter(|size| (1..=MAX_SIZE).contains(size));
    of("columns").zip(of("rows")).ok_or_else(|| Problem::Form(visit.t.not_done.to_owned()))
}

/// An answer to the script of the page.
fn word(text: String) -> Done {
    Done::Answer(Response::word(text))
}
