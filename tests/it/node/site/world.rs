//! A manager with one site in PHP, and what its visitors see.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use conpaas::rpc::RpcCall;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::it::node::world::World;
use crate::support::wait::eventually;

/// A manager whose service 1 is a site.
pub(super) struct Site {
    pub(super) world: World,
}

impl Site {
    /// Starts a manager, and adds a site to it.
    pub(super) async fn new(environment: &[(&str, &str)]) -> Self {
        let world = World::start(environment).await;
        assert_eq!(world.add("php").await, 1);
        Site { world }
    }

    /// Waits until the service is not on its way.
    pub(super) async fn settle(&self) {
        eventually("the site is not on its way", async || {
            let info = self.world.try_call(RpcCall::get(0, "get_app_info")).await?;
            let state = info["states"]["1"].as_str()?.to_owned();
            (!["PROLOGUE", "ADAPTING", "EPILOGUE"].contains(&state.as_str())).then_some(())
        })
        .await;
    }

    /// Has an operation end well.
    pub(super) async fn succeed(&self, call: RpcCall) {
        let (status, reason) = self.world.outcome(call).await;
        assert_eq!(status, "DONE", "{reason:?}");
    }

    /// Ids of nodes by role, and how many nodes there are.
    pub(super) async fn roles(&self) -> (Value, usize) {
        let roles = self.world.ok(RpcCall::get(1, "list_nodes")).await;
        (roles, self.world.node_ids().await.len())
    }

    /// Ids of the nodes of one role.
    pub(super) async fn of_role(&self, role: &str) -> Vec<String> {
        serde_json::from_value(self.roles().await.0[role].clone()).unwrap()
    }

    /// What every proxy answers for a path: all the same.
    pub(super) async fn see(&self, path: &str) -> (u16, String) {
        let mut seen = Vec::new();
        for id in self.of_role("proxy").await {
            let info = self.world.ok(RpcCall::get(1, "get_node_info").param("serviceNodeId", id)).await;
            let address = info["serviceNode"]["ip"].as_str().unwrap().parse().unwrap();
            seen.push(fetch(address, path).await);
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.remove(0)
    }

    /// Uploads these files as code; returns the id of the version.
    pub(super) async fn upload(&self, files: &[(&str, &str)]) -> String {
        let archive = self.world.file("code.tar", &crate::it::node::bench::tar_of(files));
        let call = RpcCall::upload(1, "upload_code_version").file("code", &archive, "code.tar");
        self.world.ok(call).await["codeVersionId"].as_str().unwrap().to_owned()
    }

    /// Kills everything that runs in a node, as a power cut does.
    pub(super) fn cut_power(&self, id: &str) {
        let (_, root) = self.world.director.node(id);
        self.world.bench.kill_left(&root);
    }

    /// Where a node keeps its files.
    pub(super) fn cache_of(&self, id: &str) -> PathBuf {
        self.world.director.node(id).1.join(Path::new("var/cache/cpsagent"))
    }
}

/// The roles of one node that plays all of them.
pub(super) fn packed(id: &str) -> Value {
    json!({"web": [id], "proxy": [id], "backend": [id]})
}

/// The status and the text of a page.
async fn fetch(address: Ipv4Addr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect((address, 80)).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: shop.example\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.unwrap_or_else(|| panic!("{answer}")), body.to_owned())
}
