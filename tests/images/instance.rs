//! What a compute node is for: a container on it, in the LAN, with a volume.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::backend::Backend;
use crate::card::run;
use crate::compute::{AGENTS, NAME};
use crate::proofs::image;

/// Of the containers' addresses in the plan of the images.
const ADDRESS: &str = "172.16.0.40";
const STEP: Duration = Duration::from_secs(600);

/// The first process of the container: it takes its address, tells what it is, and uses the volume that it is given.
const INIT: &str = r#"#!/bin/sh
export PATH=/usr/sbin:/usr/bin
exec >/dev/console 2>&1
ip link set lo up
ip link set eth0 up
ip addr add ADDRESS/24 dev eth0
echo "container: $(uname -m), $(ip -brief addr show eth0)"
while [ ! -b /dev/vdb ]; do sleep 1; done
echo kept > /tmp/data
dd if=/tmp/data of=/dev/vdb conv=fsync 2>/dev/null
echo "container: the volume has $(head -c 4 /dev/vdb), $(blockdev --getsize64 /dev/vdb) bytes"
exec sleep 100000
"#;

/// Has nova start a container on the Pi, and cinder make it a volume there; gives what was seen. Nothing is left.
pub(crate) fn of_nova(backend: &Backend, directory: &Path) -> anyhow::Result<String> {
    let file = container_image(directory)?;
    let file = file.to_str().context("a path in UTF-8")?;
    let image = ["image", "create", "--disk-format", "raw", "--container-format", "bare", "--file", file, "proof"];
    backend.client(&image)?;
    let ask = |line: &str| ask(backend, line);
    // As docs/compute.md says.
    for line in [
        "network create --share --provider-network-type flat --provider-physical-network conpaas conpaas",
        "subnet create --network conpaas --subnet-range 172.16.0.0/24 --gateway 172.16.0.1 \
         --allocation-pool start=172.16.0.32,end=172.16.0.61 conpaas",
        "flavor create --ram 256 --disk 2 --vcpus 1 proof",
        "security group create proof",
        "security group rule create --protocol icmp proof",
        "volume type create conpaas --property volume_backend_name=conpaas",
    ] {
        ask(line)?;
    }
    let began = Instant::now();
    let line = format!(
        "server create --image proof --flavor proof --security-group proof --availability-zone nova:{NAME} \
         --nic net-id=conpaas,v4-fixed-ip={ADDRESS} proof"
    );
    ask(&line)?;
    wait_for_status(backend, "server", "ACTIVE", AGENTS)?;
    let active = began.elapsed().as_secs();
    wait_until(STEP, || run("ping", &["-c", "1", "-W", "2", ADDRESS]).map(drop))?;
    let answers = began.elapsed().as_secs();
    // Cinder's agent is up long before it tells how much room there is, and until then cinder has none.
    wait_until(AGENTS, || {
        ask("volume create --type conpaas --size 1 proof")?;
        wait_for_status(backend, "volume", "available", AGENTS).inspect_err(|_none_yet| {
            let _named_by_the_next_error = ask("volume delete --force proof");
        })
    })?;
    ask("server add volume --device /dev/vdb proof proof")?;
    wait_for_status(backend, "volume", "in-use", AGENTS)?;
    let mut said = String::new();
    wait_until(STEP, || {
        said = ask("console log show proof")?;
        if !said.contains("the volume has kept, 1073741824 bytes") {
            bail!("the container does not tell of its volume: {said}");
        }
        Ok(())
    })?;
    if !said.contains("container: aarch64") {
        bail!("the container is of another architecture: {said}");
    }
    ask("server remove volume proof proof")?;
    wait_for_status(backend, "volume", "available", AGENTS)?;
    ask("server delete --wait proof")?;
    ask("volume delete proof")?;
    wait_until(AGENTS, || match ask("volume list -f value")?.trim() {
        "" => Ok(()),
        left => bail!("a volume is left: {left}"),
    })?;
    Ok(format!("a container on it was active after {active} s, answered after {answers} s, and wrote to a volume"))
}

/// The root file system of our own nodes, with another first process, as docs/compute.md wants images.
fn container_image(directory: &Path) -> anyhow::Result<PathBuf> {
    let root = directory.join("container");
    let services = image("services-arm64");
    let text = |path: &Path| path.to_str().map(str::to_owned).context("a path in UTF-8");
    run("cp", &["-a", "--one-file-system", &text(&services)?, &text(&root)?])
        .with_context(|| format!("there is no {}: make images", services.display()))?;
    let init = root.join("usr/sbin/init");
    if init.symlink_metadata().is_ok() {
        fs::remove_file(&init)?;
    }
    fs::write(&init, INIT.replace("ADDRESS", ADDRESS))?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
    let file = directory.join("container.ext4");
    run("mke2fs", &["-q", "-t", "ext4", "-O", "^has_journal", "-d", &text(&root)?, &text(&file)?, "400M"])?;
    fs::remove_dir_all(&root)?;
    Ok(file)
}

fn wait_for_status(backend: &Backend, kind: &str, wanted: &str, limit: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + limit;
    loop {
        let shown: serde_json::Value = serde_json::from_str(&ask(backend, &format!("{kind} show proof -f json"))?)?;
        let status = shown["status"].as_str().unwrap_or_default().to_owned();
        if status == wanted {
            return Ok(());
        }
        if status.to_lowercase().contains("error") || Instant::now() > end {
            bail!("the {kind} is {status}, not {wanted}: {shown}");
        }
        std::thread::park_timeout(Duration::from_secs(2));
    }
}

fn wait_until(limit: Duration, mut is_so: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let end = Instant::now() + limit;
    loop {
        match is_so() {
            Err(error) if Instant::now() > end => return Err(error),
            Err(_) => std::thread::park_timeout(Duration::from_secs(2)),
            Ok(()) => return Ok(()),
        }
    }
}

/// OpenStack's own client with the words of `line`.
fn ask(backend: &Backend, line: &str) -> anyhow::Result<String> {
    backend.client(&line.split_whitespace().collect::<Vec<_>>())
}
