//! Which servers a client talks to, by what their certificates say.

use crate::model::{ApplicationId, CertificateRole, UserId};
use crate::pki::Identity;

/// The servers that a client talks to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerRule {
    /// The director.
    Director,
    /// Any manager of this user.
    ManagerOf(UserId),
    /// Any manager or agent.
    AnyNode,
    /// The manager of this user's application, never one of its agents: users run what they like in those.
    Manager(UserId, ApplicationId),
    /// An agent of this user's application, never its manager.
    Agent(UserId, ApplicationId),
    /// Whoever answers, even without a known authority. Only for fetching
    /// the first certificate and creating an account; the caller shows the fingerprint.
    Unverified,
}

impl PeerRule {
    /// Returns whether a server with this certificate is one of them.
    pub(super) fn accepts(&self, identity: &Identity) -> bool {
        let is_node = matches!(identity.role, CertificateRole::Manager | CertificateRole::Agent);
        match self {
            PeerRule::Director => identity.role == CertificateRole::Frontend,
            PeerRule::ManagerOf(uid) => identity.role == CertificateRole::Manager && identity.uid() == Some(*uid),
            PeerRule::AnyNode => is_node,
            PeerRule::Manager(uid, application) => {
                identity.role == CertificateRole::Manager && is_of(identity, *uid, *application)
            }
            PeerRule::Agent(uid, application) => {
                identity.role == CertificateRole::Agent && is_of(identity, *uid, *application)
            }
            PeerRule::Unverified => true,
        }
    }
}

fn is_of(identity: &Identity, uid: UserId, application: ApplicationId) -> bool {
    identity.uid() == Some(uid) && identity.application() == Some(application)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Subject;

    fn identity(subject: Subject) -> Identity {
        let role = subject.role.unwrap();
        Identity { subject, role, serial: "1".to_owned(), node: None, not_before: 0, not_after: 1 }
    }

    #[test]
    fn each_rule_takes_its_own_servers_and_no_others() {
        let (alice, bob, first, second) = (UserId(1), UserId(2), ApplicationId(1), ApplicationId(2));
        let servers = [
            Subject::director("pi.local"),
            Subject::user(alice, "alice", "a@b.c"),
            Subject::manager(alice, first),
            Subject::manager(bob, first),
            Subject::agent(alice, first),
            Subject::agent(alice, second),
        ]
        .map(identity);
        for (rule, accepted) in [
            (PeerRule::Director, [true, false, false, false, false, false]),
            (PeerRule::ManagerOf(alice), [false, false, true, false, false, false]),
            (PeerRule::AnyNode, [false, false, true, true, true, true]),
            (PeerRule::Manager(alice, first), [false, false, true, false, false, false]),
            (PeerRule::Agent(alice, first), [false, false, false, false, true, false]),
            (PeerRule::Agent(alice, second), [false, false, false, false, false, true]),
            (PeerRule::Unverified, [true; 6]),
        ] {
            let found: Vec<bool> = servers.iter().map(|server| rule.accepts(server)).collect();
            assert_eq!(found, accepted, "{rule:?}");
        }
    }
}
