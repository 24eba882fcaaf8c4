//! One undisturbed first boot, and what it makes of what people said.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use super::world::{Board, KEY, is_hash_of, is_root, told};

#[test]
fn a_card_that_says_nothing_makes_the_seeds_machine() {
    let board = Board::flashed(&[("conpaas.txt", include_str!("../../../config/conpaas.txt"))]);
    let said = board.boot_whole();
    assert!(!said.contains("PROBLEM") && !said.contains("FAILED"), "{said}");
    assert_eq!(board.read("etc/hostname"), "conpaas\n");
    assert!(board.read("etc/hosts").ends_with("127.0.1.1 conpaas.local conpaas\n"));
    assert_eq!(board.read("etc/machine-id").trim().len(), 32);
    for kind in ["rsa", "ecdsa", "ed25519"] {
        assert_eq!(board.mode(&format!("etc/ssh/ssh_host_{kind}_key")), 0o600);
    }
    let bridge = board.read("etc/systemd/network/20-conpaas0.network.d/50-first-boot.conf");
    assert!(bridge.ends_with("[Network]\nAddress=172.16.0.11/24\n"), "{bridge}");
    let chrony = board.read("etc/chrony/conf.d/conpaas.conf");
    assert!(chrony.contains("pool 0.debian.pool.ntp.org iburst") && chrony.contains("allow 172.16.0.0/24"), "{chrony}");
    assert!(board.read("etc/avahi/services/conpaas.service").contains("_conpaas._tcp"));
    assert!(board.read("etc/conpaas/board.conf").contains("ROLE=director\nHOSTNAME=conpaas\nADDRESS=172.16.0.11\n"));
    assert!(!board.path("boot/firmware/conpaas-problems.txt").exists());
    assert_eq!(board.card("conpaas.txt"), include_str!("../../../config/conpaas.txt"), "there is nothing to take off");
    assert!(board.succeed(&[]).contains("nothing to do"), "a second boot does nothing");
}

#[test]
fn the_director_is_whole_and_its_first_user_has_the_password_that_is_shown() {
    let board = Board::flashed(&[(
        "conpaas.txt",
        "hostname = attic\nconpaas_user = ada\nemail = ada@example.org\ncredit = 7\n",
    )]);
    board.boot_whole();
    let config = conpaas::config::DirectorConfig::read(&board.path("etc/cpsdirector/director.cfg")).unwrap();
    assert_eq!(config.director_url.as_ref().unwrap().to_string(), "https://172.16.0.11:5555");
    assert_eq!(config.clock.node_time_servers, ["172.16.0.11"]);
    let conpaas::config::DriverConfig::Lxc(lxc) = &config.clouds[0].driver else { panic!("not LXC") };
    assert_eq!(
        (lxc.first_address.to_string().as_str(), lxc.last_address.to_string().as_str(), lxc.is_nat),
        ("172.16.0.32", "172.16.0.61", true)
    );
    let names = conpaas::pki::Credentials::load(&config.cert_dir).unwrap().names().unwrap();
    for name in ["attic.local", "attic", "localhost"] {
        assert!(names.contains(&conpaas::pki::CertificateName::Dns(name.to_owned())), "{names:?}");
    }
    assert!(names.contains(&conpaas::pki::CertificateName::Address("172.16.0.11".parse().unwrap())), "{names:?}");
    assert_eq!(board.conpaas(&["user", "list", "--credit"]), "ada\t7\n");

    let login: serde_json::Value =
        serde_json::from_str(&board.read("var/lib/conpaas/first-boot/first-login.json")).unwrap();
    assert_eq!(board.mode("var/lib/conpaas/first-boot/first-login.json"), 0o600);
    assert_eq!(login["conpaas"]["name"], "ada");
    let database = rusqlite::Connection::open(&config.database).unwrap();
    let hash: String =
        database.query_row("SELECT password_hash FROM user WHERE username = 'ada'", [], |row| row.get(0)).unwrap();
    use argon2::PasswordVerifier;
    let verified = argon2::Argon2::default()
        .verify_password(login["conpaas"]["password"].as_str().unwrap().as_bytes(), hash.as_str());
    assert!(verified.is_ok(), "{verified:?}");
    let welcome = board.read("var/lib/conpaas/first-boot/welcome.json");
    assert!(
        welcome.contains("https://attic.local:5555")
            && !welcome.contains(login["conpaas"]["password"].as_str().unwrap())
    );
    assert_eq!(board.mode("var/lib/conpaas/first-boot/welcome.json"), 0o644);
}

#[test]
fn the_account_has_what_was_said_and_root_is_locked() {
    if !is_root() {
        let board = Board::flashed(&[]);
        assert!(board.boot_whole().contains("account: skipped: making accounts needs root"));
        return;
    }
    let shadow = |board: &Board, name: &str| -> String {
        let text = board.read("etc/shadow");
        let line = text.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap_or_else(|| panic!("{text}"));
        line.split(':').nth(1).unwrap().to_owned()
    };
    // Nothing said: a password is made up, kept for its owner, and in force.
    let board = Board::flashed(&[]);
    board.boot_whole();
    let login: serde_json::Value =
        serde_json::from_str(&board.read("var/lib/conpaas/first-boot/first-login.json")).unwrap();
    assert_eq!(login["system"]["name"], "pi");
    assert!(is_hash_of(&shadow(&board, "pi"), login["system"]["password"].as_str().unwrap()));
    assert_eq!(shadow(&board, "root"), "*");
    assert!(board.read("etc/ssh/sshd_config.d/first-boot.conf").contains("PasswordAuthentication yes\n"));
    assert!(board.read("etc/group").contains("sudo:x:27:pi\n"));
    assert_eq!(board.read("home/pi/.profile"), "# profile\n");
    assert_eq!((board.mode("home/pi"), std::fs::metadata(board.path("home/pi")).unwrap().uid()), (0o700, 1000));
    assert!(!board.path("etc/sudoers.d/010_first-boot").exists());
    // A key: no password at all, and sudo does not ask for one.
    let board = Board::flashed(&[("conpaas.txt", &format!("user = ada\nssh_key = {KEY}\n"))]);
    board.boot_whole();
    assert!(!shadow(&board, "ada").starts_with('$'));
    assert_eq!(board.read("home/ada/.ssh/authorized_keys"), format!("{KEY}\n"));
    assert_eq!((board.mode("home/ada/.ssh"), board.mode("home/ada/.ssh/authorized_keys")), (0o700, 0o600));
    assert_eq!(board.read("etc/sudoers.d/010_first-boot"), "ada ALL=(ALL) NOPASSWD: ALL\n");
    assert_eq!(board.mode("etc/sudoers.d/010_first-boot"), 0o440);
    assert!(board.read("etc/ssh/sshd_config.d/first-boot.conf").contains("PasswordAuthentication no\n"));
    assert!(!board.read("var/lib/conpaas/first-boot/first-login.json").contains("system\":{"));
    // A password, which leaves the card.
    let board = Board::flashed(&[("conpaas.txt", "password = correct horse\n")]);
    board.boot_whole();
    assert!(is_hash_of(&shadow(&board, "pi"), "correct horse"));
    assert_eq!(board.card("conpaas.txt"), "password = *************\n");
    // The name of a group or an account of the system.
    let board = Board::flashed(&[("conpaas.txt", "user = video\n")]);
    let said = board.boot_whole();
    assert!(said.contains("PROBLEM: user: 'video' belongs to the system"), "{said}");
    assert!(board.read("etc/passwd").contains("\npi:"));
}

#[test]
fn imagers_customisation_works_and_the_settings_file_wins() {
    let hash = "$5$8iqxe3xqB5$abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";
    let user_data = format!(
        "#cloud-config\nhostname: attic\ntimezone: Europe/Amsterdam\nkeyboard:\n  model: pc105\n  layout: \"de\"\nusers:\n- name: ada\n  \
         lock_passwd: false\n  passwd: {hash}\nssh_pwauth: true\n"
    );
    let psk = "0123456789abcdef".repeat(4);
    let network = format!(
        "network:\n  version: 2\n  wifis:\n    wlan0:\n      regulatory-domain: \"NL\"\n      access-points:\n        \"home\":\n          \
         password: \"{psk}\"\n"
    );
    let board = Board::flashed(&[
        ("user-data", &user_data),
        ("network-config", &network),
        ("meta-data", "instance-id: rpi-imager-1\n"),
        ("conpaas.txt", "hostname = cellar\nwifi_password = geheim-geheim\nwifi_country = DE\n"),
    ]);
    let said = board.boot_whole();
    assert!(!said.contains("PROBLEM") && !said.contains("geheim") && !said.contains(&psk), "{said}");
    assert_eq!(board.read("etc/hostname"), "cellar\n");
    assert_eq!(
        std::fs::read_link(board.path("etc/localtime")).unwrap().to_str(),
        Some("/usr/share/zoneinfo/Europe/Amsterdam")
    );
    assert!(board.read("etc/default/keyboard").contains("XKBLAYOUT=\"de\"\n"));
    let supplicant = board.read("etc/wpa_supplicant/wpa_supplicant-wlan0.conf");
    assert!(supplicant.contains("country=DE\n") && supplicant.contains("\tssid=686f6d65\n"), "{supplicant}");
    assert!(supplicant.contains("\tpsk=\"geheim-geheim\"\n"), "{supplicant}");
    assert_eq!(board.mode("etc/wpa_supplicant/wpa_supplicant-wlan0.conf"), 0o600);
    assert!(
        std::fs::symlink_metadata(
            board.path("etc/systemd/system/sys-subsystem-net-devices-wlan0.device.wants/wpa_supplicant@wlan0.service")
        )
        .unwrap()
        .is_symlink()
    );
    if is_root() {
        assert!(board.read("etc/shadow").contains(&format!("ada:{hash}:")));
    }
    // Nothing secret is left on the card, and every file has the length it had.
    for (name, length) in [("user-data", user_data.len()), ("network-config", network.len())] {
        let left = board.card(name);
        assert!(left.starts_with("# Taken by the first boot") && left.len() == length, "{left}");
    }
    assert_eq!(board.card("conpaas.txt"), "hostname = cellar\nwifi_password = *************\nwifi_country = DE\n");
    assert_eq!(board.card("meta-data"), "instance-id: rpi-imager-1\n");
    let secrets = ["geheim", &psk, hash];
    for (name, state) in board.state().iter().filter(|(name, _)| name.starts_with("var/lib/conpaas/first-boot")) {
        assert!(secrets.iter().all(|secret| !state.contains(secret)), "{name} still has a secret");
    }
}

#[test]
fn what_cannot_be_used_is_told_on_the_card_and_stops_nothing() {
    let text = "hostname = two words\nwifi_country = Germany\ntimezone = Mars/Olympus\ncolour = red\nwhat\n";
    let board = Board::flashed(&[("conpaas.txt", text), ("user-data", "#!/bin/sh\nreboot\n")]);
    let said = board.boot_whole();
    let told = board.card("conpaas-problems.txt");
    for problem in [
        "conpaas.txt, line 1: hostname: 'two words' is not a name",
        "conpaas.txt, line 2: wifi_country: 'Germany'",
        "timezone: there is no 'Mars/Olympus'",
        "conpaas.txt, line 4: colour: is not a key",
        "conpaas.txt, line 5: is not `key = value`",
        "user-data: is a script",
    ] {
        assert!(told.contains(problem), "{problem}: {told}");
        assert!(said.contains(&format!("PROBLEM: {problem}")), "{problem}: {said}");
    }
    assert_eq!(board.read("etc/hostname"), "conpaas\n");
    assert_eq!(board.card("user-data"), "#!/bin/sh\nreboot\n", "somebody else's file stays");
    assert!(board.read("var/lib/conpaas/first-boot/welcome.json").contains("\"n_problems\":6"));
}

#[test]
fn a_step_that_fails_is_told_and_tried_again_at_the_next_boot() {
    let board = Board::flashed(&[("conpaas.txt", "hostname = attic\npassword = geheim geheim\n")]);
    // A file where a directory should be.
    board.write("etc/cpsdirector", "in the way");
    let output = board.boot(None);
    assert!(output.status.success() && !board.is_done(), "{}", told(&output));
    let said = told(&output);
    assert!(said.contains("director: FAILED: ") && said.contains("tried again at the next boot"), "{said}");
    assert!(board.card("conpaas-problems.txt").contains("director: "));
    assert_eq!(board.read("etc/hostname"), "attic\n", "the other steps are done");
    std::fs::remove_file(board.path("etc/cpsdirector")).unwrap();
    let said = board.boot_whole();
    assert!(!said.contains("FAILED"), "{said}");
    assert!(!board.path("boot/firmware/conpaas-problems.txt").exists());
    if is_root() {
        let text = board.read("etc/shadow");
        let hash =
            text.lines().find_map(|line| line.strip_prefix("pi:")).unwrap().split(':').next().unwrap().to_owned();
        assert!(is_hash_of(&hash, "geheim geheim"), "the password was not lost with the mask");
    }
}

#[test]
fn a_compute_node_has_no_director_and_asks_its_backend_for_the_time() {
    let board = Board::flashed(&[("conpaas.txt", "network = 10.1.2.0/24\nnumber = 12\n")]);
    // What the image says for all its boards.
    board.write("usr/lib/conpaas/first-boot.txt", "role = compute\nhostname = ignored name\n");
    let said = board.boot_whole();
    assert!(said.contains("director: skipped"), "{said}");
    assert!(said.contains("PROBLEM: first-boot.txt, line 2: hostname"), "{said}");
    assert_eq!(board.read("etc/hostname"), "conpaas-pi12\n");
    assert!(!board.path("etc/cpsdirector").exists());
    let chrony = board.read("etc/chrony/conf.d/conpaas.conf");
    assert!(chrony.contains("server 10.1.2.1 iburst") && !chrony.contains("allow"), "{chrony}");
    assert!(
        board.read("etc/conpaas/board.conf").ends_with("ADDRESS=10.1.2.12\nNETWORK=10.1.2.0/24\nBACKEND=10.1.2.1\n")
    );
    assert!(board.read("var/lib/conpaas/first-boot/welcome.json").contains("\"director\":null"));
}

#[test]
fn a_dry_run_changes_nothing_and_shows_no_secret() {
    let board =
        Board::flashed(&[("conpaas.txt", "hostname = attic\nwifi_name = home\nwifi_password = geheim-geheim\n")]);
    let before = board.state();
    let said = board.succeed(&["--dry-run"]);
    assert!(
        said.contains("attic.local") && said.contains("PROBLEM: wifi_country") && !said.contains("geheim"),
        "{said}"
    );
    assert_eq!(board.state(), before);
}

#[test]
fn settings_can_be_checked_on_a_laptop() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("conpaas.txt");
    let check = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_conpaas"));
        let output = command.args(["first-boot", "check"]).arg(&path).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = check("hostname = attic\npassword = geheim geheim\n");
    assert!(code == Some(0) && said.contains("attic.local") && !said.contains("geheim"), "{said}");
    let (code, said) = check("hostnam = attic\n");
    assert!(code == Some(1) && said.contains("PROBLEM     conpaas.txt, line 1: hostnam: is not a key"), "{said}");
    std::fs::remove_file(&path).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_conpaas")).args(["first-boot", "check"]).arg(&path).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
}

#[test]
fn an_order_to_run_a_script_is_taken_off_the_card() {
    let line = "console=tty1 root=LABEL=x systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot \
                systemd.unit=kernel-command-line.target\n";
    let board = Board::flashed(&[("cmdline.txt", line)]);
    assert!(board.succeed(&["forget-script"]).contains("taken off"));
    let left = board.card("cmdline.txt");
    assert_eq!(left.split_whitespace().collect::<Vec<_>>(), ["console=tty1", "root=LABEL=x"]);
    assert_eq!(left.len(), line.len());
    assert!(board.succeed(&["forget-script"]).contains("nothing to do"));
    assert!(Board::flashed(&[]).succeed(&["forget-script"]).contains("nothing to do"));
}

#[test]
fn a_file_whose_name_windows_made_longer_is_read_and_its_secrets_are_taken_off() {
    let written = "hostname = attic\npassword = geheim geheim\n";
    let board = Board::flashed(&[("conpaas.txt", "# nothing\n"), ("conpaas.txt.txt", written)]);
    let said = board.boot_whole();
    assert!(!said.contains("PROBLEM"), "{said}");
    assert_eq!(board.read("etc/hostname"), "attic\n");
    assert!(!board.card("conpaas.txt.txt").contains("geheim"), "{}", board.card("conpaas.txt.txt"));
    let board =
        Board::flashed(&[("conpaas.txt", "hostname = one\n"), ("conpaas.txt.txt", "hostname = two\nuser = ada\n")]);
    let said = board.succeed(&["--dry-run"]);
    assert!(said.contains("one.local") && said.contains("account     ada"), "{said}");
    assert!(said.contains("PROBLEM: conpaas.txt.txt, line 1: hostname: is given twice"), "{said}");
}

#[test]
fn files_of_imager_can_be_checked_on_a_laptop() {
    let directory = tempfile::tempdir().unwrap();
    let check = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_conpaas"));
        let output = command.args(["first-boot", "check"]).arg(&path).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) =
        check("user-data", &format!("hostname: attic\nuser:\n  name: ada\n  ssh_authorized_keys:\n  - {KEY}\n"));
    assert!(code == Some(0) && said.contains("attic.local") && said.contains("ada with 1 key(s)"), "{said}");
    let (code, said) = check("user-data", "hostname: attic\nruncmd: [reboot]\n");
    assert!(code == Some(1) && said.contains("PROBLEM     user-data: not used here: runcmd"), "{said}");
    let wifi = "wifis: {wlan0: {regulatory-domain: DE, access-points: {home: {password: 0123456789}}}}\n";
    let (code, said) = check("network-config", wifi);
    assert!(code == Some(0) && said.contains("home with a password; country DE"), "{said}");
    let (code, said) = check("conpaas.txt", "wifi_name = home\nwifi_password = short\nwifi_country = DE\n");
    assert!(code == Some(1) && said.contains("wireless    none"), "{said}");
    if std::path::Path::new("/usr/share/zoneinfo/Europe").is_dir() {
        let (code, said) = check("conpaas.txt", "timezone = Europe/Atlantis\n");
        assert!(code == Some(1) && said.contains("PROBLEM     timezone: there is no 'Europe/Atlantis'"), "{said}");
        let (code, said) = check("conpaas.txt", "timezone = america/new york\n");
        assert!(code == Some(0), "{said}");
    }
}

#[test]
fn what_the_unit_of_the_first_boot_takes_away_is_not_needed() {
    let unit = include_str!("../../../systemd/conpaas-first-boot.service");
    assert!(unit.contains("\nRestrictSUIDSGID=yes\n"), "else this test tries what no unit does");
    let board = Board::flashed(&[]);
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/without_openat2.py"));
    command.args([env!("CARGO_BIN_EXE_conpaas"), "first-boot", "--root"]).arg(board.root());
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !said.contains("FAILED"), "{said}");
    assert!(board.is_done(), "{said}");
}
