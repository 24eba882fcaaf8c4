//! kill -9 of the manager at every step of every operation of a site.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use conpaas::rpc::RpcCall;
use conpaas::task::CRASH_VARIABLE;
use serde_json::json;

use super::world::Site;
use crate::it::node::world::{add_nodes, remove_nodes, start, stop};
use crate::support::all_ports::inside;
use crate::support::wait::{eventually, eventually_within};

/// What can be done to a site, in an order in which each finds what it needs.
const OPERATIONS: [(&str, Deed); 9] = [
    ("start_service", Deed::Start),
    ("adapt", Deed::Enable),
    ("adapt", Deed::Settings),
    ("add_nodes", Deed::Unpack),
    ("adapt", Deed::Weights),
    ("adapt", Deed::Hook),
    ("heal_nodes", Deed::Heal),
    ("remove_nodes", Deed::Repack),
    ("stop_service", Deed::Stop),
];
/// One step of each operation: the short form of the walk.
const CHOSEN: [(Deed, &str); 6] = [
    (Deed::Start, "start_service.nodes_recorded"),
    (Deed::Enable, "adapt.recorded"),
    (Deed::Unpack, "add_nodes.agents_prepared"),
    (Deed::Weights, "adapt.agents_adapted"),
    (Deed::Heal, "heal_nodes.dead_taken_out"),
    (Deed::Repack, "remove_nodes.agents_told"),
];
/// A node that died is noticed within seconds, and another one is made.
const HEALED: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Start,
    Enable,
    Settings,
    Unpack,
    Weights,
    Hook,
    Heal,
    Repack,
    Stop,
}

/// A site, how often it was changed, and where its manager writes down what it passes.
struct Walk {
    site: Site,
    n_codes: u32,
    log: PathBuf,
}

#[test]
fn a_manager_killed_at_any_step_finishes_or_undoes_what_it_does_to_a_site() {
    let name = "it::node::site::crash::a_manager_killed_at_any_step_finishes_or_undoes_what_it_does_to_a_site";
    inside(name, async || {
        let is_long = std::env::var_os("CONPAAS_TEST_LONG").is_some();
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("points");
        let site = Site::new(&[("CONPAAS_CRASH_LOG", log.to_str().unwrap())]).await;
        let mut walk = Walk { site, n_codes: 0, log: log.clone() };
        let mut points = Vec::new();
        for (operation, deed) in OPERATIONS {
            let _only_of_this_deed = fs::remove_file(&log);
            let call = walk.call_of(deed).await;
            walk.do_it(deed, call).await;
            walk.is_well(deed, "nothing").await;
            let passed = fs::read_to_string(&log).unwrap();
            let of_operation = passed.lines().filter(|point| point.split('.').next() == Some(operation));
            let n_before = points.len();
            points.extend(of_operation.map(|point| (deed, point.to_owned())));
            assert!(points.len() >= n_before + 2, "{deed:?} passes {passed}");
        }
        let is_chosen = |deed: Deed, point: &str| is_long || CHOSEN.contains(&(deed, point));
        let n_chosen = points.iter().filter(|(deed, point)| is_chosen(*deed, point)).count();
        assert!(n_chosen >= CHOSEN.len(), "{points:?}");
        println!("{n_chosen} of {} points: {points:?}", points.len());
        for (_, deed) in OPERATIONS {
            let mut of_deed: Vec<&String> =
                points.iter().filter(|(of, _)| *of == deed).map(|(_, point)| point).collect();
            of_deed.retain(|point| is_chosen(deed, point));
            of_deed.dedup();
            // Six nodes are made anew within an hour, and one was before the walk.
            of_deed.truncate(if deed == Deed::Heal { 5 } else { usize::MAX });
            for (n, point) in of_deed.iter().enumerate() {
                walk.crash_at(deed, point).await;
                if n + 1 < of_deed.len() {
                    walk.undo(deed).await;
                }
            }
            if of_deed.is_empty() {
                let call = walk.call_of(deed).await;
                walk.do_it(deed, call).await;
            }
        }
    });
}

impl Walk {
    /// The call that begins a deed; a death begins by itself.
    async fn call_of(&mut self, deed: Deed) -> Option<RpcCall> {
        let settings = || RpcCall::post(1, "update_php_configuration");
        Some(match deed {
            Deed::Start => start(1),
            Deed::Enable => {
                self.n_codes += 1;
                let page = format!("<?php session_start(); echo 'page {}';\n", self.n_codes);
                settings().param("codeVersionId", self.site.upload(&[("index.php", &page)]).await)
            }
            Deed::Settings => {
                self.n_codes += 1;
                settings().param("phpconf", json!({"max_execution_time": (30 + self.n_codes).to_string()}))
            }
            Deed::Unpack => add_nodes(1, json!({"backend": 2, "web": 1})),
            Deed::Weights => {
                self.n_codes += 1;
                let backend = self.site.of_role("backend").await.remove(0);
                let call = RpcCall::post(1, "update_nodes_weight").param("web", json!({}));
                call.param("backend", json!({ backend: 10 + self.n_codes }))
            }
            Deed::Hook => {
                self.n_codes += 1;
                let lines = format!("location = /hook {{ return 200 'hook {}'; }}\n", self.n_codes);
                let file = self.site.world.file("hook.conf", lines.as_bytes());
                RpcCall::upload(1, "set_nginx_hook").param("place", "server").file("hook", &file, "hook.conf")
            }
            Deed::Heal => return None,
            Deed::Repack => remove_nodes(1, json!({"backend": 2, "web": 1})),
            Deed::Stop => stop(1),
        })
    }

    /// Begins a deed, and waits until it has ended.
    async fn do_it(&self, deed: Deed, call: Option<RpcCall>) {
        match call {
            Some(call) => drop(self.site.world.try_call(call).await),
            None => self.kill_a_backend().await,
        }
        if deed == Deed::Heal {
            self.until_healed().await;
        }
        self.site.settle().await;
    }

    async fn kill_a_backend(&self) {
        let backend = self.site.of_role("backend").await.remove(0);
        self.site.cut_power(&backend);
    }

    /// Waits until all nodes that are known answer.
    async fn until_healed(&self) {
        eventually_within(HEALED, "the dead node is made anew", async || {
            let history = self.site.world.try_call(RpcCall::get(1, "get_service_history")).await?;
            let entries = history["state_log"].as_array()?.clone();
            let begun = entries
                .iter()
                .rposition(|entry| entry["reason"].as_str().is_some_and(|reason| reason.contains("is made anew")))?;
            let dead = entries[begun]["reason"].as_str()?.split(' ').nth(1)?.to_owned();
            let info = self.site.world.try_call(RpcCall::get(0, "get_app_info")).await?;
            let is_gone = !info["nodes"].as_array()?.contains(&json!(dead));
            (is_gone && info["states"]["1"] == "RUNNING").then_some(())
        })
        .await;
    }

    /// Kills the manager at a point, and lets another one go on.
    async fn crash_at(&mut self, deed: Deed, point: &str) {
        let call = self.call_of(deed).await;
        self.site.world.bench.kill(self.site.world.pid);
        let _of_another_point = fs::remove_file(&self.log);
        let log = self.log.to_str().unwrap().to_owned();
        self.site.world.restart(&[(CRASH_VARIABLE, point), ("CONPAAS_CRASH_LOG", &log)]).await;
        match call {
            // The answer may be lost with the manager.
            Some(call) => drop(self.site.world.try_call(call).await),
            None => {
                // A node that never answered this manager may be on its way up.
                eventually("the nodes were looked at", async || {
                    let passed = fs::read_to_string(&self.log).ok()?;
                    passed.lines().any(|point| point == "care.round").then_some(())
                })
                .await;
                self.kill_a_backend().await;
            }
        }
        let has_ended = self.site.world.bench.wait_end(self.site.world.pid, HEALED);
        assert!(has_ended, "{deed:?}: {point} was never passed");
        self.site.world.restart(&[]).await;
        self.site.settle().await;
        self.is_well(deed, point).await;
    }

    /// Brings the site to where the same deed can be done again.
    async fn undo(&mut self, deed: Deed) {
        let other = match deed {
            Deed::Start => Deed::Stop,
            Deed::Unpack => Deed::Repack,
            Deed::Repack => Deed::Unpack,
            Deed::Stop => Deed::Start,
            Deed::Enable | Deed::Settings | Deed::Weights | Deed::Hook | Deed::Heal => return,
        };
        let call = self.call_of(other).await;
        self.do_it(other, call).await;
    }

    /// Visitors see what was done last, nodes are those that the director has, and each role is played.
    async fn is_well(&self, deed: Deed, point: &str) {
        let world = &self.site.world;
        let wanted = if deed == Deed::Stop { "STOPPED" } else { "RUNNING" };
        let told = world.history(1).await;
        assert_eq!(world.state(1).await, wanted, "{deed:?} after {point}: {:?}", told.last());
        eventually(&format!("nothing is lost after {point}"), async || {
            let (mut known, mut there) = (world.node_ids().await, world.director.nodes());
            known.sort();
            there.sort();
            (known == there).then_some(())
        })
        .await;
        if deed == Deed::Stop {
            return;
        }
        let (roles, n_nodes) = self.site.roles().await;
        let n_of = |role: &str| roles[role].as_array().unwrap().len();
        let is_apart = matches!(deed, Deed::Unpack | Deed::Weights | Deed::Hook | Deed::Heal);
        let expected = if is_apart { (1, 1, 2, 4) } else { (1, 1, 1, 1) };
        let found = (n_of("proxy"), n_of("web"), n_of("backend"), n_nodes);
        assert_eq!(found, expected, "{deed:?} after {point}: {roles} {:?}", told.last());
        let configuration = world.ok(RpcCall::get(1, "get_configuration")).await;
        let page = self.site.see("/").await;
        let is_first = configuration["codeVersionId"] == "code-default";
        let is_it = if is_first { page.1.contains("Welcome to ConPaaS!") } else { page.1.starts_with("page ") };
        assert!(page.0 == 200 && is_it, "{deed:?} after {point}: {page:?}");
        if matches!(deed, Deed::Enable | Deed::Hook) {
            let (path, word) = if deed == Deed::Enable { ("/", "page") } else { ("/hook", "hook") };
            assert_eq!(self.site.see(path).await, (200, format!("{word} {}", self.n_codes)), "after {point}");
        }
    }
}
