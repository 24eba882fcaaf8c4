//! How a Raspberry Pi joins an OpenStack backend: the script of the recipe
//! `rpi-compute` is run here on good and bad files, and the power cut wherever
//! it can be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::pi::{Pi, UNCUT};

fn overlay(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("images/rpi-compute/30-compute.overlay").join(path)
}

/// The programs that `join-backend` changes files with, beside `chgrp`.
const CHANGING: [&str; 7] = ["cat", "chmod", "mkdir", "mv", "rm", "sed", "sync"];
const SECRETS: [&str; 6] = [
    "RABBIT_PASSWORD",
    "NOVA_PASSWORD",
    "PLACEMENT_PASSWORD",
    "NEUTRON_PASSWORD",
    "CINDER_PASSWORD",
    "CINDER_DB_PASSWORD",
];

impl Pi {
    /// A root file system after its first boot, and its FAT partition.
    fn before_join() -> Pi {
        let pi = Pi::with(&CHANGING);
        // Groups of services are not on the machine that tests.
        pi.step("chgrp", ":");
        pi.write(
            "root/etc/conpaas/board.conf",
            "ROLE=compute\nHOSTNAME=conpaas-pi12\nADDRESS=172.16.0.12\nNETWORK=172.16.0.0/24\nBACKEND=172.16.0.1\n",
        );
        fs::create_dir(pi.path("boot")).unwrap();
        pi
    }

    /// Starts the Pi, and cuts the power after `n_steps` programs.
    fn join(&self, n_steps: usize) -> Output {
        let mut command = self.command(&overlay("usr/lib/conpaas-compute/join-backend"), n_steps);
        command.arg(self.path("boot")).arg(self.path("root")).output().unwrap()
    }

    fn join_well(&self) -> String {
        let output = self.join(UNCUT);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn is_joined(&self) -> bool {
        self.path("root/var/lib/conpaas-compute/joined").exists()
    }

    /// All files below the root with their content.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        gather(&self.path("root"), &mut found);
        found.sort();
        found
    }
}

fn gather(directory: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            gather(&path, found);
        } else {
            let content = fs::read(&path).unwrap();
            found.push((path, content));
        }
    }
}

/// A whole file, with a secret of its own for each key.
fn good() -> String {
    SECRETS.iter().map(|key| format!("{key}=secret-of-{key}\n")).collect()
}

const NOVA: &str = "root/etc/nova/nova.conf.d/60-backend.conf";
const CINDER: &str = "root/etc/cinder/cinder.conf.d/60-backend.conf";
const NEUTRON: &str = "root/etc/neutron/neutron.conf.d/60-backend.conf";

#[test]
fn every_service_gets_what_it_needs_and_the_file_goes() {
    let pi = Pi::before_join();
    let windows = format!("\u{feff}# from an editor\n\n{}REGION=here  \nBACKEND=backend.example.org", good());
    pi.write("boot/openstack.env", &windows.replace('\n', "\r\n"));
    assert!(pi.join_well().contains("joined the backend backend.example.org"));
    assert!(!pi.path("boot/openstack.env").exists());
    assert!(!pi.path("root/var/lib/conpaas-compute/openstack.env").exists(), "no copy is left");
    for file in [NOVA, CINDER, NEUTRON] {
        let text = pi.read(file);
        let url = "transport_url = rabbit://openstack:secret-of-RABBIT_PASSWORD@backend.example.org:5672/\n";
        assert!(text.contains(url), "{text}");
        assert_eq!(fs::metadata(pi.path(file)).unwrap().permissions().mode() & 0o777, 0o640, "{file}");
        assert!(!text.contains('\r'), "{text}");
    }
    let nova = pi.read(NOVA);
    for (section, user, password) in [
        ("neutron", "neutron", "NEUTRON_PASSWORD"),
        ("placement", "placement", "PLACEMENT_PASSWORD"),
        ("cinder", "cinder", "CINDER_PASSWORD"),
        ("service_user", "nova", "NOVA_PASSWORD"),
    ] {
        let begin = nova.find(&format!("[{section}]\n")).unwrap();
        let text = nova[begin + 1..].split('[').next().unwrap();
        assert!(text.contains(&format!("username = {user}\npassword = secret-of-{password}\n")), "{text}");
        assert!(text.contains("auth_url = http://backend.example.org:5000/v3\n"), "{text}");
    }
    let database = "mysql+pymysql://cinder:secret-of-CINDER_DB_PASSWORD@backend.example.org/cinder?charset=utf8\n";
    assert!(pi.read(CINDER).contains(database));
    assert!(!pi.read(NEUTRON).contains("NOVA_PASSWORD"), "each gets its own only");
    assert!(pi.read("root/etc/nova/nova.conf.d/70-address.conf").contains("my_ip = 172.16.0.12\n"));
}

#[test]
fn without_a_file_nothing_is_joined_and_a_joined_pi_stays_so() {
    let pi = Pi::before_join();
    assert!(pi.join_well().contains("fill in openstack.env"));
    assert!(!pi.is_joined());
    pi.write("boot/openstack.env", &good());
    pi.join_well();
    let joined = pi.files();
    assert_eq!(pi.join_well(), "");
    assert_eq!(pi.files(), joined);
    // Another backend takes the place of the first.
    pi.write("boot/openstack.env", &(good() + "BACKEND=172.16.0.2\n"));
    pi.join_well();
    assert!(pi.read(NOVA).contains("@172.16.0.2:5672"));
}

#[test]
fn a_bad_file_is_told_by_its_key_and_changes_nothing() {
    let pi = Pi::before_join();
    let large = format!("{}#{}\n", good(), "x".repeat(20_000));
    let long = good().replace("secret-of-NOVA_PASSWORD", &"x".repeat(129));
    for (text, complaint) in [
        (good().replace("CINDER_PASSWORD=secret-of-CINDER_PASSWORD\n", ""), "CINDER_PASSWORD is missing"),
        (good().replace("=secret-of-NOVA_PASSWORD", "="), "NOVA_PASSWORD has no value"),
        (good() + "REGION=$(reboot)\n", "REGION has other characters"),
        (good() + "REGION=a'b\n", "REGION has other characters"),
        (good() + "REGION=a\\nb\n", "REGION has other characters"),
        (good() + "REGION=a b\n", "REGION has other characters"),
        (good() + "RABBIT_USER=a@b\n", "RABBIT_USER has other characters"),
        (good() + "PATH=/tmp\n", "line 7 has an unknown key"),
        (good() + "REGION;reboot=x\n", "line 7 has an unknown key"),
        (good() + "export REGION=x\n", "line 7 has an unknown key"),
        (good() + "reboot\n", "line 7 is not KEY=VALUE"),
        (large, "larger than 16 KB"),
        (long, "NOVA_PASSWORD is longer than 128"),
    ] {
        let before = pi.files();
        pi.write("boot/openstack.env", &text);
        let output = pi.join(UNCUT);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(said.contains(complaint), "{said} instead of {complaint}");
        assert!(!said.contains("secret-of"), "{said}");
        assert_eq!(pi.files(), before, "{complaint}");
        assert_eq!(pi.read("boot/openstack.env"), text, "it can be put right");
    }
}

#[test]
fn a_power_cut_while_it_joins_is_made_good_at_the_next_start() {
    let whole = Pi::before_join();
    whole.write("boot/openstack.env", &good());
    whole.join_well();
    let names = |files: Vec<(PathBuf, Vec<u8>)>, root: PathBuf| -> Vec<(PathBuf, Vec<u8>)> {
        files.into_iter().map(|(path, content)| (path.strip_prefix(&root).unwrap().to_owned(), content)).collect()
    };
    let wanted = names(whole.files(), whole.path("root"));
    let mut steps = 0;
    loop {
        let pi = Pi::before_join();
        pi.write("boot/openstack.env", &good());
        let output = pi.join(steps);
        assert!(pi.path("boot/openstack.env").exists() || pi.is_joined(), "after {steps} steps");
        if pi.is_joined() {
            assert!([NOVA, CINDER, NEUTRON].iter().all(|file| pi.path(file).exists()), "after {steps} steps");
        }
        pi.join_well();
        assert!(!pi.path("boot/openstack.env").exists(), "after {steps} steps");
        assert_eq!(names(pi.files(), pi.path("root")), wanted, "after {steps} steps");
        if output.status.success() {
            break;
        }
        assert_eq!(output.status.signal(), Some(9), "after {steps} steps");
        steps += 1;
    }
    assert!(steps > 20, "the power was cut only {steps} times");
}

#[test]
fn the_example_names_every_key_with_its_default() {
    let example = fs::read_to_string(overlay("usr/share/conpaas-compute/openstack.env.example")).unwrap();
    for key in SECRETS {
        assert!(example.contains(&format!("\n{key}=\n")), "{key}");
    }
    let script = fs::read_to_string(overlay("usr/lib/conpaas-compute/join-backend")).unwrap();
    let defaults = script.split("defaults() {").nth(1).unwrap().split('}').next().unwrap();
    for word in defaults.split_whitespace().filter(|word| !word.ends_with('=')) {
        assert!(example.contains(&format!("\n#{word}\n")), "{word}");
    }
    // Filled in as it is, with a value for each secret, it is taken.
    let pi = Pi::before_join();
    let filled =
        SECRETS.iter().fold(example, |text, key| text.replace(&format!("\n{key}=\n"), &format!("\n{key}=x\n")));
    pi.write("boot/openstack.env", &filled);
    assert!(pi.join_well().contains("joined the backend 172.16.0.1"));
}

#[test]
fn services_wait_until_a_backend_was_joined() {
    for service in ["nova-compute", "cinder-volume", "neutron-linuxbridge-agent"] {
        let unit =
            fs::read_to_string(overlay(&format!("etc/systemd/system/{service}.service.d/conpaas.conf"))).unwrap();
        assert!(unit.contains("\nConditionPathExists=/var/lib/conpaas-compute/joined\n"), "{unit}");
        let start = fs::read_to_string(overlay(&format!("etc/default/{service}"))).unwrap();
        let directory = start.split("--config-dir=").nth(1).unwrap().split('"').next().unwrap();
        assert!(overlay(directory.trim_start_matches('/')).join("50-conpaas.conf").exists(), "{directory}");
    }
}
