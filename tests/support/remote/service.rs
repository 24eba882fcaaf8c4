//! What a user asks of a service, number 1 of application 1: each waits until it runs again.

use conpaas::rpc::RpcCall;
use serde_json::json;

use super::deployment::Deployment;

impl Deployment {
    /// Adds the service, and starts it with its first node in `cloud`.
    pub(crate) async fn start_service(&self, cloud: &str) {
        self.insist(&self.user, "/add/generic", &[("appid", "1")]).await;
        self.change(&RpcCall::post(0, "start_service").param("service_id", 1).param("cloud", cloud)).await;
    }

    pub(crate) async fn add_nodes(&self, cloud: &str, n_nodes: u32) {
        let call = RpcCall::post(0, "add_nodes").param("service_id", 1).param("cloud", cloud);
        self.change(&call.param("nodes", json!({ "node": n_nodes }))).await;
    }

    pub(crate) async fn remove_nodes(&self, n_nodes: u32) {
        let call = RpcCall::post(0, "remove_nodes").param("service_id", 1);
        self.change(&call.param("nodes", json!({ "node": n_nodes }))).await;
    }

    /// The nodes of the application, as its manager names them.
    pub(crate) async fn nodes(&self) -> Vec<String> {
        let info = self.order(1, &RpcCall::get(0, "get_app_info")).await;
        info["nodes"].as_array().unwrap().iter().map(|node| node.as_str().unwrap().to_owned()).collect()
    }

    /// Makes the volume `data`, and attaches it to a node.
    pub(crate) async fn create_volume(&self, node: &str, size_mb: u32) {
        let call = RpcCall::post(0, "create_volume").param("volumeName", "data").param("volumeSize", size_mb);
        self.change(&call.param("agentId", node)).await;
    }

    pub(crate) async fn delete_volume(&self) {
        self.change(&RpcCall::post(0, "delete_volume").param("volumeName", "data")).await;
    }

    async fn change(&self, call: &RpcCall) {
        self.order(1, call).await;
        self.service_rests(1, "RUNNING").await;
    }
}
