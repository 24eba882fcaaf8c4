//! A user at his terminal: a home of his own, the client under all its
//! names, and stand-ins for the director and a manager.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use conpaas::pki::Authority;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use super::scripted::{Script, Standin, scripted_director, scripted_manager};

const GROUPS: [&str; 11] =
    ["tools", "user", "cloud", "director", "application", "service", "generic", "helloworld", "php", "java", "mysql"];

/// What a command gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) struct Place {
    directory: TempDir,
    pub(crate) script: Arc<Mutex<Script>>,
    pub(crate) director: Standin,
    pub(crate) manager: Standin,
}

impl Place {
    /// Makes everything; the user has no certificate yet.
    pub(crate) async fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        for name in ["bin", "home/.conpaas", "work", "ca", "uploads"] {
            std::fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        for group in GROUPS {
            let name = directory.path().join("bin").join(format!("cps-{group}"));
            symlink(env!("CARGO_BIN_EXE_conpaas"), name).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_conpaas"), directory.path().join("bin/conpaas")).unwrap();
        let authority = Arc::new(Authority::create(&directory.path().join("ca")).unwrap());
        let script = Arc::new(Mutex::new(Script::default()));
        let uploads = directory.path().join("uploads");
        let manager = scripted_manager(&uploads, &authority, Arc::clone(&script)).await;
        let director = scripted_director(&uploads, authority, Arc::clone(&script)).await;
        let place = Place { directory, script, director, manager };
        place.configure(place.director.port);
        // As if the clock had just been checked: what this machine's time server says is no matter here.
        let checked = serde_json::json!({ "director": "127.0.0.1", "at": chrono::Utc::now(), "is_confirmed": true });
        std::fs::write(place.state_dir().join("clock-checked.json"), checked.to_string()).unwrap();
        place
    }

    /// Points the user's configuration at a director.
    pub(crate) fn configure(&self, port: u16) {
        let text = format!("[cps-tools]\ndirector_url = 127.0.0.1:{port}\nusername = test\npassword = secret\n");
        std::fs::write(self.state_dir().join("cps-tools.conf"), text).unwrap();
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.directory.path().join("home/.conpaas")
    }

    /// The authority of the stand-ins.
    pub(crate) fn authority(&self) -> Authority {
        Authority::load(&self.directory.path().join("ca")).unwrap()
    }

    /// The working directory of commands.
    pub(crate) fn work(&self) -> PathBuf {
        self.directory.path().join("work")
    }

    /// Types a command on a machine without a director.
    pub(crate) async fn run(&self, words: &[&str]) -> Outcome {
        run_as(words, self.directory.path(), &self.directory.path().join("no-director.cfg"), "").await
    }

    /// Types a command on the director's machine; `answers` are the lines for what it asks.
    pub(crate) async fn run_on_director(&self, words: &[&str], answers: &str) -> Outcome {
        run_as(words, self.directory.path(), &self.work().join("director/director.cfg"), answers).await
    }
}

async fn run_as(words: &[&str], directory: &Path, director_cfg: &Path, answers: &str) -> Outcome {
    let mut child = tokio::process::Command::new(directory.join("bin").join(words[0]))
        .args(&words[1..])
        .current_dir(directory.join("work"))
        .env_clear()
        .env("HOME", directory.join("home"))
        .env("TZ", "UTC")
        .env("DIRECTOR_CFG", director_cfg)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(answers.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
