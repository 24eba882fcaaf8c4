//! An agent as a process: who may call it, the contract of scripts, restarts.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::Subject;
use conpaas::rpc::{Client, Endpoint, RpcCall};
use serde_json::{Value, json};

use super::bench::{APPLICATION, Bench, USER, endpoint, ok, refused, status, tar_of};
use crate::support::wait::eventually;

pub(super) struct Node {
    pub(super) bench: Bench,
    address: Ipv4Addr,
    pub(super) root: PathBuf,
    pid: u32,
    manager: Client,
}

impl Node {
    pub(super) async fn start(kind: &str) -> Self {
        let bench = Bench::new();
        let address = bench.address();
        let nobody = Endpoint { host: "127.0.0.1".into(), port: 1 };
        let root = bench.lay_agent("agent", kind, address, &nobody);
        let pid = bench.start("agent", &root, address, &[]);
        bench.await_up(address).await;
        let manager = bench.as_manager();
        Node { bench, address, root, pid, manager }
    }

    pub(super) async fn restart(&mut self) {
        self.bench.kill(self.pid);
        self.pid = self.bench.start("agent", &self.root, self.address, &[]);
        self.bench.await_up(self.address).await;
    }

    pub(super) async fn ok(&self, call: RpcCall) -> Value {
        ok(&self.manager, self.address, call).await
    }

    async fn refused(&self, call: RpcCall) -> String {
        refused(&self.manager, self.address, call).await
    }

    fn info(&self) -> String {
        let ip = self.address.to_string();
        json!([{"id": "iaas1", "ip": ip, "role": "node"}, {"id": "iaas0", "ip": "127.9.9.9", "role": "master"}])
            .to_string()
    }

    pub(super) async fn init(&self) {
        let ip = self.address.to_string();
        self.ok(RpcCall::post(0, "init_agent").param("agents_info", self.info()).param("ip", ip)).await;
    }

    pub(super) async fn code(&self, scripts: &[(&str, &str)]) {
        let archive = self.bench.path("code.tar");
        fs::write(&archive, tar_of(scripts)).unwrap();
        let call = RpcCall::upload(0, "update_code").param("filetype", "tar").param("codeVersionId", "code-x");
        assert_eq!(self.ok(call.file("file", archive, "code.tar")).await, json!({}));
    }

    pub(super) async fn execute(&self, command: &str, parameters: &str) {
        let call = RpcCall::post(0, "execute_script").param("command", command);
        let call = call.param("parameters", parameters).param("agents_info", self.info());
        assert_eq!(self.ok(call).await, json!({}));
    }

    pub(super) async fn script(&self, name: &str) -> String {
        let answer = self.ok(RpcCall::get(0, "get_script_status")).await;
        answer["scripts"][name].as_str().unwrap().to_owned()
    }

    pub(super) async fn await_script(&self, name: &str, wanted: &str) {
        let what = format!("{name} is {wanted}");
        eventually(&what, async || (self.script(name).await == wanted).then_some(())).await;
    }

    pub(super) fn text(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_its_application_and_the_director_may_call() {
    let node = Node::start("helloworld").await;
    let check = || RpcCall::get(0, "check_process");
    for subject in [Subject::director("pi"), Subject::manager(USER, APPLICATION), Subject::agent(USER, APPLICATION)] {
        assert_eq!(ok(&node.bench.client(&subject), node.address, check()).await, json!({}));
    }
    for subject in [
        Subject::user(USER, "alice", "a@example.org"),
        Subject::manager(USER, ApplicationId(4)),
        Subject::manager(UserId(8), APPLICATION),
        Subject::agent(UserId(8), APPLICATION),
    ] {
        assert_eq!(status(&node.bench.client(&subject), node.address, check()).await, 403, "{subject:?}");
    }
    let stranger = Bench::new();
    assert!(stranger.as_manager().call(&endpoint(node.address), &check()).await.is_err());
    assert_eq!(node.ok(RpcCall::get(0, "get_helloworld")).await, json!({"result": "helloworld"}));
    assert_eq!(node.ok(RpcCall::post(0, "startup")).await, json!({}));
    assert_eq!(status(&node.manager, node.address, RpcCall::get(0, "check_agent_process")).await, 404);
    assert_eq!(status(&node.manager, node.address, RpcCall::post(0, "check_process")).await, 404);
    assert_eq!(status(&node.manager, node.address, RpcCall::get(1, "check_process")).await, 404);
    let extra = node.refused(check().param("x", 1)).await;
    assert_eq!(extra, "Unexpected parameters: {u'x': 1}.");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_offered_logs_can_be_read() {
    let node = Node::start("generic").await;
    let log = node.ok(RpcCall::get(0, "get_log")).await;
    let text = log["log"].as_str().unwrap();
    assert!(text.contains(" INFO conpaas.core.agent 'generic' agent started (uid=7, sid=1)\n"), "{text}");
    let own = node.ok(RpcCall::get(0, "get_log").param("filename", "/var/log/cpsagent.log")).await;
    assert_eq!(own, log);
    for path in ["/etc/hostname", "/nope", "../../../../etc/passwd", "/root/config.cfg"] {
        let error = node.refused(RpcCall::get(0, "get_log").param("filename", path)).await;
        assert_eq!(error, format!("Failed to read log file: '{path}'"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_run_by_their_contract() {
    let node = Node::start("generic").await;
    node.init().await;
    let tell = "echo \"args:$#:$*\"; pwd; cat /proc/$$/environ | tr '\\0' '\\n' | sort; \
                tr '\\0' ' ' </proc/$$/cmdline; echo; cut -d' ' -f5,6 /proc/$$/stat; echo $$; echo oops >&2; exit 7";
    node.code(&[("run.sh", tell)]).await;
    assert_eq!(node.script("init.sh").await, "NEVER STARTED", "the code has no init.sh");
    node.execute("run", "a 'b c'").await;
    node.await_script("run.sh", "STOPPED (return code 7)").await;
    let root = node.root.display();
    let out = node.text("root/agent.out");
    let lines: Vec<&str> = out.lines().collect();
    let variables = [
        format!("CONPAAS_NODE={}", node.bench.tag(&node.root)),
        "MASTER_IP=127.9.9.9".to_owned(),
        format!("MY_IP={}", node.address),
        "MY_ROLE=node".to_owned(),
    ];
    assert_eq!(lines[0], "args:3:a 'b c'");
    assert_eq!(lines[1], format!("{root}/root/ConPaaS"));
    assert_eq!(lines[2..6], variables, "exactly these variables, besides the mark of the process cloud");
    assert_eq!(lines[6], format!("bash {root}/var/cache/cpsagent/bin/run.sh a 'b c' "));
    assert_eq!(lines[7], format!("{0} {0}", lines[8]), "it leads its own process group and session");
    assert_eq!(node.text("root/agent.err"), "oops\n");
    let agents: Value = serde_json::from_str(&node.text("var/cache/cpsagent/agents.json")).unwrap();
    assert_eq!(agents, serde_json::from_str::<Value>(&node.info()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_wrong_calls_are_upstreams() {
    let node = Node::start("generic").await;
    let update = || RpcCall::upload(0, "update_code").param("codeVersionId", "x");
    let execute = || RpcCall::post(0, "execute_script").param("agents_info", "[]");
    let table = [
        (update().param("filetype", "git"), "The 'git' filetype requires the 'revision' parameter"),
        (update().param("filetype", "tar"), "The 'tar' filetype requires an uploaded file"),
        (update().param("filetype", "rpm"), "Parameter 'filetype': 'rpm' must be one of ['zip', 'tar', 'git']."),
        (
            execute().param("command", "init"),
            "Parameter 'command': 'init' must be one of ['notify', 'run', 'interrupt', 'cleanup'].",
        ),
        (execute(), "Missing the mandatory parameter 'command'."),
        (
            RpcCall::post(0, "mount_volume").param("dev_name", "sdb").param("vol_name", "a b"),
            "Volume name contains invalid characters",
        ),
    ];
    for (call, text) in table {
        assert_eq!(node.refused(call).await, text);
    }
    assert_eq!(node.ok(RpcCall::post(0, "unmount_volume").param("vol_name", "nope")).await, json!({}));
    let evil = node.bench.path("evil.tar");
    fs::write(&evil, b"no archive").unwrap();
    let error = node.refused(update().param("filetype", "tar").file("file", evil, "x.tar")).await;
    assert!(error.starts_with("Invalid arguments (Invalid archive format: the file is a text file; "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_runs_its_script_and_ends_the_rest() {
    let node = Node::start("generic").await;
    node.init().await;
    let run = "sleep 1000 & trap '' TERM; echo up; while :; do wait; sleep 0.1; done";
    node.code(&[("init.sh", "exit 3"), ("run.sh", run), ("interrupt.sh", "echo interrupted"), ("notify.sh", "echo n")])
        .await;
    node.await_script("init.sh", "STOPPED (return code 3)").await;
    node.execute("interrupt", "").await;
    assert_eq!(node.script("interrupt.sh").await, "NEVER STARTED", "nothing to interrupt");
    node.execute("run", "").await;
    assert_eq!(node.script("run.sh").await, "RUNNING");
    node.execute("notify", "").await;
    assert_eq!(node.script("notify.sh").await, "NEVER STARTED", "not while another runs");
    node.execute("interrupt", "").await;
    // It ignores SIGTERM, so it is killed after a grace.
    node.await_script("run.sh", "STOPPED (return code -9)").await;
    assert_eq!(node.script("interrupt.sh").await, "STOPPED (return code 0)");
    node.code(&[("run.sh", "exec sleep 1000")]).await;
    assert_eq!(node.script("interrupt.sh").await, "NEVER STARTED", "new code starts with a clean slate");
    node.execute("run", "").await;
    node.execute("interrupt", "").await;
    node.await_script("run.sh", "STOPPED (return code -15)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_and_what_is_known_of_them_outlive_the_agent() {
    let mut node = Node::start("generic").await;
    node.init().await;
    let gate = node.bench.path("gate");
    let run = format!("echo begun; while [ ! -e {} ]; do sleep 0.05; done; exit 9", gate.display());
    node.code(&[("init.sh", "exit 3"), ("run.sh", &run), ("cleanup.sh", "echo $MY_ROLE")]).await;
    node.await_script("init.sh", "STOPPED (return code 3)").await;
    node.execute("run", "").await;
    node.restart().await;
    assert_eq!(node.script("run.sh").await, "RUNNING");
    assert_eq!(node.script("init.sh").await, "STOPPED (return code 3)");
    node.execute("cleanup", "").await;
    assert_eq!(node.script("cleanup.sh").await, "NEVER STARTED", "not while another runs");
    // It ends while no agent is there.
    node.bench.kill(node.pid);
    fs::write(&gate, b"").unwrap();
    node.pid = node.bench.start("agent", &node.root, node.address, &[]);
    node.bench.await_up(node.address).await;
    node.await_script("run.sh", "STOPPED (return code 9)").await;
    node.execute("cleanup", "").await;
    node.await_script("cleanup.sh", "STOPPED (return code 0)").await;
    assert!(node.text("root/agent.out").ends_with("node\n"), "the environment is known after a restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_code_ends_what_runs_and_bad_code_changes_nothing() {
    let node = Node::start("generic").await;
    node.init().await;
    let (pidfile, old) = (node.bench.path("pid"), "var/cache/cpsagent/bin/run.sh");
    node.code(&[("run.sh", &format!("sleep 1000 & echo $! > {}; wait", pidfile.display()))]).await;
    node.execute("run", "").await;
    let child: i32 =
        eventually("the child runs", async || fs::read_to_string(&pidfile).ok()?.trim().parse().ok()).await;
    let bad = node.bench.path("bad.tar");
    fs::write(&bad, b"x").unwrap();
    let call = RpcCall::upload(0, "update_code").param("filetype", "tar").param("codeVersionId", "bad");
    node.refused(call.file("file", bad, "bad.tar")).await;
    assert_eq!(node.script("run.sh").await, "RUNNING");
    node.code(&[("init.sh", "echo $(basename $0) done")]).await;
    assert!(!node.root.join(old).exists());
    let process = conpaas::sys::process::ProcessId::of(child);
    assert!(process.is_none_or(|process| !process.is_alive()), "the whole group must be gone");
    node.await_script("init.sh", "STOPPED (return code 0)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_startup_script_runs_once_before_the_agent_listens() {
    let bench = Bench::new();
    let address = bench.address();
    let root = bench.lay_agent("agent", "helloworld", address, &Endpoint { host: "127.0.0.1".into(), port: 1 });
    fs::write(root.join("root/startup.sh"), "sleep 0.2; echo started; echo bad >&2; exit 5\n").unwrap();
    for _ in 0..2 {
        let pid = bench.start("agent", &root, address, &[]);
        bench.await_up(address).await;
        let console = fs::read_to_string(root.join("root/console")).unwrap();
        let printed = |line: &str| console.lines().filter(|found| *found == line).count();
        assert_eq!((printed("started"), printed("bad")), (1, 1), "{console}");
        assert!(!root.join("root/agent.out").exists(), "that file is the scripts'");
        bench.kill(pid);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_stops_at_once_and_says_where_it_listens() {
    let node = Node::start("generic").await;
    assert_eq!(node.text("root/console"), format!("{} 15555\n", node.address));
    let begun = Instant::now();
    let pid = nix::unistd::Pid::from_raw(node.pid.cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(node.bench.wait_end(node.pid, Duration::from_secs(5)));
    assert!(begun.elapsed() < Duration::from_millis(600), "{:?}", begun.elapsed());
}
