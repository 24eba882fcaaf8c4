//! A node of an application that asks the director for something.
//!
//! # Guarantees
//! - Nothing is done for an application that is stopped, or for a node that is
//!   not wanted any more. That is looked at in the transaction of the effect:
//!   a stop comes before it or after it, never in between.

use super::error::Failure;
use crate::model::{ApplicationId, NodeRole, UserId};
use crate::pki::NodeNumber;
use crate::store::Transaction;
use crate::store::director::{application, node};

/// Who asks, as the certificate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asker {
    /// Whose application it is.
    pub(crate) uid: UserId,
    /// The application.
    pub(crate) aid: ApplicationId,
    /// What the node is.
    pub(crate) role: NodeRole,
    /// Which node it is; certificates that a manager had signed do not say.
    pub(crate) node: Option<NodeNumber>,
}

impl Asker {
    /// Refuses if the application is stopped or the node is not wanted. To be
    /// called in the transaction in which something is done.
    pub(crate) fn expect_wanted(&self, tx: &Transaction<'_>) -> Result<(), Failure> {
        let state = application::status(tx, self.aid)?;
        if !state.is_some_and(crate::model::State::can_have_nodes) || !self.is_node_wanted(tx)? {
            return Err(self.refusal());
        }
        Ok(())
    }

    /// Refuses a certificate of a node that is not wanted any more: from that moment on, not when it expires.
    pub(crate) fn expect_not_removed(&self, tx: &Transaction<'_>) -> Result<(), Failure> {
        if self.node.is_some() && !self.is_node_wanted(tx)? { Err(self.refusal()) } else { Ok(()) }
    }

    fn is_node_wanted(&self, tx: &Transaction<'_>) -> Result<bool, Failure> {
        Ok(match self.node {
            Some(number) => node::is_wanted(tx, number.get(), self.aid, self.role)?,
            None => node::has_role(tx, self.aid, self.role)?,
        })
    }

    fn refusal(&self) -> Failure {
        let Asker { aid, role, .. } = self;
        Failure::Forbidden(format!("cert_required: application {aid} has no such {role} any more"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ApplicationEvent;
    use crate::store::director::sample::Sample;

    #[test]
    fn a_node_asks_while_it_and_its_application_are_wanted() {
        let sample = Sample::new(1);
        let rid = sample.add_node("n1", NodeRole::Manager);
        let asker = |number: Option<i64>| Asker {
            uid: sample.uid,
            aid: sample.aid,
            role: NodeRole::Manager,
            node: number.map(|number| NodeNumber::new(number).expect("a number")),
        };
        let is_served = |number| sample.write(|tx| asker(number).expect_wanted(tx)).is_ok();
        let is_admitted = |number| sample.write(|tx| asker(number).expect_not_removed(tx)).is_ok();
        assert!(!is_served(Some(rid)), "the application was never started");
        let advance = |event| {
            let _moved = sample.run(|tx| application::advance(tx, sample.aid, event, None));
        };
        advance(ApplicationEvent::Start);
        assert!(is_served(Some(rid)) && is_served(None) && is_admitted(Some(rid)));
        assert!(!is_served(Some(rid + 1)) && !is_admitted(Some(rid + 1)));
        advance(ApplicationEvent::Stop);
        assert!(!is_served(Some(rid)) && !is_served(None), "it is stopped");
        sample.run(|tx| node::set_removing(tx, rid));
        assert!(!is_admitted(Some(rid)) && is_admitted(None));
    }
}
