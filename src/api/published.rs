//! What is published (`docs/reference/director-api.md`). ConPaaS 2.0 has nothing of this.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use serde::{Deserialize, Serialize};

use crate::model::{ApplicationId, ServiceId};

/// A published service, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PublishedView {
    /// The application.
    pub app_id: ApplicationId,
    /// The application's name.
    pub app_name: String,
    /// The service.
    pub service_id: ServiceId,
    /// `http` or `tcp`.
    pub protocol: String,
    /// The port of the machine.
    pub port: u16,
    /// The name, if it has one.
    pub name: Option<String>,
    /// The port of the service's nodes, where its owner said one.
    pub target: Option<u16>,
    /// Who is let in, if not everybody.
    pub auth_user: Option<String>,
    /// Whether visitors are told that it is being worked on.
    pub maintenance: bool,
    /// Whether who asks for its name by HTTP is sent to HTTPS, once it opens there.
    #[serde(default)]
    pub force_https: bool,
    /// Where visitors find it.
    pub urls: Vec<String>,
    /// Why it is not found there, if an ingress says so.
    pub trouble: Option<String>,
}

/// A door of a service, as a manager tells of it to `/doors`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct DoorView {
    /// The service.
    pub service_id: ServiceId,
    /// Where visitors come in.
    pub address: SocketAddrV4,
}

/// All that an ingress serves, as `/ingress_sites` answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IngressView {
    /// Differs whenever `sites` does.
    pub digest: String,
    /// What is published.
    pub sites: Vec<IngressSite>,
}

/// A published service, as an ingress sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IngressSite {
    /// By this it is known again.
    pub number: i64,
    /// The application.
    pub app_id: ApplicationId,
    /// The service.
    pub service_id: ServiceId,
    /// `http` or `tcp`.
    pub protocol: String,
    /// The port of the machine.
    pub port: u16,
    /// The name, if it has one.
    pub name: Option<String>,
    /// Where requests go.
    pub servers: Vec<SocketAddrV4>,
    /// Whether it serves.
    pub state: SiteState,
    /// Whether who asks for its name by HTTP is sent to HTTPS, once it opens there.
    #[serde(default)]
    pub force_https: bool,
    /// Who is let in, if not everybody: a name, and a hash in the format of crypt(3).
    pub auth: Option<(String, String)>,
}

/// Whether a published service serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SiteState {
    /// It does.
    Running,
    /// Its application starts, or its nodes are being made.
    Starting,
    /// Its application is stopped.
    Stopped,
    /// Its owner works on it.
    Maintenance,
}

/// Why published services are not found, by their numbers.
pub(crate) type Troubles = BTreeMap<i64, String>;
