//! `conpaas time` as a program. Nothing here can set this machine's clock:
//! either it is later than all that the program is told, or the program has
//! no right to.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

const CONPAAS: &str = env!("CARGO_BIN_EXE_conpaas");
const DAY: u64 = 24 * 3600;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn record(&self) -> PathBuf {
        self.0.path().join("last-time")
    }

    fn recorded(&self) -> Option<u64> {
        std::fs::read_to_string(self.record()).ok()?.trim().parse().ok()
    }

    /// `conpaas time` with `words`, by way of `wrapper`.
    fn command(&self, wrapper: &[&str], words: &[&str]) -> Command {
        let whole = [wrapper, &[CONPAAS, "time"], words].concat();
        let mut command = Command::new(whole[0]);
        command.args(&whole[1..]).arg("--record").arg(self.record()).arg("--epoch").arg(self.0.path().join("epoch"));
        command.env_remove("NOTIFY_SOCKET").env_remove("WATCHDOG_USEC").env_remove("WATCHDOG_PID");
        command
    }

    fn run(&self, wrapper: &[&str], words: &[&str]) -> Output {
        self.command(wrapper, words).output().unwrap()
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn words(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a program without the right to set the clock.
fn powerless() -> &'static [&'static str] {
    if geteuid().is_root() { &["setpriv", "--bounding-set=-sys_time", "--inh-caps=-sys_time"] } else { &["env"] }
}

#[test]
fn the_service_tells_that_it_is_ready_and_lives_and_writes_the_time_down_when_it_ends() {
    let place = Place::new();
    // What a power cut left of an earlier write, and what is not ours.
    let (litter, other) = (place.0.path().join("last-time.x1.new"), place.0.path().join("last-times"));
    std::fs::write(&litter, "1").unwrap();
    std::fs::write(&other, "1").unwrap();
    let socket = UnixDatagram::bind(place.0.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut command = place.command(&["env"], &["run"]);
    command.env("NOTIFY_SOCKET", place.0.path().join("notify")).env("WATCHDOG_USEC", "200000");
    let mut child = command.spawn().unwrap();
    let hear = |wanted: &str| {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut buffer = [0; 256];
        loop {
            let n = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("{wanted} is never said: {error}"));
            if String::from_utf8_lossy(&buffer[..n]).contains(wanted) {
                return;
            }
            assert!(Instant::now() < deadline, "{wanted} is never said");
        }
    };
    hear("READY=1");
    let first = place.recorded().unwrap();
    assert!(now().abs_diff(first) < 60);
    assert!(!litter.exists() && other.exists());
    for _ in 0..3 {
        hear("WATCHDOG=1");
    }
    // As if it had run for half an hour.
    std::fs::write(place.record(), (first - 1800).to_string()).unwrap();
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    hear("STOPPING=1");
    assert!(child.wait().unwrap().success());
    assert!(now().abs_diff(place.recorded().unwrap()) < 60);
}

#[test]
fn a_clock_that_may_not_be_set_is_an_error_and_its_time_is_not_recorded() {
    let place = Place::new();
    let tomorrow = now() + DAY;
    for command in ["run", "restore"] {
        std::fs::write(place.record(), tomorrow.to_string()).unwrap();
        let output = place.run(powerless(), &[command]);
        let text = words(&output);
        assert_eq!(output.status.code(), Some(1), "{command}: {text}");
        assert!(text.contains("cannot set the clock (root is needed)") && text.contains("last-time"), "{text}");
        assert_eq!(place.recorded(), Some(tomorrow), "{command}");
    }
}

#[test]
fn a_damaged_record_keeps_nobody_from_starting() {
    let place = Place::new();
    let far = now() + 40 * 365 * DAY;
    for damaged in ["", "x", "-1", "0", &far.to_string(), &"1".repeat(1 << 20)] {
        std::fs::write(place.record(), damaged).unwrap();
        let output = place.run(powerless(), &["restore"]);
        assert!(output.status.success() && words(&output).starts_with("the clock is kept"), "{}", words(&output));
        assert!(place.run(&["env"], &["save"]).status.success());
        assert!(now().abs_diff(place.recorded().unwrap()) < 60);
    }
    std::fs::remove_file(place.record()).unwrap();
    std::fs::create_dir(place.record()).unwrap();
    assert!(place.run(powerless(), &["restore"]).status.success());
    let output = place.run(&["env"], &["save"]);
    assert!(output.status.code() == Some(1) && words(&output).contains("cannot write"), "{}", words(&output));
}

#[test]
fn check_says_whether_the_clock_can_be_right() {
    let place = Place::new();
    let check = |wrapper: &[&str]| {
        let output = place.run(wrapper, &["check", "--json"]);
        let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.success(), value["is_good"] == true, "{value}");
        value
    };
    assert!(check(&["env"])["floor_is"].as_str().unwrap().ends_with("when this program was built"));
    assert_eq!(check(&["env"])["is_good"], true);
    let value = check(&["faketime", "1970-01-02 00:00:00"]);
    assert!(value["is_good"] == false && value["verdict"].as_str().unwrap().contains("1970"), "{value}");
    let output = place.run(&["faketime", "1970-01-02 00:00:00"], &["save"]);
    assert!(output.status.code() == Some(1) && words(&output).contains("certainly wrong"), "{}", words(&output));
    assert!(!place.record().exists());
    std::fs::write(place.record(), (now() + DAY).to_string()).unwrap();
    let value = check(&["env"]);
    assert!(value["is_good"] == false && value["verdict"].as_str().unwrap().contains("behind"), "{value}");
    let output = place.run(&["env"], &["check"]);
    assert!(words(&output).contains("It is certainly later than") && output.status.code() == Some(1));
    assert_eq!(place.run(&["env"], &[]).status.code(), Some(2));
}

#[test]
fn the_unit_starts_before_all_that_asks_for_the_time() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/conpaas-time.service");
    let unit = std::fs::read_to_string(path).unwrap();
    for line in [
        "DefaultDependencies=no",
        "RequiresMountsFor=/var/lib/conpaas",
        "Before=time-set.target sysinit.target",
        "Before=shutdown.target",
        "Conflicts=shutdown.target",
        "Type=notify",
        "ExecStart=/usr/bin/conpaas time run",
        "CapabilityBoundingSet=CAP_SYS_TIME",
        "StateDirectory=conpaas",
        "WantedBy=sysinit.target",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    // It would forbid what the service is for.
    assert!(!unit.contains("ProtectClock"));
}
