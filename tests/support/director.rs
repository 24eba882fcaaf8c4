//! A director of its own for each test, on an address of its own, gone with the test.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use conpaas::pki::{Authority, Credentials, Lifetime, NodeNumber, Subject};
use conpaas::rpc::{Client, Endpoint, FormBody, PeerRule, install_crypto};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::wait::{LIMIT, try_until_within, wait_until};

/// The program under test.
pub(crate) const CONPAAS: &str = env!("CARGO_BIN_EXE_conpaas");

/// A running director.
pub(crate) struct World {
    /// Holds everything; removed at the end.
    pub(crate) directory: TempDir,
    /// Where it listens.
    pub(crate) endpoint: Endpoint,
    child: Option<Child>,
}

/// An answer: status and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The text of an application's error.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error in {}", self.text)).to_owned()
    }
}

impl World {
    /// A running director with no users.
    pub(crate) fn start() -> World {
        World::start_with(&[], &[])
    }

    /// The same with options of director.cfg and environment variables.
    pub(crate) fn start_with(options: &[(&str, &str)], environment: &[(&str, &str)]) -> World {
        let mut world = World::prepare(options);
        world.run(environment);
        world
    }

    /// Everything a director needs, but it does not run yet. The option `hostname` is the one that it is set up with.
    pub(crate) fn prepare(options: &[(&str, &str)]) -> World {
        install_crypto();
        let directory = tempfile::Builder::new().prefix("conpaas-director-").tempdir().unwrap();
        let network = own_network();
        let host = Ipv4Addr::new(127, network[0], network[1], 1);
        let endpoint = Endpoint { host: host.to_string(), port: 5555 };
        let world = World { directory, endpoint, child: None };
        let at = |name: &str| world.path(name).display().to_string();
        let mut set = vec![
            ("conpaas.CONF_DIR", at("conf")),
            ("conpaas.CERT_DIR", at("certs")),
            ("director.STATE_DIR", at("state")),
            ("director.USERDATA_DIR", at("data")),
            ("director.DATABASE_URI", format!("sqlite:///{}", at("director.db"))),
            ("director.LISTEN", format!("{host}:5555")),
            ("director.NODE_START_TIMEOUT", "60s".to_owned()),
            ("director.RECONCILE_INTERVAL", "1s".to_owned()),
            ("director.LOGIN_ATTEMPTS_PER_MINUTE", "6000".to_owned()),
            ("director.LOGIN_BURST", "6000".to_owned()),
            ("iaas.DRIVER", "process".to_owned()),
            ("iaas.NETWORK", format!("127.{}.{}.128/25", network[0], network[1])),
            ("iaas.MANAGER_PORT", "8443".to_owned()),
        ];
        let (host, options): (Vec<_>, Vec<_>) = options.iter().partition(|(name, _)| *name == "hostname");
        set.extend(options.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let host = host.first().map_or(world.endpoint.host.as_str(), |(_, host)| *host);
        let mut command = world.command(&["director", "init", "--hostname", host]);
        for (name, value) in &set {
            command.args(["--set", &format!("{name}={value}")]);
        }
        succeed(&mut command);
        world
    }

    /// Starts the director and waits until it answers.
    pub(crate) fn run(&mut self, environment: &[(&str, &str)]) {
        self.spawn(environment);
        let listens = try_until_within(LIMIT, || {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none(), "the director ended: {ended:?}\n{}", self.log());
            TcpStream::connect((self.endpoint.host.as_str(), self.endpoint.port)).ok()
        });
        assert!(listens.is_some(), "the director does not listen\n{}", self.log());
    }

    /// Starts the director without waiting.
    pub(crate) fn spawn(&mut self, environment: &[(&str, &str)]) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = self.command(&["director"]);
        command.envs(environment.iter().copied()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap());
    }

    /// Kills the director, and leaves its nodes running.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone_already = child.kill();
            child.wait().unwrap();
        }
    }

    /// Kills the director and all nodes.
    pub(crate) fn cut_power(&mut self) {
        self.kill();
        end_processes_under(self.directory.path());
    }

    /// Waits until the director has ended by itself; gives its exit code (`None` when killed by a signal).
    pub(crate) fn wait_for_end(&mut self) -> Option<i32> {
        let child = self.child.as_mut().expect("it was started");
        let status = try_until_within(LIMIT, || child.try_wait().unwrap());
        let status = status.unwrap_or_else(|| panic!("the director does not end\n{}", self.log()));
        self.child = None;
        status.code()
    }

    /// Whether the director still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// The running director's process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().expect("it was started").id()
    }

    /// What the director has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// A path in the world's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program, told where this director's configuration is.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(CONPAAS);
        command.args(words).env("DIRECTOR_CFG", self.path("director.cfg")).env("HOME", self.directory.path());
        command.env_remove("CONPAAS_CRASH_AT").env_remove("CONPAAS_CRASH_LOG").stdin(Stdio::null());
        command
    }

    /// Adds a user with 50 credits and the password `<name>-secret`.
    pub(crate) fn add_user(&self, name: &str) {
        let email = format!("{name}@example.org");
        let password = format!("{name}-secret");
        succeed(&mut self.command(&["user", "create", name, "--email", &email, "--password", &password]));
    }

    /// A certificate of this director's authority, for whomever.
    pub(crate) fn certificate(&self, subject: &Subject, lifetime: Lifetime) -> Credentials {
        let authority = Authority::load(&self.path("certs")).unwrap();
        authority.issue(subject, &[], lifetime).unwrap()
    }

    /// The same for a node of this number.
    pub(crate) fn certificate_of_node(&self, subject: &Subject, number: i64, lifetime: Lifetime) -> Credentials {
        let authority = Authority::load(&self.path("certs")).unwrap();
        authority.issue_to_node(subject, NodeNumber::new(number).unwrap(), lifetime).unwrap()
    }

    /// Waits until a certificate is outdated: its last second counts whole.
    pub(crate) fn await_outdated(&self, credentials: &Credentials) {
        let identity = credentials.identity().unwrap();
        wait_until("the certificate is outdated", || {
            (!identity.is_current(chrono::Utc::now().timestamp())).then_some(())
        });
    }

    /// A client with these credentials.
    pub(crate) fn client(&self, credentials: Option<&Credentials>) -> Client {
        let rule = if credentials.is_some() { PeerRule::Director } else { PeerRule::Unverified };
        Client::new(credentials, rule).unwrap().with_timeout(LIMIT)
    }

    /// POSTs a form.
    pub(crate) async fn post(&self, who: Option<&Credentials>, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form = fields.iter().fold(FormBody::default(), |form, (name, value)| form.field(name, *value));
        let answer = self.client(who).post_form(&self.endpoint, path, &form).await;
        let answer = answer.unwrap_or_else(|error| panic!("{path}: {error:?}\n{}", self.log()));
        Answer { status: answer.status, text: String::from_utf8_lossy(&answer.body).into_owned() }
    }

    /// GETs a path.
    pub(crate) async fn get(&self, who: Option<&Credentials>, path: &str) -> Answer {
        let answer = self.client(who).get(&self.endpoint, path, &[]).await.unwrap();
        Answer { status: answer.status, text: String::from_utf8_lossy(&answer.body).into_owned() }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.cut_power();
    }
}

/// Runs a program that must succeed.
pub(crate) fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// How many files a directory has; none when it is not there.
pub(crate) fn entries(directory: &Path) -> usize {
    std::fs::read_dir(directory).map_or(0, Iterator::count)
}

/// Nodes outlive their director: ends those whose files lie under `directory`.
fn end_processes_under(directory: &Path) {
    let mark = directory.display().to_string();
    let uses_it = |pid: i32| {
        ["cmdline", "environ"].iter().any(|file| {
            std::fs::read(format!("/proc/{pid}/{file}"))
                .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(&mark))
        })
    };
    let own = i32::try_from(std::process::id()).unwrap();
    for pid in conpaas::sys::process::all() {
        if pid != own && uses_it(pid) {
            let _gone_already = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL);
        }
    }
}

/// Two numbers that no other test of this machine uses at the same time: 127.x.y.0/24 is this test's.
pub(crate) fn own_network() -> [u8; 2] {
    static HELD: OnceLock<(u8, TcpListener)> = OnceLock::new();
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let (process, _listener) = HELD.get_or_init(|| {
        let free = (0..200).find_map(|step| {
            let number = u8::try_from((std::process::id() + step) % 200).unwrap() + 20;
            // Whoever holds this port has the network; the tests of one process count.
            Some((number, TcpListener::bind((Ipv4Addr::new(127, number, 255, 254), 40_998)).ok()?))
        });
        free.expect("there are no 200 tests at once")
    });
    [*process, NEXT.fetch_add(1, Ordering::Relaxed)]
}
