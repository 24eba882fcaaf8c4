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
        "ssh_password=true".to_owned(),
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
        ["user-data: not used here: write_files, rpi, packages, runcmd, users.uid, users after the first"]
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
    assert!(entries.contains(&"wifi_hidden=true".to_owned()), "{entries:?}");
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
        ("rpi-preseed.toml", "[user]\npassword = \"geheim\n"),
        ("rpi-preseed.toml", &deep),
        ("rpi-preseed.toml", "[wlan]\nssid = \"home\"\npassword = [\"geheim\"]\n"),
        ("custom.toml", "[user]\npassword = [\"geheim\"]\n"),
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
fn values_of_odd_types_are_left_out_and_told() {
    let text = "#cloud-config\nhostname: [a]\ntimezone: {a: b}\nusers: [[x]]\nkeyboard: us\nssh_pwauth: null\n";
    let told = vec!["user-data: not used here: hostname, timezone, users".to_owned()];
    assert_eq!(read_file("user-data", text), (vec!["keyboard=us".to_owned()], told));
    let told = vec!["network-config: not used here: ethernets.eth0, wifis".to_owned()];
    assert_eq!(read_file("network-config", "wifis: []\nethernets: {eth0: 5}\n"), (Vec::new(), told));
    let told = vec!["user-data: hostname: has characters that cannot be printed: not used".to_owned()];
    assert_eq!(read_file("user-data", "hostname: \"a\\tb\"\n"), (Vec::new(), told));
}

#[test]
fn the_account_of_newer_imagers_is_one_map() {
    let text = format!(
        "#cloud-config\nmanage_resolv_conf: false\n\nhostname: attic\nmanage_etc_hosts: true\napt:\n  preserve_sources_list: true\n\
         user:\n  name: ada\n  shell: /bin/bash\n  lock_passwd: false\n  passwd: \"{HASH}\"\n  ssh_authorized_keys:\n    - {KEY}\n  \
         sudo: null\nenable_ssh: true\nssh_pwauth: false\nruncmd:\n  - [ systemctl, enable, --now, ssh ]\n  - [ rfkill, unblock, wifi ]\n  \
         - [ sh, -c, \"for f in /var/lib/systemd/rfkill/*:wlan; do echo 0 > \\\"$f\\\"; done\" ]\n"
    );
    let (entries, problems) = read_file("user-data", &text);
    assert_eq!(problems, Vec::<String>::new());
    let wanted = [
        "hostname=attic".to_owned(),
        "ssh_password=false".to_owned(),
        "user=ada".to_owned(),
        format!("password_hash={HASH}"),
        format!("ssh_key={KEY}"),
    ];
    assert_eq!(entries, wanted);
    let (entries, problems) = read_file("user-data", "user: ada\nusers: [default, bob]\nruncmd: [reboot]\n");
    assert_eq!(entries, ["user=ada"]);
    assert_eq!(problems, ["user-data: not used here: runcmd, users after the first"]);
}

#[test]
fn what_stands_behind_a_key_means_nothing_to_yaml() {
    for comment in ["ssh:", "ada: laptop", "a: b: c", "ada's #1", "'x", "[x] {y} & *z"] {
        let text = format!("users:\n- name: ada\n  lock_passwd: true\n  ssh_authorized_keys:\n    - {KEY} {comment}\n");
        let wanted = ["user=ada".to_owned(), format!("ssh_key={KEY} {comment}")];
        assert_eq!(read_file("user-data", &text), (wanted.to_vec(), Vec::new()), "{comment}");
    }
}

#[test]
fn texts_are_what_is_written() {
    let network = |point: &str| format!("network: {{version: 2, wifis: {{wlan0: {{access-points: {point}}}}}}}\n");
    for password in ["0123456789", "1234567890.50", "0x12345678", "1e100000", "truetrue", "0b10101010"] {
        let (entries, problems) = read_file("network-config", &network(&format!("{{home: {{password: {password}}}}}")));
        assert_eq!(entries, ["wifi_name=home".to_owned(), format!("wifi_password={password}")]);
        assert_eq!(problems, Vec::<String>::new());
    }
    assert_eq!(read_file("user-data", "hostname: 0123\nusers: [{name: yes}]\n").0, ["hostname=0123", "user=yes"]);
}

#[test]
fn the_name_of_a_wireless_network_is_its_bytes() {
    for (written, entry) in [
        (r"Caf\xC3\xA9", "wifi_name=Caf\u{e9}"),
        ("Caf\u{e9}", "wifi_name=Caf\u{e9}"),
        (r"Caf\xE9", "wifi_name_hex=436166e9"),
        (r"a\tb\x00", "wifi_name_hex=61096200"),
        (r"\u00e9", "wifi_name=\u{e9}"),
        ("home", "wifi_name=home"),
    ] {
        let text = format!(
            "version: 2\nwifis:\n  wlan0:\n    access-points:\n      \"{written}\":\n        password: \"{PSK}\"\n"
        );
        let (entries, problems) = read_file("network-config", &text);
        assert_eq!(entries, [entry.to_owned(), format!("wifi_password={PSK}")], "{written}");
        assert_eq!(problems, Vec::<String>::new());
    }
    let supplicant =
        |ssid: &str| read_file("wpa_supplicant.conf", &format!("network={{\nssid={ssid}\nkey_mgmt=NONE\n}}\n"));
    for (written, entry) in [
        ("636166c3a9", "wifi_name=caf\u{e9}"),
        ("ffee", "wifi_name_hex=ffee"),
        (r#"P"caf\xc3\xa9\n""#, "wifi_name_hex=636166c3a90a"),
        (r#""a\x41" # home"#, r"wifi_name=a\x41"),
        ("home", "wifi_name=home"),
    ] {
        assert_eq!(supplicant(written), (vec![entry.to_owned()], Vec::new()), "{written}");
    }
}

#[test]
fn the_first_access_point_of_the_file_counts() {
    let text = "wifis:\n  wlan0:\n    access-points:\n      zoo: {password: zoo-password}\n      attic: {password: attic-password}\n";
    let (entries, problems) = read_file("network-config", text);
    assert_eq!(entries, ["wifi_name=zoo", "wifi_password=zoo-password"]);
    assert_eq!(problems, ["network-config: not used here: wifis.access-points after the first"]);
    let text =
        "network={\nssid=\"a\"\npsk=\"password-a\"\n}\nnetwork={\nssid=\"b\"\npsk=\"password-b\"\npriority=5\n}\n";
    assert_eq!(read_file("wpa_supplicant.conf", text).0, ["wifi_name=b", "wifi_password=password-b"]);
}

#[test]
fn a_line_of_wpa_supplicant_ends_where_it_ends() {
    let text = "country=DE\nnetwork={\n\tssid=\"home\"\n\tpsk=\"correct-horse}battery\"\n}\n";
    let wanted = ["wifi_country=DE", "wifi_name=home", "wifi_password=correct-horse}battery"];
    assert_eq!(read_file("wpa_supplicant.conf", text), (wanted.map(str::to_owned).to_vec(), Vec::new()));
    let text = "# network={\nnetwork={\n #ssid=\"no\"\n ssid=\"}\" # name\n psk=\"a#\"b}# c\" # and this\n bssid=x\n}\nupdate_config=1\nwps=2\n";
    let (entries, problems) = read_file("wpa_supplicant.conf", text);
    assert_eq!(entries, ["wifi_name=}", "wifi_password=a#\"b}# c"]);
    assert_eq!(problems, ["wpa_supplicant.conf: not used here: wps, bssid"]);
}

#[test]
fn a_network_is_open_only_where_that_is_said() {
    let network = |point: &str| format!("wifis: {{wlan0: {{access-points: {{home: {point}}}}}}}\n");
    for open in [
        "{}",
        "null",
        "{hidden: true}",
        "{auth: {key-management: none}}",
        "{password: x, auth: {key-management: none}}",
    ] {
        let (entries, problems) = read_file("network-config", &network(open));
        assert_eq!(entries[0], "wifi_name=home", "{open}");
        assert!(!entries.concat().contains("wifi_password") && problems.is_empty(), "{open}: {entries:?}");
    }
    for secret in [
        "{password: [a]}",
        "{password: }",
        "{password: ''}",
        "{auth: {key-management: psk}}",
        "{auth: {key-management: eap, identity: a, password: geheim-geheim}}",
        "{auth: [a]}",
    ] {
        let (entries, problems) = read_file("network-config", &network(secret));
        assert_eq!(entries, Vec::<String>::new(), "{secret}");
        assert!(
            problems[0].contains("it is not joined") && !problems.concat().contains("geheim"),
            "{secret}: {problems:?}"
        );
    }
    for secret in ["", "key_mgmt=WPA-EAP\npsk=\"geheim-geheim\"", "wep_key0=\"abcde\"", "sae_password=\"geheim\""] {
        let (entries, problems) =
            read_file("wpa_supplicant.conf", &format!("network={{\nssid=\"home\"\n{secret}\n}}\n"));
        assert_eq!(entries, Vec::<String>::new(), "{secret}");
        assert!(problems[0].contains("it is not joined"), "{secret}: {problems:?}");
    }
}

#[test]
fn a_call_of_a_script_that_is_not_known_is_named() {
    let text = "/usr/lib/raspberrypi-sys-mods/imager_custom set_hostname attic\n\
                /usr/lib/raspberrypi-sys-mods/imager_custom set_colour geheim\n/usr/lib/userconf-pi/userconf 'geheim\n";
    let told = vec!["firstrun.sh: not used here: set_colour, a line that is cut off".to_owned()];
    assert_eq!(read_file("firstrun.sh", text), (vec!["hostname=attic".to_owned()], told));
}

#[test]
fn preseed_of_newer_imagers_is_understood_without_a_word() {
    let text = format!(
        "config_version = 1\n\n[system]\nhostname = \"attic\"\n\n[user]\nname = \"ada\"\npassword = \"{HASH}\"\npassword_encrypted = true\n\n\
         [ssh]\nenabled = true\npassword_authentication = false\nauthorized_keys = [\n    \"{KEY}\",\n    \"{KEY}2\",\n]\n\n[wlan]\n\
         ssid = \"Caf\u{e9} \\\"1\\\"\"\npassword = \"{PSK}\"\npassword_encrypted = true\nhidden = true\ncountry = \"NL\"\n\n[locale]\n\
         keymap = \"us\"\ntimezone = \"Europe/Amsterdam\"\n"
    );
    for name in ["rpi-preseed.toml", "custom.toml"] {
        let (mut entries, problems) = read_file(name, &text);
        assert_eq!(problems, Vec::<String>::new());
        entries.sort();
        let mut wanted = [
            "hostname=attic".to_owned(),
            "user=ada".to_owned(),
            format!("password_hash={HASH}"),
            "ssh_password=false".to_owned(),
            format!("ssh_key={KEY}"),
            format!("ssh_key={KEY}2"),
            "wifi_name=Caf\u{e9} \"1\"".to_owned(),
            format!("wifi_password={PSK}"),
            "wifi_hidden=true".to_owned(),
            "wifi_country=NL".to_owned(),
            "keyboard=us".to_owned(),
            "timezone=Europe/Amsterdam".to_owned(),
        ];
        wanted.sort();
        assert_eq!(entries, wanted);
    }
    let odd = "[user]\nname = \"ada\"\npassword = \"long enough\"\n[ssh]\nssh_import_id = \"gh:ada\"\n[wlan]\nssid = \"open\"\n[mounts]\na = 1\n";
    let (mut entries, problems) = read_file("rpi-preseed.toml", odd);
    entries.sort();
    assert_eq!(entries, ["password=long enough", "user=ada", "wifi_name=open"]);
    assert_eq!(problems, ["rpi-preseed.toml: not used here: mounts.a, ssh.ssh_import_id"]);
}
