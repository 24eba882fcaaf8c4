//! One node: it serves, no text of anybody becomes SQL or a command, and its backups bring back what there was.

use std::path::Path;

use conpaas::rpc::RpcCall;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Cluster, LIMIT, PASSWORD, servers};
use crate::e2e::house::{kill_managers, vmid};
use crate::e2e::world;
use crate::support::wait::eventually_within;

/// What breaks out of careless SQL, shells, configuration files and names of files.
pub(super) const HOSTILE: [&str; 10] = [
    "'; DROP DATABASE shop; -- ",
    "\\'; DROP DATABASE shop; -- ",
    "\"; DROP DATABASE shop; -- ",
    "`; DROP DATABASE shop",
    "x\nDROP DATABASE shop;\n\\! touch /tmp/broken\n",
    "-- ",
    "--help",
    "a\0b",
    "$(touch /tmp/broken)`touch /tmp/broken`",
    "../../../etc/passwd",
];

#[test]
fn one_node_serves_and_no_text_becomes_sql() {
    // Built outside of the test's world, which has no way to the packages.
    let image = world::engines_base();
    world::inside("e2e::mysql::one_node::one_node_serves_and_no_text_becomes_sql", |state| async move {
        // The least that a node may have.
        let cluster = Cluster::start(&state, image, "128M").await;
        let (id, ip) = cluster.nodes("mysql").await.remove(0);
        assert!(!cluster.sql(&ip, 3306, "", "SELECT 1").status.success(), "nobody has a password before it is set");
        // As if the node had another certificate than its database, which is told of it meanwhile.
        assert!(world::run_in(&vmid(&id), "echo >> $(find /run /var/run -name node.pem | head -n 1)").0);
        passwords(&cluster, &ip).await;

        let set = |variable: &str, value: &str| {
            RpcCall::get(1, "setMySqlParams").param("variable", variable).param("value", value)
        };
        assert_eq!(cluster.house.try_call(set("wait_timeout", "777")).await, Ok(json!("OK!")));
        assert_eq!(cluster.ask(&ip, "SELECT @@GLOBAL.wait_timeout"), "777");
        keep_secrets(&id, PASSWORD);
        dump_and_load(&cluster, &state, &ip).await;
        hostile_parameters(&cluster, &state, &id, &ip).await;
        // Who asks for TLS gets it.
        for (option, is_tls) in [("--ssl", true), ("--skip-ssl", false)] {
            let output = cluster.sql_with(&ip, &[option], "SHOW STATUS LIKE 'Ssl_cipher'");
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{option}: {complaint}");
            assert_eq!(String::from_utf8_lossy(&output.stdout).contains("TLS_"), is_tls, "{option}");
        }

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
        eventually_within(LIMIT, "the database uses the node's certificate again", async || {
            world::run_in(&vmid(&id), "grep 'uses the node.s new certificate' /var/log/cpsagent.log").0.then_some(())
        })
        .await;
        backups(&cluster, &state, &ip).await;
    });
}

async fn passwords(cluster: &Cluster, ip: &str) {
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
        let output = cluster.sql(ip, 3306, password, "SELECT 1");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1", "{password:?}");
    }
    let refused = cluster.set_password("a\0b").await.unwrap_err();
    assert!(refused.starts_with("Failed to set new password: ") && refused.contains("NUL"), "{refused}");
    assert!(cluster.sql(ip, 3306, "plain", "SELECT 1").stdout.is_empty(), "old passwords are gone");
}

/// Every parameter of every method, but the password, which takes anything.
async fn hostile_parameters(cluster: &Cluster, state: &Path, id: &str, ip: &str) {
    let file = state.join("hostile.sql");
    std::fs::write(&file, "SELECT 1;\n").unwrap();
    for text in HOSTILE {
        let dump = |call: RpcCall| call.file("mysqldump_file", &file, text);
        let load = |load: &str| RpcCall::upload(1, "load_dump_piece").param("load", load);
        let backup = |call: RpcCall| call.file("backup", &file, text);
        let restore = |load: &str| RpcCall::upload(1, "restore_piece").param("load", load);
        let calls = [
            dump(load(text).param("offset", 0)),
            dump(load("x").param("offset", text)),
            dump(load("x").param("offset", 0).param("last", text)),
            dump(load("x").param("offset", 0).param("node", text)),
            backup(restore(text).param("offset", 0)),
            backup(restore("x").param("offset", text)),
            backup(restore("x").param("offset", 0).param("last", text)),
            backup(restore("x").param("offset", 0).param("node", text)),
            RpcCall::upload(1, "restore").file("backup", &file, text),
            RpcCall::post(1, "encrypt").param(text, text),
            Cluster::start_call().param("volume_size", text),
            RpcCall::post(1, "set_password").param("user", text).param("password", "x"),
            RpcCall::get(1, "setMySqlParams").param("variable", text).param("value", "1"),
            RpcCall::get(1, "setMySqlParams").param("variable", "wait_timeout").param("value", text),
            RpcCall::get(1, "setMySqlParams").param("variable", "slow_query_log").param("value", text),
            RpcCall::get(1, "sqldump").param("form", text),
            RpcCall::get(1, "remove_specific_nodes").param("ip", text),
            RpcCall::get(1, "get_node_info").param("serviceNodeId", text),
            RpcCall::post(1, "migrate_nodes").param("nodes", text).param("delay", text),
            RpcCall::post(1, "restore_kept").param("name", text),
            RpcCall::post(1, "recover").param("without", json!([text])),
            RpcCall::post(1, "schedule_backup").param("every", text),
            RpcCall::post(1, "schedule_backup").param("every", "day").param("at", text),
            RpcCall::post(1, "schedule_backup").param("every", "day").param("keep", text),
            RpcCall::post(1, "set_volume_size").param("size", text),
            RpcCall::post(1, "set_self_healing").param("enable", text),
            RpcCall::post(0, "add_nodes").param("nodes", json!({ text: 1 })).param("service_id", 1),
            RpcCall::get(1, "get_agent_log").param("agentId", text),
            RpcCall::get(1, "get_agent_log").param("agentId", id).param("filename", text),
        ];
        for call in calls {
            let refused = cluster.house.try_call(call.clone()).await;
            assert!(refused.is_err(), "{call:?} with {text:?}: {refused:?}");
        }
    }
    assert_eq!(cluster.ask(ip, "SELECT COUNT(*) FROM shop.texts"), "2");
    assert!(world::run_in(&vmid(id), "! test -e /tmp/broken").0, "a text became a command");
}

/// Backups bring back what was there when they were made: one of a file, and one that was made by itself.
async fn backups(cluster: &Cluster, state: &Path, ip: &str) {
    let file = state.join("backup");
    let restore = || RpcCall::upload(1, "restore").file("backup", &file, "backup'; \"$(touch /tmp/broken)\n--");
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
    cluster.ask(ip, "DROP DATABASE shop");
    cluster.house.try_call(restore()).await.unwrap();
    cluster.rests_in("RUNNING").await;
    assert_eq!(cluster.ask(ip, "SELECT COUNT(*) FROM shop.texts"), "2");
    in_pieces(cluster, &file, ip).await;

    let schedule = RpcCall::post(1, "schedule_backup").param("every", "day").param("at", "03:00").param("keep", 1);
    cluster.house.try_call(schedule).await.unwrap();
    cluster.rests_in("RUNNING").await;
    // Its manager need not be there: the node makes it.
    kill_managers();
    let listed = eventually_within(LIMIT, "the first one is made at once", async || {
        let listed = cluster.house.call(RpcCall::get(1, "list_backups")).await?;
        assert!(listed["last"]["error"].is_null(), "{listed}");
        (listed["backups"].as_array()?.len() == 1).then_some(listed)
    })
    .await;
    assert_eq!(listed["schedule"], json!({"every": "day", "at": "03:00", "keep": 1}));
    let name = listed["backups"][0]["name"].as_str().unwrap().to_owned();
    cluster.ask(ip, "DELETE FROM shop.texts");
    let restore = RpcCall::post(1, "restore_kept").param("name", name.as_str());
    cluster.house.try_call(restore).await.unwrap();
    cluster.rests_in("RUNNING").await;
    assert_eq!(cluster.ask(ip, "SELECT COUNT(*) FROM shop.texts"), "2");
    eventually_within(LIMIT, "the history tells of it", async || {
        let history = cluster.house.call(RpcCall::get(1, "get_service_history")).await?.to_string();
        history.contains(&format!("Backup {name} is kept on node")).then_some(())
    })
    .await;
}

/// The same in pieces; a backup that breaks off changes nothing.
async fn in_pieces(cluster: &Cluster, file: &Path, ip: &str) {
    cluster.ask(ip, "DELETE FROM shop.texts");
    let size = file.metadata().unwrap().len();
    let third = size / 3;
    let piece = |load: &str, offset: u64, end: u64| {
        let call = RpcCall::upload(1, "restore_piece").param("load", load).param("offset", offset);
        call.param("last", end == size).part_of_file("backup", file, "backup", offset..end)
    };
    let broken = |offset: u64, end: u64| {
        let call = RpcCall::upload(1, "restore_piece").param("load", "broken").param("offset", offset);
        call.param("last", true).part_of_file("backup", file, "backup", offset..end)
    };
    let taken = eventually_within(LIMIT, "the first piece is taken", async || {
        cluster.house.try_call(piece("broken", 0, third)).await.ok()
    })
    .await;
    assert!(taken["node"].is_string(), "{taken}");
    let refused = cluster.house.try_call(broken(third, 2 * third)).await.unwrap_err();
    assert!(refused.starts_with("The backup cannot be used: "), "{refused}");
    assert_eq!(cluster.ask(ip, "SELECT COUNT(*) FROM shop.texts"), "0");

    for (offset, end) in [(0, third), (third, 2 * third)] {
        cluster.house.try_call(piece("whole", offset, end)).await.unwrap();
    }
    let refused = cluster.house.try_call(piece("other", 0, third)).await.unwrap_err();
    assert!(refused.contains("another backup is being loaded"), "{refused}");
    let answer = cluster.house.try_call(piece("whole", 2 * third, size)).await.unwrap();
    assert!(answer["operation_id"].is_string(), "{answer}");
    cluster.rests_in("RUNNING").await;
    assert_eq!(cluster.ask(ip, "SELECT COUNT(*) FROM shop.texts"), "2");
}

/// Nobody reads a secret in lists of processes, logs, or files that everybody may read.
fn keep_secrets(id: &str, secret: &str) {
    let word = secret.split(' ').next().unwrap();
    let (_, text) =
        world::run_in(&vmid(id), "cat /proc/*/cmdline /var/log/*.log /var/cache/cpsagent/mysql.log | tr '\\0' ' '");
    assert!(text.contains("mariadbd") && !text.contains(secret) && !text.contains(&format!("'{word}")), "{text}");
    let (_, open) = world::run_in(
        &vmid(id),
        "find /media /var/tmp/cpsagent /run \\( -name '*.json' -o -name node.pem \\) -perm /044 -path '*mysql*' 2>/dev/null",
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
    let load = || RpcCall::upload(1, "load_dump").file("mysqldump_file", &file, "dump'; --\n\"\\.sql");
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
    let ganglia: Value = cluster.house.call(RpcCall::get(1, "getGangliaParams")).await.unwrap();
    assert_eq!(ganglia["Ganglia"][0], 0);
    assert!(ganglia["Ganglia"][1].as_str().unwrap().contains("<METRIC NAME=\"mem_total\""), "{ganglia}");
}
