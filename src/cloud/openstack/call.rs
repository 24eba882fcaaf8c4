//! One call of one of OpenStack's services, and why it gives nothing.
//!
//! Whether a call may be sent again is decided here, by what became of it and
//! by what it does. Must not know: how it is sent, who sends it.

use reqwest::Method;
use serde::Serialize;

/// Servers can be tagged when they are made from this version on (Pike, 2017).
pub(crate) const COMPUTE_VERSION: &str = "2.52";
/// Cinder tells why it could not do something from this version on.
const VOLUME_VERSION: &str = "3.3";

/// One of OpenStack's services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// nova.
    Compute,
    /// neutron.
    Network,
    /// glance.
    Image,
    /// cinder.
    Volume,
}

impl Service {
    /// Its names in the catalog, today's first.
    pub(crate) fn types(self) -> &'static [&'static str] {
        match self {
            Service::Compute => &["compute"],
            Service::Network => &["network"],
            Service::Image => &["image"],
            Service::Volume => &["block-storage", "volumev3"],
        }
    }

    /// What its URL ends in, where the catalog leaves it out.
    pub(crate) fn version_path(self) -> &'static str {
        match self {
            Service::Compute => "v2.1",
            Service::Network => "v2.0",
            Service::Image => "v2",
            Service::Volume => "v3",
        }
    }

    pub(crate) fn version_header(self) -> Option<String> {
        match self {
            Service::Compute => Some(format!("compute {COMPUTE_VERSION}")),
            Service::Volume => Some(format!("volume {VOLUME_VERSION}")),
            Service::Network | Service::Image => None,
        }
    }
}

/// Whether a call whose answer was lost may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It asks, or says how something shall be.
    Safe,
    /// It makes something: twice would be two.
    Unsafe,
}

/// One call. May hold a node's invitation: no `Debug`.
pub(crate) struct Call {
    /// What is done, for the log and for tests: `create_server`.
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    pub(crate) service: Service,
    /// Below the service's URL, with its query.
    pub(crate) path: String,
    /// JSON.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) repeat: Repeat,
}

impl Call {
    pub(crate) fn get(name: &'static str, service: Service, path: impl Into<String>) -> Call {
        Call::new(name, Method::GET, service, path.into())
    }

    /// Makes something, or asks for a change that may not be asked for twice.
    pub(crate) fn post(name: &'static str, service: Service, path: impl Into<String>, body: &impl Serialize) -> Call {
        let call = Call::new(name, Method::POST, service, path.into());
        Call { body: Some(json(body)), repeat: Repeat::Unsafe, ..call }
    }

    pub(crate) fn put(name: &'static str, service: Service, path: impl Into<String>, body: &impl Serialize) -> Call {
        Call { body: Some(json(body)), ..Call::new(name, Method::PUT, service, path.into()) }
    }

    pub(crate) fn delete(name: &'static str, service: Service, path: impl Into<String>) -> Call {
        Call::new(name, Method::DELETE, service, path.into())
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Call {
        self.headers.push((name, value.into()));
        self
    }

    fn new(name: &'static str, method: Method, service: Service, path: String) -> Call {
        Call { name, method, service, path, body: None, headers: Vec::new(), repeat: Repeat::Safe }
    }
}

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// Nobody was reached: nothing was sent.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// The libraries' words.
        reason: String,
    },
    /// It was sent and no whole answer came. It may have been carried out.
    #[error("{host} gave no answer: {reason}")]
    Lost {
        /// Host and port.
        host: String,
        /// The libraries' words.
        reason: String,
    },
    /// Keystone does not know user, password, project or domain.
    #[error("keystone refuses the user: {0}")]
    Login(String),
    /// Keystone knows no such service, or not in this region.
    #[error("the catalog of {place} has no service '{service}'")]
    NoService {
        /// Which one.
        service: &'static str,
        /// The region.
        place: String,
    },
    /// The service says no.
    #[error("{message} (status {status})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The service's words.
        message: String,
    },
    /// An answer that is none of OpenStack's.
    #[error("{call} was answered with status {status} and something that is no answer of OpenStack: {reason}")]
    Malformed {
        /// The call.
        call: &'static str,
        /// HTTP status.
        status: u16,
        /// The parser's words.
        reason: String,
    },
}

impl CallError {
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            CallError::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Whether the thing that was named is not there (any more).
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self.status(), Some(404 | 410))
    }

    /// Whether the call may have been carried out all the same.
    pub(crate) fn is_doubtful(&self) -> bool {
        match self {
            CallError::Lost { .. } => true,
            CallError::Refused { status, .. } => matches!(status, 500 | 502 | 504),
            CallError::Malformed { status, .. } => *status < 400 || *status >= 500,
            CallError::Unreachable { .. } | CallError::Login(_) | CallError::NoService { .. } => false,
        }
    }

    /// Whether the call may be sent again.
    pub(crate) fn may_pass(&self, repeat: Repeat) -> bool {
        match self {
            CallError::Unreachable { .. } => true,
            CallError::Refused { status: 429 | 503, .. } => true,
            other => other.is_doubtful() && repeat == Repeat::Safe,
        }
    }
}

fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("requests hold only texts, numbers and maps of texts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_something_is_not_repeated_when_its_answer_is_lost() {
        let lost = CallError::Lost { host: "h".into(), reason: "r".into() };
        assert!(lost.may_pass(Repeat::Safe) && !lost.may_pass(Repeat::Unsafe));
        let refused = |status| CallError::Refused { status, message: String::new() };
        for status in [429, 503] {
            assert!(refused(status).may_pass(Repeat::Unsafe), "{status}: it was not carried out");
        }
        for status in [500, 502, 504] {
            assert!(refused(status).may_pass(Repeat::Safe) && !refused(status).may_pass(Repeat::Unsafe), "{status}");
        }
        for status in [400, 401, 403, 404, 409, 413] {
            assert!(!refused(status).may_pass(Repeat::Safe), "{status}");
        }
        assert!(CallError::Unreachable { host: "h".into(), reason: "r".into() }.may_pass(Repeat::Unsafe));
    }
}
