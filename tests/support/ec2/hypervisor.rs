//! In the mock's hypervisor's place: for each instance that the mock records
//! as running, a directory and the real `conpaas join --run` in it, with a
//! metadata service that has the user-data that the mock recorded; for each
//! attached volume, a directory where the node finds its volumes. Nodes are
//! plain processes: no kernel boots, no disk is a disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use conpaas::sys::process;
use tokio::task::JoinHandle;

use super::observer::{Instance, Observer, Volume};
use crate::support::metadata::{Metadata, Sort};

const CONPAAS: &str = env!("CARGO_BIN_EXE_conpaas");

pub(crate) struct Hypervisor {
    running: JoinHandle<()>,
}

struct Machine {
    child: Child,
    _metadata: Metadata,
}

impl Hypervisor {
    /// Follows what `observer` sees, with the machines' disks below `directory`.
    pub(crate) fn start(observer: Arc<Observer>, directory: PathBuf) -> Hypervisor {
        let running = tokio::spawn(async move {
            let mut machines: BTreeMap<String, Machine> = BTreeMap::new();
            loop {
                let seeing = Arc::clone(&observer);
                let seen = tokio::task::spawn_blocking(move || seeing.look()).await.unwrap();
                let Some((instances, volumes)) = seen else { return };
                follow(&directory, &mut machines, &instances).await;
                plug(&directory, &instances, &volumes);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Hypervisor { running }
    }
}

impl Drop for Hypervisor {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// The disk of a machine.
pub(crate) fn root(directory: &Path, instance: &str) -> PathBuf {
    directory.join(instance)
}

async fn follow(directory: &Path, machines: &mut BTreeMap<String, Machine>, instances: &[Instance]) {
    let wanted: BTreeSet<&str> =
        instances.iter().filter(|one| one.state == "running").map(|one| one.id.as_str()).collect();
    let going: Vec<String> = machines.keys().filter(|id| !wanted.contains(id.as_str())).cloned().collect();
    for id in going {
        let machine = machines.remove(&id).unwrap();
        switch_off(&root(directory, &id), machine);
        if !instances.iter().any(|one| one.id == id) {
            fs::remove_dir_all(root(directory, &id)).unwrap();
        }
    }
    for instance in instances.iter().filter(|one| one.state == "running") {
        // What is none of ours is told nothing that we could run.
        if !instance.user_data.is_empty() && !machines.contains_key(&instance.id) {
            machines.insert(instance.id.clone(), boot(&root(directory, &instance.id), instance).await);
        }
    }
}

async fn boot(root: &Path, instance: &Instance) -> Machine {
    fs::create_dir_all(root).unwrap();
    let user_data = String::from_utf8(STANDARD.decode(&instance.user_data).unwrap()).unwrap();
    let metadata = Metadata::serve(Ipv4Addr::LOCALHOST, 0, Sort::Sessions, &user_data).await;
    let console = fs::OpenOptions::new().create(true).append(true).open(root.join("console")).unwrap();
    let child = Command::new(CONPAAS)
        .args(["join", "--run", "--root"])
        .arg(root)
        .args(["--source", &metadata.url, "--bind", instance.private_ip.as_deref().unwrap()])
        .env("CONPAAS_NODE", root)
        .env_remove("CONPAAS_CRASH_AT")
        .env_remove("CONPAAS_CRASH_LOG")
        .stdin(Stdio::null())
        .stdout(console.try_clone().unwrap())
        .stderr(console)
        .spawn()
        .unwrap();
    Machine { child, _metadata: metadata }
}

fn switch_off(root: &Path, mut machine: Machine) {
    machine.child.kill().unwrap();
    machine.child.wait().unwrap();
    let mark = format!("CONPAAS_NODE={}", root.display()).into_bytes();
    let ours = || process::find("environ", |words| words.split(|byte| *byte == 0).any(|word| word == mark));
    assert!(process::kill_all(ours, Duration::from_secs(10)), "the machine's processes do not end");
}

fn plug(directory: &Path, instances: &[Instance], volumes: &[Volume]) {
    for instance in instances {
        let slots = root(directory, &instance.id).join("run/conpaas/volumes");
        fs::create_dir_all(&slots).unwrap();
        let mut plugged = BTreeSet::new();
        for volume in volumes {
            let data = directory.join(&volume.id);
            fs::create_dir_all(&data).unwrap();
            for (_, device) in volume.attached.iter().filter(|(id, _)| *id == instance.id) {
                let name = device.strip_prefix("/dev/").unwrap().to_owned();
                let slot = slots.join(&name);
                if fs::read_link(&slot).ok().as_deref() != Some(&data) {
                    std::os::unix::fs::symlink(&data, &slot).unwrap();
                }
                plugged.insert(name);
            }
        }
        for slot in fs::read_dir(&slots).unwrap().flatten() {
            if !plugged.contains(&slot.file_name().into_string().unwrap()) {
                fs::remove_file(slot.path()).unwrap();
            }
        }
    }
}
