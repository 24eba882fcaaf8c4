//! Files in the shapes that Imager 1.8 and 2.0 write, and hostile ones.

use super::*;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEYHxyyEFBJtHcsMk0A+HAEpHQqIpaoNUbbWZnMtqPZB me@laptop";
const HASH: &str = "$5$rounds$abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
const PSK: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// `key=value` of all entries, and the problems.
fn read_file(name: &str, text: &str) -> (Vec<String>, Vec<String>) {
    let (entries, problems) = read(name, text.as_bytes());
    let entries = entries.iter().map(|entry| format!("{}={}", entry.key, entry.value)).collect();
    (entries, problems.iter().map(ToString::to_string).collect())
}

#[test]
fn user_data_of_imager_2_is_understood_without_a_word() {
    let text = format!(
        "#cloud-config\nhostname: attic\nmanage_etc_hosts: true\npackages:\n- avahi-daemon\napt:\n  conf: |\n    Acquire {{\n      \
         Check-Date \"false\";\n    }};\ntimezone: Europe/Amsterdam\nkeyboard:\n  model: pc105\n  layout: \"us\"\nenable_ssh: true\n\
         users:\n- name: ada\n  groups: users,adm,sudo\n  shell: /bin/bash\n  lock_passwd: false\n  passwd: {HASH}\n  \
         ssh_authorized_keys:\n    - {KEY}\n    - {KEY}2\n  sudo: ALL=(ALL) NOPASSWD:ALL\nssh_pwauth: true\n"
    );
    let (entries, problems) = read_file("user-data", &text);
    assert_eq!(problems, Vec::<String>::new());
    let wanted = [
        "hostname=attic".to_owned(),
        "timezone=Europe/Amsterdam".to_owned(),
        "ssh_password=yes".to_owned(),
        "keyboard=us".to_owned(),
        "user=ada".to_owned(),
        format!("password_hash={HASH}"),
        format!("ssh_key={KEY}"),
        format!("ssh_key={KEY}2"),
    ];
    assert_eq!(entries, wanted);
}

#[test]
fn a_locked_password_is_none_and_the_rest_is_named_once() {
    let text = format!(
        "#cloud-config\nfqdn: attic.example.org\nusers:\n  - default\n  - name: ada\n    lock_passwd: true\n    passwd: {HASH}\n    \
         uid: 5\n  - name: bob\nruncmd:\n  - [rm, -rf, /]\nwrite_files: []\npackages: [nginx]\nrpi: {{interfaces: {{spi: true}}}}\n"
    );
    let (entries, problems) = read_file("user-data", &text);
    assert_eq!(entries, ["hostname=attic", "user=ada"]);
    assert_eq!(
        problems,
        ["user-data: not used here: rpi, runcmd, write_files, packages, users.uid, users after the first"]
    );
}

#[test]
fn network_config_of_both_generations_is_understood() {
    let old = format!(
        "version: 2\nwifis:\n  renderer: networkd\n  wlan0:\n    dhcp4: true\n    optional: true\n    access-points:\n      \
         \"Caf\u{e9} \\\"1\\\"\":\n        hidden: true\n        password: \"{PSK}\"\n"
    );
    let new = format!(
        "network:\n  version: 2\n  wifis:\n    wlan0:\n      dhcp4: true\n      regulatory-domain: \"NL\"\n      access-points:\n        \
         \"home\":\n          password: \"{PSK}\"\n      optional: true\n"
    );
    let (entries, problems) = read_file("network-config", &new);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(entries, ["wifi_country=NL".to_owned(), "wifi_name=home".to_owned(), format!("wifi_password={PSK}")]);
    let (entries, problems) = read_file("network-config", &old);
    assert_eq!(problems, Vec::<String>::new());
    assert!(entries.contains(&"wifi_name=Caf\u{e9} \"1\"".to_owned()), "{entries:?}");
    assert!(entries.contains(&"wifi_hidden=yes".to_owned()), "{entries:?}");
}

#[test]
fn fixed_addresses_of_netplan_are_understood() {
    let text = "version: 2\nethernets:\n  eth0:\n    dhcp4: false\n    addresses: ['2001:db8::5/64', 192.168.7.50/24]\n    \
                routes:\n    - to: default\n      via: 192.168.7.1\n    nameservers:\n      addresses: [9.9.9.9, 1.1.1.1]\n    mtu: 9000\n";
    let (entries, problems) = read_file("network-config", text);
    assert_eq!(entries, ["address=192.168.7.50/24", "gateway=192.168.7.1", "dns=9.9.9.9 1.1.1.1"]);
    assert_eq!(problems, ["network-config: not used here: ethernets.mtu"]);
}

#[test]
fn the_calls_of_a_first_run_script_are_read_and_nothing_else() {
    let text = format!(
        "#!/bin/sh\n\nset +e\n\nif [ -f /usr/lib/raspberrypi-sys-mods/imager_custom ]; then\n   \
         /usr/lib/raspberrypi-sys-mods/imager_custom set_hostname attic\nelse\n   echo attic >/etc/hostname\nfi\n   \
         /usr/lib/raspberrypi-sys-mods/imager_custom enable_ssh -k '{KEY}' '{KEY}2'\n   \
         /usr/lib/userconf-pi/userconf 'ada' '{HASH}'\n   \
         /usr/lib/raspberrypi-sys-mods/imager_custom set_wlan  -h 'Ada'\"'\"'s' '{PSK}' 'GB'\n   \
         /usr/lib/raspberrypi-sys-mods/imager_custom set_keymap 'gb'\n   \
         /usr/lib/raspberrypi-sys-mods/imager_custom set_timezone 'Europe/London'\nrm -f /boot/firstrun.sh\n"
    );
    let (entries, problems) = read_file("firstrun.sh", &text);
    assert_eq!(problems, Vec::<String>::new());
    let wanted = [
        "hostname=attic".to_owned(),
        format!("ssh_key={KEY}"),
        format!("ssh_key={KEY}2"),
        "user=ada".to_owned(),
        format!("password_hash={HASH}"),
        "wifi_hidden=yes".to_owned(),
        "wifi_name=Ada's".to_owned(),
        format!("wifi_password={PSK}"),
        "wifi_country=GB".to_owned(),
        "keyboard=gb".to_owned(),
        "timezone=Europe/London".to_owned(),
    ];
    assert_eq!(entries, wanted);
}

#[test]
fn files_that_people_write_by_hand_are_read() {
    let (entries, _) = read_file("userconf.txt", &format!("ada:{HASH}\r\n"));
    assert_eq!(entries, ["user=ada".to_owned(), format!("password_hash={HASH}")]);
    let text = "country=DE\nctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev\nnetwork={\n ssid=\"home \\\"\"\n \
                scan_ssid=1\n psk=\"geheim geheim\"\n}\nnetwork={\n ssid=\"other\"\n}\n";
    let (entries, problems) = read_file("wpa_supplicant.conf", text);
    let wanted = ["wifi_country=DE", "wifi_name=home \\\"", "wifi_password=geheim geheim", "wifi_hidden=yes"];
    assert_eq!(entries, wanted);
    assert_eq!(problems, ["wpa_supplicant.conf: not used here: networks after the first"]);
}

/// Each is refused or read to a part, in bounded time, and no secret shows.
#[test]
fn hostile_files_cost_nothing() {
    let bomb = (1..30).fold("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
        let alias = format!("*a{}, ", n - 1).repeat(10);
        format!("{text}a{n}: &a{n} [{alias}]\n")
    });
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let table: &[(&str, &str)] = &[
        ("user-data", "#!/bin/sh\nreboot\n"),
        ("user-data", "Content-Type: multipart/mixed\n"),
        ("user-data", &bomb),
        ("user-data", &deep),
        ("user-data", "passwd: 'geheim\n"),
        ("user-data", "- a\n- b\n"),
        ("user-data", "a: 1\na: 2\n---\nb: 3\n"),
        ("network-config", "version: 1\nconfig: []\n"),
        ("network-config", "\u{0}"),
        ("network-config", &bomb),
        ("firstrun.sh", "#!/bin/sh\nreboot\n"),
        ("firstrun.sh", "/usr/lib/userconf-pi/userconf 'geheim\n"),
        ("firstrun.sh", "/usr/lib/raspberrypi-sys-mods/imager_custom reboot now\n"),
        ("userconf.txt", "geheim\n"),
        ("wpa_supplicant.conf", "network={\npsk=geheim\n}\n"),
    ];
    for (name, text) in table {
        let (entries, problems) = read_file(name, text);
        let shown: String = text.chars().take(60).collect();
        assert_eq!(problems.len(), 1, "{name}: {shown}: {problems:?}");
        assert!(!problems[0].contains("geheim"), "{problems:?}");
        assert_eq!(entries, Vec::<String>::new(), "{name}: {shown}");
    }
    assert_eq!(read("user-data", &[0xff, 0xfe]).1.len(), 1);
    assert_eq!(read("user-data", "a".repeat(1 << 20).as_bytes()).1.len(), 1);
}

#[test]
fn values_of_odd_types_are_left_out() {
    let text = "#cloud-config\nhostname: [a]\ntimezone: {a: b}\nusers: {name: x}\nkeyboard: us\nssh_pwauth: null\n";
    assert_eq!(read_file("user-data", text), (Vec::new(), Vec::new()));
    let (entries, _) = read_file("network-config", "wifis: []\nethernets: {eth0: 5}\n");
    assert_eq!(entries, Vec::<String>::new());
}
