//! Nodes of tended services that are gone: made anew, or taken out of their service.
//!
//! ```text
//!   the director says that a cloud ended and removed it ──▶ it is known dead, at once
//!   it does not answer while the others work ───────────▶ it is dead after some minutes
//! ```
//!
//! # Guarantees
//! - Where the nodes do not work together, nobody is dead but who the director says is.
//! - A service never loses the last node that can carry it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::round::{heal, may_heal};
use crate::manager::core::{Manager, Service};
use crate::manager::operation;
use crate::node::Level;
use crate::service::care::{CareDocument, Healing};
use crate::service::{MethodError, Player, Settling};
use crate::store::manager::NodeRow;
use crate::sys;

/// A node that lost its power is back before, and data that is copied anew costs more than a wait.
const SILENCE_LIMIT: Duration = Duration::from_secs(180);

/// Since when which nodes of one service have not answered.
#[derive(Debug, Default)]
pub(super) struct Absence {
    since: BTreeMap<String, Instant>,
    /// What was said last of what hinders this work, so that it is said once.
    said: String,
}

impl Absence {
    /// Looks after those nodes of a service that are not there, where its kind says how all of them work.
    pub(super) async fn look(
        &mut self,
        manager: &Arc<Manager>,
        service: &Service,
        nodes: &[NodeRow],
        settling: &Settling,
    ) {
        let problem = match self.replace(manager, service, nodes, settling).await {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        if problem != self.said && !problem.is_empty() {
            tracing::warn!("cannot look after nodes of service {} that are not there: {problem}", service.row.sid);
        }
        self.said = problem;
    }

    async fn replace(
        &mut self,
        manager: &Arc<Manager>,
        service: &Service,
        nodes: &[NodeRow],
        settling: &Settling,
    ) -> Result<(), MethodError> {
        let silent = match settling {
            Settling::Without(ids) => ids.as_slice(),
            _ => &[],
        };
        let late = self.take(silent, Instant::now());
        if *settling == Settling::Settled {
            return Ok(());
        }
        let vmids: Vec<&str> = nodes.iter().map(|node| node.view.vmid.as_str()).collect();
        let gone = manager.director.gone_nodes(&vmids).await;
        let gone = gone.map_err(|error| MethodError::refused(sys::chain(&error)))?;
        let is_gone = |node: &&NodeRow| gone.contains(&node.view.vmid);
        let (dead, living): (Vec<&NodeRow>, Vec<&NodeRow>) =
            nodes.iter().partition(|node| is_gone(node) || late.contains(&node.view.id));
        let roles = service.kind.manager.roles();
        let players: Vec<Player> = living.into_iter().map(|node| Player::of(node, roles)).collect();
        if dead.is_empty() || !roles.can_carry(&players) {
            return Ok(());
        }
        let sid = service.row.sid;
        let dead: Vec<NodeRow> = dead.into_iter().cloned().collect();
        let document = manager.store.read(move |tx| CareDocument::read(tx, sid)).await?;
        let healing = may_heal(manager, &document, dead.len()).await?;
        if healing == Healing::Now {
            return heal(manager, service, &dead).await;
        }
        let Some(why) = healing.obstacle() else { return Ok(()) };
        // Who is gone is not waited for; who may come back is.
        let ids: Vec<String> = dead.iter().filter(is_gone).map(|node| node.view.id.clone()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let reason = format!("Node {} is gone for good; {why}", ids.join(", "));
        if service.kind.manager.releases_nodes() {
            // What is lost with it cannot be released; whoever has the means for another node has the rest copied.
            return Err(MethodError::refused(reason));
        }
        operation::submit_removal(manager, sid, ids, &reason, |_| Ok(())).await?;
        manager.note(sid, Level::Error, &reason);
        Ok(())
    }

    /// Takes who does not answer at `now`, and returns those who have not for too long.
    fn take(&mut self, silent: &[String], now: Instant) -> Vec<String> {
        self.since.retain(|id, _| silent.contains(id));
        let is_late = |id: &&String| {
            let since = self.since.entry((*id).clone()).or_insert(now);
            now.duration_since(*since) >= SILENCE_LIMIT
        };
        silent.iter().filter(is_late).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_answers_in_between_is_not_late() {
        let (mut absence, now) = (Absence::default(), Instant::now());
        let silent = ["a".to_owned()];
        assert!(absence.take(&silent, now).is_empty());
        assert!(Absence::default().take(&silent, now + SILENCE_LIMIT).is_empty(), "another service has its own");
        assert_eq!(absence.take(&silent, now + SILENCE_LIMIT), silent);
        assert!(absence.take(&[], now + SILENCE_LIMIT).is_empty());
        assert!(absence.take(&silent, now + SILENCE_LIMIT).is_empty());
    }
}
