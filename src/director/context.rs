//! What a node is told before it boots (reference: `cloud-context.md` §4).
//!
//! Instead of upstream's shell script with the private key in it, a node gets
//! a few files: `/root/config.cfg`, its certificate, its key and the
//! authority, and the user's startup script.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bring_up::BringUpError;
use super::nodes::Wish;
use super::state::Director;
use crate::cloud::{ContextFile, NodeRole, NodeSpec};
use crate::config::{AgentConfig, ArchiveLimits, DirectorUrl, ManagerConfig, NODE_CONFIG_PATH, NodeBase};
use crate::pki::{Credentials, Lifetime, NodeNumber, Subject};
use crate::store::director::node::Node;

/// Where the user's startup script lies in a node.
const STARTUP_SCRIPT: &str = "/root/startup.sh";

/// Everything a cloud needs to make `node`, with a fresh certificate.
pub(super) fn node_spec(director: &Director, node: &Node) -> Result<NodeSpec, BringUpError> {
    let wanted = &node.wanted;
    let wish = Wish::parse(&wanted.request).map_err(BringUpError::Context)?;
    let director_url = director.config.director_url.clone().ok_or_else(|| {
        BringUpError::Context("DIRECTOR_URL is not set: run 'conpaas director init --hostname <name>'".into())
    })?;
    let is_manager = wanted.program == "manager";
    let (subject, role) = if is_manager {
        (Subject::manager(wanted.uid, wanted.aid), NodeRole::Manager)
    } else {
        (Subject::agent(wanted.uid, wanted.aid), NodeRole::Agent)
    };
    let lifetime = Lifetime(director.config.node_certificate_lifetime);
    let number = NodeNumber::new(node.rid)
        .ok_or_else(|| BringUpError::Context(format!("{} is no number of a node", node.rid)))?;
    let credentials = director.authority.issue_to_node(&subject, number, lifetime)?;
    let maker = Maker {
        node: node.clone(),
        wish: wish.clone(),
        director_url,
        deployment: director.config.deployment_name.clone(),
        time_servers: director.config.clock.node_time_servers.clone(),
        archive: director.config.archive.clone(),
        name: node_name(&director.config.deployment_name, node, &wish),
        ports: director.clouds.ports(&wanted.cloud),
        credentials,
    };
    // What can be wrong is found here, once, and not in the middle of a cloud's work.
    maker.files(Ipv4Addr::LOCALHOST)?;
    Ok(NodeSpec {
        tag: wanted.tag.clone(),
        role,
        name: maker.name.clone(),
        instance_type: wish.instance_type,
        context: Arc::new(move |address| maker.files(address).unwrap_or_default()),
    })
}

/// The name that people see (`cloud-context.md` §2).
fn node_name(deployment: &str, node: &Node, wish: &Wish) -> String {
    let (uid, aid, sid) = (node.wanted.uid, node.wanted.aid, node.wanted.sid);
    if node.wanted.program == "manager" {
        format!("{deployment}-u{uid}-a{aid}-mgr")
    } else {
        format!("{deployment}-u{uid}-a{aid}-s{sid}-{}", wish.service_type)
    }
}

struct Maker {
    node: Node,
    wish: Wish,
    director_url: DirectorUrl,
    deployment: String,
    time_servers: Vec<String>,
    archive: ArchiveLimits,
    name: String,
    ports: (u16, u16),
    credentials: Credentials,
}

impl Maker {
    fn files(&self, address: Ipv4Addr) -> Result<Vec<ContextFile>, BringUpError> {
        let (config, certificates) = self.config(address)?;
        let file =
            |path: PathBuf, mode, content: &str| ContextFile { path, mode, content: content.as_bytes().to_vec() };
        let [certificate, key, authority] = Credentials::FILES.map(|name| certificates.join(name));
        let mut files = vec![
            file(NODE_CONFIG_PATH.into(), 0o600, &config),
            file(authority, 0o644, &self.credentials.authority_pem),
            file(key, 0o600, &self.credentials.key_pem),
            file(certificate, 0o644, &self.credentials.certificate_pem),
        ];
        if let Some(script) = self.wish.startup_script.as_deref().filter(|script| !script.is_empty()) {
            files.push(file(STARTUP_SCRIPT.into(), 0o700, script));
        }
        Ok(files)
    }

    /// The text of `config.cfg`, and where it says the certificates are.
    fn config(&self, address: Ipv4Addr) -> Result<(String, PathBuf), BringUpError> {
        let wanted = &self.node.wanted;
        let failed = |error: &dyn std::fmt::Display| BringUpError::Context(error.to_string());
        if wanted.program == "manager" {
            let base = NodeBase::for_manager(wanted.uid, wanted.aid, address, self.director_url.clone());
            let config = ManagerConfig::new(self.complete(base), &self.deployment);
            let text = config.to_text().map_err(|error| failed(&error))?;
            return Ok((text, absolute(&config.base.cert_dir)));
        }
        let manager_ip = self.wish.manager_ip.ok_or_else(|| failed(&"the manager did not say its address"))?;
        let mut base = self.complete(NodeBase::for_agent(wanted.uid, wanted.aid, address, self.director_url.clone()));
        base.extra = agent_settings(&self.wish.context);
        let agent_type = self.wish.service_type.clone();
        let config = AgentConfig { base, agent_type, service_id: wanted.sid, manager_ip };
        let text = config.to_text().map_err(|error| failed(&error))?;
        Ok((text, absolute(&config.base.cert_dir)))
    }

    fn complete(&self, mut base: NodeBase) -> NodeBase {
        (base.manager_port, base.agent_port) = self.ports;
        base.hostname = Some(self.name.clone());
        base.time_servers = self.time_servers.clone();
        base.archive = self.archive.clone();
        base
    }
}

/// What the manager's context becomes in an agent's configuration (`agent-api.md` §1).
fn agent_settings(context: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let key =
        |name: &String| if name == "STRING" { "STRING_TO_GENERATE".to_owned() } else { name.to_ascii_uppercase() };
    context.iter().map(|(name, value)| (key(name), value.clone())).collect()
}

fn absolute(path: &Path) -> PathBuf {
    Path::new("/").join(path)
}
