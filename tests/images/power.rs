//! Power cuts and full cards.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::boards::{self, Clock};
use crate::client::Client;
use crate::guest::Guest;
use crate::pi::{self, FIRST_BOOT, STEP};

const N_CUTS: usize = 20;

/// Users create applications all the time; the plug is pulled in the middle
/// of it; what was acknowledged must be there after the next boot.
pub(crate) fn twenty_cuts(directory: &Path) -> anyhow::Result<String> {
    let guest = Guest::with_new_key(directory, "pi")?;
    let card = pi::flash_with_settings("rpi-standalone-arm64.img", &guest, directory)?;
    let mut machine = boards::arm64(&card, directory, Clock::Right)?;
    pi::first_boot(&guest, &mut machine)?;
    let (user, password) = pi::take_first_login(&guest)?;
    let client = Arc::new(Client::log_in(&directory.join("home"), &user, &password)?);
    let mut acknowledged: Vec<String> = Vec::new();
    for cut in 0..N_CUTS {
        let writer = Writer::start(&client, cut);
        // The writer is in the middle of its work at another moment each time.
        let wanted = 1 + cut % 3;
        writer.wait_for(wanted, STEP)?;
        thread::sleep(Duration::from_millis(u64::try_from(cut)? * 37 % 300));
        machine.pull_the_plug();
        // What the writer asked for last waits in vain until the machine is back, or for half a minute.
        machine = boards::arm64(&card, directory, Clock::Right)?;
        acknowledged.extend(writer.end());
        check_boot(&guest, &client, &acknowledged).with_context(|| format!("after cut {}", cut + 1))?;
    }
    let n = acknowledged.len();
    guest.run("systemctl poweroff")?;
    machine.wait_for_power_off(STEP)?;
    let found = check_file_system(&card.file, directory)?;
    Ok(format!("{n} acknowledged applications are all there after {N_CUTS} cuts; the file system is {found}"))
}

fn check_boot(guest: &Guest, client: &Client, acknowledged: &[String]) -> anyhow::Result<()> {
    guest.wait_until("true", FIRST_BOOT)?;
    let state = guest.run("systemctl is-system-running --wait || true")?;
    let failed = guest.run("systemctl --failed --no-legend --plain")?;
    ensure!(state == "running", "the system is {state}: {failed}");
    let mut list = client.type_command(&["application", "list"]);
    for _ in 0..30 {
        if list.is_ok() {
            break;
        }
        thread::sleep(Duration::from_secs(1));
        list = client.type_command(&["application", "list"]);
    }
    let list = list?;
    let known: Vec<&str> = list.split_whitespace().collect();
    for name in acknowledged {
        ensure!(known.contains(&name.as_str()), "{name} was acknowledged and is lost: {list}");
    }
    let said = guest.run("sqlite3 /etc/cpsdirector/director.db 'pragma integrity_check' 2>/dev/null || echo ok")?;
    ensure!(said == "ok", "the database is damaged: {said}");
    Ok(())
}

/// Somebody who creates one application after the other.
struct Writer {
    acknowledged: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Writer {
    fn start(client: &Arc<Client>, cut: usize) -> Self {
        let acknowledged: Arc<Mutex<Vec<String>>> = Arc::default();
        let is_over: Arc<AtomicBool> = Arc::default();
        let (client, done, over) = (client.clone(), acknowledged.clone(), is_over.clone());
        let thread = thread::spawn(move || {
            for i in 0..1000 {
                let name = format!("cut{cut}-{i}");
                if over.load(Ordering::Relaxed) {
                    return;
                }
                if client.type_command(&["application", "create", &name]).is_ok() {
                    done.lock().expect("the other side does not panic").push(name);
                }
            }
        });
        Writer { acknowledged, is_over, thread }
    }

    fn wait_for(&self, n: usize, limit: Duration) -> anyhow::Result<()> {
        let end = std::time::Instant::now() + limit;
        while self.acknowledged.lock().expect("the other side does not panic").len() < n {
            if std::time::Instant::now() > end {
                bail!("no {n} applications were created within {} s", limit.as_secs());
            }
            thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }

    fn end(self) -> Vec<String> {
        self.is_over.store(true, Ordering::Relaxed);
        let _it_does_not_panic = self.thread.join();
        std::mem::take(&mut *self.acknowledged.lock().expect("the other side has ended"))
    }
}

/// What e2fsck says of the card's root after a clean end, without changing it.
fn check_file_system(card: &Path, directory: &Path) -> anyhow::Result<String> {
    let table: serde_json::Value =
        serde_json::from_str(&crate::card::run("sfdisk", &["--json", card.to_str().context("a path in UTF-8")?])?)?;
    let root = &table["partitiontable"]["partitions"][1];
    let start = root["start"].as_u64().context("the card has two partitions")?;
    let size = root["size"].as_u64().context("a partition has a size")?;
    let copy = directory.join("root.ext4");
    let arguments = [
        format!("if={}", card.display()),
        format!("of={}", copy.display()),
        "bs=1M".to_owned(),
        "conv=sparse".to_owned(),
        "iflag=skip_bytes,count_bytes".to_owned(),
        format!("skip={}", start * 512),
        format!("count={}", size * 512),
        "status=none".to_owned(),
    ];
    crate::card::run("dd", &arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
    crate::card::run("e2fsck", &["-fn", copy.to_str().context("a path in UTF-8")?])?;
    Ok("clean".to_owned())
}

/// The card fills up; what does not fit is refused in words, nothing is
/// damaged, and with room again everything goes on.
pub(crate) fn full_card(directory: &Path) -> anyhow::Result<String> {
    let guest = Guest::with_new_key(directory, "pi")?;
    let card = pi::flash_with_settings("rpi-standalone-arm64.img", &guest, directory)?;
    let mut machine = boards::arm64(&card, directory, Clock::Right)?;
    pi::first_boot(&guest, &mut machine)?;
    let (user, password) = pi::take_first_login(&guest)?;
    let client = Client::log_in(&directory.join("home"), &user, &password)?;
    client.type_command(&["application", "create", "before"])?;
    // The file system keeps some blocks for root, and so does this.
    guest.run("fallocate -l $(df --output=avail -B1 / | tail -n 1) /var/fill; cat /dev/zero > /var/fill2 2>/dev/null; sync; true")?;
    let mut refusal = None;
    for i in 0..200 {
        if let Err(error) = client.type_command(&["application", "create", &format!("full{i}")]) {
            refusal = Some(format!("{error:#}"));
            break;
        }
    }
    let refusal = refusal.context("200 applications were created on a full card")?;
    ensure!(refusal.contains("full") || refusal.contains("space"), "the message is not clear: {refusal}");
    guest.run("systemctl is-active conpaas-director")?;
    guest.run("rm /var/fill /var/fill2; sync")?;
    client.type_command(&["application", "create", "after"])?;
    let list = client.type_command(&["application", "list"])?;
    ensure!(list.contains("before") && list.contains("after"), "something is lost: {list}");
    guest.run("systemctl poweroff")?;
    machine.wait_for_power_off(STEP)?;
    check_file_system(&card.file, directory)?;
    Ok("refused in words, and everything goes on with room again".to_owned())
}
