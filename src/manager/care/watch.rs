//! The one loop that looks after services: each in its own time, so that none waits for another's nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;

use super::absent::Absence;
use super::round::{Signs, round};
use super::tend::{Told, tend};
use crate::manager::core::{Manager, Service};
use crate::model::{ServiceId, State};
use crate::service::MethodError;
use crate::store::StoreError;
use crate::store::manager as store;
use crate::sys;
use crate::task::crash_point;

/// How long a service that has just begun to work may wait for its first look.
const PAUSE: Duration = Duration::from_secs(2);

/// What is remembered of a service from one look to the next.
#[derive(Debug)]
struct Memory {
    signs: Signs,
    told: Told,
    absence: Absence,
    round_at: Instant,
    tend_at: Instant,
}

impl Memory {
    fn new(old: &Arc<BTreeSet<String>>) -> Self {
        let (signs, told, now) = (Signs::new(Arc::clone(old)), Told::default(), Instant::now());
        Memory { round_at: now + signs.pause(), tend_at: now + told.pause(), absence: Absence::default(), signs, told }
    }

    /// Returns when a service is to be looked at next; never where its kind does not want it.
    fn due(&self, service: &Service) -> Option<Instant> {
        let kind = service.kind.manager;
        let round_at = kind.care().map(|_| self.round_at);
        let tend_at = kind.is_tended().then_some(self.tend_at);
        round_at.into_iter().chain(tend_at).min()
    }
}

/// Looks after all services until `stop`.
pub(crate) async fn look_after(manager: Arc<Manager>, stop: CancellationToken) {
    let old = match manager.store.read(|tx| store::list_nodes(tx, None)).await {
        Ok(nodes) => Arc::new(nodes.into_iter().map(|node| node.view.id).collect()),
        Err(error) => {
            tracing::error!("services are not looked after: {}", sys::chain(&error));
            return;
        }
    };
    let mut resting: BTreeMap<ServiceId, Memory> = BTreeMap::new();
    let mut looked_at: BTreeSet<ServiceId> = BTreeSet::new();
    let mut looks = FuturesUnordered::new();
    let mut pause = PAUSE;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Some((sid, memory)) = looks.next() => {
                looked_at.remove(&sid);
                resting.insert(sid, memory);
            }
            () = tokio::time::sleep(pause) => {}
        }
        let services = match at_work(&manager, &mut resting).await {
            Ok(services) => services,
            Err(error) => {
                tracing::warn!("cannot look after services: {}", sys::chain(&error));
                pause = PAUSE;
                continue;
            }
        };
        pause = PAUSE;
        for service in services {
            let sid = service.row.sid;
            if looked_at.contains(&sid) {
                continue;
            }
            let memory = resting.entry(sid).or_insert_with(|| Memory::new(&old));
            let Some(due) = memory.due(&service) else { continue };
            let left = due.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                pause = pause.min(left);
                continue;
            }
            let Some(memory) = resting.remove(&sid) else { continue };
            looked_at.insert(sid);
            looks.push(look(&manager, service, memory));
        }
    }
}

/// Returns the services that work, and forgets those that are gone. What was told of one that an operation changes is
/// forgotten: the operation looks after its nodes.
async fn at_work(manager: &Manager, resting: &mut BTreeMap<ServiceId, Memory>) -> Result<Vec<Service>, StoreError> {
    let rows = manager.store.read(store::list_services).await?;
    resting.retain(|sid, _| rows.iter().any(|row| row.sid == *sid));
    let (working, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.state == State::Running);
    for row in others {
        if let Some(memory) = resting.get_mut(&row.sid) {
            memory.told = Told::default();
        }
    }
    Ok(working.into_iter().filter_map(|row| manager.service(row)).collect())
}

async fn look(manager: &Arc<Manager>, service: Service, mut memory: Memory) -> (ServiceId, Memory) {
    let (sid, kind) = (service.row.sid, service.kind.manager);
    if let Some(care) = kind.care()
        && memory.round_at <= Instant::now()
    {
        say(sid, round(manager, &service, care, &mut memory.signs).await);
        crash_point("care.round");
        memory.round_at = Instant::now() + memory.signs.pause();
    }
    if kind.is_tended() && memory.tend_at <= Instant::now() {
        say(sid, tend(manager, &service, &mut memory.told, &mut memory.absence).await);
        memory.tend_at = Instant::now() + memory.told.pause();
    }
    (sid, memory)
}

fn say(sid: ServiceId, outcome: Result<(), MethodError>) {
    if let Err(error) = outcome {
        tracing::warn!("cannot look after service {sid}: {error}");
    }
}
