//! What a node is to run, by role: written down before anything is done about it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::context::Context;
use crate::api::environment::Variables;
use crate::api::web::{HttpProxy, Php, SessionStore, Tomcat};
use crate::service::web::war::Survey;

/// What a node is to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// A proxy.
    pub proxy: Option<HttpProxy>,
    /// A server of static files, by its port.
    pub web: Option<u16>,
    /// The directory of the code that visitors see; found out by what the code has by default.
    pub document_root: Option<String>,
    /// PHP.
    pub php: Option<Php>,
    /// Who may ask for static files; everybody if it is empty.
    pub web_clients: Vec<Ipv4Addr>,
    /// Tomcat.
    pub tomcat: Option<Tomcat>,
    /// Code versions in Tomcat, the newest last.
    pub contexts: Vec<Context>,
    /// The highest number that a code version ever had in Tomcat.
    pub last_context: u32,
    /// What the code versions are that are web applications in Java.
    pub wars: BTreeMap<String, Survey>,
    /// The store of visitors' sessions.
    pub sessions: Option<SessionStore>,
    /// Code versions that the node has, the newest last.
    pub code: Vec<String>,
}

static NOTHING: Variables = Variables(BTreeMap::new());

impl Wanted {
    /// Returns what programs of the node find in their environment.
    pub(super) fn environment(&self) -> &Variables {
        let of_php = self.php.as_ref().map(|php| &php.environment);
        of_php.or(self.tomcat.as_ref().map(|tomcat| &tomcat.environment)).unwrap_or(&NOTHING)
    }

    /// Forgets code versions that the node does not keep.
    pub(super) fn forget(&mut self, versions: &[String]) {
        self.wars.retain(|version, _| !versions.contains(version));
        self.contexts.retain(|context| !versions.contains(&context.version));
    }

    /// Returns whether the node serves static files by itself for its own proxy.
    pub(super) fn serves_own_files(&self, my_ip: Ipv4Addr) -> bool {
        let own = |proxy: &HttpProxy| proxy.web_list.iter().all(|server| server.ip == my_ip);
        self.web.is_some() && self.proxy.as_ref().is_some_and(own)
    }
}
