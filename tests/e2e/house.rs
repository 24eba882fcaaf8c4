//! A director with containers, and its only user.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use conpaas::model::UserId;
use conpaas::pki::{Authority, Credentials, Lifetime, Subject};
use conpaas::rpc::{Client, Endpoint, FormBody, PeerRule, RpcCall, install_crypto};
use conpaas::sys::process;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::world;
use crate::support::wait::eventually_within;

/// Containers of a whole application on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);
const DIRECTOR: &str = "172.16.0.1";

/// Kills all managers of this world, which their nodes start again.
pub(crate) fn kill_managers() {
    for manager in process::find("cmdline", |words| words.starts_with(b"/usr/sbin/conpaas\0manager\0")) {
        manager.signal(Signal::SIGKILL);
    }
}

/// A director with containers, and its only user.
pub(crate) struct House {
    pub(crate) state: PathBuf,
    director: Option<Child>,
    user: Credentials,
}

impl House {
    pub(crate) fn build(state: &Path) -> Self {
        House::of_image(state, &world::base(), "256M")
    }

    /// The same with nodes of another root file system, and with so much memory.
    pub(crate) fn of_image(state: &Path, image: &Path, memory: &str) -> Self {
        install_crypto();
        let at = |name: &str| state.join(name).display().to_string();
        let set = [
            ("conpaas.CONF_DIR", at("conf")),
            ("conpaas.CERT_DIR", at("certs")),
            ("director.STATE_DIR", at("director")),
            ("director.USERDATA_DIR", at("data")),
            ("director.DATABASE_URI", format!("sqlite:///{}", at("director.db"))),
            ("director.RECONCILE_INTERVAL", "1s".to_owned()),
            ("iaas.DRIVER", "lxc".to_owned()),
            ("iaas.STATE_DIR", at("cloud")),
            ("iaas.IMAGE", image.display().to_string()),
            ("iaas.MEMORY", memory.to_owned()),
        ];
        let mut house = House { state: state.to_owned(), director: None, user: nobody() };
        let mut init = house.command(&["director", "init", "--hostname", DIRECTOR]);
        for (name, value) in set {
            init.args(["--set", &format!("{name}={value}")]);
        }
        succeed(&mut init);
        let user = ["user", "create", "alice", "--email", "a@example.org", "--password", "alice-secret"];
        succeed(&mut house.command(&user));
        let authority = Authority::load(&state.join("certs")).unwrap();
        house.user = authority.issue(&Subject::user(UserId(1), "alice", "a@example.org"), &[], Lifetime::USER).unwrap();
        house
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conpaas"));
        command.args(words).env("DIRECTOR_CFG", self.state.join("director.cfg")).env("HOME", &self.state);
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn start(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.state.join("log")).unwrap();
        self.director = Some(self.command(&["director"]).stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    /// Ends everything at once. Only what lies under this test's own directory is touched.
    pub(crate) fn cut_power(&mut self, vmids: &[String]) {
        let mut director = self.director.take().unwrap();
        director.kill().unwrap();
        let mark = self.state.join("cloud/nodes").display().to_string();
        let is_monitor = |words: &[u8]| {
            let words = String::from_utf8_lossy(words);
            words.starts_with("[lxc monitor]") && words.contains(&mark)
        };
        // A container may go with its monitor, so all are looked for before any is ended.
        let inits = vmids.iter().map(|vmid| process::ProcessId::of(world::init_pid(vmid)).unwrap());
        let mut all: Vec<_> = inits.collect();
        all.extend(process::find("cmdline", is_monitor));
        for process in all {
            process.signal(Signal::SIGKILL);
        }
        director.wait().unwrap();
    }

    /// Has the cloud lose a node for ever, with all that it knows of it.
    pub(crate) fn lose_node(&self, vmid: &str) {
        let cloud = self.state.join("cloud");
        let nodes = fs::read_dir(cloud.join("nodes")).unwrap().flatten().map(|entry| entry.path());
        let is_it = |directory: &PathBuf| {
            let record = fs::read_to_string(directory.join("node.json")).unwrap_or_default();
            serde_json::from_str::<Value>(&record).is_ok_and(|record| record["vmid"] == vmid)
        };
        let directory = nodes.into_iter().find(is_it).expect("the cloud has it");
        let tag = directory.file_name().unwrap().to_str().unwrap().to_owned();
        process::ProcessId::of(world::init_pid(vmid)).unwrap().signal(Signal::SIGKILL);
        fs::remove_file(cloud.join("records").join(format!("{tag}.node.json"))).unwrap();
        fs::rename(&directory, self.state.join(format!("lost-{tag}"))).unwrap();
    }

    pub(crate) async fn ask(&self, path: &str, fields: &[(&str, &str)]) -> Option<Value> {
        let client = Client::new(Some(&self.user), PeerRule::Director).unwrap().with_timeout(LIMIT);
        let form = fields.iter().fold(FormBody::default(), |form, (name, value)| form.field(name, *value));
        let endpoint = Endpoint { host: DIRECTOR.to_owned(), port: 5555 };
        let answer = client.post_form(&endpoint, path, &form).await.ok()?;
        serde_json::from_slice(&answer.body).ok()
    }

    /// Starts the director and the application, and returns the id of its manager's node.
    pub(crate) async fn start_application(&mut self) -> String {
        self.start();
        self.eventually("the director answers", async || self.ask("/listapp", &[]).await).await;
        self.ask("/startapp/1", &[]).await.unwrap();
        self.eventually("the application is RUNNING", async || {
            let list = self.ask("/listapp", &[]).await?;
            (list[0]["status"] == "RUNNING").then(|| list[0]["vmid"].as_str().unwrap().to_owned())
        })
        .await
    }

    pub(crate) async fn credit(&self) -> i64 {
        self.get("/user_credit").await.unwrap().as_i64().unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let client = Client::new(Some(&self.user), PeerRule::Director).unwrap();
        let endpoint = Endpoint { host: DIRECTOR.to_owned(), port: 5555 };
        let answer = client.get(&endpoint, path, &[]).await.ok()?;
        serde_json::from_slice(&answer.body).ok()
    }

    pub(crate) async fn call(&self, call: RpcCall) -> Option<Value> {
        self.try_call(call).await.ok()
    }

    /// The same, with the manager's words if it fails.
    pub(crate) async fn try_call(&self, call: RpcCall) -> Result<Value, String> {
        let list = self.ask("/listapp", &[]).await.ok_or("the director does not answer")?;
        let host = list[0]["manager"].as_str().ok_or("there is no manager")?.to_owned();
        let client = Client::new(Some(&self.user), PeerRule::ManagerOf(UserId(1))).unwrap().with_timeout(LIMIT);
        let outcome = client.call(&Endpoint { host, port: 443 }, &call).await;
        outcome.map_err(|error| error.to_string())
    }

    /// The file that a method of the manager answers with.
    pub(crate) async fn download(&self, call: RpcCall) -> Vec<u8> {
        let list = self.ask("/listapp", &[]).await.unwrap();
        let host = list[0]["manager"].as_str().unwrap().to_owned();
        let client = Client::new(Some(&self.user), PeerRule::ManagerOf(UserId(1))).unwrap().with_timeout(LIMIT);
        let answer = client.call_raw(&Endpoint { host, port: 443 }, &call.answered_within(1 << 30)).await.unwrap();
        answer.body.to_vec()
    }

    pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(&self, what: &str, ask: impl FnMut() -> F) -> T {
        eventually_within(LIMIT, what, ask).await
    }

    /// What the client prints that succeeds.
    pub(crate) fn client(&self, words: &[&str]) -> String {
        let url = format!("https://{DIRECTOR}:5555");
        let options = ["--director_url", &url, "--username", "alice", "--password", "alice-secret"];
        let output = self.command(&[&words[..1], &options, &words[1..]].concat()).output().unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words:?}: {stdout}{stderr}");
        stdout.into_owned()
    }

    pub(crate) async fn rests(&self) {
        self.rests_in("RUNNING").await;
    }

    pub(crate) async fn rests_in(&self, state: &str) {
        self.eventually(&format!("the service is {state}"), async || {
            let info = self.call(RpcCall::get(1, "get_service_info")).await?;
            (info["state"] == state).then_some(())
        })
        .await;
    }

    /// Script statuses, once all of them are at an end.
    pub(crate) async fn scripts(&self) -> Value {
        self.eventually("all scripts are at an end", async || {
            let status = self.call(RpcCall::get(1, "get_script_status")).await?;
            (!status.to_string().contains("RUNNING")).then_some(status)
        })
        .await
    }

    /// What the manager knows and must not forget.
    pub(crate) async fn memory(&self) -> Vec<Value> {
        let mut known = Vec::new();
        for question in [
            RpcCall::get(0, "get_app_info"),
            RpcCall::post(0, "list_volumes"),
            RpcCall::get(1, "list_code_versions"),
            RpcCall::get(1, "list_nodes"),
            RpcCall::get(1, "get_service_history"),
        ] {
            known.push(self.eventually("the manager answers", async || self.call(question.clone()).await).await);
        }
        known
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- director\n{}", fs::read_to_string(self.state.join("log")).unwrap_or_default());
        }
        if let Some(mut director) = self.director.take() {
            let _gone_already = director.kill();
            let _gone = director.wait();
        }
    }
}

fn nobody() -> Credentials {
    Credentials { certificate_pem: String::new(), key_pem: String::new(), authority_pem: String::new() }
}

pub(crate) fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The cloud's id of a node, from the one that managers use.
pub(crate) fn vmid(id: &str) -> String {
    id.trim_start_matches("iaas").to_owned()
}
