//! The first login is given away once.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use conpaas::task::CRASH_VARIABLE;
use serde_json::Value;

use super::world::{Board, told};

const ISSUE: &str = "run/issue.d/conpaas.issue";
const LOGIN: &str = "var/lib/conpaas/first-boot/first-login.json";

/// A board after its first boot, without the boot.
pub(crate) fn set_up() -> Board {
    let board = Board::flashed(&[]);
    let welcome = r#"{"hostname":"attic","account":"pi","address":"172.16.0.11","first_container":"172.16.0.32",
        "last_container":"172.16.0.61","director":null,"n_problems":0}"#;
    board.write("var/lib/conpaas/first-boot/welcome.json", welcome);
    board.write(
        LOGIN,
        r#"{"conpaas":{"name":"ada","password":"k7mw-x2ph-9dqa-t5ne"},"system":{"name":"pi","password":"aaaa-bbbb"}}"#,
    );
    board
}

#[test]
fn of_many_who_ask_at_once_one_has_it_and_the_console_forgets_it() {
    let board = set_up();
    board.succeed(&["announce"]);
    assert!(board.read(ISSUE).contains("password k7mw-x2ph-9dqa-t5ne"));
    assert_eq!(board.mode(ISSUE), 0o600);
    let asking: Vec<_> =
        (0..12).map(|_| board.command(&["take", "--json"]).stdout(Stdio::piped()).spawn().unwrap()).collect();
    let answers: Vec<Value> = asking
        .into_iter()
        .map(|child| serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap())
        .collect();
    let given: Vec<&Value> = answers.iter().filter(|answer| !answer.is_null()).collect();
    assert_eq!(given.len(), 1, "{answers:?}");
    assert_eq!(given[0]["conpaas"]["password"], "k7mw-x2ph-9dqa-t5ne");
    assert!(!board.path(LOGIN).exists());
    assert!(!board.read(ISSUE).contains("password"), "{}", board.read(ISSUE));
    assert!(board.succeed(&["take"]).contains("was taken before"));
    board.succeed(&["announce"]);
    assert!(!board.read(ISSUE).contains("password"));
}

#[test]
fn people_take_it_on_the_console() {
    let board = set_up();
    let said = board.succeed(&["take"]);
    assert_eq!(
        said,
        "ConPaaS user: ada, password k7mw-x2ph-9dqa-t5ne\naccount of this system: pi, password aaaa-bbbb\n"
    );
}

#[test]
fn after_a_power_cut_it_is_untaken_or_gone() {
    let board = set_up();
    let output = board.command(&["take", "--json"]).env(CRASH_VARIABLE, "first-boot.login.taken").output().unwrap();
    assert_eq!(output.status.signal(), Some(9), "{}", told(&output));
    assert!(output.stdout.is_empty() && !board.path(LOGIN).exists());
    assert_eq!(board.succeed(&["take", "--json"]), "null\n");
}

#[test]
fn a_damaged_login_is_neither_given_nor_shown() {
    let board = set_up();
    for damaged in ["", "{", "[]", "\0\0"] {
        board.write(LOGIN, damaged);
        let output = board.command(&["take", "--json"]).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{damaged:?}: {}", told(&output));
        assert!(String::from_utf8_lossy(&output.stderr).contains("first-login.json is damaged"), "{}", told(&output));
    }
    board.write(LOGIN, "{}");
    assert_eq!(board.succeed(&["take", "--json"]), "null\n");
}

#[test]
fn without_a_first_boot_there_is_nothing_to_tell() {
    let board = Board::flashed(&[]);
    let output = board.command(&["announce"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
}
