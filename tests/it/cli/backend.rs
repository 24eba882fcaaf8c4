//! The real director on this machine, with two clouds of plain programs.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use super::place::{Outcome, Place};

/// A running director; it and its nodes end with this value.
pub(crate) struct Backend {
    director: Child,
    directory: PathBuf,
}

impl Backend {
    /// Makes a director for `place`, starts it, and makes the user `test`
    /// with the password `secret`, to whom the configuration of `place` belongs.
    pub(crate) async fn start(place: &Place) -> Backend {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = place.work().join("director");
        std::fs::create_dir(&directory).unwrap();
        let at = |name: &str| directory.join(name).display().to_string();
        // A network of their own for the clouds of each test, so that tests can run beside each other.
        let network = |third: u16| format!("127.{}.{}.0/24", 100 + port / 256 % 100, (port % 128) * 2 + third);
        let settings = [
            format!("conpaas.CONF_DIR={}", at("")),
            format!("conpaas.CERT_DIR={}", at("certs")),
            format!("director.DATABASE_URI=sqlite:///{}", at("director.db")),
            format!("director.USERDATA_DIR={}", at("data")),
            format!("director.STATE_DIR={}", at("state")),
            format!("director.LISTEN=127.0.0.1:{port}"),
            format!("director.DIRECTOR_URL=https://127.0.0.1:{port}"),
            "iaas.DRIVER=process".to_owned(),
            format!("iaas.NETWORK={}", network(0)),
            "iaas.OTHER_CLOUDS=cloud2".to_owned(),
            "cloud2.DRIVER=process".to_owned(),
            format!("cloud2.NETWORK={}", network(1)),
        ];
        let mut words = vec!["conpaas", "director", "init", "--hostname", "127.0.0.1"];
        for setting in &settings {
            words.extend(["--set", setting]);
        }
        let made = place.run_on_director(&words, "").await;
        assert_eq!(made.code, 0, "{made:?}");
        let log = std::fs::File::create(directory.join("log")).unwrap();
        let director = Command::new(env!("CARGO_BIN_EXE_conpaas"))
            .args(["director", "--config"])
            .arg(directory.join("director.cfg"))
            .stdin(Stdio::null())
            .stderr(log)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let user = ["conpaas", "user", "create", "test", "--email", "t@x.y"];
        let made: Outcome = place.run_on_director(&user, "secret\nsecret\n").await;
        assert_eq!((made.code, made.stdout.as_str()), (0, "User 'test' created successfully.\n"), "{made:?}");
        place.configure(port);
        let limit = Instant::now() + Duration::from_secs(30);
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let log = std::fs::read_to_string(directory.join("log")).unwrap();
            assert!(Instant::now() < limit, "the director does not listen:\n{log}");
            tokio::task::yield_now().await;
        }
        Backend { director, directory }
    }

    /// Stops the user's applications, then the director, as an operator would.
    pub(crate) async fn stop(mut self, place: &Place) {
        let listed = place.run(&["cps-application", "list", "--json"]).await;
        let applications: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).unwrap();
        for application in applications {
            let aid = application["aid"].to_string();
            assert_eq!(place.run(&["cps-application", "delete", &aid]).await.code, 0);
        }
        let limit = Instant::now() + Duration::from_secs(30);
        while place.run(&["cps-cloud", "list_resources"]).await.stdout != "No existing resources\n" {
            assert!(Instant::now() < limit, "nodes are left");
        }
        let pid = Pid::from_raw(i32::try_from(self.director.id().unwrap()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        assert!(self.director.wait().await.unwrap().success(), "the director stops cleanly");
    }
}

impl Drop for Backend {
    /// After a failure nodes still run, and their director, who would end
    /// them, is gone: every process that names this test's own directory is theirs.
    fn drop(&mut self) {
        let _may_have_ended = self.director.start_kill();
        let directory = self.directory.display().to_string();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if let Some(pid) = pid.filter(|_| String::from_utf8_lossy(&command).contains(&directory)) {
                let _may_have_ended = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}
