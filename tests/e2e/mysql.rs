//! MariaDB clusters on real containers: what was acknowledged is there, whoever is killed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use conpaas::rpc::RpcCall;
use conpaas::sys::process::{self, ProcessId};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::house::{House, vmid};
use super::world;
use crate::support::wait::eventually_within;

/// Servers and state transfers on a busy machine.
const LIMIT: Duration = Duration::from_secs(240);
const PASSWORD: &str = "it's \\ \"a\" `b` -- #; DROP\ttable";
/// Inserts numbers, each with a connection of its own, and writes down those that were acknowledged, until its input
/// ends. A statement whose answer is lost is not written down.
const WRITER: &str = "
import os, subprocess, sys, threading, time
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
prefix, hosts, n, last, gap = sys.argv[3:-1], sys.argv[-1].split(','), int(sys.argv[1]), time.monotonic(), 0.0
with open(sys.argv[2], 'a') as done:
    while not stop.is_set():
        n += 1
        host = hosts[n % len(hosts)]
        sql = f'INSERT INTO shop.orders VALUES ({n})'
        words = prefix + ['-h', host, '-u', 'mysqldb', '--connect-timeout=2', '-e', sql]
        try: code = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30).returncode
        except subprocess.TimeoutExpired: code = 1
        if code == 0:
            done.write(f'{n}\\n'); done.flush(); os.fsync(done.fileno())
            gap, last = max(gap, time.monotonic() - last), time.monotonic()
print(f'{n} tried, longest gap {gap:.1f} s')
";

/// A mysql service, seen by a client.
struct Cluster {
    house: House,
    image: PathBuf,
    /// The cloud's id of the manager's node.
    manager: String,
}

impl Cluster {
    async fn start(state: &Path, image: PathBuf, memory: &str) -> Self {
        let mut house = House::of_image(state, &image, memory);
        let manager = house.start_application().await;
        house.ask("/add/mysql", &[("appid", "1")]).await.unwrap();
        let cluster = Cluster { house, image, manager };
        cluster.start_service().await;
        cluster
    }

    async fn start_service(&self) {
        let start = RpcCall::post(0, "start_service").param("service_id", 1).param("cloud", "default");
        self.house.try_call(start).await.unwrap();
        self.rests_in("RUNNING").await;
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
}

fn numbers(text: &str) -> BTreeSet<u64> {
    text.lines().filter_map(|line| line.trim().parse().ok()).collect()
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

#[test]
fn one_node_serves_and_no_text_becomes_sql() {
    // Built outside of the test's world, which has no way to the packages.
    let image = world::engines_base();
    world::inside("e2e::mysql::one_node_serves_and_no_text_becomes_sql", |state| async move {
        // The least that a node may have.
        let cluster = Cluster::start(&state, image, "128M").await;
        let (id, ip) = cluster.nodes("mysql").await.remove(0);
        assert!(!cluster.sql(&ip, 3306, "", "SELECT 1").status.success(), "nobody has a password before it is set");
        for password in [
            "plain",
            "'; DROP USER mysqldb@'%'; -- ",
            "\\'; DROP USER mysqldb@'%'; -- ",
            "a\\",
            "\"`#--/*",
            "two\nlines\r\nDELIMITER //\n\\! touch /tmp/broken",
            "ä€ \u{1F600}\u{1a}\t",
            PASSWORD,
        ] {
            cluster.set_password(password).await.unwrap();
            let output = cluster.sql(&ip, 3306, password, "SELECT 1");
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1", "{password:?}");
        }
        let refused = cluster.set_password("a\0b").await.unwrap_err();
        assert!(refused.starts_with("Failed to set new password: ") && refused.contains("NUL"), "{refused}");
        let user = RpcCall::post(1, "set_password").param("user", "x'@'%'; DROP DATABASE mysql; -- ");
        assert!(cluster.house.try_call(user.param("password", "x")).await.is_err());
        assert!(cluster.sql(&ip, 3306, "plain", "SELECT 1").stdout.is_empty(), "old passwords are gone");

        let set = |variable: &str, value: &str| {
            RpcCall::get(1, "setMySqlParams").param("variable", variable).param("value", value)
        };
        assert_eq!(cluster.house.try_call(set("wait_timeout", "777")).await, Ok(json!("OK!")));
        assert_eq!(cluster.ask(&ip, "SELECT @@GLOBAL.wait_timeout"), "777");
        for (variable, value) in [("wsrep_on", "OFF"), ("wait_timeout", "1; DROP DATABASE mysql"), ("a\0b", "1")] {
            assert!(cluster.house.try_call(set(variable, value)).await.is_err(), "{variable} = {value}");
        }
        keep_secrets(&id, PASSWORD);
        dump_and_load(&cluster, &state, &ip).await;

        for server in servers() {
            server.signal(Signal::SIGKILL);
        }
        let row = eventually_within(LIMIT, "the server is back", async || {
            let sql = "SELECT COUNT(*), @@GLOBAL.wait_timeout FROM shop.texts";
            let output = cluster.sql(&ip, 3306, PASSWORD, sql);
            output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        })
        .await;
        assert_eq!(row, "2\t777");
        monitor(&cluster).await;
    });
}

/// A backup brings back what was there when it was made, on all members.
async fn restore(cluster: &Cluster, state: &Path, ip: &str) {
    let file = state.join("backup");
    let restore = || RpcCall::upload(1, "restore").file("backup", &file, "backup");
    std::fs::write(&file, "no backup").unwrap();
    // An agent that was just started says a moment later than its server that it serves.
    eventually_within(LIMIT, "a file that is no backup is refused as such", async || {
        let refused = cluster.house.try_call(restore()).await.unwrap_err();
        let is_read = refused.starts_with("The backup cannot be used: ");
        assert!(is_read || refused.contains("does not serve now"), "{refused}");
        is_read.then_some(())
    })
    .await;
    std::fs::write(&file, cluster.house.download(RpcCall::get(1, "backup")).await).unwrap();
    cluster.ask(ip, "TRUNCATE shop.orders");
    cluster.house.try_call(restore()).await.unwrap();
    cluster.rests_in("RUNNING").await;
}

/// Nobody reads a secret in lists of processes, logs, or files that everybody may read.
fn keep_secrets(id: &str, secret: &str) {
    let word = secret.split(' ').next().unwrap();
    let (_, text) =
        world::run_in(&vmid(id), "cat /proc/*/cmdline /var/log/*.log /var/cache/cpsagent/mysql.log | tr '\\0' ' '");
    assert!(text.contains("mariadbd") && !text.contains(secret) && !text.contains(&format!("'{word}")), "{text}");
    let (_, open) = world::run_in(
        &vmid(id),
        "find /media /var/tmp/cpsagent /run -name '*.json' -perm /044 -path '*mysql*' 2>/dev/null",
    );
    assert_eq!(open, "");
}

async fn dump_and_load(cluster: &Cluster, state: &Path, ip: &str) {
    let text = "a'b\\c\nd -- ä";
    let literal = text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n");
    cluster.ask(ip, "CREATE DATABASE shop; CREATE TABLE shop.texts (t TEXT) CHARACTER SET utf8mb4");
    cluster.ask(ip, &format!("INSERT INTO shop.texts VALUES ('{literal}'), ('x')"));
    cluster.ask(ip, "CREATE USER reader@'%' IDENTIFIED BY 'r'; GRANT SELECT ON shop.* TO reader@'%'");
    let dump = cluster.house.try_call(RpcCall::get(1, "sqldump").answered_within(64 << 20)).await.unwrap();
    let dump = dump.as_str().unwrap();
    assert!(dump.contains("CREATE TABLE `texts`") && dump.contains("`reader`@`%`"), "{}", &dump[..500]);
    cluster.ask(ip, "DROP DATABASE shop; DROP USER reader@'%'");
    // As the dump of a stranger: with the tables of accounts, and with what only a client program understands.
    let hostile = "\n-- Current Database: `mysql`\nUSE `mysql`;\nDROP TABLE global_priv;\n\
                   -- Current Database: `shop`\nUSE `shop`;\n";
    let file = state.join("dump.sql");
    std::fs::write(&file, format!("{dump}{hostile}")).unwrap();
    let load = || RpcCall::upload(1, "load_dump").file("mysqldump_file", &file, "dump.sql");
    cluster.house.try_call(load()).await.unwrap();
    assert_eq!(cluster.ask(ip, "SELECT HEX(t) FROM shop.texts LIMIT 1"), hex(text));
    assert_eq!(cluster.ask(ip, "SELECT COUNT(*) FROM mysql.user WHERE user = 'reader'"), "1");
    std::fs::write(&file, "\\! touch /tmp/broken\n").unwrap();
    let refused = cluster.house.try_call(load()).await.unwrap_err();
    assert!(refused.starts_with("Could not upload mysqldump_file: "), "{refused}");
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}

/// What the old frontend's performance monitor reads.
async fn monitor(cluster: &Cluster) {
    let load = cluster.house.call(RpcCall::get(1, "getMeanLoad")).await.unwrap();
    assert!(load["loads"][0].is_string() && load["meanSelect"].is_f64(), "{load}");
    let ganglia = cluster.house.call(RpcCall::get(1, "getGangliaParams")).await.unwrap();
    assert_eq!(ganglia["Ganglia"][0], 0);
    assert!(ganglia["Ganglia"][1].as_str().unwrap().contains("<METRIC NAME=\"mem_total\""), "{ganglia}");
}

#[test]
fn nothing_acknowledged_is_lost_while_nodes_come_go_and_die() {
    let image = world::engines_base();
    world::inside("e2e::mysql::nothing_acknowledged_is_lost_while_nodes_come_go_and_die", |state| async move {
        let mut cluster = Cluster::start(&state, image, "256M").await;
        cluster.set_password(PASSWORD).await.unwrap();
        let (_, first) = cluster.nodes("mysql").await.remove(0);
        cluster.ask(&first, "CREATE DATABASE shop; CREATE TABLE shop.orders (i BIGINT PRIMARY KEY)");

        // Others join while the first one serves, also when the manager dies in the middle of that.
        let done = state.join("done");
        let writer = cluster.writer(&first, &done);
        cluster.ask_for("add_nodes", "mysql", 2).await;
        eventually_within(LIMIT, "three servers run", async || (servers().len() == 3).then_some(())).await;
        for manager in process::find("cmdline", |words| words.starts_with(b"/usr/sbin/conpaas\0manager\0")) {
            manager.signal(Signal::SIGKILL);
        }
        cluster.rests_in("RUNNING").await;
        assert_eq!(cluster.nodes("mysql").await.len(), 3);
        cluster.change("add_nodes", "glb", 1).await;
        ended(writer);
        cluster.expect_all(&done).await;
        let (_, balancer) = cluster.nodes("glb").await.remove(0);
        for port in [3306, 8010] {
            assert!(cluster.sql(&balancer, port, PASSWORD, "SELECT 1").status.success(), "port {port}");
        }

        // One is killed now and then.
        let done = state.join("done-2");
        cluster.ask(&first, "TRUNCATE shop.orders");
        let writer = cluster.writer(&balancer, &done);
        for place in 0..3 {
            more(&done, 10).await;
            servers()[place].signal(Signal::SIGKILL);
            more(&done, 10).await;
            eventually_within(LIMIT, "three servers run", async || (servers().len() == 3).then_some(())).await;
            cluster.serve(3).await;
        }
        // All at once.
        more(&done, 10).await;
        for server in servers() {
            server.signal(Signal::SIGKILL);
        }
        more(&done, 10).await;
        ended(writer);
        cluster.expect_all(&done).await;

        // The whole machine loses its power while somebody writes.
        let writer = cluster.writer_from(1_000_000, &first, &done);
        more(&done, 10).await;
        cluster.cut_power().await;
        ended(writer);
        cluster.expect_all(&done).await;

        restore(&cluster, &state, &first).await;
        cluster.expect_all(&done).await;

        // Volumes outlive a stop, and the newest data begins.
        let stop = RpcCall::post(0, "stop_service").param("service_id", 1).param("keep_volumes", true);
        cluster.house.try_call(stop).await.unwrap();
        cluster.rests_in("STOPPED").await;
        cluster.start_service().await;
        assert_eq!(cluster.nodes("mysql").await.len(), 3);
        cluster.expect_all(&done).await;

        // Two may stay where a balancer votes, and not without.
        cluster.change("remove_nodes", "mysql", 1).await;
        let glb = RpcCall::post(0, "remove_nodes").param("nodes", json!({"glb": 1})).param("service_id", 1);
        let refused = cluster.house.try_call(glb).await.unwrap_err();
        assert!(refused.contains("third vote"), "{refused}");
        cluster.expect_all(&done).await;
    });
}

impl Cluster {
    /// Waits until so many members serve.
    async fn serve(&self, n: usize) {
        eventually_within(LIMIT, &format!("{n} members serve"), async || {
            let nodes = self.nodes("mysql").await;
            let sql = "SHOW STATUS WHERE Variable_name = 'wsrep_local_state' AND Value = '4'";
            let serving = nodes.iter().filter(|(_, ip)| !self.sql(ip, 3306, PASSWORD, sql).stdout.is_empty());
            (serving.count() == n).then_some(())
        })
        .await;
    }
}
