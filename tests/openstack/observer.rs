//! Sees what is in OpenStack, past the program under test.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Seen {
    pub(crate) servers: Vec<Server>,
    pub(crate) ports: Vec<String>,
    pub(crate) addresses: Vec<Address>,
    pub(crate) volumes: Vec<Volume>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Server {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) tags: Vec<String>,
    pub(crate) key: Option<String>,
    pub(crate) groups: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Address {
    pub(crate) id: String,
    pub(crate) ip: String,
    pub(crate) port: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Volume {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) status: String,
    pub(crate) attached: Vec<String>,
}

impl Seen {
    /// Servers, ports, floating addresses, volumes.
    pub(crate) fn counts(&self) -> [usize; 4] {
        [self.servers.len(), self.ports.len(), self.addresses.len(), self.volumes.len()]
    }
}

pub(crate) struct Observer {
    directory: PathBuf,
}

impl Observer {
    pub(crate) fn new(directory: &Path) -> Observer {
        Observer { directory: directory.to_owned() }
    }

    pub(crate) fn look(&self) -> Seen {
        self.tell(&["all_there_is"])
    }

    pub(crate) fn counts(&self) -> [usize; 4] {
        self.look().counts()
    }

    /// Sets a quota and gives what it was.
    pub(crate) fn quota(&self, service: &str, key: &str, value: i64) -> i64 {
        self.tell(&["quota", service, key, &value.to_string()])
    }

    pub(crate) fn tell<T: DeserializeOwned>(&self, words: &[&str]) -> T {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openstack/observer.py");
        let mut command = Command::new("/usr/bin/python3");
        let output = command.arg(script).arg(&self.directory).args(words).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}: {said}"))
    }
}
