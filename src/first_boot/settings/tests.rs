//! Good and bad settings, from text to values.

use super::keys::KEYS;
use super::plan::NetworkPlan;
use super::value;
use super::*;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEYHxyyEFBJtHcsMk0A+HAEpHQqIpaoNUbbWZnMtqPZB me@laptop";

fn settle(text: &str) -> (Settings, Vec<String>) {
    settle_bytes(text.as_bytes())
}

fn settle_bytes(bytes: &[u8]) -> (Settings, Vec<String>) {
    let (entries, mut problems) = read("conpaas.txt", bytes);
    let settings = resolve(&[entries], &mut problems);
    (settings, problems.iter().map(ToString::to_string).collect())
}

#[test]
fn nothing_said_is_the_seeds_plan() {
    let (settings, problems) = settle("");
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(settings.hostname, "conpaas");
    assert_eq!(settings.plan.own.to_string(), "172.16.0.11");
    assert_eq!(settings.plan.backend.to_string(), "172.16.0.1");
    assert_eq!(settings.plan, NetworkPlan::standard());
    assert_eq!(settings.lan, Lan::Dhcp);
    assert_eq!(settings.user.email, "conpaas@conpaas.local");
    assert!(settings.account.password.is_none() && settings.account.may_use_password_by_ssh);
    assert_eq!(settings.time_servers.len(), 3);
}

#[test]
fn every_default_of_the_table_can_be_used() {
    for key in KEYS {
        if let Some(default) = key.default {
            let (_, problems) = settle(&format!("{} = {default}\n", key.name));
            assert_eq!(problems, Vec::<String>::new(), "{}", key.name);
        }
    }
}

#[test]
fn everything_said_is_taken() {
    let text = format!(
        "hostname = Attic.local\nuser=ada\nssh_key = {KEY}\nssh_key = {KEY} again\npassword = \" blank around \"\n\
         ssh_password = yes\nwifi_name = Café \"1\"\nwifi_password = a#b;c=d\"e\nwifi_country = nl\nwifi_hidden = on\n\
         address = 192.168.7.50/24\ngateway = 192.168.7.1\ndns = 9.9.9.9, 2620:fe::fe\nnetwork = 10.1.2.0/24\nnumber = 12\n\
         time_servers = ntp.example.org 192.168.7.1\ntimezone = Europe/Amsterdam\nkeyboard = de\nconpaas_user = Ada.L\n\
         email = ada@example.org\ncredit = 7\nrole = compute\nbackend = 10.1.2.3\n"
    );
    let (settings, problems) = settle(&text);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(settings.hostname, "attic");
    assert_eq!(settings.account.ssh_keys.len(), 2);
    assert!(settings.account.password == Some(AccountPassword::Plain(" blank around ".to_owned())));
    let wifi = settings.wifi.unwrap();
    assert_eq!(wifi.name, "Café \"1\"".as_bytes());
    assert!(wifi.secret == Some(WifiSecret::Passphrase("a#b;c=d\"e".to_owned())) && wifi.is_hidden);
    assert_eq!(settings.plan.own.to_string(), "10.1.2.12");
    assert_eq!(settings.plan.first_container.to_string(), "10.1.2.32");
    assert_eq!(settings.plan.last_container.to_string(), "10.1.2.61");
    assert_eq!(settings.plan.backend.to_string(), "10.1.2.3");
    assert!(matches!(settings.lan, Lan::Fixed { gateway: Some(_), .. }));
    assert_eq!(settings.role, MachineRole::Compute);
    assert_eq!(settings.user, FirstUser { name: "Ada.L".into(), email: "ada@example.org".into(), credit: 7 });
}

#[test]
fn any_editors_file_is_read() {
    let text = "# c\r\nhostname = attic\r\n\r\n  user = ada  \r\n";
    let utf16 = |order: fn(u16) -> [u8; 2], mark: [u8; 2]| -> Vec<u8> {
        mark.into_iter().chain(text.encode_utf16().flat_map(order)).collect()
    };
    let with_mark: Vec<u8> = [0xef, 0xbb, 0xbf].into_iter().chain(text.bytes()).collect();
    let all = [
        text.as_bytes().to_vec(),
        with_mark,
        utf16(u16::to_le_bytes, [0xff, 0xfe]),
        utf16(u16::to_be_bytes, [0xfe, 0xff]),
        text.replace("\r\n", "\n").into_bytes(),
    ];
    for bytes in all {
        let (settings, problems) = settle_bytes(&bytes);
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!((settings.hostname.as_str(), settings.account.name.as_str()), ("attic", "ada"));
    }
}

/// Values that no key takes, each with its key.
const BAD_VALUES: &[(&str, &str)] = &[
    ("hostname", "two words"),
    ("hostname", "-a"),
    ("hostname", "a-"),
    ("hostname", "12345"),
    ("hostname", "a.b.c"),
    ("hostname", "../../etc/passwd"),
    ("hostname", "localhost"),
    ("user", "root"),
    ("user", "Ada"),
    ("user", "a:b"),
    ("user", "a,b"),
    ("user", "-rf"),
    ("user", "conpaas-web"),
    ("user", "systemd-network"),
    ("ssh_key", "ssh-ed25519"),
    ("ssh_key", "ssh-ed25519 AAAA"),
    ("ssh_key", "ssh-dss AAAAB3NzaC1kc3MAAACBAI me"),
    ("ssh_key", "command=\"sh\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEYHxyyEFBJtHcsMk0A+HAEpHQqIpaoNUbbWZnMtqPZB"),
    ("ssh_key", "-----BEGIN OPENSSH PRIVATE KEY-----"),
    ("password", "geheim1"),
    ("password_hash", "secret-in-clear"),
    ("password_hash", "$1$abc$abcdefghijklmnopqrstuvwxyz"),
    ("password_hash", "$6$abcdefgh$abcdefghijklm:nopqrstuvwxyz"),
    ("ssh_password", "perhaps"),
    ("wifi_name", "123456789012345678901234567890123"),
    ("wifi_password", "geheim1"),
    ("wifi_password", "geheim-mit-ü"),
    ("wifi_country", "Germany"),
    ("wifi_country", "UK"),
    ("wifi_hidden", "?"),
    ("address", "192.168.1.50"),
    ("address", "192.168.1.0/24"),
    ("address", "192.168.1.255/24"),
    ("address", "192.168.1.50/33"),
    ("address", "static"),
    ("gateway", "0.0.0.0"),
    ("dns", "dns.example.org"),
    ("dns", "1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1"),
    ("network", "172.16.0.0"),
    ("network", "172.16.0.1/24"),
    ("network", "172.16.0.0/27"),
    ("network", "0.0.0.0/0"),
    ("number", "1"),
    ("number", "32"),
    ("number", "-11"),
    ("number", "4294967307"),
    ("time_servers", "a;b"),
    ("time_servers", "-x"),
    ("time_servers", ","),
    ("timezone", "../../../etc/shadow"),
    ("timezone", "/etc/passwd"),
    ("timezone", "Europe/"),
    ("timezone", "Europe/../Rome"),
    ("keyboard", "us\\n"),
    ("keyboard", "$(reboot)"),
    ("conpaas_user", "-x"),
    ("conpaas_user", "a b"),
    ("email", "me"),
    ("email", "me@"),
    ("email", "--json@example.org"),
    ("email", "a@b@c"),
    ("credit", "0"),
    ("credit", "1.5"),
    ("credit", "many"),
    ("role", "king"),
    ("backend", "backend.local"),
    ("colour", "red"),
];

/// Whatever is wrong with a line, the rest counts, and the problem names
/// line and key and shows no secret.
#[test]
fn a_bad_value_costs_its_own_key_only() {
    let usual = settle("timezone = Asia/Tokyo\nemail = a@b.c\n").0;
    for (key, bad) in BAD_VALUES {
        // A good value in a less important source is found behind the bad one.
        let text = format!("# one\n{key} = {bad}\n");
        let (entries, mut problems) = read("conpaas.txt", text.as_bytes());
        let (others, _) = read("other", b"timezone = Asia/Tokyo\nemail = a@b.c\n");
        let settings = resolve(&[entries, others], &mut problems);
        assert!(settings == usual, "{key} = {bad} changed something");
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let begin = format!("conpaas.txt, line 2: {key}: ");
        assert!(shown[0].starts_with(&begin), "{key} = {bad}: {shown:?}");
        assert!(shown[0].len() > begin.len() + 10, "{shown:?} does not say what would be right");
        assert!(!shown.concat().contains("geheim") && !shown.concat().contains("secret-in"), "{shown:?}");
    }
}

#[test]
fn lines_that_are_no_settings_are_told_with_their_number() {
    let table: &[(&[u8], &str)] = &[
        (b"hello", "conpaas.txt, line 1: is not `key = value`"),
        (b"\n\n= 5", "conpaas.txt, line 3: has no key"),
        (b"hostname = caf\xe9", "conpaas.txt, line 1: hostname: has characters that are not UTF-8"),
        (b"wifi_password = geheim\x00geheim", "conpaas.txt, line 1: wifi_password: has characters that cannot"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "conpaas.txt, line 1: is not `key = value`"),
        (b"user = ada\nuser = bob", "conpaas.txt, line 2: user: is given twice"),
        (b"wifi_password = geheim-geheim", "wifi_password: is given, but wifi_name is not"),
        (b"gateway = 10.0.0.1", "gateway: is not used"),
        (b"wifi_name = x", "wifi_country: is not given"),
        (b"address = 10.0.0.2/24\ngateway = 10.0.1.1", "gateway: 10.0.1.1 is not another address in 10.0.0.0/24"),
    ];
    for (bytes, begin) in table {
        let (_, problems) = settle_bytes(bytes);
        assert!(problems.iter().any(|problem| problem.starts_with(begin)), "{begin}: {problems:?}");
        assert!(!problems.concat().contains("geheim"), "{problems:?}");
    }
}

#[test]
fn a_huge_file_is_read_to_its_bound() {
    let mut bytes = b"hostname = attic\n".to_vec();
    bytes.resize(50 << 20, b'x');
    let (settings, problems) = settle_bytes(&bytes);
    assert_eq!(settings.hostname, "attic");
    assert!(problems[0].contains("is longer than 65536 bytes"), "{problems:?}");
}

#[test]
fn a_more_important_source_wins_key_by_key() {
    let (first, _) = read("a", format!("hostname = one\nssh_key = {KEY}\n").as_bytes());
    let (second, _) = read("b", b"hostname = two\nuser = ada\nssh_key = ssh-ed25519 AAAA\n");
    let mut problems = Vec::new();
    let settings = resolve(&[first, second], &mut problems);
    assert_eq!((settings.hostname.as_str(), settings.account.name.as_str()), ("one", "ada"));
    assert_eq!(settings.account.ssh_keys.len(), 1);
    assert!(!settings.account.may_use_password_by_ssh, "who gave a key wants no passwords by SSH");
}

#[test]
fn secrets_are_masked_in_their_place_and_a_mask_is_no_value() {
    let text = "# wifi_password = example\nwifi_name = home\r\n Wifi-Password =  geheim geheim \r\npassword=geheim12\n\
                password_hash =\nhostname = attic\nwifi_country = NL";
    let wanted = "# wifi_password = example\nwifi_name = home\r\n Wifi-Password =  ************* \r\npassword=********\n\
                  password_hash =\nhostname = attic\nwifi_country = NL";
    let utf16 = |text: &str, order: fn(u16) -> [u8; 2], mark: [u8; 2]| -> Vec<u8> {
        mark.into_iter().chain(text.encode_utf16().flat_map(order)).collect()
    };
    let with_mark = |text: &str| -> Vec<u8> { [0xef, 0xbb, 0xbf].into_iter().chain(text.bytes()).collect() };
    for (before, after) in [
        (text.as_bytes().to_vec(), wanted.as_bytes().to_vec()),
        (with_mark(text), with_mark(wanted)),
        (utf16(text, u16::to_le_bytes, [0xff, 0xfe]), utf16(wanted, u16::to_le_bytes, [0xff, 0xfe])),
        (utf16(text, u16::to_be_bytes, [0xfe, 0xff]), utf16(wanted, u16::to_be_bytes, [0xfe, 0xff])),
    ] {
        assert_eq!(masked(&before), Some(after.clone()));
        assert_eq!(masked(&after), None, "nothing is left to be masked");
        let (settings, problems) = settle_bytes(&after);
        let told = "wifi_name: is not joined: its password cannot be used, and without one only an open network is";
        assert_eq!(problems, [told]);
        assert_eq!(settings.hostname, "attic");
        assert!(settings.account.password.is_none() && settings.wifi.is_none(), "stars are no open network");
    }
    assert_eq!(masked(b"wifi_password"), None);
    assert_eq!(masked(b""), None);
    assert_eq!(masked(&[0xff, 0xfe, b'=']), None);
    let mut odd = utf16("password = geheim12", u16::to_le_bytes, [0xff, 0xfe]);
    odd.push(b'x');
    assert_eq!(masked(&odd).map(|masked| (masked.len(), masked.ends_with(b"x"))), Some((odd.len(), true)));
}

#[test]
fn half_a_mask_is_known_for_what_it_was() {
    let entry = |value: &str| Entry { key: "wifi_password".into(), value: value.into(), origin: Origin::file("f") };
    for (left, is_remnant) in [
        ("geh*****", true),
        ("********", true),
        ("*******t", true),
        ("geheimni", false),
        ("geheimnis", false),
        ("anders**", false),
    ] {
        assert_eq!(entry(left).is_remnant_of("geheimst"), is_remnant, "{left}");
    }
}

#[test]
fn private_keys_are_never_repeated() {
    let error = value::ssh_key("-----BEGIN RSA PRIVATE KEY----- MIIgeheim").unwrap_err();
    assert!(error.contains("private key") && !error.contains("geheim"), "{error}");
}

/// The file on the card: every key with its meaning and its real default, none set.
#[test]
fn the_shipped_file_explains_every_key_and_sets_none() {
    let text = include_str!("../../../config/conpaas.txt");
    assert_eq!(settle(text).1, Vec::<String>::new());
    assert!(settle(text).0 == settle("").0, "the shipped file sets something");
    let lines: Vec<&str> = text.lines().collect();
    let option = |line: &str| -> Option<(String, String)> {
        let (name, value) = line.strip_prefix("# ")?.split_once('=')?;
        let name = name.trim();
        (!name.contains(' ')).then(|| (name.to_owned(), value.trim().to_owned()))
    };
    for key in KEYS {
        let at = lines.iter().position(|line| option(line).is_some_and(|(name, _)| name == key.name));
        let at = at.unwrap_or_else(|| panic!("{} is not explained", key.name));
        assert_eq!(option(lines[at]).unwrap().1, key.default.unwrap_or_default(), "{}", key.name);
        assert!(lines[at - 1].starts_with("# ") && option(lines[at - 1]).is_none(), "{} has no meaning", key.name);
    }
    for (name, _) in lines.iter().filter_map(|line| option(line)) {
        assert!(KEYS.iter().any(|key| key.name == name), "{name} is no key");
    }
    assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 80), "any editor shows it as it is");
}

#[test]
fn removing_the_comment_sign_sets_a_key() {
    let text = include_str!("../../../config/conpaas.txt");
    let text =
        text.replace("# hostname =", "hostname = attic").replace("# network = 172.16.0.0/24", "network = 10.0.0.0/24");
    let (settings, problems) = settle(&text);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!((settings.hostname.as_str(), settings.plan.own.to_string().as_str()), ("attic", "10.0.0.11"));
}

#[test]
fn a_password_that_cannot_be_used_makes_no_open_network() {
    for password in ["short", "geheim-mit-\u{fc}", "geheim\u{0}geheim", &"x".repeat(64), "********"] {
        let (settings, problems) =
            settle_bytes(format!("wifi_name = home\nwifi_password = {password}\nwifi_country = DE\n").as_bytes());
        assert!(settings.wifi.is_none(), "{password}");
        assert!(problems.concat().contains("wifi_name: is not joined"), "{password}: {problems:?}");
    }
    let (settings, problems) = settle_bytes(b"wifi_name = cafe\nwifi_country = DE\n");
    assert!(settings.wifi.is_some_and(|wifi| wifi.secret.is_none()) && problems.is_empty(), "asked for");
}

#[test]
fn a_password_belongs_to_the_name_of_its_file() {
    let sources = |texts: &[(&str, &str)]| -> Vec<Vec<Entry>> {
        texts.iter().map(|(file, text)| read(file, text.as_bytes()).0).collect()
    };
    let joined = |texts: &[(&str, &str)]| {
        let wifi = resolve(&sources(texts), &mut Vec::new()).wifi;
        wifi.map(|wifi| {
            (String::from_utf8(wifi.name).unwrap(), wifi.secret == Some(WifiSecret::Passphrase("password-home".into())))
        })
    };
    let home = "wifi_name = home\nwifi_password = password-home\n";
    assert_eq!(joined(&[("a", "wifi_name = cafe\n"), ("b", home)]), Some(("cafe".into(), false)));
    assert_eq!(
        joined(&[("a", "wifi_password = password-home\n"), ("b", "wifi_name = home\n")]),
        Some(("home".into(), true))
    );
    assert_eq!(joined(&[("a", home), ("b", "wifi_name = cafe\n")]), Some(("home".into(), true)));
    assert_eq!(
        joined(&[("a", "wifi_name_hex = 686f6d65\nwifi_password = password-home\n")]),
        Some(("home".into(), true))
    );
    assert_eq!(joined(&[("a", "wifi_name_hex = 686\n")]), None);
}

#[test]
fn an_address_of_containers_or_of_nobody_is_not_taken() {
    let table = [
        ("address = 172.16.0.40/24\ngateway = 172.16.0.254\n", "172.16.0.32 to 172.16.0.61 belong to containers"),
        ("address = 172.16.0.61/24\n", "belong to containers"),
        ("address = 10.1.2.32/24\nnetwork = 10.1.2.0/24\n", "10.1.2.32 to 10.1.2.61"),
        ("address = 172.16.0.9/24\ngateway = 172.16.0.33\n", "gateway: 172.16.0.33 is not used"),
        ("address = 172.16.5.9/16\n", "overlaps that of the cluster"),
        ("backend = 172.16.0.50\n", "backend: 172.16.0.50 is not used"),
        ("network = 127.0.0.0/24\n", "loopback"),
        ("network = 224.0.0.0/24\n", "multicast"),
        ("network = 0.0.0.0/8\n", "this machine itself"),
        ("network = 255.255.255.0/24\n", "broadcasts"),
        ("network = 169.254.0.0/24\n", "link-local"),
        ("address = 127.0.0.5/8\n", "loopback"),
        ("address = 192.168.1.5/24\ngateway = 127.0.0.1\n", "loopback"),
    ];
    for (text, words) in table {
        let (settings, problems) = settle(text);
        assert!(problems.iter().any(|problem| problem.contains(words)), "{text}: {problems:?}");
        let is_container = |address| settings.plan.is_container(address);
        assert!(!matches!(settings.lan, Lan::Fixed { address, .. } if is_container(address)), "{text}");
    }
    for text in
        ["address = 172.16.0.62/24\ngateway = 172.16.0.254\n", "address = 172.16.0.11/24\ngateway = 172.16.0.1\n"]
    {
        let (settings, problems) = settle(text);
        assert_eq!(problems, Vec::<String>::new());
        assert!(matches!(settings.lan, Lan::Fixed { gateway: Some(_), .. }));
    }
}
