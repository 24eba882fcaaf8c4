//! Nodes for managers (`docs/reference/director-api.md` §3.6).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::bring_up::{BringUpError, bring_up};
use crate::api::{NodeRequest, NodeView, NodeVolume, VolumeRequest, params, texts};
use crate::director::error::Failure;
use crate::director::http::routes::Call;
use crate::director::state::{Director, OperationKey};
use crate::director::{credit, reconcile, views, volume};
use crate::model::{ApplicationId, NodeTag, ServiceId};
use crate::rpc::Response;
use crate::store::director::node::{NewNode, Node, Phase};
use crate::store::director::{node, user};
use crate::sys;
use crate::sys::chain;
use crate::task::crash_point;

const MAX_NODES_OF_A_CALL: usize = 64;
const MAX_SCRIPT_BYTES: usize = 1024 * 1024;
/// A node has devices sdb to sdz.
const MAX_VOLUMES_OF_A_NODE: usize = 25;

/// What was asked for with a node: enough to make its context again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Wish {
    pub(crate) service_type: String,
    pub(crate) manager_ip: Option<Ipv4Addr>,
    pub(crate) role: String,
    pub(crate) context: BTreeMap<String, String>,
    pub(crate) startup_script: Option<String>,
    pub(crate) instance_type: Option<String>,
    pub(crate) volumes: Vec<VolumeRequest>,
    /// The volumes once they were made and attached.
    pub(crate) attached: Vec<NodeVolume>,
}

impl Wish {
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("plain data with text keys")
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("what was asked for is not readable: {error}"))
    }
}

/// A mark that no other node has.
pub(crate) fn new_tag() -> NodeTag {
    let random = sys::random::alphanumeric(12).to_ascii_lowercase();
    format!("n{random}").parse().expect("letters and digits")
}

/// Makes nodes, waits until they answer, and gives those that did.
///
/// With `operation_id` (ours) a repeated call gives the same nodes, or makes
/// them anew if the first call was cut short.
pub(crate) async fn create(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let order = Order::read(&director, &call)?;
    let worker = Arc::clone(&director);
    let outcome = director.detached("create nodes", async move { order.carry_out(&worker).await }).await;
    let views = outcome.unwrap_or_else(|| Err(Failure::Internal("the work was cut short".into())))?;
    Ok(Response::json_line(&views))
}

/// Removes nodes of the calling application; those that are gone already are fine.
pub(crate) async fn remove(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let aid = call.application();
    let text = call.form.filled("nodes").ok_or_else(|| Failure::application("\"nodes\" is a required argument"))?;
    let wanted: Vec<NodeView> = serde_json::from_str(text)
        .map_err(|error| Failure::Application(format!("\"nodes\" is not a list of nodes: {error}")))?;
    let vmids: Vec<String> = wanted.into_iter().map(|node| node.vmid).collect();
    let going = director
        .store
        .write(move |tx| {
            let mut going = Vec::new();
            for vmid in &vmids {
                match node::by_vmid(tx, aid, vmid)? {
                    Some(found) if found.wanted.program == "agent" => {
                        node::set_removing(tx, found.rid)?;
                        crate::store::director::volume::set_removing_with_node(tx, &found.wanted.tag)?;
                        going.push(found);
                    }
                    Some(_) => return Err(Failure::application("A manager cannot remove its own node")),
                    None => tracing::info!(app.id = aid.0, node.vmid = vmid, "a node to be removed is not there"),
                }
            }
            Ok(going)
        })
        .await?;
    crash_point("remove_nodes.recorded");
    let worker = Arc::clone(&director);
    director.detached("remove nodes", async move { reconcile::remove_nodes(&worker, &going).await }).await;
    Ok(Response::json_line(&json!({})))
}

/// A checked `/create_nodes`.
struct Order {
    aid: ApplicationId,
    uid: crate::model::UserId,
    operation: Option<String>,
    new: Vec<NewNode>,
}

impl Order {
    fn read(director: &Director, call: &Call) -> Result<Self, Failure> {
        let form = &call.form;
        let (uid, aid) = (call.user(), call.application());
        require_own_application(call)?;
        let wrong = |field: &str, why: String| Failure::Application(format!("\"{field}\" is not usable: {why}"));
        let number = |field: &'static str| {
            let text = form
                .filled(field)
                .ok_or_else(|| Failure::Application(format!("\"{field}\" is a required argument")))?;
            text.parse::<ServiceId>().map_err(|error| wrong(field, error.to_string()))
        };
        let sid = number("service_id")?;
        let service_type = form.filled("service_type").unwrap_or_default().to_owned();
        let is_plain = |text: &str| text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if service_type.is_empty() || !is_plain(&service_type) {
            return Err(wrong("service_type", format!("'{service_type}' is no kind of service")));
        }
        let manager_ip = form.filled("manager_ip").unwrap_or_default();
        let manager_ip =
            manager_ip.parse().map_err(|_| wrong("manager_ip", format!("'{manager_ip}' is no address")))?;
        let startup_script = form.filled("startup_script").map(str::to_owned);
        if startup_script.as_ref().is_some_and(|script| script.len() > MAX_SCRIPT_BYTES) {
            return Err(wrong("startup_script", format!("it is larger than {MAX_SCRIPT_BYTES} bytes")));
        }
        let requests: Vec<NodeRequest> = structured(form.get("nodes_info"), "nodes_info")?;
        if requests.is_empty() || requests.len() > MAX_NODES_OF_A_CALL {
            return Err(wrong("nodes_info", format!("ask for 1 to {MAX_NODES_OF_A_CALL} nodes")));
        }
        if requests.iter().any(|request| request.volumes.len() > MAX_VOLUMES_OF_A_NODE) {
            return Err(wrong("nodes_info", format!("a node has at most {MAX_VOLUMES_OF_A_NODE} volumes")));
        }
        let sizes = requests.iter().flat_map(|request| &request.volumes).map(|volume| volume.vol_size);
        if let Some(size) = sizes.into_iter().find(|size| !volume::SIZES_MB.contains(size)) {
            return Err(wrong("nodes_info", format!("'{size}' is no number of MB for a volume")));
        }
        let context: BTreeMap<String, serde_json::Value> = match form.filled("context") {
            None => BTreeMap::new(),
            text => structured(text, "context")?,
        };
        let plain = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let context: BTreeMap<String, String> = context.into_iter().map(|(name, value)| (name, plain(value))).collect();
        let operation = form.filled("operation_id").map(|text| text.chars().take(128).collect::<String>());
        let created = chrono::Utc::now().timestamp();
        let mut new = Vec::new();
        for request in requests {
            let cloud = director.clouds.named(request.cloud.as_deref().unwrap_or_default())?;
            let wish = Wish {
                service_type: service_type.clone(),
                manager_ip: Some(manager_ip),
                role: request.role,
                context: context.clone(),
                startup_script: startup_script.clone(),
                instance_type: request.inst_type,
                volumes: request.volumes,
                attached: Vec::new(),
            };
            new.push(NewNode {
                tag: new_tag(),
                cloud,
                program: "agent".to_owned(),
                uid,
                aid,
                sid,
                operation: operation.clone(),
                request: wish.to_text(),
                created,
            });
        }
        Ok(Order { aid, uid, operation, new })
    }

    async fn carry_out(self, director: &Arc<Director>) -> Result<Vec<NodeView>, Failure> {
        let key = self.operation.clone().map(|operation| OperationKey::CreateNodes(self.aid, operation));
        let _repeated_calls_wait = match &key {
            Some(key) => Some(director.operations.hold(key).await),
            None => None,
        };
        if let Some(made_before) = self.made_before(director).await? {
            return Ok(made_before);
        }
        let (uid, aid, new) = (self.uid, self.aid, self.new);
        let nodes = director
            .store
            .write(move |tx| {
                if user::credit(tx, uid)?.unwrap_or_default() <= 0 {
                    return Err(Failure::application(texts::INSUFFICIENT_CREDITS));
                }
                let mut nodes = Vec::new();
                for wanted in new {
                    let rid = node::insert(tx, &wanted)?;
                    nodes.push(Node { rid, phase: Phase::Making, wanted, place: None, charged: 0, up_since: 0 });
                }
                Ok(nodes)
            })
            .await?;
        crash_point("create_nodes.recorded");
        tracing::info!(app.id = aid.0, n_nodes = nodes.len(), "making nodes");
        let made = join_all(nodes.iter().map(|node| make(director, node))).await;
        // The manager counts on them from its answer on.
        director.store.settle().await?;
        crash_point("create_nodes.finished");
        credit::charge(director).await;
        director.reconcile.wake();
        Ok(made.into_iter().flatten().collect())
    }

    /// The nodes of an earlier run of the same operation. What it left
    /// unfinished is given up: nobody waits for it any more.
    async fn made_before(&self, director: &Director) -> Result<Option<Vec<NodeView>>, Failure> {
        let Some(operation) = self.operation.clone() else { return Ok(None) };
        let aid = self.aid;
        director
            .store
            .write(move |tx| {
                let nodes = node::of_operation(tx, aid, &operation)?;
                for node in nodes.iter().filter(|node| node.phase == Phase::Making) {
                    node::set_removing(tx, node.rid)?;
                }
                let views: Vec<NodeView> =
                    nodes.iter().filter(|node| node.phase == Phase::Up).filter_map(node_view).collect();
                Ok(Some(views).filter(|views| !views.is_empty()))
            })
            .await
    }
}

/// Makes one node with its volumes; `None` if it did not come up.
async fn make(director: &Arc<Director>, node: &Node) -> Option<NodeView> {
    let outcome = async {
        let place = bring_up(director, node).await?;
        let mut wish = Wish::parse(&node.wanted.request).map_err(BringUpError::Context)?;
        let mut node = Node { place: Some(place), ..node.clone() };
        for volume in &wish.volumes {
            wish.attached.push(volume::make_with_node(director, &node, volume).await?);
        }
        node.wanted.request = wish.to_text();
        let (rid, request) = (node.rid, node.wanted.request.clone());
        let is_wanted = director
            .store
            .note(move |tx| {
                node::set_request(tx, rid, &request)?;
                credit::start_counting(tx, rid)
            })
            .await?;
        if is_wanted { Ok(node) } else { Err(BringUpError::Unwanted) }
    };
    match outcome.await {
        Ok(node) => node_view(&node),
        Err(error) => {
            tracing::error!(node.tag = %node.wanted.tag, app.id = node.wanted.aid.0, error = %chain(&error), "a node did not come up");
            let (rid, tag) = (node.rid, node.wanted.tag.clone());
            let recorded = director.store.write(move |tx| {
                crate::store::director::volume::set_removing_with_node(tx, &tag)?;
                node::set_removing(tx, rid)
            });
            if let Err(error) = recorded.await {
                tracing::error!(error = %chain(&error), "cannot record that a node is not wanted");
            }
            None
        }
    }
}

fn node_view(node: &Node) -> Option<NodeView> {
    let wish = Wish::parse(&node.wanted.request).unwrap_or_default();
    let mut view = views::node(node, &wish.role)?;
    view.volumes = wish.attached;
    Some(view)
}

/// Managers name their application in the form too; it must be their own.
pub(crate) fn require_own_application(call: &Call) -> Result<(), Failure> {
    match call.form.filled("app_id") {
        Some(text) if text.parse() != Ok(call.application()) => {
            Err(Failure::Forbidden(format!("cert_required: application {text} is not the caller's")))
        }
        _ => Ok(()),
    }
}

/// Reads a parameter that upstream sends as Python's `repr` and we as JSON.
fn structured<T: serde::de::DeserializeOwned>(text: Option<&str>, field: &str) -> Result<T, Failure> {
    let text = text.ok_or_else(|| Failure::Application(format!("\"{field}\" is a required argument")))?;
    let value = params::python_or_json(text)
        .ok_or_else(|| Failure::Application(format!("\"{field}\" is neither JSON nor a Python literal")))?;
    serde_json::from_value(value).map_err(|error| Failure::Application(format!("\"{field}\" is not usable: {error}")))
}
