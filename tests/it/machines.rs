//! What the recipes of bootable machines bring: their scripts are run here,
//! with the power cut wherever it can be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::support::pi::{Pi, UNCUT};

fn part(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("images/parts").join(path)
}

const BEFORE: &str = "6.1.0-1-arm64";
const AFTER: &str = "6.1.0-2-arm64";
/// The programs that `conpaas-pi-boot` changes files with.
const CHANGING: [&str; 6] = ["cp", "mv", "rm", "sed", "sh", "sync"];

impl Pi {
    /// A root file system with two kernels and its FAT partition, which starts the first.
    fn with_two_kernels() -> Pi {
        let pi = Pi::with(&CHANGING);
        for version in [BEFORE, AFTER] {
            pi.write(&format!("root/boot/vmlinuz-{version}"), &format!("kernel {version}"));
            let trees = format!("root/usr/lib/linux-image-{version}/broadcom");
            pi.write(&format!("{trees}/bcm2837-rpi-3-b.dtb"), &format!("tree {version}"));
        }
        // Stands for the maker of initial RAM disks, and takes its time.
        let maker = "printf 'initrd' > \"$2\"; sleep 0; printf ' %s' \"$1\" >> \"$2\"\n";
        pi.write("root/usr/sbin/conpaas-initrd", maker);
        let shipped = part("raspberry-pi/18-raspberry-pi.overlay/usr/share/conpaas-raspberry-pi/config.txt");
        pi.write("boot/config.txt", &fs::read_to_string(shipped).unwrap());
        assert!(pi.install_kernel(BEFORE, UNCUT).success());
        pi
    }

    fn boot(&self, name: &str) -> String {
        self.read(&format!("boot/{name}"))
    }

    /// Has the firmware start `version`, and cuts the power after `n_steps` programs.
    fn install_kernel(&self, version: &str, n_steps: usize) -> ExitStatus {
        let program = part("raspberry-pi/18-raspberry-pi.overlay/usr/sbin/conpaas-pi-boot");
        let mut command = self.command(&program, n_steps);
        command.arg(version).arg(self.path("root")).arg(self.path("boot")).status().unwrap()
    }

    /// The kernel that the firmware would start now; kernel and initial RAM disk are whole.
    fn started(&self) -> String {
        let config = self.boot("config.txt");
        let line = |key: &str| config.lines().find_map(|line| line.strip_prefix(key)).unwrap().to_owned();
        let version = line("kernel=vmlinuz-");
        assert_eq!(line("initramfs "), format!("initrd-{version} followkernel"));
        assert_eq!(self.boot(&format!("vmlinuz-{version}")), format!("kernel {version}"));
        assert_eq!(self.boot(&format!("initrd-{version}")), format!("initrd {version}"));
        version
    }
}

#[test]
fn a_power_cut_while_a_kernel_is_upgraded_leaves_one_that_starts() {
    let mut steps = 0;
    loop {
        let pi = Pi::with_two_kernels();
        let user = "# mine\ndtparam=audio=on\n";
        pi.write("boot/config.txt", &(pi.boot("config.txt") + user));
        let outcome = pi.install_kernel(AFTER, steps);
        let started = pi.started();
        assert!(started == BEFORE || started == AFTER, "{started}");
        assert!(pi.boot("config.txt").ends_with(user), "after {steps} steps");
        // The next upgrade does what is left.
        assert!(pi.install_kernel(AFTER, UNCUT).success(), "after {steps} steps");
        assert_eq!(pi.started(), AFTER);
        assert_eq!(pi.boot("bcm2837-rpi-3-b.dtb"), format!("tree {AFTER}"));
        assert!(!pi.path("boot/new.tmp").exists(), "after {steps} steps");
        if outcome.success() {
            break;
        }
        assert_eq!(outcome.signal(), Some(9), "after {steps} steps");
        steps += 1;
    }
    assert!(steps > 10, "the power was cut only {steps} times");
}

#[test]
fn kernels_that_were_removed_leave_the_fat_partition() {
    let pi = Pi::with_two_kernels();
    assert!(pi.install_kernel(AFTER, UNCUT).success());
    assert!(pi.path("boot").join(format!("initrd-{BEFORE}")).exists(), "the kernel before is kept to go back to");
    fs::remove_file(pi.path("root/boot").join(format!("vmlinuz-{BEFORE}"))).unwrap();
    assert!(pi.install_kernel(AFTER, UNCUT).success());
    for name in ["vmlinuz", "initrd"] {
        assert!(!pi.path("boot").join(format!("{name}-{BEFORE}")).exists());
    }
    assert_eq!(pi.started(), AFTER);
}

#[test]
fn a_kernel_that_is_not_there_changes_nothing() {
    let pi = Pi::with_two_kernels();
    assert!(!pi.install_kernel("6.1.0-3-arm64", UNCUT).success());
    assert_eq!(pi.started(), BEFORE);
}

/// Every file in `images/` whose first line names the shell.
fn shell_scripts(directory: &Path) -> Vec<PathBuf> {
    let mut scripts = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        } else if path.is_dir() {
            scripts.extend(shell_scripts(&path));
        } else if fs::read(&path).unwrap().starts_with(b"#!/bin/") {
            scripts.push(path);
        }
    }
    scripts
}

#[test]
fn every_script_of_the_recipes_is_plain_shell_that_ends_at_the_first_error() {
    let scripts = shell_scripts(&part("..").canonicalize().unwrap());
    assert!(scripts.len() > 10, "only {} scripts", scripts.len());
    for script in scripts {
        let text = fs::read_to_string(&script).unwrap();
        // The first program of a machine has nobody who would see its end.
        let is_first = text.starts_with("#!/bin/busybox sh\n");
        assert!(is_first || text.starts_with("#!/bin/sh\n") && text.contains("\nset -eu\n"), "{}", script.display());
        assert!(Command::new("sh").arg("-n").arg(&script).status().unwrap().success(), "{}", script.display());
    }
}

#[test]
fn units_of_the_machines_are_right() {
    let directory = part("machine/12-machine.overlay/usr/lib/systemd/system");
    for entry in fs::read_dir(&directory).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let program = text.lines().find_map(|line| line.strip_prefix("ExecStart=/")).unwrap();
        let shipped = part("machine/12-machine.overlay").join(program);
        let mode = fs::metadata(&shipped).unwrap_or_else(|error| panic!("{program}: {error}")).permissions().mode();
        assert!(mode & 0o111 != 0, "{program} is no program");
    }
}

#[test]
fn what_the_firmware_reads_names_what_is_on_the_card() {
    let share = part("raspberry-pi/18-raspberry-pi.overlay/usr/share/conpaas-raspberry-pi");
    for (architecture, console) in [("arm64", "console=ttyS1,115200"), ("armhf", "console=ttyAMA0,115200")] {
        let line = fs::read_to_string(share.join(format!("cmdline.{architecture}.txt"))).unwrap();
        assert_eq!(line.lines().count(), 1, "the firmware reads one line");
        let words: Vec<&str> = line.split_whitespace().collect();
        for word in [console, "console=tty1", "cgroup_enable=memory", "rootwait", "panic=10", "fsck.repair=yes"] {
            assert!(words.contains(&word), "{word} is not in {line}");
        }
    }
    let config = fs::read_to_string(share.join("config.txt")).unwrap();
    for line in ["arm_64bit=1", "upstream_kernel=1", "enable_uart=1", "kernel=vmlinuz-VERSION"] {
        assert!(config.lines().any(|found| found == line), "{line} is not in config.txt");
    }
}
