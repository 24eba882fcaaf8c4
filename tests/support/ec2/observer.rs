//! What the mock holds, seen through Amazon's own library.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) struct Observer {
    process: Mutex<Process>,
}

struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Setup {
    pub(crate) key: String,
    pub(crate) secret: String,
    pub(crate) subnet: String,
    pub(crate) zone: String,
    pub(crate) group: String,
    pub(crate) image: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) state: String,
    #[serde(rename = "type")]
    pub(crate) size: String,
    pub(crate) ip: Option<String>,
    pub(crate) private_ip: Option<String>,
    pub(crate) zone: String,
    pub(crate) key: Option<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Base64.
    pub(crate) user_data: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Volume {
    pub(crate) id: String,
    pub(crate) state: String,
    pub(crate) size: u64,
    pub(crate) zone: String,
    pub(crate) tags: BTreeMap<String, String>,
    /// Instance and device.
    pub(crate) attached: Vec<(String, String)>,
}

impl Observer {
    pub(crate) fn start(python: &Path, endpoint: &str, region: &str) -> Observer {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/ec2/observer.py");
        let mut child = Command::new(python)
            .arg(script)
            .args([endpoint, region])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Observer { process: Mutex::new(Process { child, input, output }) }
    }

    pub(crate) fn instances(&self) -> Vec<Instance> {
        self.ask(&json!(["instances"]))
    }

    pub(crate) fn volumes(&self) -> Vec<Volume> {
        self.ask(&json!(["volumes"]))
    }

    pub(crate) fn tell<T: DeserializeOwned>(&self, command: &str, argument: &Value) -> T {
        self.ask(&json!([command, argument]))
    }

    pub(crate) fn ask<T: DeserializeOwned>(&self, command: &Value) -> T {
        self.try_ask(command).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// What there is, unless the mock has ended.
    pub(crate) fn look(&self) -> Option<(Vec<Instance>, Vec<Volume>)> {
        Some((self.try_ask(&json!(["instances"])).ok()?, self.try_ask(&json!(["volumes"])).ok()?))
    }

    fn try_ask<T: DeserializeOwned>(&self, command: &Value) -> Result<T, String> {
        let mut process = self.process.lock().unwrap();
        writeln!(process.input, "{command}").unwrap();
        let mut line = String::new();
        process.output.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"))?;
        let ok = answer.get_mut("ok").ok_or(line)?.take();
        Ok(serde_json::from_value(ok).unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ended = self.child.wait();
    }
}
