//! Programs are killed while somebody writes: what was acknowledged is there.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::Storage;
use crate::e2e::house::vmid;
use crate::e2e::world;
use crate::support::wait::eventually_within;

/// Writes files to DIRECTORY, each to the disks of its servers, and notes on the node's own disk which of them were
/// acknowledged.
const WRITER: &str = "rm -f /root/enough; n=$(cat /root/acknowledged 2>/dev/null | wc -l); n=$((n*10)); last=$(date +%s%N); gap=0; while ! test -e /root/enough; do n=$((n+1)); \
    if head -c 20000 /dev/urandom >/root/next && sum=$(md5sum </root/next) && cp /root/next DIRECTORY/$n.part && \
       sync DIRECTORY/$n.part && mv DIRECTORY/$n.part DIRECTORY/$n && sync DIRECTORY; then \
       echo \"$n $sum\" >>/root/acknowledged; now=$(date +%s%N); \
       test $((now-last)) -le $gap || gap=$((now-last)); last=$now; fi; done; \
    echo \"longest gap $((gap/1000000)) ms\"";

#[test]
fn nothing_acknowledged_is_lost_whoever_is_killed() {
    let image = world::engines_base();
    world::inside("e2e::storage::kills::nothing_acknowledged_is_lost_whoever_is_killed", |state| async move {
        let storage = Storage::start(&state, image).await;
        storage.change(1, "add_nodes", "osd", 3).await;
        storage.create_volume("v").await;
        let servers = storage.nodes(1, "osd").await;
        assert_eq!(servers.len(), 4);
        let (first, client) = (servers[0].clone(), servers[3].clone());
        storage.mount(&client, "v", "/mnt/v").await;
        let writer = writer(&client, "/mnt/v");
        more(&client, 10).await;
        for (node, program) in [(&servers[1], "mfschunkserver"), (&first, "mfsmaster"), (&first, "mfschunkserver")] {
            let began = Instant::now();
            storage.run(node, &format!("kill -9 $(pidof {program})"));
            more(&client, 10).await;
            println!("{program} of {node}: ten more after {:.1} s", began.elapsed().as_secs_f32());
        }
        for node in &servers {
            world::run_in(&vmid(node), "kill -9 $(pidof mfschunkserver mfsmaster)");
        }
        more(&client, 10).await;
        ended(writer, &client);
        expect_all(&storage, &client, "/mnt/v");
    });
}

pub(super) fn writer(client: &str, directory: &str) -> Child {
    let mut command = world::command_in(&vmid(client), &WRITER.replace("DIRECTORY", directory));
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

pub(super) fn ended(writer: Child, client: &str) {
    world::run_in(&vmid(client), "touch /root/enough");
    let output = writer.wait_with_output().unwrap();
    println!("{}", String::from_utf8_lossy(&output.stdout).trim());
}

fn acknowledged(client: &str) -> BTreeSet<String> {
    let (_, text) = world::run_in(&vmid(client), "cat /root/acknowledged");
    text.lines().map(str::to_owned).collect()
}

pub(super) async fn more(client: &str, n: usize) {
    let before = acknowledged(client).len();
    let limit = Duration::from_secs(180);
    eventually_within(limit, "more is acknowledged", async || (acknowledged(client).len() >= before + n).then_some(()))
        .await;
}

/// Every file that was acknowledged has the content that was acknowledged.
pub(super) fn expect_all(storage: &Storage, client: &str, directory: &str) {
    let script = "cd DIRECTORY && while read -r n sum; do test \"$(md5sum <$n)\" = \"$sum\" || echo \"lost $n\"; done \
                  </root/acknowledged; wc -l </root/acknowledged";
    let text = storage.run(client, &script.replace("DIRECTORY", directory));
    assert!(!text.contains("lost"), "{text}");
    println!("{text} files were acknowledged, and all are there");
}
