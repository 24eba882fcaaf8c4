//! What each node of a mysql service is to run.
//!
//! ```text
//!   stage 0   new members get their volumes; members that work learn of the new ones
//!   stage 1   new members start, and get their data while the others serve
//!   stage 2   an arbiter votes where members alone could not agree; the first member makes backups, if these are scheduled
//!   stage 3   balancers pass connections on to all members, as soon as these serve
//!   last      what a node is not to run any more is stopped
//! ```
//!
//! The calls say what is wanted. When all of it is there, [`cluster`](super::cluster) says.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Serialize;
use serde_json::{Map, Value};

use super::ports;
use super::roles::{GLB, MYSQL, plays};
use super::settings::MysqlSettings;
use crate::api::NodeVolume;
use crate::api::mysql::{Restored, Schedule};
use crate::rpc::RpcCall;
use crate::service::error::MethodError;
use crate::service::plan::{Action, Deed, NodePlan, Part, PlanInput, StopCall};
use crate::store::manager::NodeRow;

/// The parameters of `start_mysqld` and `start_garbd`.
#[derive(Serialize)]
struct Cluster<'a> {
    nodes: &'a [Ipv4Addr],
    cluster: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restored: Option<&'a Restored>,
    // What older programs did not say is not said where it says nothing: no node is told anew.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls: bool,
}

/// The parameters of `set_backup_schedule`.
#[derive(Serialize)]
struct Backups<'a> {
    schedule: &'a Schedule,
}

/// The parameters of `start_glbd`.
#[derive(Serialize)]
struct Balancer<'a> {
    nodes: &'a [String],
}

/// Computes the plans of all nodes.
///
/// # Errors
/// Returns an error if the settings cannot be read, or an address of a node is none.
pub(super) fn of(input: &PlanInput<'_>) -> Result<Vec<NodePlan>, MethodError> {
    let settings: MysqlSettings = input.settings.read()?;
    let of_role = |role| input.nodes.iter().filter(move |node| plays(node, role));
    let members: Vec<Ipv4Addr> = of_role(MYSQL).map(address).collect::<Result<_, _>>()?;
    let arbiter = of_role(GLB).next().filter(|_| members.len().is_multiple_of(2)).map(|node| &node.view.id);
    let first = of_role(MYSQL).next().map(|node| &node.view.id);
    let servers: Vec<String> = members.iter().map(|ip| format!("{ip}:{}", ports::MYSQL)).collect();
    let plan = |node: &NodeRow| {
        let of_members = || Cluster {
            nodes: &members,
            cluster: format!("s{}", node.sid),
            variables: None,
            restored: (settings.restored.number > 0).then_some(&settings.restored),
            tls: settings.tls,
        };
        let mut parts = Vec::new();
        if plays(node, MYSQL) {
            let cluster = Cluster { variables: Some(&settings.variables), ..of_members() };
            parts.extend(node.view.volumes.iter().map(volume));
            parts.push(part("mysqld", [1, 0], "start_mysqld", &cluster, "stop"));
        }
        // One of them makes backups; when it leaves, the next one does.
        if Some(&node.view.id) == first
            && let Some(schedule) = &settings.backups
        {
            let backups = Backups { schedule };
            parts.push(part("backups", [2, 2], "set_backup_schedule", &backups, "clear_backup_schedule"));
        }
        if plays(node, GLB) {
            parts.push(part("glb", [3, 3], "start_glbd", &Balancer { nodes: &servers }, "stop"));
        }
        if Some(&node.view.id) == arbiter {
            parts.push(part(
                "arbiter",
                [2, 2],
                "start_garbd",
                &Cluster { restored: None, ..of_members() },
                "stop_garbd",
            ));
        }
        NodePlan { node: node.clone(), parts }
    };
    Ok(input.nodes.iter().map(plan).collect())
}

/// A volume that was made with its node. It stays as long as that.
fn volume(volume: &NodeVolume) -> Part {
    let NodeVolume { dev_name, vol_name, vol_id, .. } = volume;
    let call = RpcCall::post(0, "mount_volume").param("dev_name", dev_name.as_str());
    let call = call.param("vol_name", vol_name.as_str()).param("vol_id", vol_id.as_str());
    let mount = Action { stage: 0, deed: Deed::Call(call) };
    Part { name: "volume", wanted: vol_id.clone(), first: mount.clone(), change: mount, stop: None }
}

/// Returns a part that an agent is told by its fields as parameters, in other stages at first and at a change.
fn part(name: &'static str, stages: [u8; 2], method: &str, fields: &impl Serialize, stop: &str) -> Part {
    let params = match serde_json::to_value(fields) {
        Ok(Value::Object(params)) => params,
        _ => Map::new(),
    };
    let wanted = Value::Object(params.clone()).to_string();
    let call = RpcCall::post(0, method);
    let call = params.into_iter().fold(call, |call, (name, value)| call.param(&name, value));
    let [first, change] = stages.map(|stage| Action { stage, deed: Deed::Call(call.clone()) });
    let stop = Some(StopCall { method: stop.to_owned(), params: Map::new() });
    Part { name, wanted, first, change, stop }
}

fn address(node: &NodeRow) -> Result<Ipv4Addr, MethodError> {
    let text = &node.view.ip;
    text.parse().map_err(|_| MethodError::refused(format!("node {} has no address: '{text}'", node.view.id)))
}

#[cfg(test)]
mod tests {
    use super::super::roles::tests::node;
    use super::*;
    use crate::api::environment::Variables;
    use crate::service::settings::Document;

    fn parts(roles: &[&str]) -> Vec<Vec<(&'static str, String)>> {
        let nodes: Vec<NodeRow> = roles.iter().zip(2..).map(|(role, last)| node(last, role)).collect();
        let (settings, environment) = (Document::default(), Variables::default());
        let input = PlanInput { settings: &settings, nodes: &nodes, code: None, environment: &environment };
        let plans = of(&input).unwrap();
        let shown = |plan: NodePlan| plan.parts.into_iter().map(|part| (part.name, part.wanted)).collect();
        plans.into_iter().map(shown).collect()
    }

    #[test]
    fn all_members_know_each_other_and_balancers_know_all_members() {
        let parts = parts(&["mysql", "mysql", "mysql", "glb"]);
        assert_eq!(parts[0], parts[2]);
        assert!(parts[0][0].1.contains(r#"["10.0.0.2","10.0.0.3","10.0.0.4"]"#), "{parts:?}");
        assert_eq!(parts[3].len(), 1);
        assert!(parts[3][0].1.contains(r#"["10.0.0.2:3306","10.0.0.3:3306","10.0.0.4:3306"]"#), "{parts:?}");
    }

    #[test]
    fn only_what_is_wanted_is_told_and_one_member_makes_backups() {
        let nodes = [node(2, "mysql"), node(3, "mysql")];
        let told = |settings: &MysqlSettings| {
            let (settings, environment) = (Document::of(settings).unwrap(), Variables::default());
            let input = PlanInput { settings: &settings, nodes: &nodes, code: None, environment: &environment };
            let plans = of(&input).unwrap();
            plans
                .into_iter()
                .map(|plan| plan.parts.into_iter().map(|part| (part.name, part.wanted)).collect())
                .collect()
        };
        let old: Vec<Vec<(&str, String)>> = told(&MysqlSettings::default());
        assert_eq!(old[0][0].1, r#"{"nodes":["10.0.0.2","10.0.0.3"],"cluster":"s1","variables":{}}"#);
        let backups = serde_json::from_str(r#"{"every": "day", "at": "03:00", "keep": 7}"#).unwrap();
        let new = told(&MysqlSettings { backups: Some(backups), ..MysqlSettings::of_new_service() });
        assert!(new[0][0].1.contains(r#""tls":true"#));
        assert_eq!((new[0][1].0, new[1].len()), ("backups", 1));
        assert_eq!(new[0][1].1, r#"{"schedule":{"every":"day","at":"03:00","keep":7}}"#);
    }

    #[test]
    fn an_even_number_of_members_gets_a_third_vote_where_there_is_a_node_for_it() {
        let names = |roles: &[&str]| -> Vec<&'static str> {
            parts(roles).into_iter().flatten().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&["mysql", "mysql"]), ["mysqld", "mysqld"]);
        assert_eq!(names(&["mysql", "mysql", "glb", "glb"]), ["mysqld", "mysqld", "glb", "arbiter", "glb"]);
        assert_eq!(names(&["mysql", "glb"]), ["mysqld", "glb"]);
    }
}
