//! The power fails at every line of the first boot that matters: the next
//! boot comes to the same end as an undisturbed one.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::OnceLock;

use super::world::{Board, is_hash_of, is_root, told};

const SECRET: &str = "geheim-geheim";

fn flashed() -> Board {
    let settings = format!(
        "hostname = attic\nuser = ada\nwifi_name = home\nwifi_country = NL\nwifi_password = {SECRET}\ntimezone = Europe/Amsterdam\n"
    );
    let network = format!(
        "version: 2\nwifis:\n  wlan0:\n    access-points:\n      \"other\":\n        password: \"{SECRET}{SECRET}\"\n"
    );
    let board = Board::flashed(&[
        ("conpaas.txt", &settings),
        ("network-config", &network),
        ("user-data", "#cloud-config\nkeyboard:\n  layout: de\n"),
        ("user.txt", "not ours\n"),
    ]);
    // Making keys takes longest, and the same ones serve for every board here.
    static KEYS: OnceLock<tempfile::TempDir> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("etc/ssh")).unwrap();
        let output = Command::new("ssh-keygen").args(["-A", "-f"]).arg(directory.path()).output().unwrap();
        assert!(output.status.success(), "{}", told(&output));
        directory
    });
    for entry in std::fs::read_dir(keys.path().join("etc/ssh")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), board.path("etc/ssh").join(entry.file_name())).unwrap();
    }
    board
}

/// Every passing of a crash point, as `point#n`, of an undisturbed first boot.
fn all_points() -> (Vec<String>, Board) {
    let board = flashed();
    let log = board.root().with_extension("crash-log");
    let output = board.command(&[]).env("CONPAAS_CRASH_LOG", &log).output().unwrap();
    assert!(output.status.success() && board.is_done(), "{}", told(&output));
    let mut points: Vec<String> = Vec::new();
    for point in std::fs::read_to_string(&log).unwrap().lines() {
        let n = 1 + points.iter().filter(|earlier| earlier.split('#').next() == Some(point)).count();
        points.push(format!("{point}#{n}"));
    }
    std::fs::remove_file(log).unwrap();
    (points, board)
}

#[test]
fn a_power_cut_at_any_step_leaves_a_first_boot_that_goes_on() {
    let (points, undisturbed) = all_points();
    assert!(points.len() >= 20, "{points:?}");
    let wanted = undisturbed.state();
    for point in &points {
        let board = flashed();
        let inode = |name: &str| std::fs::metadata(board.path(&format!("boot/firmware/{name}"))).unwrap().ino();
        let before = ["conpaas.txt", "network-config"].map(inode);
        let output = board.boot(Some(point));
        assert_eq!(output.status.signal(), Some(9), "{point}: {}", told(&output));
        assert!(!board.is_done() || point.contains("finish"), "{point}");
        assert_shown_password_is_in_force_or_not_set(&board, point);
        board.boot_whole();
        assert_eq!(["conpaas.txt", "network-config"].map(inode), before, "{point}: changed in their place");
        assert_same(&wanted, &board.state(), point);
        assert_logins_work(&board, point);
    }
}

/// Twice in a row, at two points of the second half.
#[test]
fn two_power_cuts_are_no_worse_than_one() {
    let (points, undisturbed) = all_points();
    let wanted = undisturbed.state();
    let passwords = points.iter().position(|point| point.starts_with("first-boot.passwords.kept")).unwrap();
    for (first, second) in [(1, passwords), (passwords, passwords), (passwords + 1, points.len() - 2)] {
        let board = flashed();
        for point in [&points[first], &points[second]] {
            let output = board.boot(Some(point));
            assert_eq!(output.status.signal(), Some(9), "{point}: {}", told(&output));
        }
        board.boot_whole();
        assert_same(&wanted, &board.state(), &format!("{} then {}", points[first], points[second]));
        assert_logins_work(&board, &points[second]);
    }
}

#[test]
fn a_half_written_mask_or_host_key_is_put_right() {
    let (_, undisturbed) = all_points();
    let wanted = undisturbed.state();
    let board = flashed();
    board.boot(Some("first-boot.ssh.keys"));
    // The sector with the rest of the mask never reached the card.
    let card = board.card("conpaas.txt");
    assert!(card.contains(&"*".repeat(SECRET.len())), "{card}");
    let half = format!("{}{}", "*".repeat(5), &SECRET[5..]);
    board.write("boot/firmware/conpaas.txt", &card.replace(&"*".repeat(SECRET.len()), &half));
    let taken = board.card("network-config");
    board.write("boot/firmware/network-config", &format!("{}\"{SECRET}\n", &taken[..taken.len() - SECRET.len() - 2]));
    // Neither did a key's second half, nor another key's first.
    let key = board.read("etc/ssh/ssh_host_ed25519_key");
    board.write("etc/ssh/ssh_host_ed25519_key", &key[..key.len() / 2]);
    board.write("etc/ssh/ssh_host_ecdsa_key.pub", "");
    board.boot_whole();
    assert_same(&wanted, &board.state(), "half a mask");
    assert!(board.read("etc/ssh/ssh_host_ed25519_key").ends_with("-----END OPENSSH PRIVATE KEY-----\n"));
    assert!(!board.read("etc/ssh/ssh_host_ecdsa_key.pub").is_empty());
}

#[test]
fn accounts_that_are_made_to_a_part_become_whole() {
    if !is_root() {
        return;
    }
    let (_, undisturbed) = all_points();
    let wanted = undisturbed.state();
    let board = flashed();
    // The tables of accounts are written one after the other.
    board.write("etc/passwd", &(board.read("etc/passwd") + "ada:x:1000:1000::/home/ada:/bin/bash\n"));
    board.write("etc/passwd.lock", &std::process::id().to_string());
    board.boot_whole();
    assert_same(&wanted, &board.state(), "half an account");
    assert_logins_work(&board, "half an account");
}

fn assert_same(
    wanted: &std::collections::BTreeMap<String, String>,
    found: &std::collections::BTreeMap<String, String>,
    point: &str,
) {
    let names = |state: &std::collections::BTreeMap<String, String>| state.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(wanted), "{point}: other files");
    for (name, state) in wanted {
        assert_eq!(&found[name], state, "{point}: {name}");
    }
}

fn login(board: &Board) -> Option<serde_json::Value> {
    let text = std::fs::read_to_string(board.path("var/lib/conpaas/first-boot/first-login.json")).ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

fn hash_of_account(board: &Board) -> Option<String> {
    let text = board.read("etc/shadow");
    let hash = text.lines().find_map(|line| line.strip_prefix("ada:"))?.split(':').next()?.to_owned();
    hash.starts_with('$').then_some(hash)
}

/// No password is in force that its owner cannot learn.
fn assert_shown_password_is_in_force_or_not_set(board: &Board, point: &str) {
    if let Some(hash) = hash_of_account(board) {
        let login = login(board).unwrap_or_else(|| panic!("{point}: a password that nobody knows"));
        assert!(is_hash_of(&hash, login["system"]["password"].as_str().unwrap()), "{point}");
    }
}

fn assert_logins_work(board: &Board, point: &str) {
    let login = login(board).unwrap_or_else(|| panic!("{point}: no first login"));
    if is_root() {
        let hash = hash_of_account(board).unwrap_or_else(|| panic!("{point}: no password"));
        assert!(is_hash_of(&hash, login["system"]["password"].as_str().unwrap()), "{point}");
    }
    let database = rusqlite::Connection::open(board.path("etc/cpsdirector/director.db")).unwrap();
    let hash: String =
        database.query_row("SELECT password_hash FROM user WHERE username = 'conpaas'", [], |row| row.get(0)).unwrap();
    use argon2::PasswordVerifier;
    let password = login["conpaas"]["password"].as_str().unwrap();
    let verified = argon2::Argon2::default().verify_password(password.as_bytes(), hash.as_str());
    assert!(verified.is_ok(), "{point}: {verified:?}");
}
