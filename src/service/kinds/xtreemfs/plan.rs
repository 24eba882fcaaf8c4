//! What each node with shared storage is to run.
//!
//! ```text
//!   stage 0   new nodes get their volumes for data
//!   stage 1   and those for metadata: a node notes one mount after the other
//!   stage 2   the master learns of its volumes
//!   stage 3   servers with data, and copies of the metadata, find the master
//!   last      what a node is not to run any more is stopped
//! ```

use std::net::Ipv4Addr;

use serde::Serialize;
use serde_json::{Map, Value};

use super::roles::{DIR, MRC, OSD, is_leaving, master, plays};
use super::settings::XtreemfsSettings;
use crate::api::NodeVolume;
use crate::api::xtreemfs::MasterWish;
use crate::rpc::RpcCall;
use crate::service::error::MethodError;
use crate::service::plan::{Action, Deed, NodePlan, Part, PlanInput, StopCall};
use crate::store::manager::NodeRow;

/// The parameters of `createDIR`.
#[derive(Serialize)]
struct Directory {
    uuid: String,
    storage: MasterWish,
}

/// The parameters of `createMRC`.
#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(rename = "dir_serviceHost")]
    master: &'a str,
    uuid: String,
    hostname: &'a str,
}

/// The parameters of `createOSD`.
#[derive(Serialize)]
struct Data<'a> {
    #[serde(rename = "dir_serviceHost")]
    master: &'a str,
    uuid: String,
    hostname: &'a str,
    mkfs: bool,
    device_name: &'a str,
    auth_code: &'a str,
    is_leaving: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    labels: &'a str,
}

/// Computes the plans of all nodes.
///
/// # Errors
/// Returns an error if the settings cannot be read, or an address of a node is none.
pub(super) fn of(input: &PlanInput<'_>) -> Result<Vec<NodePlan>, MethodError> {
    let settings: XtreemfsSettings = input.settings.read()?;
    let Some(first) = master(input.nodes) else { return Ok(Vec::new()) };
    let host = address(first)?.to_string();
    let plan = |node: &NodeRow| {
        // Nobody waits for a node that does not answer and leaves.
        if is_leaving(node) && settings.given_up.contains(&node.view.id) {
            return NodePlan { node: node.clone(), parts: Vec::new() };
        }
        let mut parts: Vec<Part> = node.view.volumes.iter().map(volume).collect();
        if node.view.id == first.view.id {
            parts.push(directory(&settings, input.nodes, node));
        } else if plays(node, DIR) || plays(node, MRC) {
            let wish = Metadata { master: &host, uuid: uuid(node, MRC), hostname: &node.view.ip };
            parts.push(part("mrc", 3, "createMRC", &wish, "stopMRC"));
        }
        if plays(node, OSD) {
            let wish = Data {
                master: &host,
                uuid: uuid(node, OSD),
                hostname: &node.view.ip,
                mkfs: true,
                device_name: data_volume(node).map_or("", |volume| &volume.dev_name),
                auth_code: &settings.auth_code,
                is_leaving: is_leaving(node),
                labels: settings.labels_of(node),
            };
            parts.push(part("osd", 3, "createOSD", &wish, "stopOSD"));
        }
        NodePlan { node: node.clone(), parts }
    };
    Ok(input.nodes.iter().map(plan).collect())
}

/// Returns the call that tells the master what it is to be.
pub(super) fn directory_call(settings: &XtreemfsSettings, nodes: &[NodeRow], node: &NodeRow) -> RpcCall {
    let wish = Directory { uuid: uuid(node, DIR), storage: settings.master_wish(nodes) };
    with_fields("createDIR", fields(&wish))
}

/// Returns what ConPaaS 2.0 knows a program of a node by.
pub(super) fn uuid(node: &NodeRow, role: &str) -> String {
    format!("{}-{role}", node.view.id)
}

fn directory(settings: &XtreemfsSettings, nodes: &[NodeRow], node: &NodeRow) -> Part {
    part("dir", 2, "createDIR", &Directory { uuid: uuid(node, DIR), storage: settings.master_wish(nodes) }, "stopDIR")
}

/// Returns the volume with the data of a node, where it was made with the node.
pub(super) fn data_volume(node: &NodeRow) -> Option<&NodeVolume> {
    node.view.volumes.iter().find(|volume| volume.vol_name.starts_with(OSD))
}

/// A volume that was made with its node. It stays as long as that.
fn volume(volume: &NodeVolume) -> Part {
    let NodeVolume { dev_name, vol_name, vol_id, .. } = volume;
    let call = RpcCall::post(0, "mount_volume").param("dev_name", dev_name.as_str());
    let call = call.param("vol_name", vol_name.as_str()).param("vol_id", vol_id.as_str());
    let (name, stage) = if vol_name.starts_with(DIR) { ("metadata volume", 1) } else { ("volume", 0) };
    let mount = Action { stage, deed: Deed::Call(call) };
    Part { name, wanted: vol_id.clone(), first: mount.clone(), change: mount, stop: None }
}

fn part(name: &'static str, stage: u8, method: &str, wish: &impl Serialize, stop: &str) -> Part {
    let fields = fields(wish);
    let wanted = Value::Object(fields.clone()).to_string();
    let action = Action { stage, deed: Deed::Call(with_fields(method, fields)) };
    let stop = Some(StopCall { method: stop.to_owned(), params: Map::new() });
    Part { name, wanted, first: action.clone(), change: action, stop }
}

fn fields(wish: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(wish) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

fn with_fields(method: &str, fields: Map<String, Value>) -> RpcCall {
    fields.into_iter().fold(RpcCall::post(0, method), |call, (name, value)| call.param(&name, value))
}

fn address(node: &NodeRow) -> Result<Ipv4Addr, MethodError> {
    let text = &node.view.ip;
    text.parse().map_err(|_| MethodError::refused(format!("node {} has no address: '{text}'", node.view.id)))
}

#[cfg(test)]
mod tests {
    use super::super::roles::tests::nodes;
    use super::super::settings::SharedVolume;
    use super::*;
    use crate::api::environment::Variables;
    use crate::service::settings::Document;
    use crate::store::manager::NodePhase;

    fn parts(nodes: &[NodeRow]) -> Vec<Vec<(&'static str, String)>> {
        let mut settings = XtreemfsSettings { auth_code: "a".to_owned(), ..XtreemfsSettings::default() };
        settings.volumes.insert("pictures".to_owned(), SharedVolume::new("xtreemfs".to_owned()));
        let (settings, environment) = (Document::of(&settings).unwrap(), Variables::default());
        let input = PlanInput { settings: &settings, nodes, code: None, environment: &environment };
        let shown = |plan: NodePlan| plan.parts.into_iter().map(|part| (part.name, part.wanted)).collect();
        of(&input).unwrap().into_iter().map(shown).collect()
    }

    fn names(nodes: &[NodeRow]) -> Vec<Vec<&'static str>> {
        parts(nodes).into_iter().map(|parts| parts.into_iter().map(|(name, _)| name).collect()).collect()
    }

    #[test]
    fn one_node_knows_where_everything_is_and_others_find_it() {
        let several = nodes(&["dir_mrc_osd", "osd", "dir"]);
        assert_eq!(names(&several), [vec!["dir", "osd"], vec!["osd"], vec!["mrc"]]);
        assert!(parts(&several)[1][0].1.contains(r#""dir_serviceHost":"10.0.0.2""#));
        // Another one that has a copy takes the place of the first.
        assert_eq!(names(&several[1..]), [vec!["osd"], vec!["dir"]]);
        assert!(parts(&several[1..])[0][0].1.contains(r#""dir_serviceHost":"10.0.0.4""#));
    }

    #[test]
    fn a_node_that_is_given_up_is_told_of_nothing_new() {
        let mut three = nodes(&["dir_mrc_osd", "osd", "dir"]);
        let settings = XtreemfsSettings { given_up: [three[0].view.id.clone()].into(), ..XtreemfsSettings::default() };
        let shown = |nodes: &[NodeRow]| {
            let (settings, environment) = (Document::of(&settings).unwrap(), Variables::default());
            let input = PlanInput { settings: &settings, nodes, code: None, environment: &environment };
            let names = |plan: NodePlan| plan.parts.into_iter().map(|part| part.name).collect();
            of(&input).unwrap().into_iter().map(names).collect::<Vec<Vec<_>>>()
        };
        // It is given up a moment before it leaves; a manager that was killed in between goes on as before.
        assert_eq!(shown(&three), [vec!["dir", "osd"], vec!["osd"], vec!["mrc"]]);
        three[0].phase = NodePhase::Leaving;
        assert_eq!(shown(&three), [vec![], vec!["osd"], vec!["dir"]]);
    }

    #[test]
    fn two_servers_have_each_file_as_soon_as_two_stay() {
        let mut two = nodes(&["dir_mrc_osd", "osd"]);
        assert!(parts(&two)[0][0].1.contains(r#""copies":2"#));
        assert!(parts(&two[..1])[0][0].1.contains(r#""copies":1"#));
        two[1].phase = NodePhase::Leaving;
        assert!(parts(&two)[0][0].1.contains(r#""copies":1"#));
        assert!(parts(&two)[1][0].1.contains(r#""is_leaving":true"#));
    }
}
