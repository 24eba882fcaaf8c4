//! A Raspberry Pi as a compute node of an OpenStack backend.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;

use crate::backend::Backend;
use crate::boards::{self, Clock};
use crate::card::Card;
use crate::guest::Guest;
use crate::instance;
use crate::network::PI_ADDRESS;
use crate::pi::{FIRST_BOOT, STEP};
use crate::proofs::image;

/// Its agents are large programs, and the processor that runs them is emulated.
pub(crate) const AGENTS: Duration = Duration::from_secs(900);
const MEMORY_MB: u32 = 2048;
pub(crate) const NAME: &str = "conpaas-pi11";

pub(crate) fn joins_a_backend(directory: &Path) -> anyhow::Result<String> {
    let backend = Backend::open(directory)?;
    let guest = Guest::with_new_key(directory, "pi")?;
    let card = Card::flash(&image("rpi-compute-arm64.img"), "16G", directory)?;
    card.write("conpaas.txt", &format!("role = compute\nssh_key = {}\n", guest.public_key()?))?;
    card.write("openstack.env", &backend.settings())?;
    let mut machine = boards::arm64_with_memory(MEMORY_MB, &card, directory, Clock::None)?;
    machine.wait_for("joined the backend", FIRST_BOOT)?;
    guest.wait_until("true", STEP)?;
    let joined = guest.run("cut -d. -f1 /proc/uptime")?;
    ensure!(guest.run("hostname")? == NAME, "its name is {}", guest.run("hostname")?);
    are_all(&backend, true)?;
    let row = backend.wait_for_row(&["hypervisor", "list"], &[("Host IP", PI_ADDRESS), ("State", "up")], AGENTS)?;
    ensure!(row["Hypervisor Type"] == "LXC" || row["Hypervisor Type"] == "lxc", "its nodes are no containers: {row}");
    let failed = guest.run("systemctl --failed --no-legend --plain")?;
    ensure!(failed.is_empty(), "units have failed: {failed}");
    let container = instance::of_nova(&backend, directory)?;
    let group = guest.run("vgs --noheadings -o vg_name conpaas-volumes")?;
    let memory = guest.run("free -m | awk '/^Mem:/ { print $3 }'")?;
    guest.run("systemctl poweroff")?;
    machine.wait_for_power_off(STEP)?;
    ensure!(!card.has("openstack.env"), "the backend's passwords stay on the card's open partition");
    are_all(&backend, false)?;
    // It knows its backend when it comes back.
    let mut machine = boards::arm64_with_memory(MEMORY_MB, &card, directory, Clock::None)?;
    guest.wait_until("systemctl is-active nova-compute", FIRST_BOOT)?;
    are_all(&backend, true)?;
    guest.run("systemctl poweroff")?;
    machine.wait_for_power_off(STEP)?;
    Ok(format!(
        "logged in {joined} s after power-on; nova, cinder ({}) and neutron list {NAME} as up, again after a restart; {container}; {memory} MB used",
        group.trim()
    ))
}

/// Waits until the backend counts on the Pi's containers, volumes and network, or on none of them.
fn are_all(backend: &Backend, is_up: bool) -> anyhow::Result<()> {
    let state = if is_up { "up" } else { "down" };
    let nova = [("Binary", "nova-compute"), ("Host", NAME), ("State", state)];
    backend.wait_for_row(&["compute", "service", "list"], &nova, AGENTS)?;
    let volumes = format!("{NAME}@conpaas");
    let cinder = [("Binary", "cinder-volume"), ("Host", volumes.as_str()), ("State", state)];
    backend.wait_for_row(&["volume", "service", "list"], &cinder, AGENTS)?;
    let alive = is_up.to_string();
    let neutron = [("Agent Type", "Linux bridge agent"), ("Host", NAME), ("Alive", alive.as_str())];
    backend.wait_for_row(&["network", "agent", "list"], &neutron, AGENTS)?;
    Ok(())
}
