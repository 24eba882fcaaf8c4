//! The holder of a certificate, as the certificate names it.
//!
//! Must not know whether the holder may do something.

use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use x509_parser::x509::X509Name;

use super::names::CertificateName;
use super::serial::{NodeNumber, node_of};
use super::subject::{OID_EMAIL, OID_ROLE, OID_SERVICE_LOCATOR, OID_UID, Subject};
use crate::model::{ApplicationId, UserId};

/// A certificate that does not say who its holder is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not a certificate at all.
    #[error("not an X.509 certificate: {0}")]
    Malformed(String),
    /// No role, or none that is known.
    #[error("certificate of '{0}' has no known role")]
    NoRole(String),
}

/// The holder of a certificate whose chain was verified before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The subject; its role is always there.
    pub subject: Subject,
    /// The role, as in the subject.
    pub role: crate::model::CertificateRole,
    /// The serial number, hexadecimal.
    pub serial: String,
    /// The node that it was issued to, if it was issued to one.
    pub node: Option<NodeNumber>,
    /// Begin of validity, seconds since 1970.
    pub not_before: i64,
    /// End of validity, seconds since 1970.
    pub not_after: i64,
}

impl Identity {
    /// Reads a certificate in DER. The chain is not verified here: the TLS
    /// handshake did.
    ///
    /// # Errors
    /// It is no certificate, or has no known role.
    pub fn from_der(der: &[u8]) -> Result<Self, IdentityError> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|error| IdentityError::Malformed(error.to_string()))?;
        let subject = read_subject(certificate.subject());
        let Some(role) = subject.role else { return Err(IdentityError::NoRole(subject.common_name)) };
        Ok(Identity {
            role,
            serial: certificate.raw_serial_as_string().replace(':', ""),
            node: node_of(certificate.raw_serial()),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            subject,
        })
    }

    /// Returns whether it is good at `time`, in seconds since 1970.
    #[must_use]
    pub fn is_current(&self, time: i64) -> bool {
        (self.not_before..=self.not_after).contains(&time)
    }

    /// Returns the user that the holder is, or works for.
    #[must_use]
    pub fn uid(&self) -> Option<UserId> {
        self.subject.uid
    }

    /// Returns the application that the holder belongs to; users and the director have none.
    #[must_use]
    pub fn application(&self) -> Option<ApplicationId> {
        match self.role {
            crate::model::CertificateRole::Manager | crate::model::CertificateRole::Agent => {
                self.subject.service_locator.map(ApplicationId)
            }
            _ => None,
        }
    }
}

/// Reads the names and addresses that a certificate is also good for.
pub(crate) fn read_names(der: &[u8]) -> Result<Vec<CertificateName>, IdentityError> {
    let malformed = |error: &dyn std::fmt::Display| IdentityError::Malformed(error.to_string());
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| malformed(&error))?;
    let extension = certificate.subject_alternative_name().map_err(|error| malformed(&error))?;
    let names = extension.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    let read = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(CertificateName::Dns((*name).to_owned())),
        GeneralName::IPAddress(bytes) => match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
            (Ok(bytes), _) => Some(CertificateName::Address(bytes.into())),
            (_, Ok(bytes)) => Some(CertificateName::Address(bytes.into())),
            _ => None,
        },
        _ => None,
    };
    Ok(names.iter().filter_map(read).collect())
}

/// Returns for how many seconds the first certificate in a PEM text is good after `now`; `None` for no certificate.
pub(crate) fn remaining_seconds(pem: &str, now: i64) -> Option<i64> {
    let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).ok()?;
    Some(block.parse_x509().ok()?.validity().not_after.timestamp() - now)
}

/// Returns the public key of a certificate in DER, as it stands in it.
pub(crate) fn public_key(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.public_key().raw.to_vec())
}

/// Reads the attributes that ConPaaS knows; others are passed over.
pub(crate) fn read_subject(name: &X509Name<'_>) -> Subject {
    let mut subject = Subject {
        common_name: String::new(),
        organization: String::new(),
        email: String::new(),
        role: None,
        uid: None,
        service_locator: None,
    };
    for attribute in name.iter_attributes() {
        let Some(oid) = attribute.attr_type().iter().map(Iterator::collect::<Vec<u64>>) else { continue };
        let text = attribute.as_str().unwrap_or_default();
        match oid.as_slice() {
            [2, 5, 4, 3] => subject.common_name = text.to_owned(),
            [2, 5, 4, 10] => subject.organization = text.to_owned(),
            OID_EMAIL => subject.email = text.to_owned(),
            OID_ROLE => subject.role = text.parse().ok(),
            OID_UID => subject.uid = text.parse().ok(),
            OID_SERVICE_LOCATOR => subject.service_locator = text.parse().ok(),
            _ => {}
        }
    }
    subject
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(role: crate::model::CertificateRole) -> Identity {
        let subject = Subject { role: Some(role), ..Subject::agent(UserId(7), ApplicationId(3)) };
        Identity { subject, role, serial: "1".to_owned(), node: None, not_before: 100, not_after: 200 }
    }

    #[test]
    fn only_nodes_belong_to_an_application() {
        use crate::model::CertificateRole::{Agent, Frontend, Manager, User};
        for (role, application) in [(Manager, Some(3)), (Agent, Some(3)), (User, None), (Frontend, None)] {
            assert_eq!(identity(role).application(), application.map(ApplicationId), "{role:?}");
        }
    }

    #[test]
    fn both_ends_of_validity_belong_to_it() {
        let is_current = |time| identity(crate::model::CertificateRole::User).is_current(time);
        assert_eq!([99, 100, 200, 201].map(is_current), [false, true, true, false]);
    }

    #[test]
    fn what_is_no_certificate_names_nobody() {
        assert!(matches!(Identity::from_der(b"nonsense"), Err(IdentityError::Malformed(_))));
        assert!(read_names(b"").is_err() && public_key(b"x").is_none());
    }
}
