//! What a command in a node reads: standard input as it comes, or what is typed in this terminal.

use std::io::{self, IsTerminal, Read};
use std::time::Duration;

use nix::sys::termios::{self, SetArg, Termios};
use rustix::termios::tcgetwinsize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::api::exec::Terminal;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::manager::ExecStdin;
use crate::client::session::Session;

/// Of one call; it is read while the call before is under way.
const PIECE_BYTES: usize = 64 << 10;
/// A command that reads slowly is asked again.
const PAUSE: Duration = Duration::from_millis(50);

/// A command that runs in a node.
pub(super) struct Command<'a> {
    pub session: &'a Session,
    pub found: &'a FoundService,
    pub node: &'a str,
    pub id: &'a str,
}

/// The terminal at which somebody sits.
pub(super) struct Window {
    settings: Termios,
}

/// A terminal that passes on each key; it is as before when this is dropped.
pub(super) struct Raw<'a>(&'a Window);

impl Window {
    /// Takes the terminal of this process.
    ///
    /// # Errors
    /// Returns an error if there is none.
    pub(super) fn of_this_terminal(is_json: bool) -> Result<Self, Failure> {
        if is_json || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(Failure::said("there is no terminal here: leave out -t, and use -i to pass on what is read"));
        }
        let settings = termios::tcgetattr(io::stdin());
        Ok(Window { settings: settings.map_err(|error| unusable(&error.into()))? })
    }

    /// Returns what the command is told of it.
    ///
    /// # Errors
    /// Returns an error if its size cannot be read.
    pub(super) fn terminal(&self) -> Result<Terminal, Failure> {
        let (columns, rows) = self.size().map_err(|error| unusable(&error))?;
        let kind = std::env::var("TERM").ok().filter(|kind| !kind.is_empty()).unwrap_or_else(|| "dumb".to_owned());
        Ok(Terminal { columns, rows, kind })
    }

    /// Passes on each key from now on, also those that would end this process.
    ///
    /// # Errors
    /// Returns an error if the terminal does not take it.
    pub(super) fn raw(&self) -> Result<Raw<'_>, Failure> {
        let mut raw = self.settings.clone();
        termios::cfmakeraw(&mut raw);
        termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &raw).map_err(|error| unusable(&error.into()))?;
        Ok(Raw(self))
    }

    fn size(&self) -> io::Result<(u16, u16)> {
        let size = tcgetwinsize(io::stdin())?;
        Ok((size.ws_col, size.ws_row))
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        let _nothing_helps = termios::tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.0.settings);
    }
}

fn unusable(error: &io::Error) -> Failure {
    Failure::said(format!("this terminal cannot be used: {error}"))
}

/// Passes on to a command what is read here, until that or the command ends.
pub(super) async fn feed(command: &Command<'_>, stdin: &ExecStdin) {
    if *stdin == ExecStdin::Nothing {
        return;
    }
    let (sender, mut pieces) = mpsc::channel(1);
    // It ends with this process: a read cannot be broken off.
    std::thread::spawn(move || read(&sender));
    while let Some(piece) = pieces.recv().await {
        if give(command, &piece).await.is_err() {
            return;
        }
    }
    // A command that has ended needs no end of its input.
    let _its_end_is_told = command.session.exec_input(command.found, command.node, command.id, &[], true).await;
}

async fn give(command: &Command<'_>, piece: &[u8]) -> Result<(), Failure> {
    let mut left = piece;
    while !left.is_empty() {
        let taken = command.session.exec_input(command.found, command.node, command.id, left, false).await?;
        left = left.get(taken..).unwrap_or_default();
        if !left.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}

fn read(sender: &mpsc::Sender<Vec<u8>>) {
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(n) = io::stdin().lock().read(&mut piece) {
        if n == 0 || sender.blocking_send(piece[..n].to_vec()).is_err() {
            return;
        }
    }
}

/// Tells a command each new size of the window.
pub(super) async fn follow_size(command: &Command<'_>, window: Option<&Window>) {
    let (Some(window), Ok(mut changes)) = (window, signal(SignalKind::window_change())) else { return };
    while changes.recv().await.is_some() {
        if let Ok(size) = window.size() {
            let _told_with_the_next = command.session.exec_resize(command.found, command.node, command.id, size).await;
        }
    }
}
