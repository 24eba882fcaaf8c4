//! `logs`: the logs of an application's nodes and of its manager in one stream, also as it grows.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use clap::Args;
use futures_util::{StreamExt, stream};
use serde::Serialize;

use super::names::of_directory;
use super::source::{Place, Source};
use crate::cli::invocation::{Action, Invocation};
use crate::cli::output::printer::{Printer, Reply, write_shown};
use crate::cli::output::table::value_of;
use crate::client::error::Failure;
use crate::client::lookup::{self, FoundService};
use crate::client::session::Session;
use crate::model::ServiceId;

/// Logs that are asked for at the same time.
const AT_ONCE: usize = 4;
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// How often nodes are looked for that came or went.
const LOOK_FOR_NODES: Duration = Duration::from_secs(10);
/// By which words the logs of a manager and of ingresses are meant where a node can be named.
const MANAGER: &str = "manager";
const INGRESS: &str = "ingress";

/// Which logs are shown.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Name or identifier of an application; the name of this directory when it is left out
    app_name_or_id: Option<String>,
    /// Name or identifier of a service; all services and the manager itself when it is left out
    serv_name_or_id: Option<String>,
    /// Go on with what is added, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// Of this node only: its identifier or address, or 'manager', or 'ingress' for visitors of what is published
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// This log only: one of the files that list_agent_logs shows
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
    /// So many of the newest lines of each log
    #[arg(short = 'n', long, value_name = "LINES", default_value_t = 100)]
    lines: usize,
}

/// A line as `--json` prints it, one JSON value a line.
#[derive(Serialize)]
struct Line<'a> {
    sid: ServiceId,
    node: &'a str,
    file: &'a str,
    line: &'a str,
}

#[async_trait(?Send)]
impl Action for Logs {
    async fn run(self: Box<Self>, run: &Invocation) -> Result<Reply, Failure> {
        let name = match &self.app_name_or_id {
            Some(name) => name.clone(),
            None => of_directory(std::path::Path::new("."))?,
        };
        let mut sources = self.sources(&run.session, &name).await?;
        if sources.is_empty() {
            return Err(Failure::said(match (&self.node, &self.file) {
                (None, None) => format!("application '{name}' has no logs"),
                _ => "no log is meant: 'list_nodes' and 'list_agent_logs' show which nodes and files there are"
                    .to_owned(),
            }));
        }
        let first = read_all(run, &mut sources, self.lines).await;
        if !self.follow {
            return if first.n_unread == sources.len() {
                Err(Failure::said("no log can be read"))
            } else {
                Ok(Reply::nothing())
            };
        }
        self.go_on(run, &name, sources).await
    }
}

impl Logs {
    /// Goes on for as long as somebody looks: Ctrl-C ends this process.
    async fn go_on(&self, run: &Invocation, name: &str, mut sources: Vec<Source>) -> Result<Reply, Failure> {
        let mut pause = SHORTEST_PAUSE;
        let mut looked = Instant::now();
        loop {
            tokio::time::sleep(pause).await;
            if looked.elapsed() > LOOK_FOR_NODES {
                looked = Instant::now();
                // A manager that does not answer now does later.
                if let Ok(found) = self.sources(&run.session, name).await {
                    keep_known(&mut sources, found);
                }
            }
            let round = read_all(run, &mut sources, usize::MAX).await;
            pause = if round.n_lines > 0 { SHORTEST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
        }
    }

    async fn sources(&self, session: &Session, name: &str) -> Result<Vec<Source>, Failure> {
        let app = lookup::application(session, name).await?;
        let services: Vec<FoundService> = match &self.serv_name_or_id {
            Some(service) => vec![lookup::service(session, None, name, service).await?],
            None => {
                let services = lookup::services(session, None, Some(app.aid)).await?.into_iter();
                let own = std::iter::once(ServiceId::MANAGER);
                let sids = own.chain(services.map(|found| found.service.sid));
                sids.map(|service| FoundService { application: app.aid, service }).collect()
            }
        };
        // An older director publishes nothing.
        let published = session.published().await.unwrap_or_default();
        let mut sources = Vec::new();
        for found in services {
            sources.push(Source::new(found.clone(), Place::Manager, MANAGER, "manager.log"));
            if published.iter().any(|view| (view.app_id, view.service_id) == (found.application, found.service)) {
                sources.push(Source::new(found.clone(), Place::Ingress, INGRESS, "access.log"));
            }
            if found.service == ServiceId::MANAGER || matches!(self.node.as_deref(), Some(MANAGER | INGRESS)) {
                continue;
            }
            let mut seen = BTreeSet::new();
            for id in session.nodes(&found).await?.into_values().flatten() {
                if !seen.insert(id.clone()) {
                    continue;
                }
                let node = session.node(&found, &id).await?;
                if self.node.as_ref().is_some_and(|wanted| *wanted != id && *wanted != node.ip) {
                    continue;
                }
                for log in node.logs {
                    sources.push(Source::new(found.clone(), Place::Node(id.clone()), &node.ip, &log.filename));
                }
            }
        }
        sources.retain(|source| {
            let is_meant = match self.node.as_deref() {
                None => true,
                Some(word @ (MANAGER | INGRESS)) => source.node == word,
                Some(_) => source.is_of_node(),
            };
            is_meant && self.file.as_ref().is_none_or(|file| *file == source.file)
        });
        Ok(sources)
    }
}

/// Keeps what was read of those that are there still, and takes new ones.
fn keep_known(sources: &mut Vec<Source>, found: Vec<Source>) {
    sources.retain(|source| found.iter().any(|other| other.is_same(source)));
    for new in found {
        if !sources.iter().any(|source| source.is_same(&new)) {
            sources.push(new);
        }
    }
}

/// What came of reading all logs once.
#[derive(Default)]
struct Round {
    n_lines: usize,
    n_unread: usize,
}

/// Reads all once, and prints what is new.
async fn read_all(run: &Invocation, sources: &mut [Source], n_lines: usize) -> Round {
    let reads = sources.iter_mut().map(|source| async move {
        let outcome = source.read(&run.session).await;
        (source, outcome)
    });
    let mut reads = stream::iter(reads).buffered(AT_ONCE);
    let mut round = Round::default();
    while let Some((source, outcome)) = reads.next().await {
        match outcome {
            Ok(text) => round.n_lines += print(&run.printer, source, &text, n_lines),
            Err(failure) => {
                round.n_unread += 1;
                if source.complains() {
                    let Source { node, file, .. } = source;
                    run.printer.note(&format!("{node} {file} cannot be read: {}", failure.text));
                }
            }
        }
    }
    round
}

/// Prints the newest lines of what was read, and returns how many these are.
fn print(printer: &Printer, source: &Source, text: &str, n_lines: usize) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(n_lines);
    let Source { node, file, .. } = source;
    for line in &lines[first..] {
        let shown = match printer.is_json {
            true => value_of(&Line { sid: source.sid(), node, file, line }).to_string(),
            false => format!("{node} {file} | {line}"),
        };
        write_shown(&format!("{shown}\n"));
    }
    lines.len() - first
}
