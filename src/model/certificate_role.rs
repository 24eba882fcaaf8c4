//! Who a certificate says its holder is.

use std::fmt;
use std::str::FromStr;

/// The `role` attribute (2.5.4.72) of a certificate's subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificateRole {
    /// The director (upstream's word for it on the wire).
    Frontend,
    /// A person.
    User,
    /// The manager of one application.
    Manager,
    /// An agent of one application.
    Agent,
    /// A web frontend; ConPaaS 2.0's had the director's own certificate.
    WebFrontend,
    /// An ingress, which learns what is published.
    Ingress,
}

impl CertificateRole {
    /// Every role, for tests that walk all of them.
    pub const ALL: [CertificateRole; 6] = [
        CertificateRole::Frontend,
        CertificateRole::User,
        CertificateRole::Manager,
        CertificateRole::Agent,
        CertificateRole::WebFrontend,
        CertificateRole::Ingress,
    ];

    /// The text in the certificate.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            CertificateRole::Frontend => "frontend",
            CertificateRole::User => "user",
            CertificateRole::Manager => "manager",
            CertificateRole::Agent => "agent",
            CertificateRole::WebFrontend => "web_frontend",
            CertificateRole::Ingress => "ingress",
        }
    }
}

impl fmt::Display for CertificateRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CertificateRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        CertificateRole::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("unknown certificate role '{text}'"))
    }
}
