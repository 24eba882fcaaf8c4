//! The machines that QEMU can play, as command lines. QEMU does not run the
//! Pi's firmware, so what that would do, it does here: it reads config.txt and
//! cmdline.txt from the card's own first partition, and loads what they name.

use std::path::Path;

use anyhow::Context;

use crate::card::Card;
use crate::network::CABLE;
use crate::qemu::Machine;

/// When a machine believes to live as it is switched on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    /// Now.
    Right,
    /// Nothing tells it: 1970.
    None,
}

/// A Raspberry Pi 3 with nothing but its card: no network that QEMU could play, no clock.
pub(crate) fn raspberry_pi_3(card: &Card, directory: &Path) -> anyhow::Result<Machine> {
    let boot = Boot::read(card, directory)?;
    card.read("bcm2837-rpi-3-b.dtb", directory)?;
    let mut arguments = words("-M raspi3b -m 1024 -serial null -serial chardev:line");
    arguments.extend(["-dtb".to_owned(), path(directory, "bcm2837-rpi-3-b.dtb")]);
    arguments.extend(["-drive".to_owned(), format!("file={},format=raw,if=sd", card.file.display())]);
    // QEMU's watchdog of this board does not count: armed, it resets the machine at once.
    arguments.extend(boot.arguments(directory, "ttyS1,115200 systemd.watchdog_sec=0"));
    Machine::start("qemu-system-aarch64", &arguments, directory)
}

/// A plain 64-bit ARM machine with the card as its disk and a cable to us.
pub(crate) fn arm64(card: &Card, directory: &Path, clock: Clock) -> anyhow::Result<Machine> {
    arm64_with_memory(1024, card, directory, clock)
}

/// The same with this many megabytes.
pub(crate) fn arm64_with_memory(mb: u32, card: &Card, directory: &Path, clock: Clock) -> anyhow::Result<Machine> {
    let mut arguments = words(&format!("-M virt -cpu cortex-a72 -smp 2 -m {mb} -accel tcg,thread=multi"));
    arguments.extend(virtual_devices(card, clock));
    arguments.extend(Boot::read(card, directory)?.arguments(directory, "ttyAMA0"));
    Machine::start("qemu-system-aarch64", &arguments, directory)
}

/// A plain 32-bit ARM machine with the card as its disk and a cable to us, all of it at addresses that Debian's kernel for armhf can reach.
pub(crate) fn armhf(card: &Card, directory: &Path, clock: Clock) -> anyhow::Result<Machine> {
    let mut arguments = words("-M virt,highmem=off -cpu cortex-a15 -smp 2 -m 1024 -accel tcg,thread=multi");
    arguments.extend(virtual_devices(card, clock));
    arguments.extend(Boot::read(card, directory)?.arguments(directory, "ttyAMA0"));
    Machine::start("qemu-system-arm", &arguments, directory)
}

/// How a PC finds its system.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Firmware {
    /// The old way.
    Bios,
    /// The new one.
    Uefi,
}

/// A virtual PC of the sort that people make for an appliance: a SATA disk,
/// an Intel network card for the outside with no cable in it, and one that leads to us.
pub(crate) fn pc(disk: &Card, directory: &Path, firmware: Firmware) -> anyhow::Result<Machine> {
    let mut arguments = words("-M q35 -cpu max -smp 2 -m 2048 -accel tcg,thread=multi -serial chardev:line");
    if let Firmware::Uefi = firmware {
        let variables = directory.join("OVMF_VARS.fd");
        std::fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &variables).context(".ci/deps boot installs ovmf")?;
        arguments.extend(words("-drive if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"));
        arguments.extend(["-drive".to_owned(), format!("if=pflash,format=raw,unit=1,file={}", variables.display())]);
    }
    arguments.extend(["-drive".to_owned(), format!("file={},format=raw,if=none,id=disk", disk.file.display())]);
    arguments.extend(words("-device ide-hd,drive=disk,bus=ide.0 -device e1000"));
    arguments.extend(["-netdev".to_owned(), cable()]);
    arguments.extend(words("-device e1000,netdev=cable"));
    Machine::start("qemu-system-x86_64", &arguments, directory)
}

fn virtual_devices(card: &Card, clock: Clock) -> Vec<String> {
    let mut arguments =
        words("-serial chardev:line -device virtio-blk-pci,drive=card -device virtio-net-pci,netdev=cable");
    arguments.extend(["-drive".to_owned(), format!("file={},format=raw,if=none,id=card", card.file.display())]);
    arguments.extend(["-netdev".to_owned(), cable()]);
    if let Clock::None = clock {
        arguments.extend(words("-rtc base=1970-01-01"));
    }
    arguments
}

fn cable() -> String {
    format!("tap,id=cable,ifname={CABLE},script=no,downscript=no")
}

/// What the firmware would load.
struct Boot {
    kernel: String,
    initrd: String,
    command_line: String,
}

impl Boot {
    fn read(card: &Card, directory: &Path) -> anyhow::Result<Self> {
        let config = std::fs::read_to_string(card.read("config.txt", directory)?)?;
        let value = |key: &str, end: char| {
            let line = config.lines().find_map(|line| line.strip_prefix(key));
            let value = line.and_then(|rest| rest.split(end).next()).map(str::trim);
            value.map(str::to_owned).with_context(|| format!("config.txt on the card has no {}", key.trim_end()))
        };
        let (kernel, initrd) = (value("kernel=", ' ')?, value("initramfs ", ' ')?);
        card.read(&kernel, directory)?;
        card.read(&initrd, directory)?;
        let command_line = std::fs::read_to_string(card.read("cmdline.txt", directory)?)?.trim().to_owned();
        Ok(Boot { kernel, initrd, command_line })
    }

    fn arguments(&self, directory: &Path, console: &str) -> Vec<String> {
        // The card's own words, but for the console: the machine's serial line has another name.
        let line: Vec<&str> = self.command_line.split(' ').filter(|word| !word.starts_with("console=")).collect();
        vec![
            "-kernel".to_owned(),
            path(directory, &self.kernel),
            "-initrd".to_owned(),
            path(directory, &self.initrd),
            "-append".to_owned(),
            format!("{} console=tty1 console={console}", line.join(" ")),
        ]
    }
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn path(directory: &Path, name: &str) -> String {
    directory.join(name).display().to_string()
}
