//! What visitors asked published services for lately, as ingresses tell.
//!
//! It is kept in memory alone: an ingress that finds a director anew tells the newest lines again.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::api::figures::ProxyFigures;
use crate::api::manager::LogText;
use crate::api::{SiteVisits, VisitsView};
use crate::sys::random;

/// Of one site, the newest.
const MAX_LOG_BYTES: usize = 32 * 1024;
/// Of all sites; of the one that was not visited for longest nothing is kept when there are more.
const MAX_SITES: usize = 256;
const MAX_INGRESSES: usize = 16;
/// An ingress tells every two seconds while there are visitors.
const FRESH: Duration = Duration::from_secs(10);
/// By so much of the end it is found out what was told before.
const MARK_BYTES: usize = 400;

/// What each site was asked for, by its number.
pub(crate) struct KnownVisits {
    /// A cursor of another director means nothing here.
    instance: String,
    sites: Mutex<BTreeMap<i64, Site>>,
}

struct Site {
    log: Log,
    figures: BTreeMap<IpAddr, (Instant, ProxyFigures)>,
    heard: Instant,
}

/// The end of a text that grows.
#[derive(Default)]
struct Log {
    text: String,
    /// How much there was before it.
    n_before: u64,
}

impl Default for KnownVisits {
    fn default() -> Self {
        KnownVisits { instance: random::alphanumeric(8), sites: Mutex::default() }
    }
}

impl KnownVisits {
    /// Remembers what the ingress at an address tells of some sites.
    pub(crate) fn remember(&self, ingress: IpAddr, told: BTreeMap<i64, SiteVisits>, now: Instant) {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, visits) in told {
            let site = sites.entry(number).or_insert_with(|| Site::new(now));
            site.heard = now;
            site.log.add(&visits.log, visits.may_repeat);
            if site.figures.len() < MAX_INGRESSES || site.figures.contains_key(&ingress) {
                site.figures.insert(ingress, (now, visits.figures));
            }
        }
        while sites.len() > MAX_SITES {
            let oldest = sites.iter().min_by_key(|(_, site)| site.heard).map(|(number, _)| *number);
            oldest.and_then(|number| sites.remove(&number));
        }
    }

    /// Returns how it goes with a site at `now`, if an ingress told lately.
    pub(crate) fn figures(&self, number: i64, now: Instant) -> Option<VisitsView> {
        let sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let site = sites.get(&number)?;
        let is_fresh = |heard: Instant| now.saturating_duration_since(heard) < FRESH;
        let fresh = site.figures.values().filter(|(heard, _)| is_fresh(*heard)).map(|(_, figures)| *figures);
        fresh.map(VisitsView::from).reduce(VisitsView::with)
    }

    /// Returns the log of a site behind the cursor of an earlier call, or all that is known of it.
    pub(crate) fn log(&self, number: i64, cursor: Option<&str>) -> LogText {
        let sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let own = cursor.and_then(|cursor| cursor.strip_prefix(&self.instance)?.strip_prefix('-')?.parse().ok());
        let (log, end) = sites.get(&number).map(|site| site.log.behind(own)).unwrap_or_default();
        LogText { log: log.to_owned(), cursor: cursor.map(|_| format!("{}-{end}", self.instance)) }
    }
}

impl Site {
    fn new(now: Instant) -> Self {
        Site { log: Log::default(), figures: BTreeMap::new(), heard: now }
    }
}

impl Log {
    fn add(&mut self, lines: &str, may_repeat: bool) {
        let mark = &self.text[floor(&self.text, self.text.len().saturating_sub(MARK_BYTES))..];
        let known = lines.rfind(mark).filter(|_| may_repeat && !mark.is_empty()).map(|at| at + mark.len());
        self.text.push_str(&lines[known.unwrap_or_default()..]);
        let surplus = floor(&self.text, self.text.len().saturating_sub(MAX_LOG_BYTES));
        if surplus > 0 {
            // A line is kept as a whole, or not at all.
            let end = self.text[surplus..].find('\n').map_or(self.text.len(), |at| surplus + at + 1);
            self.text.drain(..end);
            self.n_before += end as u64;
        }
    }

    /// Returns what lies behind a place, and where the end is. Of a place that it does not have any more all lies behind.
    fn behind(&self, place: Option<u64>) -> (&str, u64) {
        let at = place.and_then(|place| usize::try_from(place.checked_sub(self.n_before)?).ok());
        let new = at.and_then(|at| self.text.get(at..)).unwrap_or(&self.text);
        (new, self.n_before + self.text.len() as u64)
    }
}

/// Returns the last boundary of a character that is not behind `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn told(number: i64, log: &str, may_repeat: bool) -> BTreeMap<i64, SiteVisits> {
        let figures = ProxyFigures { window_ms: 10_000, n_requests: 20, total_ms: 100, ..ProxyFigures::default() };
        BTreeMap::from([(number, SiteVisits { figures, log: log.to_owned(), may_repeat })])
    }

    #[test]
    fn each_line_is_read_once_and_a_repetition_is_no_new_line() {
        let visits = KnownVisits::default();
        let now = Instant::now();
        assert_eq!(visits.log(1, None).log, "");
        visits.remember(HERE, told(1, "a\nb\n", true), now);
        let first = visits.log(1, Some(""));
        assert_eq!(first.log, "a\nb\n");
        visits.remember(HERE, told(1, "a\nb\nc\n", true), now);
        let second = visits.log(1, first.cursor.as_deref());
        assert_eq!(second.log, "c\n");
        visits.remember(HERE, told(1, "c\n", false), now);
        assert_eq!(visits.log(1, second.cursor.as_deref()).log, "c\n", "two visitors may ask for the same");
        assert_eq!(KnownVisits::default().log(1, second.cursor.as_deref()).log, "");
        assert_eq!(visits.log(1, Some("other-3")).log, "a\nb\nc\nc\n");
        assert_eq!(visits.log(2, None).log, "", "of another site");
    }

    #[test]
    fn memory_has_bounds_and_whole_lines_are_kept() {
        let visits = KnownVisits::default();
        let now = Instant::now();
        let cursor = visits.log(0, Some("")).cursor;
        let line = "ä".repeat(49) + "\n";
        for number in 0..=MAX_SITES as i64 {
            for _ in 0..5 {
                visits.remember(HERE, told(number, &line.repeat(100), false), now + Duration::from_secs(number as u64));
            }
        }
        assert_eq!(visits.log(0, None).log, "", "the oldest gave way");
        let kept = visits.log(1, cursor.as_deref()).log;
        assert!(kept.len() <= MAX_LOG_BYTES && kept.len() > MAX_LOG_BYTES - 100, "{}", kept.len());
        assert!(kept.lines().all(|kept| kept == line.trim_end()));
    }

    #[test]
    fn figures_of_ingresses_are_added_and_grow_old() {
        let visits = KnownVisits::default();
        let now = Instant::now();
        assert_eq!(visits.figures(1, now), None);
        for last in 1..=2u8 {
            visits.remember([10, 0, 0, last].into(), told(1, "", false), now);
        }
        let view = visits.figures(1, now).unwrap();
        assert_eq!((view.requests_per_second, view.failed_per_second, view.mean_ms), (4.0, 0.0, 5.0));
        assert_eq!(visits.figures(1, now + FRESH), None);
    }
}
