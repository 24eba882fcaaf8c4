//! The composition root of the ingress.

use std::future::Ready;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;

use super::certificates::{self, Certificates};
use super::director::Director;
use super::follow::{Ingress, follow};
use super::options::IngressOptions;
use super::place::Place;
use super::visits;
use crate::clock::Clock;
use crate::server::log::{self, Times};
use crate::server::{self, Process, Threads};
use crate::supervise::daemon::{Outcome, Supervisor};
use crate::sys::{self, allocator};
use crate::task::Tasks;

const STOP_GRACE: Duration = Duration::from_secs(5);
/// How long requests that are under way have when all is to end.
const END_GRACE: Duration = Duration::from_secs(10);

const PROCESS: Process = Process {
    prefix: "ERROR",
    threads: Threads { workers: None, blocking: NonZeroUsize::new(4), thrift: None },
    task_grace: STOP_GRACE,
    blocking_grace: STOP_GRACE,
};

/// Serves what is published until it is told to stop; nginx goes on, and the next run takes it over. Prints why it cannot
/// start.
#[must_use]
pub(crate) fn run(options: IngressOptions) -> ExitCode {
    allocator::give_memory_back();
    log::start(LevelFilter::INFO, Times::Hidden);
    server::run(&PROCESS, |tasks| start(options, tasks))
}

/// Ends what an earlier run left at work: nothing that was published is reachable any more.
///
/// # Errors
/// It runs right now, or a program does not end.
pub(crate) async fn end(options: IngressOptions) -> anyhow::Result<()> {
    let place = Place::ensure(&options)?;
    let tasks = Tasks::new();
    let daemons = Supervisor::new(&place.daemons(), tasks.clone())?;
    let failures: Vec<String> = daemons.apply(Vec::new()).await.into_iter().filter_map(Outcome::failure).collect();
    tasks.stop(END_GRACE).await;
    if failures.is_empty() { Ok(()) } else { Err(anyhow::Error::msg(failures.join("; "))) }
}

async fn start(options: IngressOptions, tasks: Tasks) -> anyhow::Result<Ready<()>> {
    let (own, of_daemons) = (options.clone(), tasks.clone());
    let (place, daemons) = sys::blocking(move || {
        let place = Place::ensure(&own)?;
        certificates::forget_ended(&place.certificates(), Clock::system().unix_seconds());
        let daemons = Supervisor::new(&place.daemons(), of_daemons)?;
        Ok::<_, anyhow::Error>((place, daemons))
    })
    .await?;
    let director = Director::new(&options, &place);
    let told_of_visits = Director::new(&options, &place);
    let certificates = Certificates::new(place.clone(), options.acme.clone());
    tracing::info!(names = %options.names, "the ingress is ready");
    tasks.spawn("get certificates", certificates.clone().run(tasks.stopping()));
    tasks.spawn("tell of visitors", visits::tell(place.clone(), told_of_visits, tasks.stopping()));
    let ingress = Arc::new(Ingress { options, place, daemons, certificates });
    tasks.spawn("follow what is published", follow(ingress, director, tasks.stopping()));
    Ok(std::future::ready(()))
}
