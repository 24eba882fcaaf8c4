//! Debian 13: what builds the program is there under the names that `.ci/deps` has, and the program makes containers with
//! its liblxc 6.

use std::path::Path;

use super::machine::Machine;
use super::world;

const NAME: &str = "e2e::debian13::it_has_what_builds_the_program_and_runs_it";

#[test]
fn it_has_what_builds_the_program_and_runs_it() {
    let debian = Machine::root("debian13");
    world::inside(NAME, |state| async move {
        let machine = Machine::start(&state, &debian);
        assert!(machine.run("cat /etc/debian_version").starts_with("13"));
        what_builds_is_installed(&machine);
        containers_are_made(&machine);
    });
}

/// All but Rust, which most people have from elsewhere.
fn what_builds_is_installed(machine: &Machine) {
    let deps = machine.give(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/deps"));
    let listed = machine.run(&format!("bash {deps} --list build image lxc"));
    let packages: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(packages.contains(&"libclang1-19"), "{packages:?}");
    let packages = packages.into_iter().filter(|package| !["cargo-web", "rustc-web"].contains(package));
    for package in packages {
        let status = machine.run(&format!("dpkg-query -W -f '${{db:Status-Status}}' {package}"));
        assert_eq!(status, "installed", "{package}: the recipe of this machine lacks it");
    }
}

fn containers_are_made(machine: &Machine) {
    let liblxc = machine.run("dpkg-query -W -f '${Version}' liblxc1t64");
    assert!(liblxc.starts_with("1:6.") || liblxc.starts_with("6."), "{liblxc}");
    let program = machine.give(Path::new(env!("CARGO_BIN_EXE_conpaas")));
    machine.run(&format!("mv {program} /usr/bin/conpaas"));
    let nutshell = |word: &str, options: &str| {
        machine.run(&format!("conpaas nutshell {word} --state-dir /var/lib/nutshell {options} 2>&1"))
    };
    nutshell("up", "--image /srv/services");
    let said = nutshell("demo", "");
    assert_eq!(said.matches("Hello from ").count(), 2, "{said}");
    nutshell("down", "--purge");
}
