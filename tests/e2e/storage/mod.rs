//! Shared storage on real containers: what was acknowledged is there, whoever is killed.

mod kills;
mod links;
mod rates;
mod servers;
mod settings;
mod takeover;

use std::path::{Path, PathBuf};
use std::time::Duration;

use conpaas::rpc::RpcCall;
use serde_json::{Value, json};

use super::house::{House, vmid};
use super::world;
use crate::support::wait::eventually_within;

/// Servers that get copies on a busy machine.
const LIMIT: Duration = Duration::from_secs(300);

/// An application with shared storage, the service 1.
struct Storage {
    house: House,
    /// The cloud's id of the manager's node.
    manager: String,
}

impl Storage {
    async fn start(state: &Path, image: PathBuf) -> Self {
        Storage::with_memory(state, image, "256M").await
    }

    async fn with_memory(state: &Path, image: PathBuf, memory: &str) -> Self {
        let mut house = House::of_image(state, &image, memory);
        let manager = house.start_application().await;
        house.ask("/add/xtreemfs", &[("appid", "1")]).await.unwrap();
        let storage = Storage { house, manager };
        storage.start_service(1).await;
        storage
    }

    async fn start_service(&self, sid: i64) {
        let call = RpcCall::post(0, "start_service").param("service_id", sid).param("cloud", "default");
        self.house.try_call(call).await.unwrap();
        self.rests_in(sid, "RUNNING").await;
    }

    async fn rests_in(&self, sid: i64, state: &str) {
        eventually_within(LIMIT, &format!("service {sid} is {state}"), async || {
            let info = self.house.call(RpcCall::get(sid, "get_service_info")).await?;
            if info["state"] == "ERROR" {
                self.diagnose().await;
                panic!("{info}");
            }
            (info["state"] == state).then(|| assert_eq!(info["reason"], Value::Null, "{info}"))
        })
        .await;
    }

    async fn change(&self, sid: i64, method: &str, role: &str, n: i64) {
        self.ask_for(sid, method, role, n).await.unwrap();
        self.rests_in(sid, "RUNNING").await;
    }

    async fn ask_for(&self, sid: i64, method: &str, role: &str, n: i64) -> Result<Value, String> {
        let call = RpcCall::post(0, method).param("nodes", json!({ role: n })).param("service_id", sid);
        let call = if method == "add_nodes" { call.param("cloud", "default") } else { call };
        self.house.try_call(call).await
    }

    /// Ids of the nodes of a role.
    async fn nodes(&self, sid: i64, role: &str) -> Vec<String> {
        let list = self.house.call(RpcCall::get(sid, "list_nodes")).await.unwrap();
        list[role].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    async fn call(&self, method: &str, fields: &[(&str, Value)]) -> Result<Value, String> {
        let call = fields.iter().fold(RpcCall::post(1, method), |call, (name, value)| call.param(name, value.clone()));
        self.house.try_call(call).await
    }

    async fn create_volume(&self, name: &str) {
        assert_eq!(self.call("createVolume", &[("volumeName", json!(name))]).await, Ok(json!({})));
    }

    /// What a command in a node prints, which succeeds.
    fn run(&self, node: &str, script: &str) -> String {
        let (is_well, text) = world::run_in(&vmid(node), script);
        assert!(is_well, "{node}: {script}: {text}");
        text
    }

    /// Mounts a volume in a node by hand, as somebody does who has its password.
    async fn mount(&self, node: &str, volume: &str, path: &str) {
        let access = self.call("get_volume_access", &[("volumeName", json!(volume))]).await.unwrap();
        let [host, password] = ["host", "password"].map(|name| access[name].as_str().unwrap().to_owned());
        let script = format!(
            "mkdir -p {path} && umask 077 && printf 'mfsmaster={host}\\nmfssubfolder=/{volume}\\nmfspassword={password}\\n\
             mfsallowoomkiller\\n' >/root/{volume}.cfg && mfsmount -c /root/{volume}.cfg {path}"
        );
        self.run(node, &script);
    }

    /// Prints what nodes say of themselves.
    async fn diagnose(&self) {
        println!("servers: {:?}", self.house.try_call(RpcCall::get(1, "get_servers")).await);
        let list = self.house.call(RpcCall::get(1, "list_nodes")).await.unwrap_or_default();
        let ids: std::collections::BTreeSet<String> = list
            .as_object()
            .into_iter()
            .flatten()
            .flat_map(|(_, ids)| ids.as_array().cloned().unwrap_or_default())
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect();
        for id in ids {
            let script = "ps -eo pid,etimes,rss,args; tail -n 20 /var/log/cpsagent.log; \
                          for log in /var/tmp/cpsagent/daemons/*/std*; do echo \"== $log\"; tail -n 15 $log; done";
            println!("==== {id}\n{}", world::run_in(&vmid(&id), script).1);
        }
        println!("==== manager\n{}", world::run_in(&self.manager, "tail -n 60 /var/log/cpsmanager*.log").1);
    }
}
