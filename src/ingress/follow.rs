//! Follows what is published, and makes nginx and the names of the local network be like it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::announce::{self, Conflicts};
use super::certificates::Certificates;
use super::director::{Director, Serving};
use super::logs;
use super::nginx::{self, NGINX, Wanted};
use super::nginx_program::NginxProgram;
use super::options::IngressOptions;
use super::place::Place;
use super::ports;
use crate::api::{IngressSite, IngressView, Troubles};
use crate::service::web::reload::{self, Closing, OldWorkers};
use crate::supervise::daemon::{Change, Daemon, DaemonState, Outcome, Supervisor};
use crate::sys::{self, blocking, file};

/// Each reload leaves workers behind for a minute: whoever publishes again and again does not make them many.
const BETWEEN_RELOADS: Duration = Duration::from_secs(3);
/// For how long an answer of the director may wait for a change.
const WAIT: Duration = Duration::from_secs(20);
/// After the director has not answered.
const AGAIN: Duration = Duration::from_secs(2);

/// An ingress at work.
pub(super) struct Ingress {
    pub(super) options: IngressOptions,
    pub(super) place: Place,
    pub(super) daemons: Supervisor,
    pub(super) certificates: Certificates,
}

/// What nginx and avahi were made to be last.
#[derive(Default)]
struct Served {
    view: IngressView,
    listens: BTreeSet<SocketAddr>,
    taken: BTreeSet<SocketAddr>,
    conflicts: Conflicts,
    troubles: Troubles,
    /// Sites whose names open by HTTPS.
    secure: BTreeSet<i64>,
}

impl Served {
    fn serving(&self) -> Serving<'_> {
        Serving { digest: &self.view.digest, troubles: &self.troubles, secure: &self.secure }
    }
}

/// Takes up what an earlier run left, and follows the director until `stop`.
pub(super) async fn follow(ingress: Arc<Ingress>, mut director: Director, stop: CancellationToken) {
    let mut served = Served { view: remembered(&ingress.place).await, ..Served::default() };
    // What runs still has its ports.
    ingress.daemons.resume().await;
    let is_up = ingress.daemons.status_of(NGINX).is_some_and(|nginx| nginx.process.is_some());
    if is_up {
        served.listens = nginx::addresses(&ingress.options, &served.view.sites).into_iter().collect();
    }
    let mark = ingress.place.mark();
    blocking(move || reload::forget(&mark)).await;
    apply(&ingress, &mut served).await;
    let mut is_told = false;
    loop {
        let answer = tokio::select! {
            () = stop.cancelled() => return,
            () = ingress.certificates.changed() => {
                apply(&ingress, &mut served).await;
                continue;
            }
            answer = director.sites(served.serving(), WAIT) => answer,
        };
        let (view, shortest) = match answer {
            Ok(view) => {
                is_told = false;
                (Some(view), Duration::ZERO)
            }
            Err(error) => {
                // What is published serves on.
                if !std::mem::replace(&mut is_told, true) {
                    tracing::warn!("cannot learn what is published: {}", sys::chain(&error));
                }
                (None, AGAIN)
            }
        };
        let pause = match tend(&ingress, &mut served, view).await {
            Tended::Nothing => shortest,
            Tended::Changed => {
                // Nodes that are left out by now may go. Who does not hear it learns it by the next question.
                let _heard = director.sites(served.serving(), Duration::ZERO).await;
                BETWEEN_RELOADS
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// What has become of what is served.
enum Tended {
    Nothing,
    Changed,
}

/// Carries out what the director says, if it differs, and looks after what is outside of its word.
async fn tend(ingress: &Arc<Ingress>, served: &mut Served, view: Option<IngressView>) -> Tended {
    let new = view.filter(|view| view.digest != served.view.digest);
    let is_new = new.is_some();
    if let Some(view) = new {
        remember(&ingress.place, &view).await;
        served.view = view;
    }
    let is_other = look(ingress, served).await;
    if is_new || is_other {
        apply(ingress, served).await;
        return Tended::Changed;
    }
    Tended::Nothing
}

/// Looks after logs. Returns whether ports came free or names were lost meanwhile.
async fn look(ingress: &Arc<Ingress>, served: &mut Served) -> bool {
    let main = ingress.daemons.status_of(NGINX).and_then(|nginx| nginx.process);
    let (own, sites, taken) = (Arc::clone(ingress), served.view.sites.clone(), served.taken.clone());
    let mut conflicts = std::mem::take(&mut served.conflicts);
    let (conflicts, is_other) = blocking(move || {
        let numbers: Vec<i64> = sites.iter().map(|site| site.number).collect();
        logs::tend(&own.place.logs(), main, &numbers);
        let is_lost = conflicts.look(&own.place, &sites);
        let is_free = ports::taken(taken.iter().copied(), &BTreeSet::new()) != taken;
        (conflicts, is_lost || is_free)
    })
    .await;
    served.conflicts = conflicts;
    is_other
}

/// Makes nginx and avahi be as wanted.
async fn apply(ingress: &Arc<Ingress>, served: &mut Served) {
    let nginx = match NginxProgram::find().await {
        Ok(nginx) => nginx,
        Err(error) => return fail(served, &sys::chain(&error)),
    };
    let (own, sites, before) = (Arc::clone(ingress), served.view.sites.clone(), served.listens.clone());
    let conflicts = std::mem::take(&mut served.conflicts);
    let (conflicts, taken, wanted, names, kept) = blocking(move || {
        let taken = ports::taken(nginx::addresses(&own.options, &sites).into_iter(), &before);
        let kept = own.certificates.kept(&sites);
        let wanted = nginx::of(&nginx, &own.options, &own.place, &sites, &kept, &taken);
        let names = announce::of(&own.place, &sites, own.options.announce, &conflicts);
        (conflicts, taken, wanted, names, kept)
    })
    .await;
    served.troubles = ingress.certificates.troubles(&served.view.sites, &kept);
    served.troubles.extend(conflicts.troubles(&served.view.sites));
    served.conflicts = conflicts;
    served.taken = taken;
    let Wanted { daemon, listens, secure, troubles } = match wanted {
        Ok(wanted) => wanted,
        Err(error) => return fail(served, &sys::chain(&error)),
    };
    served.troubles.extend(troubles);
    let outcomes = run(ingress, daemon, names).await;
    let failures: Vec<String> = outcomes.into_iter().filter_map(Outcome::failure).collect();
    if failures.is_empty() {
        served.listens = listens;
        served.secure = secure;
        ingress.certificates.want(&served.view.sites);
        let n_sites = served.view.sites.len();
        tracing::info!(n_sites, n_troubles = served.troubles.len(), "serves what is published");
    } else {
        fail(served, &failures.join("; "));
    }
}

/// Has all owners know that their sites may not be found.
fn fail(served: &mut Served, reason: &str) {
    tracing::warn!("what is published cannot be served: {reason}");
    let text = "the ingress cannot serve it: its log says why";
    let numbers = served.view.sites.iter().map(|site: &IngressSite| site.number);
    served.troubles.extend(numbers.map(|number| (number, text.to_owned())));
}

/// Runs the programs; a reload of nginx closes no connection that a visitor is about to use.
async fn run(ingress: &Arc<Ingress>, nginx: Daemon, names: Vec<Daemon>) -> Vec<Outcome> {
    let status = ingress.daemons.status_of(NGINX);
    let main = status.filter(|nginx| nginx.state == DaemonState::Ready).and_then(|nginx| nginx.process);
    let closing = match main {
        Some(_) => Some(Closing::begin(ingress.place.mark(), ingress.options.control).await),
        None => None,
    };
    let workers = match main {
        Some(main) => Some(blocking(move || OldWorkers::of(main)).await),
        None => None,
    };
    let outcomes = ingress.daemons.apply(std::iter::once(nginx).chain(names).collect()).await;
    let is_reload =
        |outcome: &Outcome| outcome.name.as_str() == NGINX && matches!(outcome.change, Ok(Change::Reloaded));
    if let Some(workers) = workers.filter(|_| outcomes.iter().any(is_reload)) {
        workers.leave().await;
    }
    drop(closing);
    outcomes
}

async fn remembered(place: &Place) -> IngressView {
    let path = place.memory();
    blocking(move || {
        let text = file::read_text(&path).ok()?;
        serde_json::from_str(&text).ok()
    })
    .await
    .unwrap_or_default()
}

/// What cannot be remembered is asked for again.
async fn remember(place: &Place, view: &IngressView) {
    let (path, text) = (place.memory(), serde_json::to_vec(view).expect("it is plain data"));
    if let Err(error) = blocking(move || file::write_atomic(&path, &text, 0o600)).await {
        tracing::warn!("what is published is not remembered: {}", sys::chain(&error));
    }
}
