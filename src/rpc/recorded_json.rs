//! Answers that were recorded at ConPaaS 2.0 are written again with the same bytes: the order of
//! fields, spaces, numbers.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::json::python_json;
use crate::api::agent::Scripts;
use crate::api::manager::{
    AppInfo, CodeVersions, NodeInfo, NodeList, ScriptsOfNodes, ServiceHistory, ServiceInfo, VolumeList,
};
use crate::api::{ApplicationView, NodeView, ResourceView, ServiceAndApplication, UserView};

/// Reads an answer as `T`, as a director or manager would make it, and writes it again.
fn rewritten<T: DeserializeOwned + Serialize>(text: &str) -> String {
    let answer: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    // Results of methods become values before they are written.
    let value: Value = serde_json::to_value(&answer).unwrap();
    assert_eq!(python_json(&value), python_json(&answer));
    python_json(&answer)
}

#[test]
fn answers_of_the_director_have_the_bytes_of_recorded_ones() {
    let user = r#"{"username": "alice", "openid": "<none>", "uid": 2, "affiliation": "Uni", "password": "5ebe2294ecd0e0f08eab7690d2a6ee69", "uuid": "", "created": "2026-11-22T06:08:40.109713", "lname": "Ice", "credit": 10, "fname": "Al", "email": "alice@example.org"}"#;
    assert_eq!(rewritten::<UserView>(user), user);
    let user = r#"{"username": "test", "openid": null, "uid": 1, "affiliation": "", "uuid": null, "created": "2026-11-22T06:08:30.109713", "lname": "", "credit": 50, "fname": "", "email": "test@example.org"}"#;
    assert_eq!(rewritten::<UserView>(user), user);
    let applications = r#"[{"status": "INIT", "name": "New Application", "vmid": null, "manager": null, "aid": 1, "cloud": null, "uid": 1}]"#;
    assert_eq!(rewritten::<Vec<ApplicationView>>(applications), applications);
    let services = r#"[{"application": {"status": "RUNNING", "name": "Renamed", "vmid": "i-00000011", "manager": "10.77.0.11", "aid": 3, "cloud": "iaas", "uid": 1}, "service": {"subnet": null, "application_id": 3, "name": "New generic service", "created": "2026-11-22T05:08:52.200408", "rec_id": 1, "state": "INIT", "sid": 1, "type": "generic", "cloud": null}}]"#;
    assert_eq!(rewritten::<Vec<ServiceAndApplication>>(services), services);
    let resources = r#"[{"app_name": "Renamed", "created": "2026-11-22 06:08:48.866413", "ip": "10.77.0.11", "vmid": "i-00000011", "app_id": 3, "role": "manager", "service_id": 0, "rid": 1, "cloud": "default", "charged": 1}]"#;
    assert_eq!(rewritten::<Vec<ResourceView>>(resources), resources);
    let nodes = r#"[{"cloud_name": "iaas", "weight_backend": 100, "role": "node", "private_ip": "10.77.0.12", "volumes": [], "ip": "10.77.0.12", "vmid": "i-00000012", "id": "iaasi-00000012"}]"#;
    assert_eq!(rewritten::<Vec<NodeView>>(nodes), nodes);
}

#[test]
fn results_of_managers_and_agents_have_the_bytes_of_recorded_ones() {
    let info = r#"{"states": {"0": "RUNNING", "1": "INIT", "2": "INIT"}, "nodes": [], "volumes": []}"#;
    assert_eq!(rewritten::<AppInfo>(info), info);
    let info = r#"{"state": "INIT", "type": "generic"}"#;
    assert_eq!(rewritten::<ServiceInfo>(info), info);
    let nodes = r#"{"node": ["iaasi-00000014"], "master": ["iaasi-00000013"]}"#;
    assert_eq!(rewritten::<NodeList>(nodes), nodes);
    let node = r#"{"serviceNode": {"logs": [{"path": "/var/log/cpsagent.log", "description": "agent log", "filename": "cpsagent.log"}], "ip": "10.77.0.13", "vmid": "i-00000013", "role": "master", "is_master": true, "id": "iaasi-00000013", "cloud": "iaas"}}"#;
    assert_eq!(rewritten::<NodeInfo>(node), node);
    let scripts = r#"{"run.sh": "STOPPED (return code 0)", "interrupt.sh": "NEVER STARTED", "init.sh": "STOPPED (return code 0)", "notify.sh": "NEVER STARTED", "cleanup.sh": "NEVER STARTED"}"#;
    let agents = format!(r#"{{"agents": {{"iaasi-00000013": {scripts}, "iaasi-00000014": {scripts}}}}}"#);
    assert_eq!(rewritten::<ScriptsOfNodes>(&agents), agents);
    let agent = format!(r#"{{"scripts": {scripts}}}"#);
    assert_eq!(rewritten::<Scripts>(&agent), agent);
    let volumes = r#"{"volumes": [{"vol_name": "v1", "vol_size": 64, "dev_name": "sdb", "service_name": "generic", "service_id": 1, "vol_id": "vol-00000002", "vm_id": "iaasi-00000013", "cloud": "iaas"}]}"#;
    assert_eq!(rewritten::<VolumeList>(volumes), volumes);
    let codes = r#"{"codeVersions": [{"time": 1763788139.123456, "current": true, "codeVersionId": "code-default", "description": "Initial version", "filename": "code-default.tar"}]}"#;
    assert_eq!(rewritten::<CodeVersions>(codes), codes);
    let history = r#"{"state_log": [{"state": "INIT", "reason": "", "time": 1763788132.0}]}"#;
    assert_eq!(rewritten::<ServiceHistory>(history), history);
}
