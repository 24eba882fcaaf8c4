//! Who calls, and whether he may.
//!
//! Must not know: the routes, and what they do.

use std::net::IpAddr;
use std::time::Duration;

use crate::api::{VISITOR, WAIT_FOR, texts, wait_for};
use crate::director::account;
use crate::director::asker::Asker;
use crate::director::error::Failure;
use crate::director::state::Director;
use crate::model::{ApplicationId, CertificateRole, NodeRole, UserId, VolumeFate};
use crate::pki::Identity;
use crate::rpc::{Caller, Form};

const MAX_REQUEST_BYTES: u64 = 64 * 1024;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Anyone, without a certificate.
    Anyone,
    /// A new node that shows its one-time token; the handler looks at it.
    Token,
    /// A user, by certificate.
    User,
    /// The manager of an existing application, by certificate.
    Manager,
    /// The manager or an agent of an existing application, by a certificate
    /// that may be outdated.
    OutdatedNode,
    /// An ingress, by certificate.
    Ingress,
    /// A web frontend, by certificate.
    WebFrontend,
}

/// One request, its caller known and admitted.
pub(crate) struct Call {
    pub(crate) form: Form,
    pub(crate) caller: Caller,
    /// The variable parts of the path.
    pub(crate) arguments: Vec<String>,
    pub(super) admitted: Admitted,
}

impl Call {
    /// Returns the address of the person who asks. Only a web frontend is believed about a visitor of its own.
    pub(crate) fn visitor(&self) -> IpAddr {
        let own = self.caller.address.ip();
        let is_frontend = self.caller.identity.as_ref().is_some_and(|id| id.role == CertificateRole::WebFrontend);
        let told = self.form.get(VISITOR).filter(|_| is_frontend);
        told.and_then(|text| text.parse().ok()).unwrap_or(own)
    }

    /// Returns the user who asks, or whose application asks.
    pub(crate) fn user(&self) -> UserId {
        self.admitted.user.expect("routes for anyone do not ask who calls")
    }

    /// Returns the application that asks.
    pub(crate) fn application(&self) -> ApplicationId {
        self.asker().aid
    }

    /// Returns the node that asks.
    pub(crate) fn asker(&self) -> Asker {
        self.admitted.asker.expect("only routes of managers and nodes ask for their application")
    }

    /// Returns the first variable part of the path as an application's id.
    pub(crate) fn application_argument(&self) -> ApplicationId {
        // The pattern has let digits through only; a number too large names nothing.
        self.arguments.first().and_then(|text| text.parse().ok()).unwrap_or(ApplicationId(i64::MAX))
    }

    /// Returns the n-th variable part of the path, empty if the route has fewer.
    pub(crate) fn argument(&self, n: usize) -> &str {
        self.arguments.get(n).map_or("", String::as_str)
    }

    /// Returns a field of the form that must not be empty.
    pub(crate) fn required(&self, field: &str) -> Result<&str, Failure> {
        let missing = || Failure::Application(texts::argument_required(field));
        self.form.filled(field).ok_or_else(missing)
    }

    /// Returns for how long the answer may wait.
    pub(crate) fn wait_for(&self) -> Result<Duration, Failure> {
        let Some(text) = self.form.filled(WAIT_FOR) else { return Ok(Duration::ZERO) };
        let unusable = |_| Failure::Application(format!("\"{WAIT_FOR}\" is not usable: {text} is no whole number"));
        text.parse().map(wait_for).map_err(unusable)
    }

    /// Returns what is to become of volumes. Clients of ConPaaS 2.0 do not say, and mean that they go.
    pub(crate) fn volume_fate(&self) -> Result<VolumeFate, Failure> {
        match self.form.filled("keep_volumes").map(str::to_ascii_lowercase).as_deref() {
            None | Some("false" | "0") => Ok(VolumeFate::Lost),
            Some("true" | "1") => Ok(VolumeFate::Kept),
            // Taken for a no, a slip would cost the volumes.
            Some(_) => Err(Failure::application("\"keep_volumes\" is not usable: say true or false")),
        }
    }

    /// Refuses a manager that names another application in the form than its own.
    pub(crate) fn require_own_application(&self) -> Result<(), Failure> {
        match self.form.filled("app_id") {
            Some(text) if text.parse() != Ok(self.application()) => {
                Err(Failure::Forbidden(format!("cert_required: application {text} is not the caller's")))
            }
            _ => Ok(()),
        }
    }

    /// Reads the file `csr`: a certificate request in PEM.
    pub(crate) async fn certificate_request(&self) -> Result<String, Failure> {
        let Some(file) = self.form.files.get("csr") else {
            return Err(Failure::BadRequest("the file 'csr' is missing".into()));
        };
        let request = file.read(MAX_REQUEST_BYTES).await?;
        String::from_utf8(request).map_err(|_| Failure::BadRequest("the file 'csr' is not PEM".into()))
    }
}

/// For whom a call was admitted, as far as its route asks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Admitted {
    user: Option<UserId>,
    asker: Option<Asker>,
}

/// Checks the certificate against what the route asks for (reference:
/// `docs/reference/director-api.md` §2.2, with the role compared, which upstream forgot).
pub(super) async fn admit(director: &Director, access: Access, caller: &Caller) -> Result<Admitted, Failure> {
    if matches!(access, Access::Anyone | Access::Token) {
        return Ok(Admitted::default());
    }
    let Some(identity) = identity_for(access, caller) else {
        let reason = match caller.outdated {
            Some(_) => "the client certificate is not good at this time",
            None => "no client certificate was presented",
        };
        return Err(Failure::Unauthorized(format!("cert_required: {reason}")));
    };
    if matches!(access, Access::Ingress | Access::WebFrontend) {
        return check_role(access, identity.role).map(|()| Admitted::default());
    }
    let Some(uid) = identity.uid() else {
        return Err(Failure::Unauthorized("cert_required: client certificate does NOT provide UID".into()));
    };
    check_role(access, identity.role)?;
    let application = match access {
        Access::User | Access::Anyone | Access::Token | Access::Ingress | Access::WebFrontend => None,
        Access::Manager | Access::OutdatedNode => Some(identity.application().ok_or_else(|| {
            Failure::Unauthorized("cert_required: client certificate does NOT provide serviceLocator".into())
        })?),
    };
    if !account::is_known(director, uid, application).await? {
        return Err(Failure::False);
    }
    let role = NodeRole::of_certificate(identity.role);
    let asker = application.zip(role).map(|(aid, role)| Asker { uid, aid, role, node: identity.node });
    if let Some(asker) = asker {
        director.store.read(move |tx| asker.expect_not_removed(tx)).await?;
    }
    Ok(Admitted { user: Some(uid), asker })
}

fn check_role(access: Access, role: CertificateRole) -> Result<(), Failure> {
    let is_admitted = match access {
        Access::Anyone | Access::Token => true,
        Access::User => role == CertificateRole::User,
        Access::Manager => role == CertificateRole::Manager,
        Access::OutdatedNode => matches!(role, CertificateRole::Manager | CertificateRole::Agent),
        Access::Ingress => role == CertificateRole::Ingress,
        Access::WebFrontend => role == CertificateRole::WebFrontend,
    };
    match (is_admitted, role) {
        (true, _) => Ok(()),
        (false, CertificateRole::User) => Err(Failure::False),
        (false, _) => Err(Failure::Forbidden(format!("cert_required: a certificate of role {role} may not do this"))),
    }
}

/// Returns whom the certificate names, if it counts for a route with this access.
fn identity_for(access: Access, caller: &Caller) -> Option<&Identity> {
    let outdated = caller.outdated.as_ref().filter(|_| access == Access::OutdatedNode);
    caller.identity.as_ref().or(outdated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_opens_its_own_routes_and_no_others() {
        use CertificateRole::{Agent, Frontend, Ingress, Manager, User, WebFrontend};
        let table = [
            (Access::Anyone, &[Frontend, User, Manager, Agent, WebFrontend, Ingress][..]),
            (Access::Token, &[Frontend, User, Manager, Agent, WebFrontend, Ingress]),
            (Access::User, &[User]),
            (Access::Manager, &[Manager]),
            (Access::OutdatedNode, &[Manager, Agent]),
            (Access::Ingress, &[Ingress]),
            (Access::WebFrontend, &[WebFrontend]),
        ];
        for (access, roles) in table {
            for role in CertificateRole::ALL {
                assert_eq!(check_role(access, role).is_ok(), roles.contains(&role), "{access:?} {role}");
            }
        }
        assert!(matches!(check_role(Access::Manager, User), Err(Failure::False)), "as upstream answers a user");
        assert!(matches!(check_role(Access::User, Agent), Err(Failure::Forbidden(_))));
    }
}
