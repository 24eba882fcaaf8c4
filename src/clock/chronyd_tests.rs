//! A real chronyd for tests: on a free port, never touching the machine's clock.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;

use super::{Clock, ClockSettings, build_time, sntp};

/// A running chronyd. Ended on drop.
pub(crate) struct Chronyd {
    process: Child,
    pub(crate) server: String,
    directory: tempfile::TempDir,
}

impl Chronyd {
    /// One whose clock is ahead of the machine's by `shift_seconds`.
    pub(crate) async fn start(shift_seconds: i64) -> Self {
        Chronyd::with("local stratum 3\nallow 127.0.0.0/8\n", Some(shift_seconds)).await
    }

    /// One with `configuration`, waited for until it answers.
    pub(crate) async fn with(configuration: &str, shift_seconds: Option<i64>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let at = directory.path().display();
        let place = format!("bindaddress 127.0.0.1\nport {port}\ncmdport 0\nbindcmdaddress /\npidfile {at}/pid\n");
        let path = directory.path().join("chrony.conf");
        std::fs::write(&path, format!("{configuration}{place}")).unwrap();
        let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
        let mut command = match shift_seconds {
            None => Command::new("/usr/sbin/chronyd"),
            Some(seconds) => {
                let mut command = Command::new("faketime");
                command.args(["-f", &format!("{seconds:+}s"), "/usr/sbin/chronyd"]);
                command
            }
        };
        command.args(["-x", "-d", "-u", &user, "-f"]).arg(&path);
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("packages faketime and chrony are installed");
        let chronyd = Chronyd { process, server: format!("127.0.0.1:{port}"), directory };
        let limit = Instant::now() + Duration::from_secs(20);
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        while sntp::ask(&chronyd.server, &Clock::system(), build_time(), Duration::from_secs(1)).await.is_err() {
            assert!(Instant::now() < limit, "chronyd does not answer");
            pause.tick().await;
        }
        chronyd
    }

    pub(crate) fn settings(&self) -> ClockSettings {
        ClockSettings::new(vec![self.server.clone()])
    }
}

impl Drop for Chronyd {
    fn drop(&mut self) {
        // The wrapper forks: chronyd itself is ended, and the wrapper ends with it.
        let pid = std::fs::read_to_string(self.directory.path().join("pid"));
        let pid = pid.ok().and_then(|text| text.trim().parse().ok()).map(nix::unistd::Pid::from_raw);
        let _already_ended = match pid {
            Some(pid) => nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).is_ok(),
            None => self.process.kill().is_ok(),
        };
        let _already_waited = self.process.wait();
    }
}
