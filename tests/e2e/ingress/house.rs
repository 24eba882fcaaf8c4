//! A house: a nutshell with an ingress, and a phone that has the ingress's machine for its only neighbour.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::super::world;
use crate::support::nutshell::Nutshell;
use crate::support::wait::wait_until_within;

/// The address of the machine in the network of the house.
pub(super) const PI: &str = "192.168.1.1";
const PHONE: &str = include_str!("phone.py");
const SERVER: &str = include_str!("server.py");
const LIMIT: Duration = Duration::from_secs(60);

/// All of it; it ends with the test.
pub(super) struct House {
    pub(super) nutshell: Nutshell,
    /// The network namespace of the phone.
    pub(super) phone: String,
    network: String,
    state: PathBuf,
    ingress: Option<Child>,
    /// More options of the ingress.
    more: Vec<String>,
}

impl House {
    /// Starts the nutshell and the ingress.
    pub(super) fn new(state: &Path, image: &Path) -> House {
        let mut house = House::without_ingress(state, image);
        house.start_ingress();
        house
    }

    /// Starts the nutshell, and lays the network of the house.
    pub(super) fn without_ingress(state: &Path, image: &Path) -> House {
        let (network, nutshell) = world::nutshell(state, state, image);
        nutshell.succeed("up", &[]);
        let phone = format!("{network}p");
        ip(&format!("netns add {phone}"));
        ip(&format!("-netns {network} link add lan0 type veth peer name wlan0 netns {phone}"));
        for (namespace, card, address) in [(&network, "lan0", PI), (&phone, "wlan0", "192.168.1.2")] {
            ip(&format!("-netns {namespace} address add {address}/24 dev {card}"));
            ip(&format!("-netns {namespace} link set {card} up"));
        }
        House { nutshell, phone, network, state: state.to_owned(), ingress: None, more: Vec::new() }
    }

    /// Starts the ingress, which takes over what an earlier one left.
    pub(super) fn start_ingress(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.state.join("ingress.log")).unwrap();
        let mut command = self.in_network(&self.network);
        command.arg(env!("CARGO_BIN_EXE_conpaas")).args(self.words()).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("ip is installed");
        self.ingress = Some(child);
    }

    /// Ends the ingress by a signal; nginx goes on.
    pub(super) fn end_ingress(&mut self, signal: nix::sys::signal::Signal) {
        let Some(mut child) = self.ingress.take() else { return };
        let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a number of a process"));
        nix::sys::signal::kill(pid, signal).expect("it runs");
        child.wait().expect("it is our child");
    }

    /// Ends all that an ingress left.
    pub(super) fn end_nginx(&self) {
        let mut command = self.in_network(&self.network);
        command.arg(env!("CARGO_BIN_EXE_conpaas")).args(self.words()).arg("end");
        assert!(command.status().expect("ip is installed").success());
    }

    /// What the ingress has said.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.state.join("ingress.log")).unwrap_or_default()
    }

    /// Runs a command of the client.
    pub(super) fn client(&self, words: &str) -> String {
        let words: Vec<&str> = std::iter::once("conpaas").chain(words.split(' ')).collect();
        self.nutshell.type_command(&words)
    }

    /// Runs a command of the client that is refused; returns what it says.
    pub(super) fn refused(&self, words: &str) -> String {
        let words: Vec<&str> = ["--", "conpaas"].into_iter().chain(words.split(' ')).collect();
        let output = self.nutshell.run("shell", &words);
        assert!(!output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Has the next ingress start with more options.
    pub(super) fn more_words(&mut self, words: &[String]) {
        self.more.extend(words.iter().cloned());
    }

    /// Starts a program in the network of the machine.
    pub(super) fn in_machine(&self, words: &[&str]) -> Child {
        self.in_machine_with(words, &[])
    }

    /// Starts a program in the network of the machine, with variables.
    pub(super) fn in_machine_with(&self, words: &[&str], variables: &[(&str, &str)]) -> Child {
        let mut command = self.in_network(&self.network);
        command.args(words).envs(variables.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null());
        command.spawn().expect("util-linux is installed")
    }

    /// What curl prints in the network of the machine.
    pub(super) fn curl(&self, words: &[&str]) -> String {
        let output =
            self.in_network(&self.network).args(["curl", "-s", "--max-time", "10"]).args(words).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Has the phone open a name by HTTPS, where it trusts one authority alone. Returns status and version of HTTP, then
    /// the page.
    pub(super) fn https(&self, root: &str, name: &str, option: &str) -> String {
        let (address, url) = (format!("{name}:443:{PI}"), format!("https://{name}/"));
        let mut command = self.in_network(&self.phone);
        command.args(["curl", "-s", "--max-time", "10", "--cacert", root, "--resolve", &address]);
        command.args(["-o", "-", "-w", "\n%{http_code} %{http_version} "]).args(option.split_whitespace()).arg(&url);
        let said = String::from_utf8_lossy(&command.output().expect("curl is installed").stdout).into_owned();
        let (page, status) = said.rsplit_once('\n').unwrap_or(("", &said));
        format!("{status}{page}")
    }

    /// Has the phone do something; returns its line.
    pub(super) fn phone(&self, words: &[&str]) -> String {
        let output = self.in_network(&self.phone).args(["python3", "-c", PHONE]).args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if said.is_empty() {
            String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned()
        } else {
            said
        }
    }

    /// Waits until a page of a port begins like this.
    pub(super) fn await_page(&self, port: &str, headers: &[&str], begins: &str) -> String {
        wait_until_within(LIMIT, begins, || {
            let page = self.phone(&[&["get", PI, port, "/"], headers].concat());
            page.starts_with(begins).then_some(page)
        })
    }

    /// Brings a program on the air that tells what reaches it, as application `echo`.
    pub(super) fn deploy_echo(&self) {
        let program = self.state.join("echo");
        std::fs::create_dir_all(&program).expect("it is writable");
        std::fs::write(program.join("run.sh"), "PATH=/usr/bin:/bin exec python3 \"${0%/*}/server.py\"\n")
            .expect("it is writable");
        std::fs::write(program.join("server.py"), SERVER).expect("it is writable");
        self.client(&format!("deploy {}", program.display()));
    }

    /// Waits until something is so.
    pub(super) fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        wait_until_within(LIMIT, what, || is_so().then_some(()));
    }

    /// Writes a file, and returns its path.
    pub(super) fn write(&self, name: &str, text: &str) -> String {
        let path = self.state.join(name);
        std::fs::write(&path, text).expect("it is writable");
        path.display().to_string()
    }

    /// How much nginx has put aside on the disk.
    pub(super) fn n_bytes_in_temporary_files(&self) -> u64 {
        fn size(path: &Path) -> u64 {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries
                .map(
                    |entry| {
                        if entry.path().is_dir() {
                            size(&entry.path())
                        } else {
                            entry.metadata().map_or(0, |m| m.len())
                        }
                    },
                )
                .sum()
        }
        size(&self.state.join("ingress/tmp"))
    }

    fn words(&self) -> Vec<String> {
        let (files, state) = (self.state.join("nutshell/certs/ingress"), self.state.join("ingress"));
        let words = ["ingress", "--files", &files.display().to_string(), "--state-dir", &state.display().to_string()];
        let names = ["--names", "0.0.0.0:80", "--announce", PI];
        words.into_iter().chain(names).map(str::to_owned).chain(self.more.iter().cloned()).collect()
    }

    fn in_network(&self, name: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{name}"));
        command
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the ingress said:\n{}", self.log());
        }
        if let Some(mut child) = self.ingress.take() {
            let _it_may_be_gone = child.kill();
            let _it_may_be_gone = child.wait();
        }
        let _best_effort = Command::new("ip").args(["netns", "delete", &self.phone]).status();
    }
}

/// Waits until nobody answers at a port.
pub(super) fn wait_refused(house: &House, port: &str) {
    house.until("the port is closed", || house.phone(&["greeting", PI, port]) == "ConnectionRefusedError");
}

fn ip(line: &str) {
    assert!(Command::new("ip").args(line.split(' ')).status().expect("iproute2 is installed").success(), "ip {line}");
}
