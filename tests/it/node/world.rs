//! A manager and its agents as processes, with a stand-in for the director.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use conpaas::rpc::{Client, RpcCall};
use serde_json::{Value, json};

use super::bench::{Bench, endpoint, ok, refused};
use super::director::StandInDirector;
use crate::support::wait::eventually;

pub(crate) struct World {
    pub(crate) bench: Arc<Bench>,
    pub(crate) director: Arc<StandInDirector>,
    pub(crate) address: Ipv4Addr,
    pub(crate) root: PathBuf,
    pub(crate) pid: u32,
    pub(crate) user: Client,
}

impl World {
    pub(crate) async fn start(environment: &[(&str, &str)]) -> Self {
        let bench = Arc::new(Bench::new());
        let director = StandInDirector::start(Arc::clone(&bench)).await;
        let address = bench.address();
        let root = bench.lay_manager("manager", address, &director.endpoint);
        let pid = bench.start("manager", &root, address, environment);
        bench.await_up(address).await;
        let user = bench.user();
        World { bench, director, address, root, pid, user }
    }

    pub(crate) async fn restart(&mut self, environment: &[(&str, &str)]) {
        self.pid = self.bench.start("manager", &self.root, self.address, environment);
        self.bench.await_up(self.address).await;
    }

    /// The answer without the id of the operation, which differs from run to run.
    pub(crate) async fn ok(&self, call: RpcCall) -> Value {
        let mut answer = ok(&self.user, self.address, call).await;
        if let Some(fields) = answer.as_object_mut() {
            fields.remove("operation_id");
        }
        answer
    }

    /// What became of the operation that a call begins: its last status and the reason.
    pub(crate) async fn outcome(&self, call: RpcCall) -> (String, Option<String>) {
        let begun = ok(&self.user, self.address, call).await;
        let id = begun["operation_id"].as_str().unwrap_or_else(|| panic!("no operation in {begun}")).to_owned();
        self.outcome_of(&id).await
    }

    pub(crate) async fn outcome_of(&self, id: &str) -> (String, Option<String>) {
        eventually("the operation ends", async || {
            let told = self.try_call(RpcCall::get(0, "get_operation").param("operation_id", id)).await?;
            let status = told["status"].as_str().unwrap().to_owned();
            (status != "RUNNING").then(|| (status, told["reason"].as_str().map(str::to_owned)))
        })
        .await
    }

    pub(crate) async fn refused(&self, call: RpcCall) -> String {
        refused(&self.user, self.address, call).await
    }

    /// A call that may be broken off by a crash.
    pub(crate) async fn try_call(&self, call: RpcCall) -> Option<Value> {
        self.user.call(&endpoint(self.address), &call).await.ok()
    }

    pub(crate) async fn add(&self, kind: &str) -> i64 {
        let added = self.ok(RpcCall::post(0, "add_service").param("service_type", kind)).await;
        added["service_id"].as_i64().unwrap()
    }

    pub(crate) async fn start_service(&self, sid: i64) {
        assert_eq!(self.ok(start(sid)).await, json!({"state": "PROLOGUE"}));
        self.await_state(sid, "RUNNING").await;
    }

    pub(crate) async fn state(&self, sid: i64) -> String {
        let info = self.ok(RpcCall::get(0, "get_app_info")).await;
        info["states"][sid.to_string()].as_str().unwrap_or("REMOVED").to_owned()
    }

    pub(crate) async fn await_state(&self, sid: i64, wanted: &str) {
        let what = format!("service {sid} is {wanted}");
        eventually(&what, async || (self.state(sid).await == wanted).then_some(())).await;
    }

    pub(crate) async fn node_ids(&self) -> Vec<String> {
        let info = self.ok(RpcCall::get(0, "get_app_info")).await;
        serde_json::from_value(info["nodes"].clone()).unwrap()
    }

    pub(crate) async fn history(&self, sid: i64) -> Vec<(String, String)> {
        let history = self.ok(RpcCall::get(sid, "get_service_history")).await;
        let entries = history["state_log"].as_array().unwrap().clone();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
        entries.iter().map(|entry| (text(entry, "state"), text(entry, "reason"))).collect()
    }

    pub(crate) async fn await_no_scripts(&self, sid: i64) {
        eventually("no script runs", async || {
            let status = self.ok(RpcCall::get(sid, "get_script_status")).await;
            (!status.to_string().contains("RUNNING")).then_some(())
        })
        .await;
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.bench.path(name);
        fs::write(&path, content).unwrap();
        path
    }
}

pub(crate) fn start(sid: i64) -> RpcCall {
    RpcCall::post(0, "start_service").param("service_id", sid).param("cloud", "default")
}

pub(crate) fn stop(sid: i64) -> RpcCall {
    RpcCall::post(0, "stop_service").param("service_id", sid)
}

pub(crate) fn stop_keeping_volumes(sid: i64) -> RpcCall {
    stop(sid).param("keep_volumes", true)
}

pub(crate) fn attach_volume(name: &str, node: &str) -> RpcCall {
    RpcCall::post(0, "attach_volume").param("volumeName", name).param("agentId", node)
}

pub(crate) fn add_nodes(sid: i64, nodes: Value) -> RpcCall {
    RpcCall::post(0, "add_nodes").param("service_id", sid).param("nodes", nodes).param("cloud", "default")
}

pub(crate) fn remove_nodes(sid: i64, nodes: Value) -> RpcCall {
    RpcCall::post(0, "remove_nodes").param("service_id", sid).param("nodes", nodes)
}

pub(crate) fn create_volume(name: &str, size: i64, node: &str) -> RpcCall {
    let call = RpcCall::post(0, "create_volume").param("volumeName", name);
    call.param("volumeSize", size).param("agentId", node)
}

pub(crate) fn delete_volume(name: &str) -> RpcCall {
    RpcCall::post(0, "delete_volume").param("volumeName", name)
}
