//! What a manager answers: one struct for each answer, written by the manager and read by the client.
//!
//! Names and sorts of fields are ConPaaS 2.0's. An answer that is a text alone (`get_startup_script`,
//! `git_push_hook`) has no struct. Must not know: how an answer comes about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::agent::{InOrder, ScriptStatus};
use super::environment::{LinkView, Variables};
use super::python::{dict_order, serialize_dict};
use crate::model::{ServiceId, State};

/// The state that a call leads to: `start_service`, `stop_service`, `add_nodes`, `remove_nodes`, `execute_script`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StateView {
    /// The service's state after the call.
    pub state: State,
    /// The operation that the call began (ours); absent when nothing outlives the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<String>,
}

/// The service that a call made or changes: `add_service`, `create_volume`, `delete_volume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceIdView {
    /// The service's id.
    pub service_id: ServiceId,
    /// The operation that the call began (ours); absent when nothing outlives the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<String>,
}

/// `describe_service`: what makes the same service again, without its data and without secrets (ours).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceDescription {
    /// Whether it works.
    pub is_running: bool,
    /// How many nodes were made for each role; none where it does not work.
    pub counts: BTreeMap<String, i64>,
    /// The code version that runs, if the service has one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<DescribedCode>,
    /// What new nodes run first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup_script: Option<String>,
    /// What its user set for the environment of its programs.
    pub environment: Variables,
    /// What its user set of its kind.
    pub settings: Map<String, Value>,
    /// Volumes that its user made, by name, in MB.
    pub volumes: BTreeMap<String, i64>,
    /// Volumes of shared storage that its user made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_volumes: Vec<NewSharedVolume>,
    /// What it is linked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkView>,
}

/// A volume that is made: `VolumeStartup` of a manifest, and in what `describe_service` tells (ours).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSharedVolume {
    /// Its name.
    #[serde(rename = "volumeName")]
    pub name: String,
    /// Whom it is made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// A code version of a described service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DescribedCode {
    /// Its id.
    #[serde(rename = "codeVersionId")]
    pub id: String,
    /// The name of its file.
    pub filename: String,
}

/// `get_app_info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppInfo {
    /// The state of each service; that of 0 is the manager's own.
    #[serde(serialize_with = "serialize_dict")]
    pub states: BTreeMap<ServiceId, State>,
    /// Ids of all nodes that work.
    pub nodes: Vec<String>,
    /// Names of all volumes.
    pub volumes: Vec<String>,
}

/// `get_service_info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceInfo {
    /// The service's state.
    pub state: State,
    /// The name of its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// Why its last operation was undone, if it was (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `get_service_history`, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServiceHistory {
    /// Every change of state.
    pub state_log: Vec<StateChange>,
}

/// One change of a service's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StateChange {
    /// The new state.
    pub state: State,
    /// Why; may be empty.
    pub reason: String,
    /// Seconds since 1970.
    pub time: f64,
}

/// `get_metrics`: figures as text for Prometheus (ours).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MetricsText {
    /// Its lines.
    pub metrics: String,
}

/// The end of a log: `get_manager_log`, `get_agent_log`, and an agent's `get_log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogText {
    /// Its lines.
    pub log: String,
    /// From where the next call goes on (ours); absent unless the call had one, if an empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// `list_nodes`: ids of nodes by role. Empty unless the service works.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct NodeList {
    /// Ids in the order in which the nodes came, by the kind's word for their role.
    #[serde(serialize_with = "serialize_dict")]
    pub by_role: BTreeMap<String, Vec<String>>,
}

/// `get_node_info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeInfo {
    /// The node.
    #[serde(rename = "serviceNode")]
    pub node: ServiceNode,
}

/// A node of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceNode {
    /// The logs that may be read; the agent's own is the first.
    #[serde(default)]
    pub logs: Vec<LogView>,
    /// Its address.
    pub ip: String,
    /// The cloud's id.
    pub vmid: String,
    /// Its role in the service; absent for kinds of ConPaaS 2.0 that show flags instead.
    #[serde(default)]
    pub role: String,
    /// What the node is, in its kind's own words (`is_master`).
    #[serde(flatten)]
    pub flags: BTreeMap<String, Value>,
    /// `<cloud><vmid>`.
    pub id: String,
    /// The internal name of the cloud.
    pub cloud: String,
}

/// A log that a node offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogView {
    /// Where it is, inside the node.
    pub path: String,
    /// What is in it.
    pub description: String,
    /// How callers name it.
    pub filename: String,
}

/// `list_volumes`, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VolumeList {
    /// The volumes.
    pub volumes: Vec<VolumeView>,
}

/// A volume of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VolumeView {
    /// The user's name for it.
    pub vol_name: String,
    /// Its size in MB.
    pub vol_size: i64,
    /// Its device in the node, such as `sdb`.
    pub dev_name: String,
    /// The kind of its service.
    pub service_name: String,
    /// Its service.
    pub service_id: ServiceId,
    /// The cloud's id of it; empty while it is not known.
    pub vol_id: String,
    /// The id of the node that it is attached to.
    pub vm_id: String,
    /// The internal name of its cloud.
    pub cloud: String,
}

/// `upload_startup_script`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StartupScript {
    /// Where the manager keeps it.
    pub filename: String,
}

/// `list_code_versions`, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CodeVersions {
    /// The versions.
    #[serde(rename = "codeVersions")]
    pub versions: Vec<CodeVersion>,
}

/// A code version of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CodeVersion {
    /// When it came, seconds since 1970.
    #[serde(default)]
    pub time: f64,
    /// True for the active version, absent for all others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub current: bool,
    /// Its id.
    #[serde(rename = "codeVersionId")]
    pub id: String,
    /// The user's words.
    pub description: String,
    /// The name that its file was uploaded under, or a git revision.
    pub filename: String,
    /// What may surprise its user; absent if there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The version that it took the place of when it was first enabled (ours); absent if there was none.
    #[serde(rename = "cameAfter", default, skip_serializing_if = "Option::is_none")]
    pub came_after: Option<String>,
    /// The directory that visitors saw of it before another one took its place, as `documentRoot` of
    /// [`PhpConfiguration`](super::web::PhpConfiguration) (ours); empty while it was found out by what the code has.
    #[serde(rename = "documentRoot", default, skip_serializing_if = "Option::is_none")]
    pub document_root: Option<String>,
}

/// Returns the version that was there before the one that runs: one that failed when it was enabled never was. Where the
/// manager does not tell it, it is the newest older one.
pub(crate) fn before(versions: &[CodeVersion]) -> Option<&CodeVersion> {
    let current = versions.iter().find(|version| version.current)?;
    if let Some(before) = versions.iter().find(|version| current.came_after.as_deref() == Some(&version.id)) {
        return Some(before);
    }
    let older = versions.iter().filter(|version| version.time < current.time);
    older.max_by(|one, other| one.time.total_cmp(&other.time))
}

/// `upload_code_version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CodeVersionId {
    /// The id of the new version.
    #[serde(rename = "codeVersionId")]
    pub id: String,
    /// What may surprise its user; absent if there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// `list_authorized_keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuthorizedKeys {
    /// Lines of `authorized_keys`.
    #[serde(rename = "authorizedKeys")]
    pub keys: Vec<String>,
}

/// `upload_authorized_key`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyOutcome {
    /// What was done, for people.
    pub outcome: String,
    /// The fingerprint of the key by which the SSH server is known (ours); absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// `get_git_info` (ours): how code of a service is pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GitInfo {
    /// Whether users can push.
    pub state: DoorState,
    /// Why they cannot although a key is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The account, to be followed by `@`, the manager's host, `:` and the repository.
    pub user: String,
    /// The repository.
    pub repository: String,
    /// The port of the SSH server.
    pub port: u16,
    /// The directory of the repository that is the code of the service; absent for service 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<String>,
    /// Whether the service runs what is pushed as soon as it is pushed; absent for service 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_enable: Option<bool>,
    /// The key by which the server is known, as `known_hosts` has it behind the host; absent before the first user's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
    /// Its fingerprint, as SSH shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// Whether users can push code to a manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum DoorState {
    /// Nobody can, as no key is there.
    Closed,
    /// Whoever has a key can.
    Open,
    /// Nobody can, although a key is there.
    Failed,
}

/// `set_auto_enable` (ours).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AutoEnable {
    /// Whether the service runs what is pushed as soon as it is pushed.
    pub auto_enable: bool,
}

/// `get_script_status` of a generic service: the status of every script by node id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScriptsOfNodes {
    /// By node id, then by script.
    #[serde(serialize_with = "serialize_agents")]
    pub agents: BTreeMap<String, BTreeMap<String, ScriptStatus>>,
}

/// `get_helloworld` of a helloworld service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Greetings {
    /// One line for each node.
    pub helloworld: String,
}

fn serialize_agents<S: Serializer>(
    agents: &BTreeMap<String, BTreeMap<String, ScriptStatus>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let agents = dict_order(agents.iter().collect(), |(id, _)| *id);
    serializer.collect_map(agents.into_iter().map(|(id, scripts)| (id, InOrder(scripts))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Reads a recorded answer as `T` and writes it again.
    fn rewritten<T: Serialize + serde::de::DeserializeOwned>(answer: &Value) -> Value {
        serde_json::to_value(serde_json::from_value::<T>(answer.clone()).unwrap()).unwrap()
    }

    #[test]
    fn recorded_answers_are_read_and_written_as_they_were() {
        let info = json!({"states": {"0": "RUNNING", "12": "INIT"}, "nodes": ["iaas1"], "volumes": []});
        assert_eq!(rewritten::<AppInfo>(&info), info);
        let info = json!({"state": "PROLOGUE", "type": "generic"});
        assert_eq!(rewritten::<ServiceInfo>(&info), info);
        let codes = json!({"codeVersions": [
            {"codeVersionId": "code-a", "filename": "a.tar", "description": "", "time": 1.5, "current": true},
            {"codeVersionId": "code-b", "filename": "b.tar", "description": "", "time": 1.25}
        ]});
        assert_eq!(rewritten::<CodeVersions>(&codes), codes);
        let nodes = json!({"master": ["iaas1"], "node": []});
        assert_eq!(rewritten::<NodeList>(&nodes), nodes);
        let status = json!({"agents": {"iaas1": {"init.sh": "STOPPED (return code -9)", "run.sh": "NEVER STARTED"}}});
        assert_eq!(rewritten::<ScriptsOfNodes>(&status), status);
    }

    #[test]
    fn the_flags_of_a_kind_stand_beside_what_all_nodes_have() {
        let info = json!({"serviceNode": {
            "id": "iaas1", "ip": "10.0.0.2", "vmid": "1", "cloud": "iaas", "role": "master", "is_master": true,
            "logs": [{"filename": "cpsagent.log", "description": "agent log", "path": "/var/log/cpsagent.log"}]
        }});
        assert_eq!(rewritten::<NodeInfo>(&info), info);
        let read: NodeInfo = serde_json::from_value(info).unwrap();
        assert_eq!(read.node.flags, BTreeMap::from([("is_master".to_owned(), Value::Bool(true))]));
    }

    #[test]
    fn the_version_before_the_present_one_is_meant_and_not_a_newer_one() {
        let version = |time: f64, current| CodeVersion {
            id: format!("code-{time}"),
            filename: String::new(),
            description: String::new(),
            time,
            current,
            notes: vec![],
            came_after: None,
            document_root: None,
        };
        let of = |versions: &[CodeVersion]| before(versions).map(|version| version.id.clone());
        let third_is_new = [version(3.0, false), version(2.0, true), version(1.0, false), version(0.5, false)];
        assert_eq!(of(&third_is_new).as_deref(), Some("code-1"));
        assert_eq!(of(&[version(3.0, false), version(2.0, true)]), None);
        assert_eq!(of(&[version(2.0, false)]), None);
        let came_after = |id: &str, version| CodeVersion { came_after: Some(id.to_owned()), ..version };
        let second_failed = [came_after("code-1", version(3.0, true)), version(2.0, false), version(1.0, false)];
        assert_eq!(of(&second_failed).as_deref(), Some("code-1"));
        assert_eq!(of(&[came_after("gone", version(3.0, true)), version(2.0, false)]).as_deref(), Some("code-2"));
    }
}
