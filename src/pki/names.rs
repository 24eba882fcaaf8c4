//! Names for which a certificate is valid besides its subject.

use std::net::IpAddr;

/// A name that a certificate is also valid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateName {
    /// A host name.
    Dns(String),
    /// An address.
    Address(IpAddr),
}
