//! Has a kind do what its nodes need to work together.

use std::sync::Arc;
use std::time::Duration;

use super::absent::Absence;
use super::volumes;
use crate::manager::core::{Manager, Service};
use crate::node::Level;
use crate::service::{MethodError, Settling};

/// While all is well; each look costs a call of each node.
const PAUSE: Duration = Duration::from_secs(4);
/// While something is not.
const SHORT_PAUSE: Duration = Duration::from_secs(1);

/// What was said last of the nodes of a service, so that it is said once.
#[derive(Debug, Default)]
pub(super) struct Told(Option<String>);

impl Told {
    /// Returns how long it is until the next look.
    pub(super) fn pause(&self) -> Duration {
        if self.0.is_some() { SHORT_PAUSE } else { PAUSE }
    }
}

/// Asks the kind of a service to look after its nodes, and tells what is not well with them.
pub(super) async fn tend(
    manager: &Arc<Manager>,
    service: &Service,
    told: &mut Told,
    absence: &mut Absence,
) -> Result<(), MethodError> {
    let nodes = service.context.nodes().await?;
    // Nodes work together whether or not their volumes grow.
    let grown = volumes::grow(manager, service, &nodes).await;
    let settling = service.kind.manager.settle(&service.context, &nodes, &[]).await;
    if let Ok(settling) = &settling {
        absence.look(manager, service, &nodes, settling).await;
    }
    let problem = match settling {
        Ok(Settling::Settled) => grown.err().map(|error| error.to_string()),
        Ok(Settling::Without(ids)) => Some(format!("they serve without {}, which does not answer", ids.join(", "))),
        Ok(Settling::Waits(why) | Settling::Missing(why)) => Some(why),
        Err(error) => Some(error.to_string()),
    };
    let sid = service.row.sid;
    match &problem {
        Some(problem) if told.0.as_ref() != Some(problem) => {
            manager.note(sid, Level::Warning, &format!("the nodes do not work together: {problem}"));
        }
        None if told.0.is_some() => manager.note(sid, Level::Info, "the nodes work together again"),
        Some(_) | None => {}
    }
    told.0 = problem;
    Ok(())
}
