//! A whole Debian in a container, with systemd, in which nodes can be containers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::world;
use crate::support::wait::wait_until;

/// A machine in a container; it ends with the test's world.
pub(super) struct Machine {
    directory: PathBuf,
    name: String,
}

impl Machine {
    /// The root file system of a machine, made by a recipe for tests, once on this machine.
    pub(super) fn root(recipe: &str) -> PathBuf {
        let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/machines");
        world::image(recipe, &recipes, recipe, &[])
    }

    /// Starts one whose root is a copy of `debian`; below `/srv/services` it finds that of nodes.
    pub(super) fn start(state: &Path, debian: &Path) -> Machine {
        let directory = state.join("machines");
        // Its control groups are found by this name if the test fails.
        let machine = Machine { name: format!("{}machine", world::mark(state)), directory };
        let place = machine.directory.join(&machine.name);
        fs::create_dir_all(&place).unwrap();
        let copied = Command::new("cp").arg("-a").arg(debian).arg(place.join("rootfs")).status();
        assert!(copied.unwrap().success());
        fs::write(place.join("config"), configuration(&machine.name, &place)).unwrap();
        let started = machine.lxc("lxc-start").output().unwrap();
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        machine.wait_until("the machine has started", "systemctl is-system-running");
        // What liblxc mounts there would keep containers in this one from having a /proc.
        machine.run("umount /proc/sys/kernel/random/boot_id");
        machine
    }

    fn lxc(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("-P").arg(&self.directory).args(["-n", &self.name]);
        command
    }

    fn output(&self, script: &str) -> Output {
        let environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8"];
        let mut command = self.lxc("lxc-attach");
        command.arg("--clear-env").args(environment.iter().flat_map(|variable| ["-v", variable]));
        command.args(["--", "sh", "-c", script]).stdin(std::process::Stdio::null()).output().unwrap()
    }

    /// What the script prints; it must succeed.
    pub(super) fn run(&self, script: &str) -> String {
        let output = self.output(script);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        assert!(output.status.success(), "{script}: {} {}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Waits until the script succeeds.
    pub(super) fn wait_until(&self, what: &str, script: &str) {
        wait_until(what, || self.output(script).status.success().then_some(()));
    }

    /// Where the machine finds the file.
    pub(super) fn give(&self, file: &Path) -> String {
        let place = Path::new("/root").join(file.file_name().unwrap());
        let inside = self.directory.join(&self.name).join("rootfs").join(place.strip_prefix("/").unwrap());
        fs::copy(file, inside).unwrap();
        place.display().to_string()
    }
}

fn configuration(name: &str, place: &Path) -> String {
    let mut lines = vec![
        format!("lxc.uts.name = {name}"),
        format!("lxc.rootfs.path = dir:{}", place.join("rootfs").display()),
        format!("lxc.console.logfile = {}", place.join("console").display()),
        "lxc.init.cmd = /sbin/init".to_owned(),
        "lxc.net.0.type = empty".to_owned(),
        "lxc.mount.auto = proc:rw sys:rw cgroup:rw:force".to_owned(),
        "lxc.autodev = 1".to_owned(),
        "lxc.tty.max = 1".to_owned(),
        "lxc.pty.max = 256".to_owned(),
        "lxc.cap.drop =".to_owned(),
        format!("lxc.mount.entry = {} srv/services none bind,ro,create=dir 0 0", world::base().display()),
    ];
    let devices = ["loop-control".to_owned()].into_iter().chain((0..8).map(|number| format!("loop{number}")));
    for device in devices {
        lines.push(format!("lxc.mount.entry = /dev/{device} dev/{device} none bind,optional,create=file 0 0"));
    }
    lines.join("\n") + "\n"
}
