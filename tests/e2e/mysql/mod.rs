//! MariaDB clusters on real containers: what was acknowledged is there, whoever is killed.
//!
//! `CONPAAS_TEST_LONG=1` kills for ten minutes, or for as many as `CONPAAS_TEST_MINUTES` says, and then all at once
//! twenty times, or as often as `CONPAAS_TEST_AT_ONCE` says.

mod changes;
mod cluster;
mod kills;
mod large;
mod links;
mod one_node;
mod rates;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use conpaas::rpc::RpcCall;
use conpaas::sys::process::{self, ProcessId};
use serde_json::{Value, json};

use super::house::{House, vmid};
use super::world;
use crate::support::wait::eventually_within;

/// Servers and state transfers on a busy machine.
const LIMIT: Duration = Duration::from_secs(240);
const PASSWORD: &str = "it's \\ \"a\" `b` -- #; DROP\ttable";
/// Inserts numbers, each with a connection of its own, and writes down those that were acknowledged and when, until its
/// input ends. A statement whose answer is lost is not written down.
const WRITER: &str = "
import os, subprocess, sys, threading, time
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
prefix, hosts, n, last, gap = sys.argv[3:-1], sys.argv[-1].split(','), int(sys.argv[1]), time.monotonic(), 0.0
acknowledged = 0
with open(sys.argv[2], 'a') as done:
    while not stop.is_set():
        n += 1
        host = hosts[n % len(hosts)]
        sql = f'INSERT INTO shop.orders VALUES ({n})'
        words = prefix + ['-h', host, '-u', 'mysqldb', '--connect-timeout=2', '-e', sql]
        try: code = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30).returncode
        except subprocess.TimeoutExpired: code = 1
        if code == 0:
            done.write(f'{n} {time.time():.3f}\\n'); done.flush(); os.fsync(done.fileno())
            acknowledged += 1
            gap, last = max(gap, time.monotonic() - last), time.monotonic()
print(f'{acknowledged} of {n - int(sys.argv[1])} acknowledged, longest gap {gap:.1f} s')
";

/// A mysql service, seen by a client.
pub(crate) struct Cluster {
    house: House,
    image: PathBuf,
    /// The cloud's id of the manager's node.
    manager: String,
}

impl Cluster {
    async fn start(state: &Path, image: PathBuf, memory: &str) -> Self {
        let cluster = Cluster::added(state, image, memory).await;
        cluster.start_service().await;
        cluster
    }

    /// A service that has not been started yet.
    async fn added(state: &Path, image: PathBuf, memory: &str) -> Self {
        let mut house = House::of_image(state, &image, memory);
        let manager = house.start_application().await;
        house.ask("/add/mysql", &[("appid", "1")]).await.unwrap();
        Cluster { house, image, manager }
    }

    async fn start_service(&self) {
        self.house.try_call(Cluster::start_call()).await.unwrap();
        self.rests_in("RUNNING").await;
    }

    fn start_call() -> RpcCall {
        RpcCall::post(0, "start_service").param("service_id", 1).param("cloud", "default")
    }

    async fn rests_in(&self, state: &str) {
        eventually_within(LIMIT, &format!("the service is {state}"), async || {
            let info = self.house.call(RpcCall::get(1, "get_service_info")).await?;
            assert_ne!(info["state"], "ERROR", "{info}");
            (info["state"] == state).then(|| assert_eq!(info["reason"], Value::Null, "{info}"))
        })
        .await;
    }

    async fn change(&self, method: &str, role: &str, n: i64) {
        self.ask_for(method, role, n).await;
        self.rests_in("RUNNING").await;
    }

    async fn ask_for(&self, method: &str, role: &str, n: i64) {
        let call = RpcCall::post(0, method).param("nodes", json!({ role: n })).param("service_id", 1);
        let call = if method == "add_nodes" { call.param("cloud", "default") } else { call };
        self.house.try_call(call).await.unwrap();
    }

    /// Ids and addresses of the nodes of a role.
    async fn nodes(&self, role: &str) -> Vec<(String, String)> {
        let list = self.house.call(RpcCall::get(1, "list_nodes")).await.unwrap();
        let mut nodes = Vec::new();
        for id in list[role].as_array().unwrap() {
            let call = RpcCall::get(1, "get_node_info").param("serviceNodeId", id.clone());
            let info = self.house.call(call).await.unwrap();
            nodes.push((id.as_str().unwrap().to_owned(), info["serviceNode"]["ip"].as_str().unwrap().to_owned()));
        }
        nodes
    }

    /// The client program of the nodes' own packages.
    fn client(&self) -> Vec<String> {
        ["chroot".to_owned(), self.image.display().to_string(), "mariadb".to_owned()].into()
    }

    fn sql(&self, ip: &str, port: u16, password: &str, sql: &str) -> Output {
        let words = self.client();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["-h", ip, "-P", &port.to_string(), "-u", "mysqldb", "-BN", "-e", sql]);
        command.env("MYSQL_PWD", password).output().expect("coreutils have chroot")
    }

    /// The same with more options of the client program.
    fn sql_with(&self, ip: &str, options: &[&str], sql: &str) -> Output {
        let words = self.client();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(options).args(["-h", ip, "-u", "mysqldb", "-BN", "-e", sql]);
        command.env("MYSQL_PWD", PASSWORD).output().expect("coreutils have chroot")
    }

    /// What a statement that succeeds prints.
    fn ask(&self, ip: &str, sql: &str) -> String {
        let output = self.sql(ip, 3306, PASSWORD, sql);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    async fn set_password(&self, password: &str) -> Result<Value, String> {
        let call = RpcCall::post(1, "set_password").param("user", "mysqldb").param("password", password);
        self.house.try_call(call).await
    }

    /// Ends everything at once, and starts the director again.
    async fn cut_power(&mut self) {
        let mut vmids = vec![self.manager.clone()];
        for role in ["mysql", "glb"] {
            vmids.extend(self.nodes(role).await.iter().map(|(id, _)| vmid(id)));
        }
        self.house.cut_power(&vmids);
        self.house.start();
        self.rests_in("RUNNING").await;
    }

    fn writer(&self, hosts: &str, done: &Path) -> Child {
        self.writer_from(0, hosts, done)
    }

    fn writer_from(&self, first: u64, hosts: &str, done: &Path) -> Child {
        let mut command = Command::new("python3");
        command.args(["-c", WRITER]).arg(first.to_string()).arg(done).args(self.client()).arg(hosts);
        command.env("MYSQL_PWD", PASSWORD).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().expect("the machine has Python")
    }

    /// Waits until every member has every acknowledged number, and all have the same.
    async fn expect_all(&self, done: &Path) {
        let acknowledged = numbers(&std::fs::read_to_string(done).unwrap());
        assert!(acknowledged.len() > 20, "only {} were acknowledged", acknowledged.len());
        let mut seen = BTreeSet::new();
        for (id, ip) in self.nodes("mysql").await {
            let found = eventually_within(LIMIT, &format!("{id} serves"), async || {
                let output =
                    self.sql(&ip, 3306, PASSWORD, "SET SESSION wsrep_sync_wait = 1; SELECT i FROM shop.orders");
                output.status.success().then(|| numbers(&String::from_utf8_lossy(&output.stdout)))
            })
            .await;
            let lost: Vec<&u64> = acknowledged.difference(&found).collect();
            assert!(lost.is_empty(), "{id} lost {lost:?} of {}", acknowledged.len());
            seen.insert(found);
        }
        assert_eq!(seen.len(), 1, "the members differ");
    }

    /// Waits until so many members serve; if they do not, prints what each of them says.
    async fn serve(&self, n: usize) {
        let end = Instant::now() + LIMIT;
        loop {
            let nodes = self.nodes("mysql").await;
            let sql = "SHOW STATUS WHERE Variable_name = 'wsrep_local_state' AND Value = '4'";
            let serving = nodes.iter().filter(|(_, ip)| !self.sql(ip, 3306, PASSWORD, sql).stdout.is_empty());
            if serving.count() == n {
                return;
            }
            if Instant::now() > end {
                self.diagnose().await;
                panic!("waited in vain until {n} members serve");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Prints what the members say of themselves, and the last lines of their logs.
    async fn diagnose(&self) {
        println!("members: {:?}", self.house.try_call(RpcCall::get(1, "get_members")).await);
        for (id, ip) in self.nodes("mysql").await {
            let script = "for file in grastate.dat gvwstate.dat sst_in_progress; do echo \"== $file\"; \
                          cat /media/mysql-*/mysql/data/$file; done; ps -eo pid,ppid,etimes,args; \
                          tail -n 25 /var/log/cpsagent.log; tail -n 120 /var/cache/cpsagent/mysql.log";
            println!("==== {id} {ip}\n{}", world::run_in(&vmid(&id), script).1);
        }
        let manager = "tail -n 60 /var/log/cpsmanager.log";
        println!("==== manager\n{}", world::run_in(&self.manager, manager).1);
    }

    /// Asserts that every member has every number that was acknowledged until now, also while somebody writes on.
    async fn expect_acknowledged(&self, done: &Path) {
        let acknowledged = numbers(&std::fs::read_to_string(done).unwrap());
        for (id, ip) in self.nodes("mysql").await {
            let sql = "SET SESSION wsrep_sync_wait = 1; SELECT i FROM shop.orders";
            let found = eventually_within(LIMIT, &format!("{id} tells what it has"), async || {
                let output = self.sql(&ip, 3306, PASSWORD, sql);
                output.status.success().then(|| numbers(&String::from_utf8_lossy(&output.stdout)))
            })
            .await;
            let lost: Vec<&u64> = acknowledged.difference(&found).collect();
            assert!(lost.is_empty(), "{id} lost {lost:?} of {}", acknowledged.len());
        }
    }
}

/// The first word of each line, where that is a number.
fn numbers(text: &str) -> BTreeSet<u64> {
    text.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect()
}

/// The servers of all nodes of this world.
fn servers() -> Vec<ProcessId> {
    process::find("cmdline", |words| words.starts_with(b"mariadbd\0"))
}

/// How many numbers were acknowledged so far.
fn count(done: &Path) -> usize {
    std::fs::read_to_string(done).map_or(0, |text| text.lines().count())
}

async fn more(done: &Path, n: usize) {
    let before = count(done);
    eventually_within(LIMIT, "more is acknowledged", async || (count(done) >= before + n).then_some(())).await;
}

fn ended(mut writer: Child) {
    drop(writer.stdin.take());
    let output = writer.wait_with_output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout).trim());
    assert!(output.status.success());
}
