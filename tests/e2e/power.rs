//! A power cut: director, managers, agents and scripts end at the same
//! moment, and only the director is started again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use conpaas::model::UserId;
use conpaas::pki::{Authority, Credentials, Lifetime, Subject};
use conpaas::rpc::{Client, Endpoint, FormBody, PeerRule, RpcCall, install_crypto};
use conpaas::sys::process;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::world;
use crate::support::wait::eventually_within;

/// Containers of a whole application on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);
const DIRECTOR: &str = "172.16.0.1";

/// A director with containers, and its only user.
struct House {
    state: PathBuf,
    director: Option<Child>,
    user: Credentials,
}

impl House {
    fn build(state: &Path) -> Self {
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
            ("iaas.IMAGE", world::base().display().to_string()),
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

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conpaas"));
        command.args(words).env("DIRECTOR_CFG", self.state.join("director.cfg")).env("HOME", &self.state);
        command.stdin(Stdio::null());
        command
    }

    fn start(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.state.join("log")).unwrap();
        self.director = Some(self.command(&["director"]).stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    /// Ends everything at once. Only what lies under this test's own directory is touched.
    fn cut_power(&mut self, vmids: &[String]) {
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

    async fn ask(&self, path: &str, fields: &[(&str, &str)]) -> Option<Value> {
        let client = Client::new(Some(&self.user), PeerRule::Director).unwrap().with_timeout(LIMIT);
        let form = fields.iter().fold(FormBody::default(), |form, (name, value)| form.field(name, *value));
        let endpoint = Endpoint { host: DIRECTOR.to_owned(), port: 5555 };
        let answer = client.post_form(&endpoint, path, &form).await.ok()?;
        serde_json::from_slice(&answer.body).ok()
    }

    async fn credit(&self) -> i64 {
        let client = Client::new(Some(&self.user), PeerRule::Director).unwrap();
        let endpoint = Endpoint { host: DIRECTOR.to_owned(), port: 5555 };
        let answer = client.get(&endpoint, "/user_credit", &[]).await.unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    }

    async fn call(&self, call: RpcCall) -> Option<Value> {
        let list = self.ask("/listapp", &[]).await?;
        let host = list[0]["manager"].as_str()?.to_owned();
        let client = Client::new(Some(&self.user), PeerRule::ManagerOf(UserId(1))).unwrap().with_timeout(LIMIT);
        client.call(&Endpoint { host, port: 443 }, &call).await.ok()
    }

    async fn eventually<T, F: Future<Output = Option<T>>>(&self, what: &str, ask: impl FnMut() -> F) -> T {
        eventually_within(LIMIT, what, ask).await
    }

    async fn rests(&self) {
        self.eventually("the service is RUNNING", async || {
            let info = self.call(RpcCall::get(1, "get_service_info")).await?;
            (info["state"] == "RUNNING").then_some(())
        })
        .await;
    }

    /// Script statuses, once all of them are at an end.
    async fn scripts(&self) -> Value {
        self.eventually("all scripts are at an end", async || {
            let status = self.call(RpcCall::get(1, "get_script_status")).await?;
            (!status.to_string().contains("RUNNING")).then_some(status)
        })
        .await
    }

    /// What the manager knows and must not forget.
    async fn memory(&self) -> Vec<Value> {
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

fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn vmid(id: &str) -> String {
    id.trim_start_matches("iaas").to_owned()
}

async fn an_upload_takes_room_of_its_managers_disk(house: &House, manager: &str) {
    let used = || {
        let (_, text) = world::run_in(manager, "sync; df -k / | tail -n 1 | tr -s ' ' | cut -d' ' -f3");
        text.parse::<u64>().unwrap()
    };
    let (archive, data, before) = (house.state.join("code.tar"), house.state.join("big"), used());
    fs::write(&data, vec![b'x'; 8 << 20]).unwrap();
    succeed(Command::new("tar").args([
        "-C".as_ref(),
        house.state.as_os_str(),
        "-cf".as_ref(),
        archive.as_os_str(),
        "big".as_ref(),
    ]));
    let upload =
        RpcCall::upload(1, "upload_code_version").param("description", "big").file("code", archive, "code.tar");
    let answer = house.call(upload).await.unwrap();
    assert!(answer["codeVersionId"].is_string(), "{answer}");
    let taken = used() - before;
    assert!((8 << 10..16 << 10).contains(&taken), "{taken} kB of the disk of the manager");
}

#[test]
fn after_a_power_cut_everything_is_there_again() {
    world::inside("e2e::power::after_a_power_cut_everything_is_there_again", |state| async move {
        let mut house = House::build(&state);
        house.start();
        house.eventually("the director answers", async || house.ask("/listapp", &[]).await).await;
        house.ask("/startapp/1", &[]).await.unwrap();
        let manager = house
            .eventually("the application is RUNNING", async || {
                let list = house.ask("/listapp", &[]).await?;
                (list[0]["status"] == "RUNNING").then(|| list[0]["vmid"].as_str().unwrap().to_owned())
            })
            .await;
        house.ask("/add/generic", &[("appid", "1")]).await.unwrap();
        let start = RpcCall::post(0, "start_service").param("service_id", 1).param("cloud", "default");
        house.call(start).await.unwrap();
        house.rests().await;
        let add = RpcCall::post(0, "add_nodes").param("service_id", 1).param("cloud", "default");
        house.call(add.param("nodes", json!({"node": 1}))).await.unwrap();
        house.rests().await;
        house.scripts().await;
        let info = house.call(RpcCall::get(0, "get_app_info")).await.unwrap();
        let nodes: Vec<String> = serde_json::from_value(info["nodes"].clone()).unwrap();
        assert_eq!(nodes.len(), 2);
        let volume = RpcCall::post(0, "create_volume").param("volumeName", "data").param("volumeSize", 8);
        house.call(volume.param("agentId", nodes[0].as_str())).await.unwrap();
        house.rests().await;
        let master = vmid(&nodes[0]);
        let (is_written, text) = world::run_in(&master, "echo kept > /media/data/file; sync");
        assert!(is_written, "{text}");
        an_upload_takes_room_of_its_managers_disk(&house, &manager).await;
        let (memory, scripts, credit) = (house.memory().await, house.scripts().await, house.credit().await);
        assert_eq!(credit, 50 - 3, "one credit for each of three nodes");

        let mut all: Vec<String> = nodes.iter().map(|id| vmid(id)).collect();
        all.push(manager);
        house.cut_power(&all);
        house.start();

        house.rests().await;
        assert_eq!(house.memory().await, memory);
        assert_eq!(house.scripts().await, scripts, "how scripts ended is known");
        house
            .eventually("the volume is mounted with its data", async || {
                let (_, text) = world::run_in(&master, "cat /media/data/file; grep -c ' /media/data ' /proc/mounts");
                (text == "kept\n1").then_some(())
            })
            .await;
        assert_eq!(house.credit().await, credit, "nothing is charged twice");
        // It is not only there, it works.
        let run = RpcCall::post(1, "execute_script").param("command", "run").param("parameters", "");
        house.eventually("scripts run", async || house.call(run.clone()).await).await;
        let status = house.scripts().await;
        for id in &nodes {
            assert_eq!(status["agents"][id]["run.sh"], "STOPPED (return code 0)", "{status}");
        }
        house
            .eventually("the volume is deleted", async || {
                house.call(RpcCall::post(0, "delete_volume").param("volumeName", "data")).await
            })
            .await;
        house.rests().await;
        house.ask("/stopapp/1", &[]).await.unwrap();
        house.eventually("nothing is left", async || world::remains(&state).is_empty().then_some(())).await;
    });
}
