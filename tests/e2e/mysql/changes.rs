//! What is changed of a service that serves: volumes grow, members begin to talk by TLS, one is given up, large dumps come.

use std::io::Write;
use std::path::Path;

use conpaas::rpc::RpcCall;
use serde_json::json;

use super::cluster::speak_tls;
use super::{Cluster, LIMIT, PASSWORD, ended, more};
use crate::e2e::house::vmid;
use crate::e2e::world;
use crate::support::wait::eventually_within;

const DUMP_MB: u64 = 600;
/// As a client cuts a large dump.
const PIECE_BYTES: u64 = 64 << 20;

#[test]
fn volumes_grow_members_encrypt_and_one_is_given_up() {
    let image = world::engines_base();
    world::inside("e2e::mysql::changes::volumes_grow_members_encrypt_and_one_is_given_up", |state| async move {
        let cluster = Cluster::added(&state, image, "256M").await;
        make_older(&cluster);
        start_with_size(&cluster).await;
        cluster.set_password(PASSWORD).await.unwrap();
        let (_, first) = cluster.nodes("mysql").await.remove(0);
        cluster.ask(&first, "CREATE DATABASE shop; CREATE TABLE shop.orders (i BIGINT PRIMARY KEY)");
        cluster.change("add_nodes", "mysql", 1).await;

        let done = state.join("done");
        let writer = cluster.writer(&first, &done);
        more(&done, 10).await;
        grow(&cluster).await;
        more(&done, 10).await;
        ended(writer);
        cluster.expect_all(&done).await;

        encrypt(&cluster).await;
        cluster.expect_all(&done).await;
        load_in_pieces(&cluster, &state, &first).await;
        give_up(&cluster).await;
        cluster.expect_all(&done).await;
    });
}

/// Has the service be one that an older program made, whose nodes know nothing of TLS.
pub(super) fn make_older(cluster: &Cluster) {
    let script = r#"python3 - <<'END'
import sqlite3
db = sqlite3.connect('/var/cache/cpsmanager/manager.db', timeout=20)
[[settings]] = db.execute('SELECT settings FROM service WHERE sid = 1')
assert '"tls":true' in settings, settings
db.execute('UPDATE service SET settings = ? WHERE sid = 1', [settings.replace('"tls":true', '"tls":false')])
db.commit()
END"#;
    let (is_done, text) = world::run_in(&cluster.manager, script);
    assert!(is_done, "{text}");
}

async fn start_with_size(cluster: &Cluster) {
    for size in [json!(511), json!(-1), json!("1G"), json!(99_999_999_999_i64)] {
        let refused = cluster.house.try_call(Cluster::start_call().param("volume_size", size.clone())).await;
        assert!(refused.is_err_and(|text| text.contains("size")), "{size}");
    }
    cluster.house.try_call(Cluster::start_call().param("volume_size", 600)).await.unwrap();
    cluster.rests_in("RUNNING").await;
    let sizes = sizes_mb(cluster).await;
    assert!((500..=600).contains(&sizes[0]), "{sizes:?}");
}

/// The sizes of the file systems that have the data, as the nodes see them.
async fn sizes_mb(cluster: &Cluster) -> Vec<u64> {
    let mut sizes = Vec::new();
    for (id, _) in cluster.nodes("mysql").await {
        let (_, text) = world::run_in(&vmid(&id), "df -m --output=size /media/mysql-* | tail -n 1");
        sizes.push(text.trim().parse().unwrap_or_else(|_| panic!("{text}")));
    }
    sizes
}

async fn grow(cluster: &Cluster) {
    let set = |size: serde_json::Value| cluster.house.try_call(RpcCall::post(1, "set_volume_size").param("size", size));
    let before = sizes_mb(cluster).await;
    for (size, word) in [(json!(599), "volumes only grow"), (json!(0), "from 512"), (json!("much"), "integer")] {
        let refused = set(size.clone()).await.unwrap_err();
        assert!(refused.contains(word), "{size}: {refused}");
    }
    set(json!(900)).await.unwrap();
    if !world::can_resize() {
        println!("skipped: this machine's root may not resize a file system that is mounted (CAP_SYS_RESOURCE)");
        return;
    }
    let after = eventually_within(LIMIT, "the volumes of both nodes have grown", async || {
        let sizes = sizes_mb(cluster).await;
        sizes.iter().all(|size| *size > 800).then_some(sizes)
    })
    .await;
    println!("volumes grew from {before:?} to {after:?} MB while somebody wrote");
    assert!(set(json!(800)).await.is_err());
}

async fn encrypt(cluster: &Cluster) {
    let established = "grep -c 'connection established to .* ssl://' /var/cache/cpsagent/mysql.log";
    for (id, _) in cluster.nodes("mysql").await {
        assert_eq!(world::run_in(&vmid(&id), established).1, "0", "{id}");
    }
    cluster.house.try_call(RpcCall::post(1, "encrypt")).await.unwrap();
    cluster.rests_in("RUNNING").await;
    cluster.serve(2).await;
    speak_tls(cluster).await;
    let refused = cluster.house.try_call(RpcCall::post(1, "encrypt")).await.unwrap_err();
    assert!(refused.contains("already"), "{refused}");
}

/// A dump that is larger than an upload may be: manager and agent hold a piece of it.
async fn load_in_pieces(cluster: &Cluster, state: &Path, ip: &str) {
    let path = state.join("large.sql");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    let line = format!("SET @x = '{}';\n", "x".repeat(1 << 20));
    writeln!(file, "CREATE DATABASE large; USE large; CREATE TABLE t (i INT PRIMARY KEY); SET @n = 0;").unwrap();
    for _ in 0..DUMP_MB {
        // What one statement sets holds for the next, also over pieces.
        writeln!(file, "{line}SET @n = @n + 1; INSERT INTO t VALUES (@n);").unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
    let size = path.metadata().unwrap().len();
    let piece = |load: &str, offset: u64, node: Option<&str>| {
        let end = (offset + PIECE_BYTES).min(size);
        let call = RpcCall::upload(1, "load_dump_piece").param("load", load).param("offset", offset);
        let call = call.param("last", end == size).part_of_file("mysqldump_file", &path, "dump.sql", offset..end);
        node.map_or(call.clone(), |node| call.param("node", node))
    };
    let refused = cluster.house.try_call(piece("other", PIECE_BYTES, None)).await.unwrap_err();
    assert!(refused.contains("no such dump"), "{refused}");
    let began = std::time::Instant::now();
    let (mut offset, mut node) = (0, None::<String>);
    while offset < size {
        let answer = cluster.house.try_call(piece("one", offset, node.as_deref())).await.unwrap();
        node = Some(answer["node"].as_str().unwrap().to_owned());
        if offset == 0 {
            // An answer that is lost is asked for once more, and nothing is loaded twice.
            cluster.house.try_call(piece("one", 0, node.as_deref())).await.unwrap();
            let refused = cluster.house.try_call(piece("two", 0, node.as_deref())).await.unwrap_err();
            assert!(refused.contains("another dump is being loaded"), "{refused}");
        }
        offset = (offset + PIECE_BYTES).min(size);
    }
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(cluster.ask(ip, "SELECT COUNT(*), MAX(i) FROM large.t"), format!("{DUMP_MB}\t{DUMP_MB}"));
    let peak = |vmid: &str, role: &str| {
        let script = format!(
            "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline | grep -q 'conpaas {role}' && \
             sed -n 's/VmHWM:[^0-9]*\\([0-9]*\\) kB/\\1/p' $p/status; done 2>/dev/null | sort -n | tail -n 1"
        );
        let (_, text) = world::run_in(vmid, &script);
        text.parse::<u64>().unwrap_or_else(|_| panic!("{text}")) >> 10
    };
    let manager_mb = peak(&cluster.manager, "manager");
    let agent_mb = peak(&vmid(&node.unwrap()), "agent");
    let mb = size >> 20;
    println!("a dump of {mb} MB in {seconds:.0} s; at most {manager_mb} MB in the manager, {agent_mb} MB in the agent");
    assert!(manager_mb < 128 && agent_mb < 128);
    std::fs::remove_file(&path).unwrap();
}

/// One of two hangs for good, and nobody but the operator knows that. The other one goes on by itself.
async fn give_up(cluster: &Cluster) {
    let nodes = cluster.nodes("mysql").await;
    let (lost, left) = (&nodes[1].0, &nodes[0].1);
    let hang = "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline | grep -q '^[^ ]*\\(conpaas agent\\|mariadbd \\)' && \
                kill -STOP ${p#/proc/}; done; true";
    assert!(world::run_in(&vmid(lost), hang).0);
    eventually_within(LIMIT, "nobody serves any more", async || {
        let output = cluster.sql(left, 3306, PASSWORD, "SELECT COUNT(*) FROM shop.orders");
        (!output.status.success()).then_some(())
    })
    .await;
    let call = |id: &str| RpcCall::post(1, "recover").param("without", json!([id]));
    let refused = cluster.house.try_call(call(&nodes[0].0)).await.unwrap_err();
    assert!(refused.contains("says how far"), "{refused}");
    let began = std::time::Instant::now();
    eventually_within(LIMIT, "the operator gives the node up", async || {
        cluster.house.try_call(call(lost)).await.ok().map(drop)
    })
    .await;
    cluster.rests_in("RUNNING").await;
    cluster.serve(1).await;
    println!("without the lost node it serves again after {:.1} s", began.elapsed().as_secs_f32());
    assert_eq!(cluster.nodes("mysql").await.len(), 1);
}
