//! A part of `make bench`: how fast a volume is, beside the disk that its servers have, in the same run.

use std::time::Instant;

use serde_json::json;

use super::Storage;
use crate::e2e::house::vmid;
use crate::e2e::world;

const LARGE_MB: u64 = 100;
const N_SMALL: u64 = 500;
/// Bytes of each small file, as those of a page or a thumbnail.
const SMALL: u64 = 10_000;

#[test]
fn how_fast_shared_storage_is() {
    if std::env::var_os("CONPAAS_BENCH").is_none() {
        println!("skipped: 'make bench' measures it");
        return;
    }
    let image = world::engines_base();
    world::inside("e2e::storage::rates::how_fast_shared_storage_is", |state| async move {
        let storage = Storage::with_memory(&state, image, "1024M").await;
        let first = storage.nodes(1, "dir").await.remove(0);
        memory(&first, "node with metadata and data, empty");
        storage.create_volume("v").await;
        storage.change(1, "add_nodes", "osd", 2).await;
        let client = storage.nodes(1, "osd").await.remove(2);
        storage.run(&client, "cd /media/osd-* && mkdir bare && ln -s $PWD/bare /mnt/bare");
        tell(&storage, &client, "the disk bare", "/mnt/bare");
        storage.mount(&client, "v", "/mnt/v").await;
        tell(&storage, &client, "three servers, two copies", "/mnt/v");
        let one = [("volumeName", json!("v")), ("policy", json!("WqRq")), ("factor", json!(1))];
        storage.call("set_replication_policy", &one).await.unwrap();
        tell(&storage, &client, "three servers, one copy", "/mnt/v");
        memory(&first, "node with metadata and data, after that");
        memory(&client, "node with data and a mount, after that");
    });
}

/// Measures a directory in a node.
fn tell(storage: &Storage, node: &str, what: &str, directory: &str) {
    let timed = |script: &str| {
        let began = Instant::now();
        storage.run(node, &format!("cd {directory} && {script}"));
        began.elapsed().as_secs_f64()
    };
    // Nothing that compresses, and made beforehand.
    storage.run(node, &format!("test -e /root/large || head -c {} /dev/urandom >/root/large", LARGE_MB << 20));
    let write = timed("dd if=/root/large of=large bs=1M conv=fsync 2>/dev/null");
    storage.run(node, "echo 3 >/proc/sys/vm/drop_caches 2>/dev/null; true");
    let read = timed("dd if=large of=/dev/null bs=1M 2>/dev/null");
    let make = timed(&format!(
        "mkdir small && for i in $(seq {N_SMALL}); do head -c {SMALL} /root/large >small/$i; done && sync small/*"
    ));
    let look = timed("cat small/* >/dev/null");
    let remove = timed("rm -r small large");
    let mb = |seconds: f64| LARGE_MB as f64 / seconds;
    let files = |seconds: f64| N_SMALL as f64 / seconds;
    println!(
        "{what:<40} write {:.0} MB/s, read {:.0} MB/s; small files/s: write {:.0}, read {:.0}, remove {:.0}",
        mb(write),
        mb(read),
        files(make),
        files(look),
        files(remove)
    );
}

fn memory(node: &str, what: &str) {
    println!("{what:<40} {} MB anonymous", world::anonymous_mb(&vmid(node)));
}
