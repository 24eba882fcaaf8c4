//! The Debian package on a machine of its own: a container in which systemd
//! runs, the director under its unit, and nodes in it as containers.
//!
//! `make test-dist` names the package; where none was built, nothing is tried.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::machine::Machine;
use super::world;

#[test]
fn it_installs_upgrades_and_removes_cleanly_and_keeps_data() {
    on("debian", "e2e::package::it_installs_upgrades_and_removes_cleanly_and_keeps_data");
}

#[test]
fn it_does_on_debian_13() {
    on("debian13", "e2e::package::it_does_on_debian_13");
}

/// Tries it on a machine of the recipe `machine`; the test's name is `name`.
fn on(machine: &str, name: &str) {
    let Some(package) = std::env::var_os("CONPAAS_PACKAGE").map(PathBuf::from) else {
        println!("skipped: CONPAAS_PACKAGE names no package; make test-dist");
        return;
    };
    let debian = Machine::root(machine);
    world::inside(name, |state| async move {
        let machine = Machine::start(&state, &debian);
        let newer = newer(&package, &state);
        let [package, newer] = [package, newer].map(|file| machine.give(&file));
        install_it(&machine, &package);
        use_it(&machine);
        upgrade_it(&machine, &newer);
        remove_it(&machine);
        install_it_again(&machine, &newer);
        purge_it(&machine);
    });
}

fn install_it(machine: &Machine, package: &str) {
    machine.run(&format!("dpkg --install {package}"));
    assert_eq!(machine.run("systemctl is-enabled conpaas-director"), "enabled");
    assert_eq!(
        machine.run("systemctl list-units --no-legend --state=active 'conpaas*.service'"),
        "",
        "nothing is set up"
    );
    assert_eq!(machine.run("systemctl --failed --no-legend"), "");
    assert_eq!(machine.run("stat -c '%a %U' /var/lib/conpaas /etc/cpsdirector/certs"), "711 root\n700 root");
}

/// An application with a node, and a volume with something in it.
fn use_it(machine: &Machine) {
    machine.run("conpaas director init --hostname 172.16.0.1 --set iaas.IMAGE=/srv/services");
    machine.run("systemctl start conpaas-director");
    let user = "conpaas user --director_url 172.16.0.1 --username alice --password alice-secret";
    machine.run("conpaas user create alice --email a@example.org --password alice-secret --credit 50");
    machine.run(&format!("{user} get_certificate 2>&1"));
    machine.run(
        "printf '[cps-tools]\\ndirector_url = https://172.16.0.1:5555\\nusername = alice\\npassword = alice-secret\\n' \
         > ~/.conpaas/cps-tools.conf",
    );
    for line in ["application create shop", "application start shop", "generic add shop", "generic start shop 1"] {
        machine.run(&format!("conpaas {line} 2>&1"));
    }
    let agent = machine.run("conpaas generic list_nodes shop 1 2>/dev/null | awk 'END { print $5 }'");
    machine.run(&format!("conpaas generic create_volume shop data 16 {agent} 2>&1"));
    machine.run(&format!("{IN_NODE} sh -c 'echo kept > /media/data/file'"));
    // Confined as the director is, what it starts has all that programs of users need.
    let status = machine.run(&format!("{IN_NODE} grep -E 'NoNewPrivs|CapBnd' /proc/1/status | tr -s '\\t\\n' '  '"));
    assert!(status.ends_with("NoNewPrivs: 0") && !status.contains(" 0000000000000000"), "{status}");
}

fn upgrade_it(machine: &Machine, newer: &str) {
    let director = machine.run("systemctl show --property MainPID conpaas-director");
    let nodes =
        machine.run("pgrep --full --oldest '^/usr/sbin/conpaas (agent|manager|init)'; pgrep -c -f '/conpaas init'");
    machine.run(&format!("dpkg --install {newer}"));
    assert_ne!(machine.run("systemctl show --property MainPID conpaas-director"), director, "it was not restarted");
    assert_eq!(
        machine.run("pgrep --full --oldest '^/usr/sbin/conpaas (agent|manager|init)'; pgrep -c -f '/conpaas init'"),
        nodes,
        "nodes were not left alone"
    );
    // The new director and the old nodes have the same mounts.
    let agent = machine.run("conpaas generic list_nodes shop 1 2>/dev/null | awk 'END { print $5 }'");
    machine.run(&format!("conpaas generic create_volume shop more 16 {agent} 2>&1"));
    machine.run(&format!("{IN_NODE} test -d /media/more"));
}

fn remove_it(machine: &Machine) {
    machine.run("dpkg --remove conpaas");
    // Until a purge, Debian keeps a mask of each unit, so that its state survives; the other file is of the machine's image.
    assert_eq!(
        machine.run(
            "find /usr /etc -name 'conpaas*' -not -path '/usr/share/doc/*' -not -path '/etc/systemd/system/*' \
             -not -path /etc/conpaas-image; pgrep -a conpaas || :"
        ),
        ""
    );
    assert_eq!(machine.run("grep clouds/iaas/nodes /proc/self/mountinfo || :"), "");
    machine
        .run("ls /etc/cpsdirector/certs/ca_key.pem /etc/cpsdirector/director.db /var/lib/conpaas/clouds/iaas/nodes/*");
}

fn install_it_again(machine: &Machine, package: &str) {
    machine.run(&format!("dpkg --install {package}"));
    machine.wait_until("the node has its volume", &format!("{IN_NODE} grep -q kept /media/data/file"));
    machine.run("conpaas application list 2>/dev/null | grep -q 'shop .*RUNNING'");
}

fn purge_it(machine: &Machine) {
    machine.run("dpkg --purge conpaas");
    assert_eq!(
        machine.run(
            "find /etc /usr /var/lib \\( -name '*conpaas*' -o -name '*cpsdirector*' -o -name 'cps-*' \\) \
             -not -path /etc/conpaas-image"
        ),
        ""
    );
    assert_eq!(machine.run("systemctl --failed --no-legend"), "");
}

/// Runs what follows where the first agent's programs run.
const IN_NODE: &str = "nsenter --user --mount --target $(pgrep --full --oldest '^/usr/sbin/conpaas agent')";

/// The same package with a higher version.
fn newer(package: &Path, state: &Path) -> PathBuf {
    let (tree, newer) = (state.join("newer"), state.join("newer.deb"));
    let script = r#"set -e
        dpkg-deb --raw-extract "$1" "$2"
        sed -i 's/^Version: /&99./' "$2/DEBIAN/control"
        dpkg-deb -Znone --build "$2" "$3" > /dev/null"#;
    let status = Command::new("sh").args(["-c", script, "sh"]).arg(package).arg(&tree).arg(&newer).status();
    assert!(status.unwrap().success());
    newer
}
