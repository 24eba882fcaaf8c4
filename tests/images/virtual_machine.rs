//! The educators' virtual machine.

use std::path::Path;

use anyhow::ensure;

use crate::boards::{self, Firmware};
use crate::card::Card;
use crate::client::Client;
use crate::pi::{FIRST_BOOT, STEP, get};
use crate::proofs::image;

pub(crate) fn by_uefi(directory: &Path) -> anyhow::Result<String> {
    let disk = Card::flash(&image("nutshell-amd64.img"), "8G", directory)?;
    let mut machine = boards::pc(&disk, directory, Firmware::Uefi)?;
    machine.wait_for("ConPaaS user", FIRST_BOOT)?;
    let line = machine.wait_for("\n", STEP)?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let [user, "password", password] = words[..] else { anyhow::bail!("the console shows no login: {line}") };
    machine.wait_for("login:", STEP)?;
    // A learner at the host's own command line.
    let client = Client::log_in(&directory.join("home"), user, password)?;
    let said = client.type_command(&["demo"])?;
    ensure!(said.matches("Hello from ").count() == 2, "the demo says: {said}");
    let page = get("http://172.16.0.11/")?;
    ensure!(page.contains("ConPaaS"), "the welcome page says: {page}");
    Ok("the host's browser and command line reach it; the demo answers from both nodes".to_owned())
}

pub(crate) fn by_bios(directory: &Path) -> anyhow::Result<String> {
    let disk = Card::flash(&image("nutshell-amd64.img"), "8G", directory)?;
    let mut machine = boards::pc(&disk, directory, Firmware::Bios)?;
    machine.wait_for("ConPaaS user", FIRST_BOOT)?;
    machine.wait_for("login:", STEP)?;
    Ok("it shows its first login".to_owned())
}
