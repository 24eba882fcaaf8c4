//! The clock of the whole machine jumps: director, managers, agents and
//! clients all see it, while they run.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use conpaas::clock::build_time;
use conpaas::model::UserId;
use conpaas::pki::{Credentials, Lifetime, Subject};
use conpaas::rpc::{Client, Endpoint, PeerRule, RpcCall};

use crate::support::director::{CONPAAS, World, succeed};
use crate::support::wait::eventually;

const DAY: i64 = 24 * 3600;
/// Nodes look at their certificates every ten seconds.
const LIMIT: Duration = Duration::from_secs(150);

/// A director and nodes whose clocks are ahead of this machine's by what a file says.
struct Machine {
    world: World,
    pids: Vec<u32>,
}

impl Machine {
    fn new(options: &[(&str, &str)]) -> Machine {
        let world = World::prepare(&[options, &[("director.CREDIT_INTERVAL", "1s")]].concat());
        let machine = Machine { world, pids: Vec::new() };
        machine.set_clock(0);
        let program = machine.world.path("program");
        let settings: Vec<String> =
            machine.environment().iter().map(|(name, value)| format!("'{name}={value}'")).collect();
        let text = format!(
            "#!/bin/sh\necho $$ >>'{}'\nexec env {} '{CONPAAS}' \"$@\"\n",
            machine.world.path("pids").display(),
            settings.join(" ")
        );
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let set = format!("iaas.PROGRAM={}", program.display());
        let host = machine.world.endpoint.host.clone();
        succeed(&mut machine.world.command(&["director", "init", "--hostname", &host, "--set", &set]));
        machine.world.add_user("alice");
        machine
    }

    fn clock(&self) -> PathBuf {
        self.world.path("clock")
    }

    fn set_clock(&self, ahead_seconds: i64) {
        // Renamed into place: a half-written number would be a time too.
        let new = self.world.path("clock.new");
        std::fs::write(&new, format!("{ahead_seconds:+}\n")).unwrap();
        std::fs::rename(new, self.clock()).unwrap();
    }

    /// What makes a dynamically linked program see the clock of this machine.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let library = succeed(Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]));
        let library = String::from_utf8(library.stdout).unwrap().trim().to_owned();
        let file = self.clock().display().to_string();
        let yes = || "1".to_owned();
        vec![
            ("LD_PRELOAD", library),
            ("FAKETIME_TIMESTAMP_FILE", file),
            ("FAKETIME_NO_CACHE", yes()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", yes()),
        ]
    }

    fn run(&mut self) {
        let environment = self.environment();
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.world.run(&environment);
        self.pids.push(self.world.pid());
    }

    /// Types a command on the machine, as alice.
    fn type_in(&self, words: &[&str]) -> Output {
        let ahead = std::fs::read_to_string(self.clock()).unwrap();
        let mut command = Command::new("faketime");
        command.args(["-f", &format!("{}s", ahead.trim()), CONPAAS]).args(words);
        command.env("HOME", self.world.directory.path()).env("DIRECTOR_CFG", self.world.path("none.cfg"));
        command.output().unwrap()
    }

    fn good(&self, words: &[&str]) -> String {
        let output = self.type_in(words);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {text}{talk}\n{}", self.world.log());
        text
    }

    fn eventually_good(&self, words: &[&str]) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let output = self.type_in(words);
            if output.status.success() {
                return String::from_utf8_lossy(&output.stdout).into_owned();
            }
            let talk = String::from_utf8_lossy(&output.stderr);
            assert!(Instant::now() < deadline, "{words:?}: {talk}\n{}", self.world.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn configure_client(&self) {
        let directory = self.world.path(".conpaas");
        std::fs::create_dir_all(&directory).unwrap();
        let Endpoint { host, port } = &self.world.endpoint;
        let text =
            format!("[cps-tools]\ndirector_url = https://{host}:{port}\nusername = alice\npassword = alice-secret\n");
        std::fs::write(directory.join("cps-tools.conf"), text).unwrap();
    }

    fn alice(&self) -> Credentials {
        let subject = Subject::user(UserId(1), "alice", "alice@example.org");
        self.world.certificate(&subject, Lifetime::USER)
    }

    async fn start_application(&self) {
        let alice = self.alice();
        assert_eq!(self.world.post(Some(&alice), "/startapp/1", &[]).await.status, 200);
        eventually("the application runs", || async {
            let list = self.world.get(Some(&alice), "/listapp").await.json();
            assert_ne!(list[0]["status"], "ERROR", "{list}\n{}", self.world.log());
            (list[0]["status"] == "RUNNING").then_some(())
        })
        .await;
    }

    /// Waits until the manager of the first application answers a client that sees this machine's own clock.
    async fn manager_answers(&self) {
        let alice = self.alice();
        let client = Client::new(Some(&alice), PeerRule::ManagerOf(UserId(1))).unwrap();
        let list = self.world.get(Some(&alice), "/listapp").await.json();
        let endpoint = Endpoint { host: list[0]["manager"].as_str().unwrap().to_owned(), port: 8443 };
        let deadline = Instant::now() + LIMIT;
        while let Err(error) = client.call(&endpoint, &RpcCall::get(0, "check_process")).await {
            assert!(Instant::now() < deadline, "{error}\n{}", self.world.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // What is killed leaves what it shared its clock by.
        let nodes = std::fs::read_to_string(self.world.path("pids")).unwrap_or_default();
        let nodes = nodes.lines().filter_map(|line| line.parse().ok());
        for pid in self.pids.iter().copied().chain(nodes) {
            for name in [format!("faketime_shm_{pid}"), format!("sem.faketime_sem_{pid}")] {
                let _never_made = std::fs::remove_file(PathBuf::from("/dev/shm").join(name));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_was_off_for_a_year_learns_the_time_and_goes_on() {
    let mut machine = Machine::new(&[]);
    machine.configure_client();
    machine.run();
    machine.good(&["user", "get_certificate"]);
    machine.good(&["application", "start", "1"]);
    machine.good(&["helloworld", "add", "1"]);
    machine.good(&["helloworld", "start", "1", "1"]);
    assert_eq!(machine.good(&["user", "get_credit"]).trim(), "48");

    // It ran on with the last time that it knew; now it hears a time server.
    machine.set_clock(400 * DAY);
    let early = machine.type_in(&["application", "list"]);
    let talk = String::from_utf8_lossy(&early.stderr);
    assert!(talk.contains("Try to run 'conpaas user get_certificate' first"), "a user's year is over: {talk}");
    machine.good(&["renew"]);
    // The certificates of manager and agent had ended a year ago.
    let greeting = machine.eventually_good(&["helloworld", "get_helloworld", "1", "1"]);
    assert!(!greeting.trim().is_empty());
    machine.good(&["helloworld", "add_nodes", "1", "1"]);
    assert_eq!(machine.good(&["user", "get_credit"]).trim(), "47", "nobody pays for a year that did not pass");
    assert!(machine.world.log().contains("renewing a certificate that is outdated"), "{}", machine.world.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_ran_ahead_is_set_back_and_all_goes_on() {
    let mut machine = Machine::new(&[]);
    machine.set_clock(30 * DAY);
    machine.run();
    machine.start_application().await;
    machine.set_clock(0);
    machine.manager_answers().await;
    // No time server confirmed the time of the future: the next start does not hold it against the clock.
    machine.world.kill();
    machine.run();
    let alice = machine.alice();
    assert_eq!(machine.world.get(Some(&alice), "/user_credit").await.text, "49");
    assert_eq!(machine.world.post(Some(&alice), "/add/helloworld", &[("appid", "1")]).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_goes_back_to_the_time_of_its_program_comes_up() {
    let since_build = chrono::Utc::now().timestamp() - build_time().timestamp();
    // Set up half a year from now, with the right time from a time server.
    let mut machine = Machine::new(&[]);
    machine.set_clock(180 * DAY);
    machine.run();
    machine.start_application().await;
    machine.world.cut_power();
    // Power failed before the time is written down, and there is no Internet any more: what
    // 'conpaas time' restores is the time at which the program was built.
    std::fs::remove_file(machine.world.path("state/last-time")).unwrap();
    machine.set_clock(5 - since_build);
    machine.run();
    machine.manager_answers().await;
    let alice = machine.alice();
    assert_eq!(machine.world.post(Some(&alice), "/stopapp/1", &[]).await.status, 200);
    machine.start_application().await;
    machine.manager_answers().await;
}
