//! What is published (`docs/reference/director-api.md`). ConPaaS 2.0 has nothing of this.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use serde::{Deserialize, Serialize};

use super::figures::ProxyFigures;
use crate::model::{ApplicationId, ServiceId};

/// A published service, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// What visitors asked it for in the last seconds, if an ingress tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visits: Option<VisitsView>,
}

/// What visitors asked a published service for in the last ten seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct VisitsView {
    /// Requests in a second.
    pub requests_per_second: f64,
    /// Those of them that failed: status 500 and above.
    pub failed_per_second: f64,
    /// Bytes of their answers in a second.
    pub bytes_per_second: f64,
    /// Milliseconds until one was answered, on average.
    pub mean_ms: f64,
}

impl From<ProxyFigures> for VisitsView {
    fn from(figures: ProxyFigures) -> Self {
        let seconds = figures.window_ms as f64 / 1000.0;
        let each_second = |n: u64| if seconds > 0.0 { n as f64 / seconds } else { 0.0 };
        VisitsView {
            requests_per_second: each_second(figures.n_requests),
            failed_per_second: each_second(figures.n_failed),
            bytes_per_second: each_second(figures.n_bytes),
            mean_ms: figures.total_ms as f64 / figures.n_requests.max(1) as f64,
        }
    }
}

impl VisitsView {
    /// Returns what two ingresses tell together.
    #[must_use]
    pub(crate) fn with(self, other: Self) -> Self {
        let requests = self.requests_per_second + other.requests_per_second;
        let all_ms = self.mean_ms * self.requests_per_second + other.mean_ms * other.requests_per_second;
        VisitsView {
            requests_per_second: requests,
            failed_per_second: self.failed_per_second + other.failed_per_second,
            bytes_per_second: self.bytes_per_second + other.bytes_per_second,
            mean_ms: if requests > 0.0 { all_ms / requests } else { 0.0 },
        }
    }

    /// Returns it in words.
    #[must_use]
    pub(crate) fn shown(&self) -> String {
        let VisitsView { requests_per_second, failed_per_second, mean_ms, .. } = self;
        format!("{requests_per_second:.1}/s, {failed_per_second:.1} failed, {mean_ms:.0} ms")
    }
}

/// What an ingress tells of a site to `/ingress_visits`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SiteVisits {
    /// Of the last seconds.
    pub figures: ProxyFigures,
    /// Whole lines of its access log, those that are new.
    pub log: String,
    /// Whether the ingress does not know which of them it told before.
    #[serde(default)]
    pub may_repeat: bool,
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
