//! Enables a code version that was pushed, where the service is to run what is pushed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::manager::core::{Manager, Service};
use crate::manager::operation::{self, Task};
use crate::model::{ServiceId, State};
use crate::service::{Change, MethodError};
use crate::store::manager::{self as store, NodeRow, Outcome};
use crate::task::poll;

const PAUSE: Duration = Duration::from_millis(200);
/// For how long an earlier change of the service is waited for.
const PATIENCE: Duration = Duration::from_secs(600);
/// For how long the outcome is told; the operation goes on in any case.
const LIMIT: Duration = Duration::from_secs(1200);

/// A version that is being enabled.
pub(super) struct Begun {
    version: String,
    /// `None` where the service has no nodes that could run it.
    operation: Option<String>,
    since: Instant,
}

/// Returns whether a service is to run what is pushed.
///
/// # Errors
/// The database fails.
pub(super) async fn is_wanted(manager: &Arc<Manager>, sid: ServiceId) -> Result<bool, MethodError> {
    Ok(manager.store.read(move |tx| store::auto_enable(tx, sid)).await?)
}

/// Begins to enable a version, once an earlier change of the service has ended.
///
/// # Errors
/// The service's state or its kind does not allow it.
pub(super) async fn begin(manager: &Arc<Manager>, service: &Service, version: &str) -> Result<Begun, MethodError> {
    let since = Instant::now();
    let sid = service.row.sid;
    while matches!(service.context.row().await?.state, State::Adapting | State::Prologue) && since.elapsed() < PATIENCE
    {
        tokio::time::sleep(PAUSE).await;
    }
    let row = service.context.expect_state(State::CODE_CAN_CHANGE).await?;
    let version = version.to_owned();
    if !row.state.can_call_nodes() {
        let id = version.clone();
        manager.store.write(move |tx| store::set_active_code(tx, sid, &id)).await?;
        return Ok(Begun { version, operation: None, since });
    }
    service.kind.manager.can_enable_code(&service.context).await?;
    let task = Task::Adapt { change: Change::Code { version: version.clone() } };
    let submitted = operation::submit(manager, sid, task, &format!("Code version '{version}' was pushed")).await?;
    Ok(Begun { version, operation: submitted.operation_id, since })
}

/// Waits for the end, and returns the sentence that tells it.
///
/// # Errors
/// The database fails.
pub(super) async fn outcome(manager: &Arc<Manager>, service: &Service, begun: Begun) -> Result<String, MethodError> {
    let sid = service.row.sid;
    let Begun { version, operation, since } = begun;
    let Some(id) = operation else {
        return Ok(format!("Service {sid} has no nodes now; it runs {version} when it is started."));
    };
    let look = || async {
        let wanted = id.clone();
        let outcome = manager.store.read(move |tx| store::find_outcome(tx, &wanted)).await?;
        Ok::<_, MethodError>(match outcome {
            Some(Outcome::UnderWay) => None,
            Some(Outcome::Failed(reason)) => Some(Err(reason)),
            Some(Outcome::Done) | None => Some(Ok(())),
        })
    };
    let left = LIMIT.saturating_sub(since.elapsed());
    Ok(match poll::until_told(poll::OWN_RECORDS, left, &manager.operation_ended, look).await? {
        None => format!("Service {sid} is still being changed; its history tells how that ends."),
        Some(Err(reason)) => format!("FAILED, and service {sid} goes on with the version before: {reason}"),
        Some(Ok(())) => {
            let seconds = since.elapsed().as_secs_f32();
            let place = shown_place(service, &service.context.nodes().await?);
            format!("Service {sid} runs {version} (after {seconds:.1} s){place}")
        }
    })
}

/// Where visitors come in, or the nodes of a service that is no site.
fn shown_place(service: &Service, nodes: &[NodeRow]) -> String {
    let manager = service.kind.manager;
    let entry = manager.entry_role();
    let is_shown = |node: &&NodeRow| entry.is_none_or(|role| manager.roles().read(&node.role).plays(role));
    let addresses = nodes.iter().filter(is_shown).map(|node| match entry {
        Some(_) => format!("http://{}/", node.view.ip),
        None => node.view.ip.clone(),
    });
    let addresses: Vec<String> = addresses.collect();
    if addresses.is_empty() { ".".to_owned() } else { format!(": {}", addresses.join(" ")) }
}
