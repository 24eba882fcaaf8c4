//! The account that people log in to, with its keys; nobody logs in as root.

use std::path::{Path, PathBuf};

use super::machine::Machine;
use super::outcome::{Outcome, done, skipped};
use crate::first_boot::error::FirstBootError;
use crate::first_boot::place::Place;
use crate::first_boot::place::{set_mode, set_owner};
use crate::sys::file;
use crate::sys::program::{self, LIMIT};
use crate::task::crash_point;

/// Ids from here up are people's.
const FIRST_PERSON: u32 = 1000;
/// Groups that let people use the machine they log in to; those that are there.
const GROUPS: &[&str] =
    &["adm", "sudo", "dialout", "video", "plugdev", "netdev", "systemd-journal", "gpio", "i2c", "spi"];
const SUDO: &str = "/etc/sudoers.d/010_first-boot";

/// One line of `/etc/passwd`.
pub(crate) struct Account {
    pub name: String,
    user_id: u32,
    group_id: u32,
    home: String,
}

/// Returns whether an account or a group of that name is there and not a person's. Blocking.
pub(crate) fn belongs_to_system(place: &Place, name: &str) -> bool {
    let id = |table: &str| field(place, table, name, 2).and_then(|id| id.parse::<u32>().ok());
    let is_system = |id: u32| id < FIRST_PERSON || id == 65534;
    id("/etc/passwd").is_some_and(is_system) || id("/etc/group").is_some_and(is_system)
}

pub(crate) async fn ensure(machine: &Machine) -> Result<Outcome, FirstBootError> {
    if !nix::unistd::geteuid().is_root() {
        return skipped("making accounts needs root");
    }
    let (place, wanted) = (&machine.place, &machine.settings.account);
    remove_locks(place)?;
    ensure_account(place, &wanted.name).await?;
    crash_point("first-boot.account.made");
    let account = look_up(place, &wanted.name)?;
    ensure_home(place, &account)?;
    ensure_keys(place, &account, &wanted.ssh_keys)?;
    crash_point("first-boot.account.keys");
    // Who has no password cannot be asked for one.
    if wanted.password.is_none() && !wanted.ssh_keys.is_empty() {
        place.write(SUDO, &format!("{} ALL=(ALL) NOPASSWD: ALL\n", account.name), 0o440)?;
    }
    // A star is no password's hash: it locks the account.
    let arguments = [prefix(place), vec!["--password".into(), "*".into(), "root".into()]].concat();
    program::run("usermod", &arguments, LIMIT).await?;
    done(format!("{} with {} key(s); root is locked", account.name, wanted.ssh_keys.len()))
}

/// A power cut may leave a lock whose owner's number now is another program's.
fn remove_locks(place: &Place) -> Result<(), FirstBootError> {
    for table in ["passwd", "shadow", "group", "gshadow"] {
        file::ensure_absent(&place.path(&format!("/etc/{table}.lock")))?;
    }
    Ok(())
}

/// The tables are changed one after the other: each is looked at on its own.
async fn ensure_account(place: &Place, name: &str) -> Result<(), FirstBootError> {
    let with = |rest: &[&str]| -> Vec<String> {
        prefix(place).into_iter().chain(rest.iter().map(|word| (*word).to_owned())).collect()
    };
    program::run("groupadd", &with(&["--force", name]), LIMIT).await?;
    let is_there = |group: &&&str| field(place, "/etc/group", group, 0).is_some();
    let groups: Vec<&str> = GROUPS.iter().filter(is_there).copied().collect();
    let groups = groups.join(",");
    if field(place, "/etc/passwd", name, 0).is_none() {
        let words = ["--gid", name, "--groups", &groups, "--shell", "/bin/bash", "--no-create-home", name];
        program::run("useradd", &with(&words), LIMIT).await?;
    } else {
        program::run("usermod", &with(&["--append", "--groups", &groups, name]), LIMIT).await?;
    }
    crash_point("first-boot.account.tables");
    if field(place, "/etc/shadow", name, 0).is_none() {
        program::run("pwconv", &change_root(place), LIMIT).await?;
    }
    Ok(())
}

fn ensure_home(place: &Place, account: &Account) -> Result<(), FirstBootError> {
    let home = place.path(&account.home);
    file::ensure_directory(&home)?;
    let skeleton = std::fs::read_dir(place.path("/etc/skel")).into_iter().flatten().flatten();
    for entry in skeleton.filter(|entry| entry.path().is_file()) {
        let path = home.join(entry.file_name());
        if !path.exists() {
            file::write_atomic(&path, &file::read(&entry.path())?, 0o644)?;
            set_owner(&path, account.user_id, account.group_id)?;
        }
    }
    // Last, so that a home that is its owner's is whole.
    set_mode(&home, 0o700)?;
    Ok(set_owner(&home, account.user_id, account.group_id)?)
}

fn ensure_keys(place: &Place, account: &Account, keys: &[String]) -> Result<(), FirstBootError> {
    if keys.is_empty() {
        return Ok(());
    }
    let relative = format!("{}/.ssh/authorized_keys", account.home);
    let path = place.write(&relative, &(keys.join("\n") + "\n"), 0o600)?;
    let directory = path.parent().map(Path::to_owned).unwrap_or_default();
    set_mode(&directory, 0o700)?;
    for path in [&path, &directory] {
        set_owner(path, account.user_id, account.group_id)?;
    }
    Ok(())
}

/// Returns the account's line, or that there is none.
pub(crate) fn look_up(place: &Place, name: &str) -> Result<Account, FirstBootError> {
    let missing = || FirstBootError::NoAccount(name.to_owned());
    let text = |index| field(place, "/etc/passwd", name, index).ok_or_else(missing);
    let number = |index| text(index).and_then(|number| number.parse().map_err(|_| missing()));
    Ok(Account { name: text(0)?, user_id: number(2)?, group_id: number(3)?, home: text(5)? })
}

/// Returns whether a password opens the account. Blocking.
pub(crate) fn has_password(place: &Place, name: &str) -> bool {
    field(place, "/etc/shadow", name, 1).is_some_and(|hash| hash.starts_with('$'))
}

/// Returns a field of a line that begins with `name`.
fn field(place: &Place, table: &str, name: &str, index: usize) -> Option<String> {
    let text = file::read_text(&place.path(table)).ok()?;
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(index).map(str::to_owned)
}

/// Returns the words that tell a program another root, which it does not enter.
fn prefix(place: &Place) -> Vec<String> {
    below(place, "--prefix")
}

/// Returns the words that tell a program another root, which it enters.
pub(crate) fn change_root(place: &Place) -> Vec<String> {
    below(place, "--root")
}

fn below(place: &Place, option: &str) -> Vec<String> {
    if place.is_live() {
        return Vec::new();
    }
    // They take absolute paths only.
    let root: PathBuf = std::fs::canonicalize(place.root()).unwrap_or_else(|_| place.root().to_owned());
    vec![option.to_owned(), root.display().to_string()]
}

/// Sets a password that is read from standard input: it is in no process list.
pub(crate) async fn set_password(place: &Place, options: &[&str], line: &str) -> Result<(), FirstBootError> {
    let arguments: Vec<String> =
        change_root(place).into_iter().chain(options.iter().map(|word| (*word).to_owned())).collect();
    program::run_with_input("chpasswd", &arguments, line, LIMIT).await?;
    Ok(())
}
