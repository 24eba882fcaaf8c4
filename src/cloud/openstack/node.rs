//! Servers.

use std::net::Ipv4Addr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::call::{Call, CallError, Service};
use super::error_text;
use super::ids::ServerId;
use super::names::quoted;
use super::project::Project;
use super::requests::{CreateServer, Named, NetworkId, NewServer, ServerAction, ServerNetworks};
use super::responses::{Console, FloatingIp, Server, ServerFound, ServerMade, Servers};
use crate::cloud::remote::{OF_NODE, OF_ROLE, PACE};
use crate::cloud::{CloudError, CloudNode, NodeSpec};
use crate::config::Floating;
use crate::model::NodeRole;
use crate::model::NodeTag;
use crate::task::poll::until;

/// How long nova may take to start a server.
const START_LIMIT: Duration = Duration::from_secs(300);
/// How long it may take to stop one.
const STOP_LIMIT: Duration = Duration::from_secs(120);
/// How long it may take to let one go, whose volumes it detaches first.
const REMOVE_LIMIT: Duration = Duration::from_secs(240);
/// How long it may take to show what a lost answer was about.
const SHOW_LIMIT: Duration = Duration::from_secs(15);
const CONSOLE_LINES: u32 = 100;
const PAGE: usize = 200;
/// No project has so many pages.
const MAX_PAGES: usize = 100;

impl Project {
    pub(crate) async fn ensure_node(&self, spec: &NodeSpec) -> Result<CloudNode, CloudError> {
        let action = format!("make node {} ({})", spec.tag, spec.name);
        let found = self.servers(Some(&spec.tag)).await.map_err(|error| self.explain(&action, &error))?;
        let id = match found.into_iter().next() {
            None => self.create(spec, &action).await?,
            Some(server) => {
                self.start_again(&server).await.map_err(|error| self.explain(&action, &error))?;
                server.id
            }
        };
        // The address is given while the server is being built, as soon as its port is there. When one of both fails the
        // other goes on to its end: an address that neutron is just making would be left over.
        let (server, address) =
            tokio::join!(self.wait_until_active(&id, &action), self.ensure_address(&id, &spec.tag, &action));
        let (server, address) = (server?, address?);
        let node = view(&server, &spec.tag, address.as_ref());
        node.ok_or_else(|| self.failed(&action, format!("server {id} has no IPv4 address: check NETWORK_ID")))
    }

    pub(crate) async fn stop_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let action = format!("stop node {tag}");
        let explain = |error: CallError| self.explain(&action, &error);
        for server in self.servers(Some(tag)).await.map_err(explain)? {
            let path = format!("servers/{}/action", server.id);
            let call = Call::post("stop_server", Service::Compute, path, &ServerAction::Stop(()));
            match self.session.done(&call).await {
                Ok(()) => {}
                // It is stopped already, or on its way to something that is waited for below.
                Err(error) if matches!(error.status(), Some(404 | 409)) => {}
                Err(error) => return Err(explain(error)),
            }
            let stopped = until(PACE, STOP_LIMIT, || async {
                Ok(self.server(&server.id).await?.is_none_or(|server| !is_running(&server)).then_some(()))
            });
            if stopped.await.map_err(explain)?.is_none() {
                let limit = STOP_LIMIT.as_secs();
                return Err(self.failed(&action, format!("server {} still runs after {limit} s", server.id)));
            }
        }
        Ok(())
    }

    pub(crate) async fn remove_node(&self, tag: &NodeTag) -> Result<(), CloudError> {
        let action = format!("remove node {tag}");
        let looks = async { tokio::try_join!(self.servers(Some(tag)), self.own_addresses()) };
        let (servers, addresses) = looks.await.map_err(|error| self.explain(&action, &error))?;
        for (_, address) in addresses.iter().filter(|(of, _)| of == tag) {
            self.release(address).await.map_err(|error| self.explain(&action, &error))?;
        }
        for server in &servers {
            self.delete(server, &action).await?;
        }
        Ok(())
    }

    pub(crate) async fn list_nodes(&self) -> Result<Vec<CloudNode>, CloudError> {
        let looks = async { tokio::try_join!(self.servers(None), self.own_addresses()) };
        let (servers, addresses) = looks.await.map_err(|error| self.explain("list nodes", &error))?;
        let mut nodes: Vec<CloudNode> = Vec::new();
        for server in &servers {
            let Some(tag) = self.own_tag(&server.metadata, OF_NODE) else { continue };
            let address = addresses.iter().find(|(of, _)| *of == tag).map(|(_, address)| address);
            // One that has no address yet is there all the same.
            nodes.push(
                view(server, &tag, address).unwrap_or_else(|| nowhere(&tag, server.id.to_string(), is_running(server))),
            );
        }
        // An address whose server is gone must be found too.
        for (tag, address) in addresses {
            if !nodes.iter().any(|node| node.tag == tag) {
                nodes.push(nowhere(&tag, address.id, false));
            }
        }
        Ok(nodes)
    }

    pub(crate) async fn console(&self, tag: &NodeTag) -> String {
        let Ok(servers) = self.servers(Some(tag)).await else { return String::new() };
        let Some(server) = servers.first() else { return String::new() };
        let body = ServerAction::ShowConsole { length: CONSOLE_LINES };
        let call = Call::post("show_console", Service::Compute, format!("servers/{}/action", server.id), &body);
        self.session.fetch::<Console>(&call).await.map(|console| console.output).unwrap_or_default()
    }

    /// This director's servers in this cloud, of one node or all, the oldest
    /// first: of one node there should be one at most.
    pub(crate) async fn servers(&self, tag: Option<&NodeTag>) -> Result<Vec<Server>, CallError> {
        let mut found: Vec<Server> = Vec::new();
        let query = format!("servers/detail?tags={}&limit={PAGE}", quoted(&self.tag()));
        let mut page = query.clone();
        for _ in 0..MAX_PAGES {
            let answer: Servers = self.session.fetch(&Call::get("list_servers", Service::Compute, page)).await?;
            let last = answer.servers.last().map(|server| server.id.clone());
            found.extend(answer.servers);
            match last {
                Some(last) if !answer.servers_links.is_empty() => page = format!("{query}&marker={last}"),
                _ => break,
            }
        }
        found.retain(|server| {
            let own: Option<NodeTag> = self.own_tag(&server.metadata, OF_NODE);
            let is_there = !matches!(server.status.as_str(), "DELETED" | "SOFT_DELETED");
            is_there && own.is_some_and(|own| tag.is_none_or(|tag| own == *tag))
        });
        found.sort_by(|a, b| (&a.created, &a.id).cmp(&(&b.created, &b.id)));
        Ok(found)
    }

    pub(crate) async fn server(&self, id: &ServerId) -> Result<Option<Server>, CallError> {
        let call = Call::get("show_server", Service::Compute, format!("servers/{id}"));
        Ok(self.session.fetch_if_there::<ServerFound>(&call).await?.map(|found| found.server))
    }

    /// Asks for a new server and returns its id.
    async fn create(&self, spec: &NodeSpec, action: &str) -> Result<ServerId, CloudError> {
        let mut is_fresh = false;
        loop {
            let body = self.request(spec, action).await?;
            let call = Call::post("create_server", Service::Compute, "servers", &body);
            match self.session.fetch::<ServerMade>(&call).await {
                Ok(made) => return Ok(made.server.id),
                // Image, flavor or network may have been replaced under the same name.
                Err(error) if matches!(error.status(), Some(400 | 404)) && !is_fresh => {
                    self.ids.forget();
                    is_fresh = true;
                }
                Err(error) if error.is_doubtful() => return self.made_all_the_same(spec, action, &error).await,
                Err(error) => return Err(self.explain(action, &error)),
            }
        }
    }

    async fn request<'a>(&'a self, spec: &'a NodeSpec, action: &str) -> Result<CreateServer<'a>, CloudError> {
        let size = spec.instance_type.as_deref().unwrap_or(&self.config.size_id);
        let networks = async {
            match &self.config.network_id {
                Some(network) => {
                    Ok(ServerNetworks::These([NetworkId { uuid: self.network_id(network, action).await? }]))
                }
                None => Ok(ServerNetworks::Auto),
            }
        };
        let (image, flavor, networks) =
            tokio::try_join!(self.image_id(action), self.flavor_id(size, action), networks)?;
        let server = NewServer {
            name: &spec.name,
            image,
            flavor,
            networks,
            key_name: &self.config.key_name,
            security_groups: [Named { name: &self.config.security_group }],
            user_data: STANDARD.encode(spec.context.invitation().await?),
            metadata: self.metadata(&[(OF_NODE, spec.tag.as_str()), (OF_ROLE, spec.role.as_str())]),
            tags: [self.tag()],
        };
        Ok(CreateServer { server })
    }

    /// Looks for a server whose making was not answered.
    async fn made_all_the_same(&self, spec: &NodeSpec, action: &str, lost: &CallError) -> Result<ServerId, CloudError> {
        let shown =
            until(PACE, SHOW_LIMIT, || async { Ok(self.servers(Some(&spec.tag)).await?.into_iter().next()) }).await;
        match shown.map_err(|error| self.explain(action, &error))? {
            Some(server) => Ok(server.id),
            None => Err(self.explain(action, lost)),
        }
    }

    async fn start_again(&self, server: &Server) -> Result<(), CallError> {
        let Some(action) = plan_start(&server.status) else { return Ok(()) };
        let path = format!("servers/{}/action", server.id);
        match self.session.done(&Call::post("start_server", Service::Compute, path, &action)).await {
            // Something is being done with it already: what comes of that is waited for.
            Err(error) if error.status() == Some(409) => Ok(()),
            outcome => outcome,
        }
    }

    async fn wait_until_active(&self, id: &ServerId, action: &str) -> Result<Server, CloudError> {
        let settled = until(PACE, START_LIMIT, || async {
            let server = self.server(id).await?;
            let is_settled = |server: &Server| match server.status.as_str() {
                "ACTIVE" => !server.addresses.is_empty(),
                "ERROR" | "DELETED" | "SOFT_DELETED" => true,
                _ => false,
            };
            Ok(match server {
                Some(server) if is_settled(&server) => Some(Some(server)),
                Some(_) => None,
                None => Some(None),
            })
        })
        .await;
        match settled.map_err(|error| self.explain(action, &error))? {
            Some(Some(server)) if server.status == "ACTIVE" => Ok(server),
            Some(Some(server)) => Err(match &server.fault {
                Some(fault) => error_text::fault(&self.name, action, &fault.message),
                None => self.failed(action, format!("nova gave server {id} up: see nova-compute's log")),
            }),
            Some(None) => Err(self.failed(action, format!("server {id} was removed meanwhile"))),
            None => {
                let limit = START_LIMIT.as_secs();
                Err(self.failed(action, format!("server {id} does not run after {limit} s: see nova's log")))
            }
        }
    }

    async fn delete(&self, server: &Server, action: &str) -> Result<(), CloudError> {
        let id = &server.id;
        let call = Call::delete("delete_server", Service::Compute, format!("servers/{id}"));
        match self.session.done(&call).await {
            Ok(()) => {}
            Err(error) if error.is_not_found() => return Ok(()),
            // Nova is in the middle of something with it, perhaps of removing it.
            Err(error) if error.status() == Some(409) => {}
            Err(error) => return Err(self.explain(action, &error)),
        }
        let gone = until(PACE, REMOVE_LIMIT, || async {
            let server = self.server(id).await?;
            Ok(match server {
                None => Some(None),
                Some(server) if matches!(server.status.as_str(), "DELETED" | "SOFT_DELETED") => Some(None),
                Some(server) if server.status == "ERROR" && server.task.is_none() => Some(Some(server)),
                Some(_) => None,
            })
        });
        match gone.await.map_err(|error| self.explain(action, &error))? {
            Some(None) => Ok(()),
            // It may have been in that state before: then the deletion has only not begun.
            Some(Some(before)) if server.status == "ERROR" => self.delete_failed_one(&before, action).await,
            Some(Some(failed)) => {
                let words = failed.fault.map(|fault| fault.message).unwrap_or_default();
                Err(self.failed(action, format!("nova could not remove server {id}: {words}")))
            }
            None => {
                let limit = REMOVE_LIMIT.as_secs();
                Err(self.failed(action, format!("server {id} is still there after {limit} s: see nova's log")))
            }
        }
    }

    async fn delete_failed_one(&self, server: &Server, action: &str) -> Result<(), CloudError> {
        let gone =
            until(PACE, REMOVE_LIMIT, || async { Ok(self.server(&server.id).await?.is_none().then_some(())) }).await;
        match gone.map_err(|error| self.explain(action, &error))? {
            Some(()) => Ok(()),
            None => Err(self.failed(action, format!("server {} stays in state ERROR: see nova's log", server.id))),
        }
    }

    /// Attaches a floating address to the node if that is the director's task.
    async fn ensure_address(
        &self,
        server: &ServerId,
        tag: &NodeTag,
        action: &str,
    ) -> Result<Option<FloatingIp>, CloudError> {
        match &self.config.floating {
            Floating::ByCloud => Ok(None),
            Floating::ByDirector { pool } => self.give_address(server, tag, pool.as_deref(), action).await.map(Some),
        }
    }
}

/// What starts a server again that is in this state; none where nothing has to.
fn plan_start(status: &str) -> Option<ServerAction> {
    match status {
        "SHUTOFF" => Some(ServerAction::Start(())),
        "SUSPENDED" => Some(ServerAction::Resume(())),
        "PAUSED" => Some(ServerAction::Unpause(())),
        "SHELVED" | "SHELVED_OFFLOADED" => Some(ServerAction::Unshelve(())),
        _ => None,
    }
}

pub(crate) fn is_running(server: &Server) -> bool {
    !matches!(
        server.status.as_str(),
        "SHUTOFF" | "ERROR" | "SUSPENDED" | "PAUSED" | "SHELVED" | "SHELVED_OFFLOADED" | "DELETED" | "SOFT_DELETED"
    )
}

fn nowhere(tag: &NodeTag, vmid: String, is_running: bool) -> CloudNode {
    CloudNode {
        tag: tag.clone(),
        vmid,
        ip: Ipv4Addr::UNSPECIFIED,
        private_ip: Ipv4Addr::UNSPECIFIED,
        port: 0,
        is_running,
    }
}

/// A server in the words of the trait, if it has an address. The floating one
/// is asked of neutron: nova shows it late.
fn view(server: &Server, tag: &NodeTag, floating: Option<&FloatingIp>) -> Option<CloudNode> {
    let all = || server.addresses.values().flatten();
    let first = |sort: &str| all().filter(|address| address.sort == sort).find_map(|address| address.addr.parse().ok());
    let private_ip: Ipv4Addr = first("fixed").or_else(|| all().find_map(|address| address.addr.parse().ok()))?;
    let given = floating.and_then(|floating| floating.floating_ip_address.parse().ok());
    let is_manager = server.metadata.get(OF_ROLE).is_some_and(|role| role == NodeRole::Manager.as_str());
    Some(CloudNode {
        tag: tag.clone(),
        vmid: server.id.to_string(),
        ip: given.or_else(|| first("floating")).unwrap_or(private_ip),
        private_ip,
        port: if is_manager { crate::api::MANAGER_PORT } else { crate::api::AGENT_PORT },
        is_running: is_running(server),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Server {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn each_state_of_rest_has_its_own_way_out() {
        let shown = |status| plan_start(status).map(|action| serde_json::to_string(&action).unwrap());
        for (status, body) in [
            ("SHUTOFF", r#"{"os-start":null}"#),
            ("SUSPENDED", r#"{"resume":null}"#),
            ("PAUSED", r#"{"unpause":null}"#),
            ("SHELVED_OFFLOADED", r#"{"unshelve":null}"#),
        ] {
            assert_eq!(shown(status).as_deref(), Some(body), "{status}");
        }
        assert_eq!(shown("ACTIVE"), None);
    }

    #[test]
    fn a_nodes_addresses_are_the_fixed_and_the_floating_one() {
        let tag: NodeTag = "n1".parse().unwrap();
        let built = server(r#"{"id": "s", "status": "BUILD", "addresses": {}, "metadata": null}"#);
        assert_eq!(view(&built, &tag, None), None);
        assert!(is_running(&built));
        let text = r#"{"id": "s", "status": "ACTIVE", "metadata": {"conpaas-role": "manager"}, "addresses": {"net": [
            {"addr": "2001:db8::1", "OS-EXT-IPS:type": "fixed"},
            {"addr": "203.0.113.9", "OS-EXT-IPS:type": "floating"},
            {"addr": "198.51.100.7", "OS-EXT-IPS:type": "fixed"}]}}"#;
        let node = view(&server(text), &tag, None).unwrap();
        assert_eq!(
            (node.ip.to_string(), node.private_ip.to_string(), node.port),
            ("203.0.113.9".into(), "198.51.100.7".into(), 443)
        );
        let given = FloatingIp {
            id: "f".into(),
            floating_ip_address: "203.0.113.33".into(),
            port_id: None,
            description: String::new(),
            revision_number: None,
        };
        assert_eq!(view(&server(text), &tag, Some(&given)).unwrap().ip.to_string(), "203.0.113.33");
        let plain = server(r#"{"id": "s", "status": "SHUTOFF", "addresses": {"n": [{"addr": "198.51.100.7"}]}}"#);
        let node = view(&plain, &tag, None).unwrap();
        assert_eq!((node.ip, node.port, node.is_running), (node.private_ip, 5555, false));
    }
}
