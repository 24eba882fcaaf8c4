//! Cards for the Pi: from a copy of the image to a program on two nodes.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::announcement;
use crate::boards::{self, Clock};
use crate::card::Card;
use crate::guest::Guest;
use crate::network::{OUR_ADDRESS, PI_ADDRESS};
use crate::proofs::image;
use crate::qemu::Machine;

/// The longest that a first boot may take on a machine that is emulated.
pub(crate) const FIRST_BOOT: Duration = Duration::from_secs(600);
/// The longest for a step after it.
pub(crate) const STEP: Duration = Duration::from_secs(180);
/// 2026-01-01: no program of ours was built before.
const NEVER_EARLIER: i64 = 1_767_225_600;

/// A card with the settings of somebody who has an SSH key, and a mistake in them.
pub(crate) fn flash_with_settings(name: &str, guest: &Guest, directory: &Path) -> anyhow::Result<Card> {
    let card = Card::flash(&image(name), "8G", directory)?;
    let settings = format!(
        "# typed on Windows\r\nhostname = attic\r\nssh_key = {}\r\nemail = me@example.org\r\n\
         hostnam = cellar\r\n",
        guest.public_key()?
    );
    card.write("conpaas.txt", &settings)?;
    Ok(card)
}

pub(crate) fn arm64_without_clock(directory: &Path) -> anyhow::Result<String> {
    let guest = Guest::with_new_key(directory, "pi")?;
    let card = flash_with_settings("rpi-standalone-arm64.img", &guest, directory)?;
    let mut machine = boards::arm64(&card, directory, Clock::None)?;
    let report = first_boot(&guest, &mut machine)?;
    look_around(&guest)?;
    let announced = announced_host()?;
    ensure!(announced == "attic.local.", "it announces itself as {announced}");
    ensure!(stratum()? < 16, "the machine's time server does not know the time");
    let (_, password) = take_first_login(&guest)?;
    let urls = demo(&guest, &password)?;
    for url in &urls {
        let page = get(url)?;
        ensure!(page.contains("Hello from"), "{url} answers: {page}");
    }
    let memory = guest.run("free -m | awk '/^Mem:/ { print $3 }'")?;
    guest.run("systemctl poweroff")?;
    machine.wait_for_power_off(STEP)?;
    ensure!(card.has("conpaas-problems.txt"), "nobody says that 'hostnam' is no setting");
    Ok(format!("{report}; pages of {} nodes fetched over the network; {memory} MB used", urls.len()))
}

pub(crate) fn armhf(directory: &Path) -> anyhow::Result<String> {
    let guest = Guest::with_new_key(directory, "pi")?;
    let card = flash_with_settings("rpi-standalone-armhf.img", &guest, directory)?;
    let mut machine = boards::armhf(&card, directory, Clock::Right)?;
    let report = first_boot(&guest, &mut machine)?;
    look_around(&guest)?;
    let (_, password) = take_first_login(&guest)?;
    let urls = demo(&guest, &password)?;
    let processor = guest.run("uname -m")?;
    Ok(format!("{report} on {processor}; {} nodes run the demo", urls.len()))
}

/// Nobody wrote settings: what a hobbyist needs stands on the screen.
pub(crate) fn raspberry_pi_3(directory: &Path) -> anyhow::Result<String> {
    let limit = FIRST_BOOT * 2;
    let card = Card::flash(&image("rpi-standalone-arm64.img"), "4G", directory)?;
    let mut machine = boards::raspberry_pi_3(&card, directory)?;
    machine.wait_for("ConPaaS user", limit)?;
    let conpaas = machine.wait_for("\n", STEP)?;
    machine.wait_for("This system", STEP)?;
    let system = machine.wait_for("\n", STEP)?;
    let (_, password) = name_and_password(&conpaas)?;
    let (account, account_password) = name_and_password(&system)?;
    machine.wait_for("login:", STEP)?;
    machine.log_in(&account, &account_password, STEP)?;
    let year: i64 = machine.shell("date +%s", STEP)?.parse()?;
    ensure!(year > NEVER_EARLIER, "it believes to live at {year}");
    let uptime = machine.shell("cut -d. -f1 /proc/uptime", STEP)?;
    machine.shell(&format!("echo {password} | conpaas user get_certificate"), limit)?;
    let said = machine.shell("conpaas demo", limit)?;
    ensure!(said.matches("Hello from ").count() == 2, "the demo says: {said}");
    let state = machine.shell("systemctl is-system-running --wait", limit)?;
    ensure!(state == "running", "the system is {state}");
    Ok(format!("logged in with what the screen shows {uptime} s after power-on; the demo answers from both nodes"))
}

/// Waits until the machine has booted for the first time and is whole.
pub(crate) fn first_boot(guest: &Guest, machine: &mut Machine) -> anyhow::Result<String> {
    machine.wait_for("ConPaaS on", FIRST_BOOT)?;
    guest.wait_until("true", STEP)?;
    let uptime = guest.run("cut -d. -f1 /proc/uptime")?;
    let state = guest.run("systemctl is-system-running --wait || true")?;
    let failed = guest.run("systemctl --failed --no-legend --plain")?;
    ensure!(state == "running", "the system is {state}: {failed}");
    guest.wait_until("systemctl is-active conpaas-director", STEP)?;
    Ok(format!("logged in {uptime} s after power-on, every unit runs"))
}

/// What must be so on every machine after its first boot.
pub(crate) fn look_around(guest: &Guest) -> anyhow::Result<()> {
    let now: i64 = guest.run("date +%s")?.parse()?;
    ensure!(now > NEVER_EARLIER, "it believes to live at {now}");
    let size: u64 = guest.run("findmnt -bno SIZE /")?.parse()?;
    ensure!(size > 7_000_000_000, "the root file system did not grow to the card: {size} bytes");
    let memory = guest.run("cat /sys/fs/cgroup/cgroup.controllers")?;
    ensure!(memory.split(' ').any(|controller| controller == "memory"), "no memory control group: {memory}");
    let swap = guest.run("swapon --show=NAME --noheadings")?;
    ensure!(swap.contains("zram"), "no swap in compressed memory: {swap}");
    let algorithm = guest.run("cat /sys/block/zram0/comp_algorithm")?;
    ensure!(algorithm.contains("[zstd]"), "swap is packed otherwise than its settings say: {algorithm}");
    guest.run("sudo -u nobody ping -c 1 -W 5 127.0.0.1").context("only root can ping")?;
    let failed = guest.run("systemctl --failed --no-legend --plain")?;
    ensure!(failed.is_empty(), "units have failed: {failed}");
    let root = guest.run("findmnt -no OPTIONS /")?;
    ensure!(root.contains("noatime"), "reading writes to the card: {root}");
    let journal = guest.run("find /var/log/journal -type f 2>/dev/null || true")?;
    ensure!(journal.is_empty(), "the journal is written to the card");
    let open = guest.run("cut -d: -f1,2 /etc/shadow | grep -Ev ':(!|\\*|\\$)' || true")?;
    ensure!(open.is_empty(), "accounts without a password: {open}");
    guest.run("conpaas director check")?;
    Ok(())
}

/// The first login, given away once.
pub(crate) fn take_first_login(guest: &Guest) -> anyhow::Result<(String, String)> {
    let first: serde_json::Value = serde_json::from_str(&guest.run("conpaas first-boot take --json")?)?;
    let again = guest.run("conpaas first-boot take --json")?;
    ensure!(again == "null", "the first login is given twice: {again}");
    let field = |name: &str| {
        first["conpaas"][name].as_str().map(str::to_owned).with_context(|| format!("no {name} in the first login"))
    };
    Ok((field("name")?, field("password")?))
}

/// Types what docs/flash.md says: logs in to the machine's director and runs the demo; gives the addresses of its pages.
pub(crate) fn demo(guest: &Guest, password: &str) -> anyhow::Result<Vec<String>> {
    guest.run_as_user(&format!("echo {password} | conpaas user get_certificate"))?;
    let said = guest.run_as_user("conpaas demo")?;
    let pages = said.lines().filter(|line| line.contains("Hello from "));
    let urls: Vec<String> = pages.filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect();
    ensure!(urls.len() == 2, "the demo says: {said}");
    Ok(urls)
}

/// `NAME   password PASSWORD`, as the console shows it.
fn name_and_password(line: &str) -> anyhow::Result<(String, String)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        [name, "password", password] => Ok((name.to_owned(), password.to_owned())),
        _ => anyhow::bail!("the console shows no login: {line}"),
    }
}

fn announced_host() -> anyhow::Result<String> {
    let (host, port) = announcement::wait_for("_conpaas._tcp", PI_ADDRESS.parse()?, STEP)?;
    ensure!(port == 5555, "it announces port {port}");
    Ok(host)
}

/// How far the machine's time server says to be from a clock; 16 is a server that does not know the time.
fn stratum() -> anyhow::Result<u8> {
    let socket = UdpSocket::bind((OUR_ADDRESS, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut packet = [0; 48];
    // Version 4, a client's question.
    packet[0] = 0x23;
    socket.send_to(&packet, (PI_ADDRESS, 123))?;
    socket.recv(&mut packet).context("the machine's time server does not answer")?;
    // 0 stands for 16.
    Ok(if packet[1] == 0 { 16 } else { packet[1] })
}

/// Fetches a page over the machines' network.
pub(crate) fn get(url: &str) -> anyhow::Result<String> {
    let host = url.trim_start_matches("http://").trim_end_matches('/');
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut stream = TcpStream::connect(&address).with_context(|| format!("{url} does not answer"))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(stream, "GET / HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(1 << 20).read_to_string(&mut answer)?;
    Ok(answer)
}
