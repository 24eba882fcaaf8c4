//! What each node of a web service runs, as far as php and java agree.
//!
//! ```text
//!   stage 0   the first proxy keeps sessions
//!   stage 1   all nodes get the code, beside that which is served
//!   stage 2   backends and web nodes work with it
//!   stage 3   proxies pass requests on to them, and serve the new code
//!   last      what a node is not to run any more is stopped
//! ```

use std::net::Ipv4Addr;

use serde::Serialize;
use serde_json::{Map, Value};

use super::methods::weight_of;
use super::roles::{BACKEND, PROXY, ROLES, WEB};
use super::{PROXY_PORT, WEB_PORT, Weights};
use crate::api::web::{Hooks, HttpProxy, Server};
use crate::rpc::RpcCall;
use crate::service::error::MethodError;
use crate::service::plan::{Action, Deed, NodePlan, Part, StopCall};
use crate::store::manager::NodeRow;

/// A web service, as the plans of its nodes see it.
pub(crate) struct Site<'a> {
    /// Its nodes, oldest first.
    pub nodes: &'a [NodeRow],
    /// The code version that is to be served.
    pub code: &'a str,
    /// By which method agents take it.
    pub code_method: &'static str,
    /// The largest request, in megabytes; 0 means any.
    pub max_body_mb: u32,
    /// How many requests nodes get that serve static files.
    pub web_weights: &'a Weights,
    /// How many requests nodes get that run the program.
    pub backend_weights: &'a Weights,
    /// Where the program answers.
    pub backend_port: u16,
    /// The directory of the code that visitors see; found out by what the code has by default.
    pub document_root: Option<&'a str>,
    /// What its user adds to the configuration of nginx.
    pub hooks: &'a Hooks,
}

impl Site<'_> {
    /// Returns the plan of each node: `sessions` is the part of the node that keeps them, if the kind has one,
    /// `backend` that of a node that runs the program, and `front` says in the parameters of a proxy who that is.
    ///
    /// # Errors
    /// Returns an error if an address of a node is none.
    pub(crate) fn plans(
        &self,
        sessions: Option<&Part>,
        backend: &Part,
        front: impl Fn(&mut HttpProxy, Vec<Server>),
    ) -> Result<Vec<NodePlan>, MethodError> {
        let web_list = self.servers(WEB, WEB_PORT, self.web_weights)?;
        let web = web(self.of_role(PROXY).map(address).collect::<Result<_, _>>()?, self.document_root);
        let backends = self.servers(BACKEND, self.backend_port, self.backend_weights)?;
        let mut proxy = HttpProxy {
            port: PROXY_PORT,
            code_version: self.code.to_owned(),
            cdn: false,
            web_list,
            fpm_list: Vec::new(),
            tomcat_list: Vec::new(),
            tomcat_servlets: Vec::new(),
            max_body_mb: self.max_body_mb,
            document_root: self.document_root.map(str::to_owned),
            hooks: self.hooks.clone(),
        };
        front(&mut proxy, backends);
        let keeper = self.first_proxy().map(|node| node.view.id.as_str());
        let plan = |node: &NodeRow| {
            let roles = ROLES.read(&node.role);
            let mut parts = vec![code(self.code_method, self.code)];
            if Some(node.view.id.as_str()) == keeper {
                parts.extend(sessions.cloned());
            }
            if roles.plays(BACKEND) {
                parts.push(backend.clone());
            }
            if roles.plays(WEB) {
                parts.push(web.clone());
            }
            if roles.plays(PROXY) {
                parts.push(part("proxy", 3, ["createHttpProxy", "updateHttpProxy"], "stopHttpProxy", &proxy));
            }
            NodePlan { node: node.clone(), parts }
        };
        Ok(self.nodes.iter().map(plan).collect())
    }

    /// Returns the node that keeps sessions: the first proxy, which is never removed.
    pub(crate) fn first_proxy(&self) -> Option<&NodeRow> {
        self.of_role(PROXY).next()
    }

    /// Returns the nodes that play a role.
    pub(crate) fn of_role(&self, role: &'static str) -> impl Iterator<Item = &NodeRow> {
        self.nodes.iter().filter(move |node| ROLES.read(&node.role).plays(role))
    }

    fn servers(&self, role: &'static str, port: u16, weights: &Weights) -> Result<Vec<Server>, MethodError> {
        let server =
            |node: &NodeRow| Ok(Server { ip: address(node)?, port, weight: weight_of(weights, &node.view.id) });
        self.of_role(role).map(server).collect()
    }
}

/// Returns the address of a node.
///
/// # Errors
/// Returns an error that names the node if what is recorded is no address.
pub(crate) fn address(node: &NodeRow) -> Result<Ipv4Addr, MethodError> {
    let text = &node.view.ip;
    text.parse().map_err(|_| MethodError::refused(format!("node {} has no address: '{text}'", node.view.id)))
}

/// Returns a part that an agent is told by its fields as parameters.
pub(crate) fn part(name: &'static str, stage: u8, methods: [&str; 2], stop: &str, fields: &impl Serialize) -> Part {
    let params = match serde_json::to_value(fields) {
        Ok(Value::Object(params)) => params,
        _ => Map::new(),
    };
    let wanted = Value::Object(params.clone()).to_string();
    let [first, change] = methods.map(|method| {
        let call = params.iter();
        let call = call.fold(RpcCall::post(0, method), |call, (name, value)| call.param(name, value.clone()));
        Action { stage, deed: Deed::Call(call) }
    });
    let stop = Some(StopCall { method: stop.to_owned(), params: Map::new() });
    Part { name, wanted, first, change, stop }
}

fn web(proxies: Vec<Ipv4Addr>, document_root: Option<&str>) -> Part {
    /// The parameters of `createWebServer`; agents serve every version that they have.
    #[derive(Serialize)]
    struct WebServer<'a> {
        port: u16,
        code_versions: Vec<String>,
        proxies: Vec<Ipv4Addr>,
        #[serde(skip_serializing_if = "Option::is_none")]
        document_root: Option<&'a str>,
    }
    let server = WebServer { port: WEB_PORT, code_versions: Vec::new(), proxies, document_root };
    part("web", 2, ["createWebServer", "updateWebServer"], "stopWebServer", &server)
}

fn code(method: &'static str, version: &str) -> Part {
    let given = Action { stage: 1, deed: Deed::Code { method, version: version.to_owned() } };
    Part { name: "code", wanted: version.to_owned(), first: given.clone(), change: given, stop: None }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::api::NodeView;
    use crate::model::ServiceId;
    use crate::store::manager::NodePhase;

    /// A node of a web service, with the address 10.0.0.`last`.
    pub(crate) fn node(id: &str, last: u8, role: &str) -> NodeRow {
        let view = NodeView { ip: format!("10.0.0.{last}"), ..NodeView::sample(id) };
        NodeRow { sid: ServiceId(1), role: role.to_owned(), phase: NodePhase::Active, view }
    }

    fn plans(nodes: &[NodeRow]) -> Vec<NodePlan> {
        let weights = Weights::from([("b2".to_owned(), 3)]);
        let site = Site {
            nodes,
            code: "code-a",
            code_method: "updatePHPCode",
            max_body_mb: 8,
            web_weights: &Weights::new(),
            backend_weights: &weights,
            backend_port: 9000,
            document_root: None,
            hooks: &Hooks::default(),
        };
        let fields = std::collections::BTreeMap::from([("port", 1)]);
        let sessions = part("sessions", 0, ["createSessions"; 2], "stopSessions", &fields);
        let backend = part("php", 2, ["createPHP", "updatePHP"], "stopPHP", &fields);
        site.plans(Some(&sessions), &backend, |proxy, backends| proxy.fpm_list = backends).unwrap()
    }

    fn names(plan: &NodePlan) -> Vec<&'static str> {
        plan.parts.iter().map(|part| part.name).collect()
    }

    #[test]
    fn a_packed_node_runs_everything_and_others_their_own() {
        assert_eq!(names(&plans(&[node("a", 2, "proxybackendweb")])[0]), ["code", "sessions", "php", "web", "proxy"]);
        let nodes = [node("p", 2, "proxy"), node("w", 3, "web"), node("b1", 4, "backend"), node("p2", 5, "proxy")];
        let all: Vec<Vec<&str>> = plans(&nodes).iter().map(names).collect();
        assert_eq!(all[0], ["code", "sessions", "proxy"]);
        assert_eq!(all[1..], [vec!["code", "web"], vec!["code", "php"], vec!["code", "proxy"]]);
    }

    #[test]
    fn a_proxy_knows_all_backends_and_their_weights() {
        let nodes = [node("p", 2, "proxyweb"), node("b1", 3, "backend"), node("b2", 4, "backend")];
        let plans = plans(&nodes);
        let proxy: HttpProxy = serde_json::from_str(&plans[0].parts.last().unwrap().wanted).unwrap();
        assert_eq!(proxy.web_list, [Server { ip: [10, 0, 0, 2].into(), port: 8080, weight: 100 }]);
        let backends: Vec<(String, u32)> =
            proxy.fpm_list.iter().map(|server| (server.ip.to_string(), server.weight)).collect();
        assert_eq!(backends, [("10.0.0.3".to_owned(), 100), ("10.0.0.4".to_owned(), 3)]);
        assert_eq!(proxy.code_version, "code-a");
    }
}
