//! What `run.sh` starts: it belongs to it when it goes to the background, comes back after a power cut,
//! and its output stays bounded.

use std::fs;
use std::path::Path;
use std::time::Duration;

use conpaas::rpc::RpcCall;
use conpaas::sys::process::{self, ProcessId};

use super::agent::Node;
use crate::support::wait::eventually;

/// A line of bash that leaves a process behind, in a session of its own, which writes down who it is.
fn left_behind(pidfile: &Path) -> String {
    let pidfile = pidfile.display();
    format!("(setsid bash -c 'echo $$ > {pidfile}.new; mv {pidfile}.new {pidfile}; exec sleep 1000' &)")
}

async fn process_of(pidfile: &Path) -> ProcessId {
    eventually("the process has written down who it is", async || {
        ProcessId::of(fs::read_to_string(pidfile).ok()?.trim().parse().ok()?)
    })
    .await
}

/// Kills all processes of a node, as a power cut would.
fn cut_power(node: &mut Node) {
    let tag = format!("CONPAAS_NODE={}", node.bench.tag(&node.root));
    let has_tag = |environ: &[u8]| environ.split(|byte| *byte == 0).any(|variable| variable == tag.as_bytes());
    // Keepers first, which otherwise would see how their programs end.
    for keeper in process::find("cmdline", |line| line.windows(17).any(|word| word == b"supervise-program")) {
        if process::find("environ", has_tag).contains(&keeper) {
            keeper.signal(nix::sys::signal::Signal::SIGKILL);
        }
    }
    assert!(process::kill_all(|| process::find("environ", has_tag), Duration::from_secs(10)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_to_the_background_belongs_to_its_program() {
    let node = Node::start("generic").await;
    node.init().await;
    let (server, other) = (node.bench.path("server"), node.bench.path("other"));
    node.code(&[("init.sh", &left_behind(&other)), ("run.sh", &format!("{}; exit 0", left_behind(&server)))]).await;
    let other = process_of(&other).await;
    node.await_script("init.sh", "STOPPED (return code 0)").await;
    for _ in 0..2 {
        let _not_there_yet = fs::remove_file(&server);
        node.execute("run", "").await;
        let server = process_of(&server).await;
        assert_eq!(node.script("run.sh").await, "RUNNING", "its server serves");
        node.execute("cleanup", "").await;
        assert_eq!(node.script("cleanup.sh").await, "NEVER STARTED", "not while another runs");
        node.execute("interrupt", "").await;
        node.await_script("run.sh", "STOPPED (return code 0)").await;
        assert!(!server.is_alive(), "an interrupt reaches it");
        assert!(other.is_alive(), "an interrupt is for what runs");
    }
    node.execute("run", "").await;
    let server = process_of(&server).await;
    node.code(&[("init.sh", "exit 0")]).await;
    assert!(!server.is_alive() && !other.is_alive(), "new code ends what old code started");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_ran_runs_again_after_a_power_cut() {
    let mut node = Node::start("generic").await;
    node.init().await;
    let run = "echo \"run $*\"; [ \"$1\" = quick ] && exit 4; exec sleep 1000";
    node.code(&[("init.sh", "echo init"), ("run.sh", run), ("interrupt.sh", "exit 0")]).await;
    node.await_script("init.sh", "STOPPED (return code 0)").await;
    node.execute("run", "a b").await;
    for _ in 0..2 {
        cut_power(&mut node);
        node.restart().await;
        assert_eq!(node.script("run.sh").await, "RUNNING");
    }
    eventually("it says so", async || (node.text("root/agent.out").matches("run a b").count() == 3).then_some(()))
        .await;
    assert_eq!(node.text("root/agent.out").matches("init").count(), 1, "init.sh belongs to new code");
    node.execute("interrupt", "").await;
    node.await_script("run.sh", "STOPPED (return code -15)").await;
    cut_power(&mut node);
    node.restart().await;
    assert_eq!(node.script("run.sh").await, "STOPPED (return code -15)", "it was interrupted");
    node.execute("run", "quick").await;
    node.await_script("run.sh", "STOPPED (return code 4)").await;
    cut_power(&mut node);
    node.restart().await;
    assert_eq!(node.script("run.sh").await, "STOPPED (return code 4)", "it had ended by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_breaks_its_program_off() {
    let mut node = Node::start("generic").await;
    node.init().await;
    // It ends well when it is asked to, as many servers do.
    node.code(&[("run.sh", "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done")]).await;
    node.execute("run", "").await;
    eventually("it runs", async || node.text("root/agent.out").contains("up").then_some(())).await;
    let tag = format!("CONPAAS_NODE={}", node.bench.tag(&node.root));
    let has_tag = |environ: &[u8]| environ.split(|byte| *byte == 0).any(|variable| variable == tag.as_bytes());
    for process in process::find("environ", has_tag) {
        process.signal(nix::sys::signal::Signal::SIGTERM);
    }
    eventually("all have ended", async || process::find("environ", has_tag).is_empty().then_some(())).await;
    node.restart().await;
    assert_eq!(node.script("run.sh").await, "RUNNING");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_init_script_that_was_broken_off_runs_again() {
    let mut node = Node::start("generic").await;
    node.init().await;
    let gate = node.bench.path("gate");
    node.code(&[("init.sh", &format!("while [ ! -e {} ]; do sleep 0.05; done; exit 6", gate.display()))]).await;
    assert_eq!(node.script("init.sh").await, "RUNNING");
    cut_power(&mut node);
    node.restart().await;
    assert_eq!(node.script("init.sh").await, "RUNNING");
    fs::write(&gate, b"").unwrap();
    node.await_script("init.sh", "STOPPED (return code 6)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn output_is_bounded_and_its_end_can_be_read() {
    let node = Node::start("generic").await;
    node.init().await;
    node.code(&[("run.sh", "yes 0123456789012345678901234567890 | head -c 45000000; echo; echo the end")]).await;
    node.execute("run", "").await;
    node.await_script("run.sh", "STOPPED (return code 0)").await;
    let read = async || {
        let log = node.ok(RpcCall::get(0, "get_log").param("filename", "agent.out").answered_within(8 << 20)).await;
        log["log"].as_str().unwrap().to_owned()
    };
    eventually("all of it was written", async || read().await.ends_with("the end\n").then_some(())).await;
    let sizes: u64 = ["agent.out", "agent.out.1", "agent.out.2"]
        .iter()
        .filter_map(|name| fs::metadata(node.root.join("root").join(name)).ok())
        .map(|file| file.len())
        .sum();
    assert!((1_000_000..=16 << 20).contains(&sizes), "{sizes}");
    assert_eq!(read().await.len(), 1 << 20, "of both pieces together");
}
