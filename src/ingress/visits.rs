//! Tells the director what visitors ask for: figures of the last seconds, and access logs as they grow.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::director::Director;
use super::place::Place;
use crate::api::SiteVisits;
use crate::api::figures::ProxyFigures;
use crate::clock::Clock;
use crate::service::web::proxy_log::ProxyLog;
use crate::sys::follow::{self, Cursor};
use crate::sys::{self, blocking};

const PAUSE: Duration = Duration::from_secs(2);
/// Of one site at a time. Of one that is visited more than this tells the newest lines are told.
const MAX_LINES_BYTES: u64 = 8 * 1024;
/// At a time; the other sites have their turn at the next one.
const MAX_TOLD_BYTES: usize = 24 * 1024;

/// The access log of a site, as far as it was told.
struct SiteLog {
    path: PathBuf,
    requests: ProxyLog,
    /// `None` before anything was told, and where too much came.
    cursor: Option<Cursor>,
    figures: ProxyFigures,
}

/// Looks at all logs until `stop`, and tells what is new.
pub(super) async fn tell(place: Place, mut director: Director, stop: CancellationToken) {
    let mut logs: BTreeMap<i64, SiteLog> = BTreeMap::new();
    let mut is_told = true;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
        let directory = place.logs();
        let now = u64::try_from(Clock::system().unix_seconds()).unwrap_or_default();
        let (looked, told) = blocking(move || {
            let told = look(&directory, &mut logs, now);
            (logs, told)
        })
        .await;
        logs = looked;
        if told.is_empty() {
            continue;
        }
        let outcome = director.tell_visits(&told).await;
        if let Err(error) = &outcome {
            // A director that comes back knows nothing of visitors.
            logs.values_mut().for_each(|log| log.cursor = None);
            if is_told {
                tracing::warn!("cannot tell of visitors: {}", sys::chain(error));
            }
        }
        is_told = outcome.is_ok();
    }
}

/// Returns what is new of each site. Blocking.
fn look(directory: &Path, logs: &mut BTreeMap<i64, SiteLog>, now: u64) -> BTreeMap<i64, SiteVisits> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let number = |name: &str| name.strip_suffix(".log")?.parse::<i64>().ok();
    let numbers: Vec<i64> = entries.filter_map(|entry| number(entry.file_name().to_str()?)).collect();
    logs.retain(|number, _| numbers.contains(number));
    let mut told = BTreeMap::new();
    let mut n_bytes = 0;
    for number in numbers {
        if n_bytes >= MAX_TOLD_BYTES {
            break;
        }
        let log = logs.entry(number).or_insert_with(|| SiteLog::new(&directory.join(format!("{number}.log"))));
        if let Some(visits) = log.look(now) {
            n_bytes += visits.log.len();
            told.insert(number, visits);
        }
    }
    told
}

impl SiteLog {
    fn new(path: &Path) -> Self {
        let (requests, path) = (ProxyLog::new(path), path.to_owned());
        SiteLog { path, requests, cursor: None, figures: ProxyFigures::default() }
    }

    /// Returns what is new, if anything is.
    fn look(&mut self, now: u64) -> Option<SiteVisits> {
        let figures = self.requests.figures(now);
        let may_repeat = self.cursor.is_none();
        let log = match follow::read_lines(&self.path, self.cursor, MAX_LINES_BYTES) {
            Ok((log, cursor)) => {
                let is_more = log.len() as u64 > MAX_LINES_BYTES / 2 && !may_repeat;
                self.cursor = (!is_more).then_some(cursor);
                log
            }
            Err(error) => {
                tracing::debug!("{}", sys::chain(&error));
                String::new()
            }
        };
        let had_visits = std::mem::replace(&mut self.figures, figures).n_requests > 0;
        (!log.is_empty() || figures.n_requests > 0 || had_visits).then_some(SiteVisits { figures, log, may_repeat })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn line(at: u64, path: &str) -> String {
        format!("10.0.0.9 - - [x] \"GET {path} HTTP/1.1\" 200 512 \"-\" \"curl\" 10.0.0.3:80 {at}.250 0.010\n")
    }

    #[test]
    fn what_is_new_is_told_until_nothing_is() {
        let directory = tempfile::tempdir().unwrap();
        let append = |text: &str| {
            let mut file =
                std::fs::OpenOptions::new().create(true).append(true).open(directory.path().join("7.log")).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        std::fs::write(directory.path().join("other"), b"x").unwrap();
        let mut logs = BTreeMap::new();
        let mut look = |now| look(directory.path(), &mut logs, now);
        assert!(look(100).is_empty());
        append(&line(90, "/a"));
        let told = look(100);
        assert_eq!((told[&7].log.as_str(), told[&7].may_repeat), (line(90, "/a").as_str(), true));
        assert_eq!(told[&7].figures.n_requests, 1);
        append(&line(101, "/b"));
        let told = look(103);
        assert_eq!((told[&7].log.as_str(), told[&7].may_repeat), (line(101, "/b").as_str(), false));
        assert_eq!(look(130)[&7].figures.n_requests, 0, "that there are no visitors any more");
        assert!(look(132).is_empty());
    }

    #[test]
    fn of_many_visits_the_newest_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("7.log");
        std::fs::write(&path, line(90, "/first")).unwrap();
        let mut logs = BTreeMap::new();
        look(directory.path(), &mut logs, 100);
        let many: String = (0..2000).map(|n| line(100, &format!("/{n}"))).collect();
        std::fs::write(&path, line(90, "/first") + &many).unwrap();
        let told = look(directory.path(), &mut logs, 100);
        assert!(told[&7].log.len() as u64 <= MAX_LINES_BYTES);
        let told = look(directory.path(), &mut logs, 102);
        assert!(told[&7].may_repeat && told[&7].log.ends_with(&line(100, "/1999")));
    }
}
