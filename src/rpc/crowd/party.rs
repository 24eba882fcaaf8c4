//! One of those who share a listener.

use super::origin::Origin;
use crate::model::{CertificateRole, UserId};
use crate::pki::Identity;

/// Somebody with a share of his own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::rpc) enum Party {
    /// Nobody knows who; where he comes from.
    Stranger(Origin),
    /// The director, or a frontend of ConPaaS 2.0 with its certificate.
    Director,
    /// A web frontend, with all who log in by it.
    WebFrontend,
    /// All that serve what is published.
    Ingress,
    /// A user with all his managers and agents.
    User(UserId),
}

impl Party {
    /// Returns the party of a certificate's holder; `None` for one that names nobody.
    pub(in crate::rpc) fn of(identity: &Identity) -> Option<Self> {
        match identity.role {
            CertificateRole::Frontend => Some(Party::Director),
            CertificateRole::WebFrontend => Some(Party::WebFrontend),
            CertificateRole::Ingress => Some(Party::Ingress),
            CertificateRole::User | CertificateRole::Manager | CertificateRole::Agent => {
                identity.uid().map(Party::User)
            }
        }
    }
}
