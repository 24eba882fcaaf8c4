//! Names for which a certificate is valid besides its subject.

use std::net::IpAddr;

use rcgen::SanType;

use super::error::{AuthorityError, crypto};

/// A name that a certificate is also valid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateName {
    /// A host name.
    Dns(String),
    /// An address.
    Address(IpAddr),
}
/// Returns what a certificate has of these names.
///
/// # Errors
/// A name cannot stand in a certificate.
pub(super) fn alternative_names(names: &[CertificateName]) -> Result<Vec<SanType>, AuthorityError> {
    let of_name = |name: &CertificateName| match name {
        CertificateName::Address(address) => Ok(SanType::IpAddress(*address)),
        CertificateName::Dns(host) => host
            .as_str()
            .try_into()
            .map(SanType::DnsName)
            .map_err(|error| crypto("use the host name in a certificate", &error)),
    };
    names.iter().map(of_name).collect()
}
