//! Certificates for names that users own: kept on disk, got in time, and renewed before they end.
//!
//! # Guarantees
//! - A certificate and its key are written whole, in one file that only this account reads.
//! - A name that gets none serves on without; the next try is later each time.
//! - Certificates are for names on the Internet only, and are asked for only where the operator said of whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::acme;
use super::options::AcmeOptions;
use super::place::Place;
use crate::api::{IngressSite, Troubles};
use crate::clock::Clock;
use crate::pki::remaining_seconds;
use crate::sys::excerpt::excerpt;
use crate::sys::{self, blocking, file};
use crate::task::backoff::{BackOff, Pauses};

/// How often it is looked which certificates are due.
const LOOK: Duration = Duration::from_secs(3600);
/// Authorities count what fails, and refuse for hours whoever fails often.
const PAUSES: Pauses =
    Pauses { first: Duration::from_secs(60), longest: Duration::from_secs(6 * 3600), well_after: Duration::MAX };
/// One name after the other: whoever publishes many costs others no more than time.
const BETWEEN: Duration = Duration::from_secs(3);
const MAX_REASON_CHARS: usize = 120;

/// Which names have certificates. Cheap to clone.
#[derive(Clone)]
pub(super) struct Certificates(Arc<Inner>);

struct Inner {
    place: Place,
    acme: Option<AcmeOptions>,
    names: watch::Sender<BTreeSet<String>>,
    failures: Mutex<BTreeMap<String, String>>,
    changed: Notify,
}

/// When a name is tried again.
struct Later {
    at: Instant,
    pauses: BackOff,
}

impl Certificates {
    pub(super) fn new(place: Place, acme: Option<AcmeOptions>) -> Self {
        let (names, _) = watch::channel(BTreeSet::new());
        let (failures, changed) = (Mutex::default(), Notify::new());
        Certificates(Arc::new(Inner { place, acme, names, failures, changed }))
    }

    /// Returns whether certificates are asked for at all.
    pub(super) fn is_on(&self) -> bool {
        self.0.acme.is_some()
    }

    /// Says which sites are served now, so that an authority can ask for them.
    pub(super) fn want(&self, sites: &[IngressSite]) {
        let wanted: BTreeSet<String> = sites.iter().filter_map(owned_name).map(str::to_owned).collect();
        self.0.names.send_if_modified(|names| {
            let is_other = *names != wanted;
            *names = wanted;
            is_other
        });
    }

    /// Returns the certificates and keys that there are, in PEM, by their names. Blocking.
    pub(super) fn kept(&self, sites: &[IngressSite]) -> BTreeMap<String, String> {
        let now = Clock::system().unix_seconds();
        let names = sites.iter().filter_map(owned_name).filter(|_| self.is_on());
        let read = |name: &str| {
            let text = file::read_text(&path_of(&self.0.place, name)).ok()?;
            (remaining_seconds(&text, now)? > 0).then(|| (name.to_owned(), text))
        };
        names.filter_map(read).collect()
    }

    /// Returns why sites have no certificate yet.
    pub(super) fn troubles(&self, sites: &[IngressSite], kept: &BTreeMap<String, String>) -> Troubles {
        let failures = self.0.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let trouble = |site: &IngressSite| {
            let name = owned_name(site).filter(|name| !kept.contains_key(*name))?;
            Some((site.number, format!("{name} has no certificate yet: {}", failures.get(name)?)))
        };
        sites.iter().filter_map(trouble).collect()
    }

    /// Returns once a certificate came, or failed to.
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Gets and renews certificates until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let Some(acme) = self.0.acme.clone() else { return };
        let mut wanted = self.0.names.subscribe();
        let mut later: BTreeMap<String, Later> = BTreeMap::new();
        loop {
            let names = wanted.borrow_and_update().clone();
            later.retain(|name, _| names.contains(name));
            let next = tokio::select! {
                () = stop.cancelled() => return,
                next = self.get_all(&acme, &names, &mut later) => next,
            };
            tokio::select! {
                () = stop.cancelled() => return,
                _ = wanted.changed() => {}
                () = tokio::time::sleep(next) => {}
            }
        }
    }

    /// Gets what is due. Returns how long to wait before the next look.
    async fn get_all(
        &self,
        acme: &AcmeOptions,
        names: &BTreeSet<String>,
        later: &mut BTreeMap<String, Later>,
    ) -> Duration {
        let is_later = |name: &String| later.get(name).is_some_and(|later| later.at > Instant::now());
        let (place, mut due) = (self.0.place.clone(), names.clone());
        due.retain(|name| !is_later(name));
        let due = blocking(move || {
            let now = Clock::system().unix_seconds();
            due.retain(|name| is_due(&place, name, now));
            due
        })
        .await;
        for name in due {
            match self.get(acme, &name).await {
                Ok(()) => {
                    tracing::info!(name, "a certificate came");
                    later.remove(&name);
                    self.failures(|failures| failures.remove(&name));
                }
                Err(reason) => {
                    let entry = later
                        .entry(name.clone())
                        .or_insert_with(|| Later { at: Instant::now(), pauses: BackOff::with(PAUSES) });
                    let pause = entry.pauses.after(Duration::ZERO);
                    entry.at = Instant::now() + pause;
                    tracing::warn!(name, again_in_s = pause.as_secs(), "no certificate: {reason}");
                    self.failures(|failures| failures.insert(name.clone(), excerpt(&reason, MAX_REASON_CHARS)));
                }
            }
            self.0.changed.notify_one();
            tokio::time::sleep(BETWEEN).await;
        }
        let next = later.values().map(|later| later.at.saturating_duration_since(Instant::now())).min();
        next.map_or(LOOK, |next| next.min(LOOK))
    }

    async fn get(&self, acme: &AcmeOptions, name: &str) -> Result<(), String> {
        let text = acme::order(acme, &self.0.place, name).await.map_err(|error| sys::chain(&error))?;
        let path = path_of(&self.0.place, name);
        let written = blocking(move || file::write_atomic(&path, text.as_bytes(), 0o600)).await;
        written.map_err(|error| sys::chain(&error))
    }

    fn failures<T>(&self, change: impl FnOnce(&mut BTreeMap<String, String>) -> T) {
        change(&mut self.0.failures.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Returns the name of a site that an authority can vouch for.
pub(super) fn owned_name(site: &IngressSite) -> Option<&str> {
    site.name.as_deref().filter(|name| name.contains('.') && !name.ends_with(".local"))
}

fn path_of(place: &Place, name: &str) -> PathBuf {
    place.certificates().join(format!("{name}.pem"))
}

/// Returns whether a name needs a certificate: it has none, or the last third of its life has begun. Blocking.
fn is_due(place: &Place, name: &str, now: i64) -> bool {
    let kept = file::read_text(&path_of(place, name)).ok();
    kept.and_then(|text| lifetime(&text)).is_none_or(|(begin, end)| now >= end - (end - begin) / 3)
}

/// Returns when the first certificate of a file begins and ends, in seconds since 1970.
fn lifetime(text: &str) -> Option<(i64, i64)> {
    let (_, block) = x509_parser::pem::parse_x509_pem(text.as_bytes()).ok()?;
    let certificate = block.parse_x509().ok()?;
    let validity = certificate.validity();
    Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
}

/// Removes certificates that have ended: their names are published no more. Blocking.
pub(super) fn forget_ended(directory: &Path, now: i64) {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let is_certificate = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "pem");
    for path in entries.map(|entry| entry.path()).filter(is_certificate) {
        let left = file::read_text(&path).ok().and_then(|text| remaining_seconds(&text, now));
        if left.is_none_or(|left| left < 0) {
            // It is looked at again at the next start.
            let _best_effort = file::ensure_absent(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ApplicationId, ServiceId};

    fn site(name: Option<&str>) -> IngressSite {
        IngressSite {
            number: 1,
            app_id: ApplicationId(1),
            service_id: ServiceId(1),
            protocol: "http".to_owned(),
            port: 8001,
            name: name.map(str::to_owned),
            servers: Vec::new(),
            state: crate::api::SiteState::Running,
            auth: None,
        }
    }

    fn certificate(begin: i64, end: i64) -> String {
        let mut params = rcgen::CertificateParams::new(vec!["blog.example.org".to_owned()]).unwrap();
        params.not_before = time::OffsetDateTime::from_unix_timestamp(begin).unwrap();
        params.not_after = time::OffsetDateTime::from_unix_timestamp(end).unwrap();
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn a_certificate_is_due_in_the_last_third_of_its_life() {
        let directory = tempfile::tempdir().unwrap();
        let place = Place::of_test(directory.path());
        std::fs::create_dir_all(place.certificates()).unwrap();
        let is_due_at = |now| is_due(&place, "blog.example.org", now);
        assert!(is_due_at(0), "there is none");
        std::fs::write(path_of(&place, "blog.example.org"), certificate(1000, 4000)).unwrap();
        assert!(!is_due_at(2999) && is_due_at(3000) && is_due_at(5000));
        std::fs::write(path_of(&place, "blog.example.org"), "half of a certif").unwrap();
        assert!(is_due_at(2000));
    }

    #[test]
    fn only_names_on_the_internet_have_certificates_and_those_that_ended_serve_no_more() {
        assert_eq!(owned_name(&site(Some("blog.example.org"))), Some("blog.example.org"));
        for name in [None, Some("blog.local"), Some("blog")] {
            assert_eq!(owned_name(&site(name)), None);
        }
        let directory = tempfile::tempdir().unwrap();
        let place = Place::of_test(directory.path());
        std::fs::create_dir_all(place.certificates()).unwrap();
        let acme = AcmeOptions { directory: "https://acme.example".to_owned(), contact: None, authority: None };
        let certificates = Certificates::new(place.clone(), Some(acme));
        let (sites, path) = ([site(Some("blog.example.org"))], path_of(&place, "blog.example.org"));
        let now = Clock::system().unix_seconds();
        std::fs::write(&path, certificate(now - 100, now - 10)).unwrap();
        assert!(certificates.kept(&sites).is_empty());
        std::fs::write(&path, certificate(now - 100, now + 100)).unwrap();
        assert_eq!(certificates.kept(&sites).len(), 1);
        assert!(Certificates::new(place, None).kept(&sites).is_empty(), "nobody said of whom");
        let account = path.with_file_name("account-00.json");
        std::fs::write(&account, "{}").unwrap();
        forget_ended(path.parent().unwrap(), now);
        assert!(path.exists());
        forget_ended(path.parent().unwrap(), now + 1000);
        assert!(!path.exists() && account.exists());
    }
}
