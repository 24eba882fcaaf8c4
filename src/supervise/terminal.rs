//! A terminal for a program that was started without one: what is typed and how large the window is come by standard
//! input, what the program shows goes to standard output.
//!
//! Input is a row of frames: a letter (`d` what is typed, `s` a size), the length of the rest in two bytes, the rest. A
//! size is the number of columns and of rows, two bytes each. All numbers have their high byte first.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::pty::{Winsize, openpty};
use rustix::termios::{Winsize as Size, tcsetwinsize};

/// The hidden command of this program.
pub(crate) const NAME: &str = "in-terminal";
/// Begins a frame of what is typed.
pub(crate) const TYPED: u8 = b'd';
/// Begins a frame of a size.
pub(crate) const RESIZED: u8 = b's';
/// What was shown last is passed on after the program's end, as long as nothing that it left behind shows more.
const LAST_WORDS: Duration = Duration::from_millis(500);
const PIECE_BYTES: usize = 16 << 10;
/// As shells have it for a command that cannot be run.
const CANNOT_RUN: u8 = 126;

/// Runs a program in a terminal; `words` are columns, rows, the program and its arguments. Returns its exit code.
pub(crate) fn run(words: &[String]) -> ExitCode {
    match begin(words) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("conpaas: no terminal can be had: {error}");
            ExitCode::from(CANNOT_RUN)
        }
    }
}

fn begin(words: &[String]) -> io::Result<u8> {
    let [columns, rows, command @ ..] = words else { return Err(io::ErrorKind::InvalidInput.into()) };
    let number = |word: &str| word.parse::<u16>().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
    let size = Winsize { ws_row: number(rows)?, ws_col: number(columns)?, ws_xpixel: 0, ws_ypixel: 0 };
    let pair = openpty(Some(&size), None)?;
    let slave = || pair.slave.try_clone().map(Stdio::from);
    let mut child = Command::new("setsid")
        .args(["--ctty", "--wait", "--"])
        .args(command)
        .stdin(slave()?)
        .stdout(slave()?)
        .stderr(slave()?)
        .spawn()?;
    drop(pair.slave);
    let typed = File::from(pair.master.try_clone()?);
    // It ends with this process: whoever types may be silent for ever.
    std::thread::spawn(move || feed(io::stdin().lock(), &typed));
    let (done, is_done) = mpsc::channel();
    let shown = File::from(pair.master);
    std::thread::spawn(move || {
        pass_on(shown);
        let _nobody_waits = done.send(());
    });
    let status = child.wait()?;
    let _all_was_shown_or_something_is_left = is_done.recv_timeout(LAST_WORDS);
    Ok(code_of(status))
}

fn code_of(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// Passes on what the program shows until nobody has the terminal any more.
fn pass_on(mut shown: File) {
    let mut piece = [0; PIECE_BYTES];
    let mut output = io::stdout();
    while let Ok(n) = shown.read(&mut piece) {
        if n == 0 || output.write_all(&piece[..n]).and_then(|()| output.flush()).is_err() {
            return;
        }
    }
}

fn feed(mut input: impl Read, mut terminal: &File) {
    while let Ok(Some((kind, content))) = frame(&mut input) {
        let outcome = match (kind, content.as_slice()) {
            (TYPED, typed) => terminal.write_all(typed),
            (RESIZED, [c1, c0, r1, r0]) => {
                let (columns, rows) = (u16::from_be_bytes([*c1, *c0]), u16::from_be_bytes([*r1, *r0]));
                let size = Size { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
                tcsetwinsize(terminal, size).map_err(io::Error::from)
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        };
        if outcome.is_err() {
            return;
        }
    }
}

/// Reads the next frame; `None` at the end.
fn frame(input: &mut impl Read) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut head = [0; 3];
    match input.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let [kind, high, low] = head;
    let mut content = vec![0; usize::from(u16::from_be_bytes([high, low]))];
    input.read_exact(&mut content)?;
    Ok(Some((kind, content)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_one_by_one_and_a_broken_one_ends_them() {
        let mut input: &[u8] = b"d\0\x02hid\0\0s\0\x04\0\x50\0\x18d\0\x09cut";
        assert_eq!(frame(&mut input).unwrap(), Some((TYPED, b"hi".to_vec())));
        assert_eq!(frame(&mut input).unwrap(), Some((TYPED, Vec::new())));
        assert_eq!(frame(&mut input).unwrap(), Some((RESIZED, vec![0, 80, 0, 24])));
        assert!(frame(&mut input).is_err());
        assert_eq!(frame(&mut &b""[..]).unwrap(), None);
    }
}
