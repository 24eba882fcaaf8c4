//! `exec`: runs a command in a node, with its output and its exit code here.

use std::collections::BTreeSet;
use std::io::{self, Write};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde::Serialize;

use super::exec_input::{Command, Window, feed, follow_size};
use super::names::of_directory;
use crate::api::exec::ExecOutput;
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::Reply;
use crate::client::error::Failure;
use crate::client::lookup::{self, FoundService};
use crate::client::manager::ExecStdin;
use crate::client::session::Session;

const USUAL_SECONDS: i64 = 600;
const LONGEST_SECONDS: i64 = 3600;
/// As shells do for a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// A command and where it is run.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The application and the service, where they are not plain, and the node: its identifier or its address
    #[arg(required = true, num_args = 1..=3)]
    app_service_node: Vec<String>,
    /// The command and its arguments, behind '--'
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// Give the command what is read here
    #[arg(short = 'i', long)]
    stdin: bool,
    /// Give the command this terminal, as a shell wants it
    #[arg(short = 't', long, conflicts_with = "stdin")]
    terminal: bool,
    /// After how many seconds the command is ended, at most 3600; 600, or 3600 with a terminal, when it is left out
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<i64>,
}

/// How a command ended, as `--json` prints it.
#[derive(Serialize)]
struct Ended {
    node: String,
    exit_code: u8,
    stdout: String,
    stderr: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[async_trait(?Send)]
impl Action for Exec {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        let (found, node) = find_node(&run.session, &self.app_service_node).await?;
        let window = self.terminal.then(|| Window::of_this_terminal(run.printer.is_json)).transpose()?;
        let stdin = match (&window, self.stdin) {
            (Some(window), _) => ExecStdin::Terminal(window.terminal()?),
            (None, true) => ExecStdin::Stream,
            (None, false) => ExecStdin::Nothing,
        };
        let limit = self.timeout.unwrap_or(if self.terminal { LONGEST_SECONDS } else { USUAL_SECONDS });
        let id = run.session.exec(&found, &node, &self.command, limit, &stdin).await?.exec_id;
        let command = Command { session: &run.session, found: &found, node: &node, id: &id };
        let raw = window.as_ref().map(Window::raw).transpose()?;
        let feeding = async { tokio::join!(feed(&command, &stdin), follow_size(&command, window.as_ref())) };
        let listening = beside(listen(run, &found, &node, &id), feeding);
        let interrupted = tokio::signal::ctrl_c();
        let outcome = tokio::select! {
            outcome = listening => outcome,
            _ = interrupted => {
                run.session.exec_stop(&found, &node, &id).await?;
                return Ok(Reply::nothing().ending_with(INTERRUPTED));
            }
        };
        drop(raw);
        match outcome {
            Ok(ended) => {
                if let Some(reason) = &ended.reason {
                    run.printer.note(&format!("conpaas: {reason}"));
                }
                let code = ended.exit_code;
                let reply = if run.printer.is_json { Reply::lines(&[], &ended) } else { Reply::nothing() };
                Ok(reply.ending_with(code))
            }
            Err(failure) => {
                // It would end by itself when nobody asks; the first failure is what matters.
                let _ends_by_itself = run.session.exec_stop(&found, &node, &id).await;
                Err(failure)
            }
        }
    }
}

/// Does `work`; `other` goes on meanwhile.
async fn beside<T>(work: impl Future<Output = T>, other: impl Future) -> T {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        _ = other => {}
    }
    work.await
}

/// Passes on what the command says until it ends.
async fn listen(run: &Invocation, found: &FoundService, node: &str, id: &str) -> Result<Ended, Failure> {
    let mut last = ExecOutput::default();
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    loop {
        last = run.session.exec_output(found, node, id, &last).await?;
        let not_understood = |_| Failure::said("the manager's answer is no output of a command");
        let out = STANDARD.decode(&last.stdout).map_err(not_understood)?;
        let err = STANDARD.decode(&last.stderr).map_err(not_understood)?;
        if run.printer.is_json {
            stdout.extend(out);
            stderr.extend(err);
        } else {
            pass_on(&mut io::stdout().lock(), &out)?;
            pass_on(&mut io::stderr().lock(), &err)?;
        }
        if let Some(code) = last.exit_code {
            return Ok(Ended {
                node: node.to_owned(),
                exit_code: shell_code(code),
                stdout: String::from_utf8_lossy(&stdout).into_owned(),
                stderr: String::from_utf8_lossy(&stderr).into_owned(),
                reason: last.reason,
            });
        }
    }
}

fn pass_on(to: &mut dyn Write, bytes: &[u8]) -> Result<(), Failure> {
    let written = to.write_all(bytes).and_then(|()| to.flush());
    written.map_err(|error| Failure::said(format!("the output cannot be written, so the command is ended: {error}")))
}

/// The code of a shell: 128 and the signal for what was killed.
fn shell_code(code: i32) -> u8 {
    let code = if code < 0 { 128 + code.unsigned_abs() } else { code.unsigned_abs() };
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// Finds the node that is meant, among those of one service or of all.
async fn find_node(session: &Session, target: &[String]) -> Result<(FoundService, String), Failure> {
    let (app, service, wanted) = match target {
        [node] => (of_directory(std::path::Path::new("."))?, None, node),
        [app, node] => (app.clone(), None, node),
        [app, service, node] => (app.clone(), Some(service), node),
        _ => return Err(Failure::said("say an application, a service and a node")),
    };
    let aid = lookup::application(session, &app).await?.aid;
    let services: Vec<FoundService> = match service {
        Some(service) => vec![lookup::service(session, None, &app, service).await?],
        None => {
            let services = lookup::services(session, None, Some(aid)).await?.into_iter();
            services.map(|found| FoundService { application: aid, service: found.service.sid }).collect()
        }
    };
    let mut shown = BTreeSet::new();
    for found in services {
        let ids: BTreeSet<String> = session.nodes(&found).await?.into_values().flatten().collect();
        for id in ids {
            let ip = session.node(&found, &id).await?.ip;
            if *wanted == id || *wanted == ip {
                return Ok((found, id));
            }
            shown.insert(format!("{ip} ({id})"));
        }
    }
    let shown: Vec<String> = shown.into_iter().collect();
    Err(Failure::said(match shown.is_empty() {
        true => format!("there is no node '{wanted}', as no service works there"),
        false => format!("there is no node '{wanted}': there are {}", shown.join(", ")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_that_of_a_shell() {
        for (code, wanted) in [(0, 0), (7, 7), (-9, 137), (-15, 143), (300, 255)] {
            assert_eq!(shell_code(code), wanted, "{code}");
        }
    }
}
