//! The stream of a page that is open: the same page is made again, and pieces of it that changed are sent.
//!
//! Events: `html` is a piece, which takes the place of the one with its id; `line` is what a log got, its id being
//! from where a new stream goes on; `gone` says that the session ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::outcome::{Problem, Shown};
use super::page::read_log;
use super::site::OpenPage;
use super::visit::Visit;
use crate::rpc::Response;
use crate::sys::pipe::ByteStream;

/// While something goes on.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
const IDLE_PAUSE: Duration = Duration::from_secs(4);
const LOG_PAUSE: Duration = Duration::from_secs(1);
/// A stream without events says so often that it lives.
const SILENCE: Duration = Duration::from_secs(15);

type Show = fn(Arc<Visit>) -> std::pin::Pin<Box<dyn Future<Output = Shown> + Send>>;

struct Stream {
    visit: Arc<Visit>,
    _right: OpenPage,
    what: What,
    spoke: Instant,
    pause: Duration,
    is_over: bool,
}

enum What {
    /// Pieces as they were sent last, by id.
    Pieces(Show, HashMap<&'static str, String>),
    /// From where a log goes on.
    Log(String),
}

/// Answers with the stream of a page; of a log, when it says from where.
pub(super) fn answer(visit: Arc<Visit>, show: Show, cursor: Option<String>) -> Result<Response, Problem> {
    let right = visit.site.open_page(visit.uid);
    let right = right.ok_or_else(|| Problem::Form(visit.t.too_many_pages.to_owned()))?;
    let what = match cursor {
        Some(cursor) => What::Log(cursor),
        None => What::Pieces(show, HashMap::new()),
    };
    let first = Stream { visit, _right: right, what, spoke: Instant::now(), pause: Duration::ZERO, is_over: false };
    let events = stream::unfold(first, |stream| async move { stream.next().await });
    let begin = stream::iter([Ok(Bytes::from_static(b"retry: 2000\n\n"))]);
    let all: ByteStream = begin.chain(events.map(Ok)).boxed();
    Ok(Response::events(all))
}

impl Stream {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        loop {
            if self.is_over {
                return None;
            }
            let stopping = self.visit.site.stopping.clone();
            tokio::select! {
                () = stopping.cancelled() => return None,
                () = tokio::time::sleep(self.pause) => {}
            }
            if !self.visit.site.sessions.is_there(&self.visit.secret.name()) {
                self.is_over = true;
                return Some((event("gone", "", None), self));
            }
            let said = tokio::select! {
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

    /// Returns the events since the last look; a look that fails is tried again later.
    async fn look(&mut self) -> Bytes {
        match &mut self.what {
            What::Log(cursor) => {
                self.pause = LOG_PAUSE;
                let Ok(log) = read_log(&self.visit, cursor).await else { return Bytes::new() };
                *cursor = log.cursor.unwrap_or_default();
                let text = log.log.trim_end_matches('\n');
                if text.is_empty() { Bytes::new() } else { event("line", text, Some(cursor)) }
            }
            What::Pieces(show, sent) => {
                let page = match show(Arc::clone(&self.visit)).await {
                    Ok(page) => page,
                    Err(Problem::NotFound) => {
                        self.is_over = true;
                        return event("gone", "", None);
                    }
                    Err(_) => {
                        self.pause = IDLE_PAUSE;
                        return Bytes::new();
                    }
                };
                self.pause = if page.is_busy { BUSY_PAUSE } else { IDLE_PAUSE };
                let mut events = Vec::new();
                for (id, html) in page.live_pieces() {
                    if sent.get(id) != Some(&html) {
                        events.extend_from_slice(&event("html", &html, None));
                        sent.insert(id, html);
                    }
                }
                events.into()
            }
        }
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
