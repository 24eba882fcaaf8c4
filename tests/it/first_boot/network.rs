//! What systemd-networkd makes of the image's files and the first boot's, in
//! a network of its own.

use std::process::{Command, Stdio};

use super::world::{Board, is_root, told};

/// Puts the files where networkd looks first, starts it, and waits until the
/// bridge has the address that is looked for. `$1`: image's files, `$2`: board's.
const SCRIPT: &str = "
    set -eu
    mount -t tmpfs tmpfs /run
    mount -t sysfs -o ro sysfs /sys
    mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
    cp -r $1/. /run/systemd/network
    cp -r $2/. /run/systemd/network
    chown -R systemd-network: /run/systemd/netif
    ip link set lo up
    /lib/systemd/systemd-networkd > /run/networkd.log 2>&1 &
    tries=0
    until ip -4 -o address show dev conpaas0 2>/dev/null | grep -q \" $3/\"; do
        tries=$((tries + 1))
        [ $tries -le 300 ] || { cat /run/networkd.log >&2; break; }
        sleep 0.1
    done
    kill $!
    ip -4 -o address show dev conpaas0
    ip -4 route show default
    cat /run/networkd.log >&2
";

fn configured(settings: &str, wait_for: &str) -> String {
    let board = Board::flashed(&[("conpaas.txt", settings)]);
    board.boot_whole();
    let image = "images/parts/machine/12-machine.overlay/etc/systemd/network";
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh"]);
    command.arg(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(image)).arg(board.path("etc/systemd/network"));
    let output = command.arg(wait_for).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(!complaints.contains("ignoring"), "{complaints}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_board_has_the_addresses_that_were_said_and_no_other() {
    if !is_root() {
        return;
    }
    let addresses = |shown: &str| -> Vec<String> {
        let words = shown.lines().filter_map(|line| line.split_once(" inet "));
        words.map(|(_, rest)| rest.split(' ').next().unwrap().to_owned()).collect()
    };
    let usual = configured("", "172.16.0.11");
    assert_eq!(addresses(&usual), ["172.16.0.11/24"]);
    let text = "network = 10.1.2.0/24\nnumber = 12\naddress = 192.168.7.50/24\ngateway = 192.168.7.1\n";
    let said = configured(text, "192.168.7.50");
    assert_eq!(addresses(&said), ["10.1.2.12/24", "192.168.7.50/24"]);
    assert!(said.contains("default via 192.168.7.1 dev conpaas0"), "{said}");
}
