//! What a node is told (`docs/reference/cloud-context.md` §4).
//!
//! Instead of upstream's shell script with the private key in it, a node gets
//! a few files: `/root/config.cfg`, its certificate, its key and the
//! authority, and the user's startup script. A cloud of this machine places
//! them; a node of a remote one gets an [`Invitation`] and fetches them with
//! a key of its own (`join`).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::error::BringUpError;
use super::request::Wish;
use super::token;
use crate::api::{JoinFile, JoinView};
use crate::cloud::{ContextError, ContextFile, NodeContext, NodeSpec};
use crate::config::{AgentConfig, DirectorUrl, Invitation, ManagerConfig, NODE_CONFIG_PATH, NodeBase};
use crate::director::state::Director;
use crate::model::{NodeGroup, NodeNeeds, NodeRole};
use crate::pki::{Credentials, Lifetime, NodeNumber, Subject};
use crate::service::find_agent_type;
use crate::store::director::node::Node;
use crate::sys::chain;

/// Where the user's startup script lies in a node.
const STARTUP_SCRIPT: &str = "/root/startup.sh";

/// Everything a cloud needs to make `node`.
pub(crate) fn node_spec(director: &Arc<Director>, node: &Node) -> Result<NodeSpec, BringUpError> {
    let context = Context::new(director, node)?;
    Ok(NodeSpec {
        tag: node.wanted.tag.clone(),
        role: node.wanted.role,
        name: context.name.clone(),
        group: NodeGroup(node.wanted.aid.0),
        instance_type: context.wish.instance_type.clone(),
        needs: needs(node, &context.wish),
        context: Arc::new(context),
    })
}

/// Returns what the programs of a node need of its machine: nothing where no kind is known.
fn needs(node: &Node, wish: &Wish) -> NodeNeeds {
    let kind = find_agent_type(&wish.service_type).filter(|_| node.wanted.role == NodeRole::Agent);
    kind.map_or_else(NodeNeeds::default, |kind| kind.manager.needs(&kind.manager.roles().read(&wish.role)))
}

/// Returns the name that people see (`docs/reference/cloud-context.md` §2).
fn node_name(deployment: &str, node: &Node, wish: &Wish) -> String {
    let (uid, aid, sid) = (node.wanted.uid, node.wanted.aid, node.wanted.sid);
    match node.wanted.role {
        NodeRole::Manager => format!("{deployment}-u{uid}-a{aid}-mgr"),
        NodeRole::Agent => format!("{deployment}-u{uid}-a{aid}-s{sid}-{}", wish.service_type),
    }
}

/// What one node is told, in both forms.
pub(crate) struct Context {
    director: Arc<Director>,
    node: Node,
    wish: Wish,
    director_url: DirectorUrl,
    name: String,
}

impl Context {
    /// What can be wrong is found here, once, and not in the middle of a cloud's work.
    pub(crate) fn new(director: &Arc<Director>, node: &Node) -> Result<Context, ContextError> {
        let wish = Wish::parse(&node.wanted.request).map_err(ContextError)?;
        let director_url = director.config.director_url.clone().ok_or_else(|| {
            ContextError("DIRECTOR_URL is not set: run 'conpaas director init --hostname <name>'".into())
        })?;
        let name = node_name(&director.config.deployment_name, node, &wish);
        let context = Context { director: Arc::clone(director), node: node.clone(), wish, director_url, name };
        context.number()?;
        context.config(Ipv4Addr::LOCALHOST)?;
        Ok(context)
    }

    /// Who the node's certificate says it is.
    pub(crate) fn subject(&self) -> Subject {
        let (uid, aid) = (self.node.wanted.uid, self.node.wanted.aid);
        match self.node.wanted.role {
            NodeRole::Manager => Subject::manager(uid, aid),
            NodeRole::Agent => Subject::agent(uid, aid),
        }
    }

    /// The node's number, which its certificate names.
    pub(crate) fn number(&self) -> Result<NodeNumber, ContextError> {
        let rid = self.node.rid;
        NodeNumber::new(rid).ok_or_else(|| ContextError(format!("{rid} is no number of a node")))
    }

    /// How long the node's certificate is good.
    pub(crate) fn lifetime(&self) -> Lifetime {
        Lifetime(self.director.config.node_certificate_lifetime)
    }

    /// The files of a node that has a key of its own.
    pub(crate) fn view(&self, address: Ipv4Addr, certificate_pem: &str) -> Result<JoinView, ContextError> {
        let (config, certificates) = self.config(address)?;
        let [certificate, key, _] = Credentials::FILES.map(|name| certificates.join(name));
        let mut files = self.common_files(&certificates);
        files.push(file(certificate, 0o644, certificate_pem));
        files.push(file(NODE_CONFIG_PATH.into(), 0o600, &config));
        let view = |file: ContextFile| JoinFile {
            path: file.path.display().to_string(),
            mode: file.mode,
            text: String::from_utf8_lossy(&file.content).into_owned(),
        };
        Ok(JoinView { key_path: key.display().to_string(), files: files.into_iter().map(view).collect() })
    }

    fn common_files(&self, certificates: &Path) -> Vec<ContextFile> {
        let [_, _, authority] = Credentials::FILES.map(|name| certificates.join(name));
        let mut files = vec![file(authority, 0o644, self.director.authority.certificate_pem())];
        if let Some(script) = self.wish.startup_script.as_deref().filter(|script| !script.is_empty()) {
            files.push(file(STARTUP_SCRIPT.into(), 0o700, script));
        }
        files
    }

    /// The text of `config.cfg`, and where it says the certificates are.
    fn config(&self, address: Ipv4Addr) -> Result<(String, PathBuf), ContextError> {
        let wanted = &self.node.wanted;
        let failed = |error: &dyn std::fmt::Display| ContextError(error.to_string());
        if wanted.role == NodeRole::Manager {
            let base = NodeBase::for_manager(wanted.uid, wanted.aid, address, self.director_url.clone());
            let config = ManagerConfig::new(self.complete(base), &self.director.config.deployment_name);
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
        (base.manager_port, base.agent_port) = self.director.clouds.ports(&self.node.wanted.cloud);
        base.hostname = Some(self.name.clone());
        base.time_servers = self.director.config.clock.node_time_servers.clone();
        base.archive = self.director.config.archive.clone();
        base.script_output_bytes = self.director.config.script_output_bytes;
        base
    }
}

#[async_trait]
impl NodeContext for Context {
    fn files(&self, address: Ipv4Addr) -> Result<Vec<ContextFile>, ContextError> {
        let issued = self.director.authority.issue_to_node(&self.subject(), self.number()?, self.lifetime());
        let credentials = issued.map_err(|error| ContextError(chain(&error)))?;
        let (config, certificates) = self.config(address)?;
        let [certificate, key, _] = Credentials::FILES.map(|name| certificates.join(name));
        let mut files = self.common_files(&certificates);
        files.push(file(key, 0o600, &credentials.key_pem));
        files.push(file(certificate, 0o644, &credentials.certificate_pem));
        files.push(file(NODE_CONFIG_PATH.into(), 0o600, &config));
        Ok(files)
    }

    async fn invitation(&self) -> Result<String, ContextError> {
        let subject = self.subject();
        let invitation = Invitation {
            director_url: self.director_url.clone(),
            authority_pem: self.director.authority.certificate_pem().to_owned(),
            tag: self.node.wanted.tag.clone(),
            role: subject.role.ok_or_else(|| ContextError("it has no role".to_owned()))?,
            user_id: self.node.wanted.uid,
            app_id: self.node.wanted.aid,
            time_servers: self.director.config.clock.node_time_servers.clone(),
            token: token::new_token(&self.director, &self.node.wanted.tag)
                .await
                .map_err(|error| ContextError(chain(&error)))?,
        };
        invitation.to_text().map_err(|error| ContextError(chain(&error)))
    }
}

fn file(path: PathBuf, mode: u32, content: &str) -> ContextFile {
    ContextFile { path, mode, content: content.as_bytes().to_vec() }
}

/// What the manager's context becomes in an agent's configuration (`docs/reference/agent-api.md` §1).
fn agent_settings(context: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let key =
        |name: &String| if name == "STRING" { "STRING_TO_GENERATE".to_owned() } else { name.to_ascii_uppercase() };
    context.iter().map(|(name, value)| (key(name), value.clone())).collect()
}

fn absolute(path: &Path) -> PathBuf {
    Path::new("/").join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_settings_are_written_large_and_the_string_by_its_long_name() {
        let context = [("STRING", "x"), ("port", "80")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings: Vec<(String, String)> = agent_settings(&context.into()).into_iter().collect();
        let wanted = [("PORT", "80"), ("STRING_TO_GENERATE", "x")];
        assert_eq!(settings, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn certificates_lie_below_the_root() {
        for path in ["etc/cpsmanager/certs", "/etc/cpsmanager/certs"] {
            assert_eq!(absolute(Path::new(path)), Path::new("/etc/cpsmanager/certs"));
        }
    }
}
