//! A command that is run in a node while its caller waits.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::api::exec::ExecOutput;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::manager::ExecStdin;
use crate::frontend::outcome::{Done, Problem};
use crate::frontend::page::{Ran, command_page, node_of};
use crate::frontend::visit::Visit;

/// A page does not wait longer.
const LIMIT_SECONDS: i64 = 60;
const PATIENCE: Duration = Duration::from_secs(90);
/// What a page shows of a command.
const MAX_OUTPUT_BYTES: usize = 256 * 1024;

pub(super) async fn run(visit: &Visit) -> Result<Done, Problem> {
    let (place, node) = node_of(visit).await?;
    let command = visit.required("command")?;
    let words = ["sh", "-c", command].map(str::to_owned);
    let started = visit.client.exec(&place.found, &node, &words, LIMIT_SECONDS, &ExecStdin::Nothing).await?;
    let heard = listen(visit, &place.found, &node, &started.exec_id).await?;
    let text = String::from_utf8_lossy(&heard.text);
    let ran = Ran { command, output: &text, code: heard.end.exit_code, reason: heard.end.reason.as_deref() };
    Ok(Done::Page(Box::new(command_page(visit.t, &place, &node, Some(&ran)))))
}

/// What a command said.
struct Heard {
    text: Vec<u8>,
    end: ExecOutput,
}

/// Listens until the command has ended, or has said too much.
async fn listen(visit: &Visit, found: &FoundService, node: &str, id: &str) -> Result<Heard, Failure> {
    let (mut text, mut last, until) = (Vec::new(), ExecOutput::default(), Instant::now() + PATIENCE);
    loop {
        last = visit.client.exec_output(found, node, id, &last).await?;
        for said in [&last.stdout, &last.stderr] {
            text.extend(STANDARD.decode(said).unwrap_or_default());
        }
        let is_too_much = text.len() > MAX_OUTPUT_BYTES;
        if last.exit_code.is_some() && !is_too_much {
            return Ok(Heard { text, end: last });
        }
        if is_too_much || Instant::now() > until {
            visit.client.exec_stop(found, node, id).await?;
            text.truncate(MAX_OUTPUT_BYTES);
            return Ok(Heard { text, end: last });
        }
    }
}
