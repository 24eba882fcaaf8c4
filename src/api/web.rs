//! What managers and agents of web services (php, java) take and answer (`docs/reference/manager-api.md` §5.4,
//! `docs/reference/agent-api.md` §5).

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::environment::Variables;
use super::manager::LogView;
use super::python::serialize_dict;

/// A server that a proxy passes requests on to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Server {
    /// Its address.
    pub ip: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// How many requests it gets, compared with others; 0 means none.
    #[serde(rename = "weightBackend", default = "full_weight")]
    pub weight: u32,
}

/// A proxy: the parameters of `createHttpProxy`, which `getHttpProxyState` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HttpProxy {
    /// Where it listens.
    pub port: u16,
    /// The code version that it serves.
    pub code_version: String,
    /// Whether static files come from a content delivery network; of no effect, as in ConPaaS 2.0.
    pub cdn: bool,
    /// Who serves static files.
    pub web_list: Vec<Server>,
    /// Who runs PHP.
    pub fpm_list: Vec<Server>,
    /// Who runs servlets.
    pub tomcat_list: Vec<Server>,
    /// Patterns of paths that servlets answer.
    pub tomcat_servlets: Vec<String>,
    /// The largest request, in megabytes; 0 means any (ours).
    #[serde(default)]
    pub max_body_mb: u32,
    /// The directory of the code that visitors see; found out by what the code has if it is left out (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_root: Option<String>,
    /// Lines that the user adds to the configuration of nginx (ours).
    #[serde(default, skip_serializing_if = "Hooks::is_empty")]
    pub hooks: Hooks,
}

/// Lines that the user adds to the configuration of nginx, by the places of ConPaaS 2.0's hook files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Hooks {
    /// In the block `server` of proxies, as the file `nginx-user-server.conf`.
    pub server: String,
    /// In their block `location /`, as the file `nginx-user-rootloc.conf`.
    pub rootloc: String,
}

impl Hooks {
    /// Returns whether nothing is added.
    pub(crate) fn is_empty(&self) -> bool {
        self.server.is_empty() && self.rootloc.is_empty()
    }
}

impl HttpProxy {
    /// Returns whether the two need configurations of nginx that differ: before Tomcat a link says which code is served.
    pub(crate) fn differs_for_nginx(&self, other: &HttpProxy) -> bool {
        let mut same_code = self.clone();
        if !self.tomcat_list.is_empty() {
            same_code.code_version.clone_from(&other.code_version);
        }
        same_code != *other
    }
}

/// `getHttpProxyState`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HttpProxyState {
    /// Where it stands.
    pub state: RoleState,
    /// What it was told.
    #[serde(flatten)]
    pub proxy: HttpProxy,
}

/// `getPHPState`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PhpState {
    /// Where it stands.
    pub state: RoleState,
    /// Where it listens.
    pub port: u16,
}

/// A state, in the envelope that these answers have in ConPaaS 2.0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Returned<T> {
    /// What is answered.
    #[serde(rename = "return")]
    pub value: T,
}

/// Where a role of a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum RoleState {
    /// It is being started, or is started again after it ended.
    Starting,
    /// It answers.
    Running,
    /// It is being stopped.
    Stopping,
    /// It does not run.
    Stopped,
}

/// Where PHP keeps the sessions of visitors.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionStore {
    /// The node that holds them.
    pub ip: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// What a client proves itself with.
    pub password: String,
    /// Stands before each key, so that services never meet.
    pub prefix: String,
}

/// PHP: the parameters of `createPHP`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Php {
    /// Where it listens.
    pub port: u16,
    /// Values of php.ini by key.
    pub configuration: BTreeMap<String, String>,
    /// Who may send requests: the proxies. Nobody but this node if it is empty (ours).
    #[serde(default)]
    pub proxies: Vec<Ipv4Addr>,
    /// Where sessions are kept; in files of the node by default (ours).
    #[serde(default)]
    pub sessions: Option<SessionStore>,
    /// What scripts find in their environment (ours).
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    pub environment: Variables,
}

/// Tomcat: the parameters of `createTomcat`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tomcat {
    /// Where it listens.
    #[serde(rename = "tomcat_port")]
    pub port: u16,
    /// The code version that new visitors get; none by default (ours).
    #[serde(default)]
    pub code_version: String,
    /// What programs find in their environment (ours).
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    pub environment: Variables,
}

/// `getTomcatState`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TomcatState {
    /// Where it stands.
    pub state: RoleState,
}

/// `get_service_performance`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Performance {
    /// Failed requests a second.
    pub error_rate: u64,
    /// Requests a second.
    pub request_rate: u64,
    /// Bytes a second.
    pub throughput: u64,
    /// Milliseconds until the answer.
    pub response_time: u64,
}

/// `get_configuration` of a php service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PhpConfiguration {
    /// The address of a content delivery network.
    pub cdn: Cdn,
    /// The code version that runs.
    #[serde(rename = "codeVersionId")]
    pub code_version: String,
    /// Whether nodes come and go by themselves.
    pub autoscaling: bool,
    /// The directory of the code that visitors see (ours); absent while it is found out by what the code has.
    #[serde(rename = "documentRoot", default, skip_serializing_if = "Option::is_none")]
    pub document_root: Option<String>,
    /// Values of php.ini by key.
    #[serde(serialize_with = "serialize_dict")]
    pub phpconf: BTreeMap<String, String>,
}

/// `get_node_info` of a php or java service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SiteNodeInfo {
    /// The node.
    #[serde(rename = "serviceNode")]
    pub node: SiteNode,
}

/// A node of a php or java service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SiteNode {
    /// The logs that may be read; the agent's own is the first.
    pub logs: Vec<LogView>,
    /// Whether it runs the user's program.
    pub is_running_backend: bool,
    /// Its address.
    pub ip: String,
    /// How many requests for static files it gets, compared with others.
    pub weight_web: u32,
    /// Whether it serves static files.
    pub is_running_web: bool,
    /// `<cloud><vmid>`.
    pub id: String,
    /// The internal name of the cloud.
    pub cloud: String,
    /// Whether it takes requests of visitors.
    pub is_running_proxy: bool,
    /// The cloud's id.
    pub vmid: String,
    /// Its roles in one word, such as `proxybackendweb`.
    pub role: String,
    /// How many requests for the program it gets, compared with others.
    pub weight_backend: u32,
}

/// `get_configuration` of a java service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JavaConfiguration {
    /// The code version that runs.
    #[serde(rename = "codeVersionId")]
    pub code_version: String,
}

/// `cdn_enable`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CdnView {
    /// The address that was set.
    pub cdn: Cdn,
}

/// The address of a content delivery network, or `false`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Cdn {
    /// None: `false`.
    Off(bool),
    /// Its address.
    Address(String),
}

/// Returns the weight of a server of which nothing is set.
pub(crate) const fn full_weight() -> u32 {
    100
}

/// A password never shows in a log.
impl fmt::Debug for SessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionStore({}:{})", self.ip, self.port)
    }
}
