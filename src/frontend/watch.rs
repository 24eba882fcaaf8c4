//! Pages that are open: each is made anew while somebody looks at it, once for all tabs of a browser that show it.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;

use super::outcome::{Problem, Shown};
use crate::task::Tasks;

/// While something goes on.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
const IDLE_PAUSE: Duration = Duration::from_secs(4);

/// What makes two open pages the same: session, path and language.
pub(super) type Key = (String, String, &'static str);

type Pause = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How a page is made.
pub(super) struct Maker {
    /// Makes it once.
    pub(super) make: Box<dyn Fn() -> Pin<Box<dyn Future<Output = Shown> + Send>> + Send + Sync>,
    /// Waits so long, or until there is something new to be shown.
    pub(super) wait: Box<dyn Fn(Duration) -> Pause + Send + Sync>,
    /// Whether it may still be made: whether its session has not ended.
    pub(super) is_allowed: Box<dyn Fn() -> bool + Send + Sync>,
}

/// The live pieces of a page, by id. A text that stays the same is the same one.
pub(super) type Pieces = Vec<(&'static str, Arc<str>)>;

/// A page as it was made last.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) pieces: Arc<Pieces>,
    /// Whether what it shows is no more.
    pub(super) is_gone: bool,
}

/// All pages that are open.
#[derive(Default)]
pub(super) struct Watches {
    open: Mutex<HashMap<Key, Weak<Watch>>>,
}

/// A page that somebody looks at; when nobody holds it any more, it is not made anew.
pub(super) struct Watch {
    seen: Receiver<Seen>,
}

impl Watch {
    /// Returns how the page is, and how it becomes.
    pub(super) fn seen(&self) -> Receiver<Seen> {
        self.seen.clone()
    }
}

impl Watches {
    /// Returns a page, which is made anew from now on unless it is already.
    pub(super) fn look(&self, key: Key, tasks: &Tasks, maker: Maker) -> Arc<Watch> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, watch| watch.strong_count() > 0);
        if let Some(watch) = open.get(&key).and_then(Weak::upgrade) {
            return watch;
        }
        let (sender, seen) = watch::channel(Seen::default());
        tasks.spawn("make an open page anew", make_anew(maker, sender, tasks.stopping()));
        let watch = Arc::new(Watch { seen });
        open.insert(key, Arc::downgrade(&watch));
        watch
    }
}

/// Makes the page until nobody looks any more, its session ends, or what it shows is no more.
async fn make_anew(maker: Maker, sender: Sender<Seen>, stopping: CancellationToken) {
    loop {
        let pause = tokio::select! {
            () = stopping.cancelled() => return,
            () = sender.closed() => return,
            made = (maker.make)() => take(made, &sender),
        };
        let Some(pause) = pause else { return };
        tokio::select! {
            () = stopping.cancelled() => return,
            () = sender.closed() => return,
            () = (maker.wait)(pause) => {}
        }
        if !(maker.is_allowed)() {
            return;
        }
    }
}

/// Tells those who look what has changed. Returns when to make the page again; one that fails is tried again later.
fn take(made: Shown, sender: &Sender<Seen>) -> Option<Duration> {
    match made {
        Ok(page) => {
            let before = Arc::clone(&sender.borrow().pieces);
            let pieces: Pieces =
                page.live_pieces().into_iter().map(|(id, html)| (id, kept(&before, id, html))).collect();
            let is_new = |(id, html): &(&str, Arc<str>)| find(&before, id).is_none_or(|old| !Arc::ptr_eq(old, html));
            if pieces.iter().any(is_new) {
                sender.send_replace(Seen { pieces: Arc::new(pieces), is_gone: false });
            }
            Some(if page.is_busy { BUSY_PAUSE } else { IDLE_PAUSE })
        }
        Err(Problem::NotFound) => {
            sender.send_replace(Seen { pieces: Arc::default(), is_gone: true });
            None
        }
        Err(_) => Some(IDLE_PAUSE),
    }
}

/// Returns the text of a piece; the old one where it is the same.
fn kept(before: &Pieces, id: &str, html: String) -> Arc<str> {
    let old = find(before, id).filter(|old| ***old == *html);
    old.map_or_else(|| html.into(), Arc::clone)
}

fn find<'a>(pieces: &'a Pieces, id: &str) -> Option<&'a Arc<str>> {
    pieces.iter().find(|(own, _)| *own == id).map(|(_, html)| html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_stays_the_same_is_kept_once() {
        let before: Pieces = vec![("head", "one".into())];
        assert!(Arc::ptr_eq(&kept(&before, "head", "one".to_owned()), &before[0].1));
        assert_eq!(&*kept(&before, "head", "two".to_owned()), "two");
        assert_eq!(&*kept(&before, "body", "one".to_owned()), "one");
    }
}
