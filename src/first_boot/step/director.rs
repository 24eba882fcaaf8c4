//! The director, made by the commands that people type.

use std::time::Duration;

use super::{Board, Outcome, done, skipped};
use crate::first_boot::BoardError;
use crate::sys::program::{self, ProgramError};
use crate::task::crash_point;

/// Keys and a database on a slow card.
const LIMIT: Duration = Duration::from_secs(300);
const CONFIGURATION: &str = "/etc/cpsdirector/director.cfg";
const ANNOUNCEMENT: &str = "/etc/avahi/services/conpaas.service";
/// The director's port; `config/avahi.service` names it, too.
pub(crate) const PORT: u16 = 5555;

pub(crate) async fn ensure(board: &Board) -> Result<Outcome, BoardError> {
    if !board.has_director() {
        return skipped("this board works for another director");
    }
    // Nodes call it by its address on their own network, which never changes and needs no name
    // server; people call it by its name, whatever addresses it has.
    let mut words = vec!["director".to_owned(), "init".to_owned(), "--hostname".to_owned()];
    words.push(board.settings.plan.own.to_string());
    for name in [board.local_name(), board.settings.hostname.clone(), "localhost".to_owned(), "127.0.0.1".to_owned()] {
        words.extend(["--name".to_owned(), name]);
    }
    for (key, value) in options(board) {
        words.extend(["--set".to_owned(), format!("{key}={value}")]);
    }
    type_command(board, &words, "").await?;
    crash_point("first-boot.director.init");
    let text = format!(
        "# Written by the first boot of ConPaaS: the director of this machine, and its first user.\n\
         [cps-tools]\nDIRECTOR_URL = {}\nUSERNAME = {}\n",
        url(board),
        board.settings.user.name
    );
    board.place.write("/etc/cps-tools/cps-tools.conf", &text, 0o644)?;
    board.place.write(ANNOUNCEMENT, include_str!("../../../config/avahi.service"), 0o644)?;
    done(format!("{}, for nodes https://{}:{PORT}", url(board), board.settings.plan.own))
}

/// Where people find the director.
pub(crate) fn url(board: &Board) -> String {
    format!("https://{}:{PORT}", board.local_name())
}

/// Whether the first user is there.
pub(crate) async fn has_user(board: &Board) -> Result<bool, BoardError> {
    let users = type_command(board, &["user".to_owned(), "list".to_owned()], "").await?;
    Ok(users.lines().any(|line| line.trim() == board.settings.user.name))
}

/// Makes the first user; the command asks for the password twice.
pub(crate) async fn create_user(board: &Board, password: &str) -> Result<(), BoardError> {
    let user = &board.settings.user;
    let credit = user.credit.to_string();
    let words = ["user", "create", &user.name, "--email", &user.email, "--credit", &credit];
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    type_command(board, &words, &format!("{password}\n{password}\n")).await?;
    Ok(())
}

fn options(board: &Board) -> Vec<(&'static str, String)> {
    let plan = &board.settings.plan;
    let mut options = vec![
        ("director.NODE_TIME_SERVERS", plan.own.to_string()),
        ("iaas.BRIDGE", "conpaas0".to_owned()),
        ("iaas.NETWORK", plan.network.to_string()),
        ("iaas.GATEWAY", plan.own.to_string()),
        ("iaas.FIRST_ADDRESS", plan.first_container.to_string()),
        ("iaas.LAST_ADDRESS", plan.last_container.to_string()),
        // Containers reach the Internet where the board does.
        ("iaas.NAT", "true".to_owned()),
    ];
    if !board.place.is_live() {
        // Below another root the director's own files are there, too.
        let path = |absolute: &str| board.place.path(absolute).display().to_string();
        options.extend([
            ("conpaas.CONF_DIR", path("/etc/cpsdirector")),
            ("conpaas.CERT_DIR", path("/etc/cpsdirector/certs")),
            ("director.DATABASE_URI", format!("sqlite:///{}", path("/etc/cpsdirector/director.db"))),
            ("director.USERDATA_DIR", path("/etc/cpsdirector/data")),
            ("director.STATE_DIR", path("/var/lib/conpaas")),
            ("iaas.IMAGE", path("/var/lib/conpaas/images/services")),
        ]);
    }
    options
}

/// Types a command of this program, about this board's director. A secret
/// goes through `input`, never through `words`.
async fn type_command(board: &Board, words: &[String], input: &str) -> Result<String, ProgramError> {
    let mut arguments =
        vec!["-i".to_owned(), "HOME=/root".to_owned(), format!("PATH={}", std::env::var("PATH").unwrap_or_default())];
    arguments.push(format!("DIRECTOR_CFG={}", board.place.path(CONFIGURATION).display()));
    arguments.push(board.program.display().to_string());
    arguments.extend(words.iter().cloned());
    program::run_with_input("env", &arguments, input, LIMIT).await
}
