//! The stream of a page that is open: the same page is made again, and pieces of it that changed are sent.
//!
//! Events: `html` is a piece, which takes the place of the one with its id; `line` is what a log got, its id being
//! from where a new stream goes on; `gone` says that the session ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::watch::Receiver;

use super::news::News;
use super::outcome::{Problem, Shown};
use super::page::{node_of, read_log};
use super::site::OpenPage;
use super::text::fill;
use super::visit::{Place, Visit};
use super::watch::{Maker, Pieces, Seen, Watch};
use crate::api::exec::ExecOutput;
use crate::rpc::Response;
use crate::sys::pipe::ByteStream;

const LOG_PAUSE: Duration = Duration::from_secs(1);
/// An ended session is noticed within this time.
const LOOK: Duration = Duration::from_secs(4);
/// A stream without events says so often that it lives.
const SILENCE: Duration = Duration::from_secs(15);

type Show = fn(Arc<Visit>) -> std::pin::Pin<Box<dyn Future<Output = Shown> + Send>>;

struct Stream {
    visit: Arc<Visit>,
    _right: OpenPage,
    what: What,
    spoke: Instant,
    is_over: bool,
}

enum What {
    Page(OpenPieces),
    /// From where a log goes on.
    Log(String),
    /// A shell in a node.
    Terminal(Box<OpenTerminal>),
}

/// A page whose pieces are sent when they change.
struct OpenPieces {
    /// Keeps the page being made.
    _watch: Arc<Watch>,
    seen: Receiver<Seen>,
    /// As they were sent last.
    sent: Arc<Pieces>,
}

/// A shell whose words are sent as they come.
struct OpenTerminal {
    place: Place,
    node: String,
    id: String,
    last: ExecOutput,
}

/// Answers with the stream of the page at `path`.
pub(super) fn answer(visit: Arc<Visit>, path: &str, show: Show) -> Result<Response, Problem> {
    let right = right(&visit)?;
    let session = visit.secret.name();
    let key = (session.clone(), path.to_owned(), visit.t.language);
    let (shown, asked, waiting) = (Arc::clone(&visit), Arc::clone(&visit), Arc::clone(&visit));
    let news = Arc::new(News::of(&visit));
    let maker = Maker {
        make: Box::new(move || show(Arc::clone(&shown))),
        wait: Box::new(move |pause| {
            let (news, visit) = (Arc::clone(&news), Arc::clone(&waiting));
            Box::pin(async move { news.wait(&visit, pause).await })
        }),
        is_allowed: Box::new(move || asked.site.sessions.is_there(&session)),
    };
    let watch = visit.site.watches.look(key, &visit.site.tasks, maker);
    let mut seen = watch.seen();
    // What is there already is news for this tab.
    seen.mark_changed();
    let pieces = OpenPieces { _watch: watch, seen, sent: Arc::default() };
    Ok(stream_of(visit, right, What::Page(pieces)))
}

/// Answers with the stream of a log from where it is known to `cursor`.
pub(super) fn log(visit: Arc<Visit>, cursor: String) -> Result<Response, Problem> {
    let right = right(&visit)?;
    Ok(stream_of(visit, right, What::Log(cursor)))
}

/// Answers with the stream of the shell that the query names, from where it is known to `cursor`.
pub(super) async fn terminal(visit: Arc<Visit>, cursor: Option<String>) -> Result<Response, Problem> {
    let (place, node) = node_of(&visit).await?;
    let right = right(&visit)?;
    let last = ExecOutput { stdout_cursor: cursor.unwrap_or_default(), ..ExecOutput::default() };
    let id = visit.field("exec").to_owned();
    Ok(stream_of(visit, right, What::Terminal(Box::new(OpenTerminal { place, node, id, last }))))
}

fn right(visit: &Visit) -> Result<OpenPage, Problem> {
    visit.site.open_page(visit.uid).ok_or_else(|| Problem::Form(visit.t.too_many_pages.to_owned()))
}

fn stream_of(visit: Arc<Visit>, right: OpenPage, what: What) -> Response {
    let first = Stream { visit, _right: right, what, spoke: Instant::now(), is_over: false };
    let events = stream::unfold(first, |stream| async move { stream.next().await });
    let begin = stream::iter([Ok(Bytes::from_static(b"retry: 2000\n\n"))]);
    let all: ByteStream = begin.chain(events.map(Ok)).boxed();
    Response::events(all)
}

impl Stream {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let stopping = self.visit.site.tasks.stopping();
        loop {
            if self.is_over {
                return None;
            }
            if !self.visit.site.sessions.is_there(&self.visit.secret.name()) {
                self.is_over = true;
                return Some((event("gone", "", None), self));
            }
            let said = tokio::select! {
                // A page that is left open comes back by itself when the frontend does.
                biased;
                () = stopping.cancelled() => return None,
                said = self.look() => said,
            };
            if !said.is_empty() {
                self.spoke = Instant::now();
                return Some((said, self));
            }
            if self.spoke.elapsed() >= SILENCE {
                self.spoke = Instant::now();
                return Some((Bytes::from_static(b": still here\n\n"), self));
            }
        }
    }

    /// Returns the events since the last look, or nothing after a while.
    async fn look(&mut self) -> Bytes {
        match &mut self.what {
            What::Log(cursor) => {
                tokio::time::sleep(LOG_PAUSE).await;
                // A look that fails is tried again later.
                let Ok(log) = read_log(&self.visit, cursor).await else { return Bytes::new() };
                *cursor = log.cursor.unwrap_or_default();
                let text = log.log.trim_end_matches('\n');
                if text.is_empty() { Bytes::new() } else { event("line", text, Some(cursor)) }
            }
            What::Terminal(open) => {
                let (events, is_over) = open.hear(&self.visit).await;
                self.is_over = is_over;
                events
            }
            What::Page(open) => {
                let (events, is_over) = open.changes().await;
                self.is_over = is_over;
                events
            }
        }
    }
}

impl OpenTerminal {
    /// Returns what it has said, and whether it has ended.
    async fn hear(&mut self, visit: &Visit) -> (Bytes, bool) {
        match visit.client.exec_output(&self.place.found, &self.node, &self.id, &self.last).await {
            Ok(heard) => self.last = heard,
            Err(failure) => return (event("end", &failure.text, None), true),
        }
        let cursor = Some(self.last.stdout_cursor.as_str());
        let said = if self.last.stdout.is_empty() { Bytes::new() } else { event("out", &self.last.stdout, cursor) };
        let Some(code) = self.last.exit_code else { return (said, false) };
        let why = self.last.reason.as_deref().map(|reason| format!(" {reason}")).unwrap_or_default();
        let end = event("end", &format!("{}{why}", fill(visit.t.ended_with, &[&code])), None);
        ([said, end].concat().into(), true)
    }
}

impl OpenPieces {
    /// Returns what has changed, and whether there is no more to come.
    async fn changes(&mut self) -> (Bytes, bool) {
        match tokio::time::timeout(LOOK, self.seen.changed()).await {
            Err(_) => return (Bytes::new(), false),
            // Whoever made the page has ended with its session.
            Ok(Err(_)) => return (event("gone", "", None), true),
            Ok(Ok(())) => {}
        }
        let Seen { pieces, is_gone } = self.seen.borrow_and_update().clone();
        if is_gone {
            return (event("gone", "", None), true);
        }
        let mut events = Vec::new();
        for (id, html) in pieces.iter() {
            if !self.sent.iter().any(|(own, old)| own == id && Arc::ptr_eq(old, html)) {
                events.extend_from_slice(&event("html", html, None));
            }
        }
        self.sent = pieces;
        (events.into(), false)
    }
}

/// Writes an event; each line of its text has a field of its own.
fn event(name: &str, text: &str, id: Option<&str>) -> Bytes {
    let mut event = String::new();
    if let Some(id) = id.filter(|id| !id.contains(['\n', '\r', '\0'])) {
        event.push_str("id: ");
        event.push_str(id);
        event.push('\n');
    }
    event.push_str("event: ");
    event.push_str(name);
    event.push('\n');
    // A carriage return ends a line, too.
    for line in text.split(['\n', '\r']) {
        event.push_str("data: ");
        event.push_str(line);
        event.push('\n');
    }
    event.push('\n');
    event.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_make_an_event_of_its_own() {
        let made = event("line", "one\n\nevent: html\rdata: <b>", Some("7"));
        let text = String::from_utf8(made.to_vec()).unwrap();
        assert_eq!(text, "id: 7\nevent: line\ndata: one\ndata: \ndata: event: html\ndata: data: <b>\n\n");
        assert!(!String::from_utf8(event("line", "x", Some("1\nevent: html")).to_vec()).unwrap().contains("html"));
    }
}
