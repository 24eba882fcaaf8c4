//! The subject of a certificate, as ConPaaS 2.0 writes it.

use rcgen::{DistinguishedName, DnType, DnValue, string::Ia5String};

use crate::model::{ApplicationId, CertificateRole, UserId};

pub(crate) const OID_UID: &[u64] = &[0, 9, 2342, 19_200_300, 100, 1, 1];
pub(crate) const OID_SERVICE_LOCATOR: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 48, 1, 7];
pub(crate) const OID_ROLE: &[u64] = &[2, 5, 4, 72];
pub(crate) const OID_EMAIL: &[u64] = &[1, 2, 840, 113_549, 1, 9, 1];

const CONTACT: &str = "info@conpaas.eu";

/// The attributes of a certificate's subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// `CN`.
    pub common_name: String,
    /// `O`.
    pub organization: String,
    /// `emailAddress`.
    pub email: String,
    /// `role`; the authority has none.
    pub role: Option<CertificateRole>,
    /// `UID`; the authority and the director have none.
    pub uid: Option<UserId>,
    /// `serviceLocator`: the application's id, 0 in a user's certificate.
    pub service_locator: Option<i64>,
}

impl Subject {
    /// Returns the certificate authority.
    #[must_use]
    pub fn authority() -> Self {
        Subject {
            common_name: "CA".into(),
            organization: "ConPaaS".into(),
            email: CONTACT.into(),
            role: None,
            uid: None,
            service_locator: None,
        }
    }

    /// Returns the director on `hostname`.
    #[must_use]
    pub fn director(hostname: &str) -> Self {
        Subject { common_name: hostname.into(), role: Some(CertificateRole::Frontend), ..Subject::authority() }
    }

    /// Returns a web frontend.
    #[must_use]
    pub fn web_frontend() -> Self {
        Subject { common_name: "web frontend".into(), role: Some(CertificateRole::WebFrontend), ..Subject::authority() }
    }

    /// Returns an ingress.
    #[must_use]
    pub fn ingress() -> Self {
        Subject { common_name: "ingress".into(), role: Some(CertificateRole::Ingress), ..Subject::authority() }
    }

    /// Returns a person.
    #[must_use]
    pub fn user(uid: UserId, username: &str, email: &str) -> Self {
        Subject {
            common_name: username.into(),
            organization: "Contrail".into(),
            email: email.into(),
            role: Some(CertificateRole::User),
            uid: Some(uid),
            service_locator: Some(0),
        }
    }

    /// Returns the manager of an application of `uid`.
    #[must_use]
    pub fn manager(uid: UserId, application: ApplicationId) -> Self {
        Subject::node(CertificateRole::Manager, uid, application)
    }

    /// Returns an agent of an application of `uid`.
    #[must_use]
    pub fn agent(uid: UserId, application: ApplicationId) -> Self {
        Subject::node(CertificateRole::Agent, uid, application)
    }

    fn node(role: CertificateRole, uid: UserId, application: ApplicationId) -> Self {
        Subject {
            common_name: "ConPaaS".into(),
            organization: "Contrail".into(),
            email: CONTACT.into(),
            role: Some(role),
            uid: Some(uid),
            service_locator: Some(application.0),
        }
    }

    /// Returns the subject as rcgen wants it. An e-mail address with characters
    /// outside ASCII is written as UTF-8 text, which readers take as well.
    pub(crate) fn to_distinguished_name(&self) -> DistinguishedName {
        let mut name = DistinguishedName::new();
        if let Some(locator) = self.service_locator {
            name.push(custom(OID_SERVICE_LOCATOR), locator.to_string());
        }
        name.push(DnType::CommonName, self.common_name.as_str());
        if let Some(uid) = self.uid {
            name.push(custom(OID_UID), uid.to_string());
        }
        name.push(DnType::OrganizationName, self.organization.as_str());
        let email = Ia5String::try_from(self.email.as_str())
            .map_or_else(|_| DnValue::Utf8String(self.email.clone()), DnValue::Ia5String);
        name.push(custom(OID_EMAIL), email);
        if let Some(role) = self.role {
            name.push(custom(OID_ROLE), role.as_str());
        }
        name
    }
}

fn custom(oid: &[u64]) -> DnType {
    DnType::CustomDnType(oid.to_vec())
}
