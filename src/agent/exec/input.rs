//! What a command reads, as its caller sends it: through a pipe with a name, which holds 64 kB.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::supervise::terminal::{RESIZED, TYPED};

/// The kernel writes frames up to four kilobytes as a whole, or not at all.
const FRAME_BYTES: usize = 1024;

/// How the bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As they are.
    Plain,
    /// In the frames of a terminal.
    Frames,
}

/// The end of the pipe at which the caller writes.
#[derive(Debug)]
pub(super) struct Input {
    /// `None` once the caller has said that nothing more comes.
    pipe: Mutex<Option<File>>,
    form: Form,
}

impl Input {
    /// Makes the pipe at `path`. Blocking.
    ///
    /// # Errors
    /// The disk is full, or something lies there.
    pub(super) fn make(path: &Path, form: Form) -> io::Result<Self> {
        mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR)?;
        // Opened for both, so that it waits for nobody.
        let pipe = OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
        Ok(Input { pipe: Mutex::new(Some(pipe)), form })
    }

    /// Writes as much of `bytes` as there is room for, and returns how many it were.
    ///
    /// # Errors
    /// Nothing more may come, or the pipe is broken.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        for piece in bytes.chunks(FRAME_BYTES) {
            let written = match self.form {
                Form::Plain => self.put(piece)?,
                Form::Frames => self.put_frame(TYPED, piece)?.map(|()| piece.len()),
            };
            let Some(n) = written else { break };
            taken += n;
            if n < piece.len() {
                break;
            }
        }
        Ok(taken)
    }

    /// Says how large the window of the caller is now.
    ///
    /// # Errors
    /// The command has no terminal, or the pipe is broken.
    pub(super) fn resize(&self, columns: u16, rows: u16) -> io::Result<()> {
        if self.form == Form::Plain {
            return Err(io::Error::other("the command has no terminal"));
        }
        let [[c1, c0], [r1, r0]] = [columns.to_be_bytes(), rows.to_be_bytes()];
        // A full pipe means that nobody reads: the size is told again with the next change.
        self.put_frame(RESIZED, &[c1, c0, r1, r0]).map(drop)
    }

    /// Says that nothing more comes.
    pub(super) fn end(&self) {
        *self.pipe.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn put_frame(&self, kind: u8, content: &[u8]) -> io::Result<Option<()>> {
        let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
        let frame = [&[kind, high, low][..], content].concat();
        Ok(self.put(&frame)?.map(drop))
    }

    /// Writes what there is room for; `None` if there is none.
    fn put(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pipe: &File = pipe.as_ref().ok_or_else(|| io::Error::other("its input has ended already"))?;
        match pipe.write(bytes) {
            Ok(n) => Ok(Some(n)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn what_has_no_room_is_not_taken_and_comes_again() {
        let directory = tempfile::tempdir().unwrap();
        for (form, name) in [(Form::Plain, "a"), (Form::Frames, "b")] {
            let path = directory.path().join(name);
            let input = Input::make(&path, form).unwrap();
            let mut reader = OpenOptions::new().read(true).open(&path).unwrap();
            let taken = input.write(&[b'x'; 100_000]).unwrap();
            assert!((1..100_000).contains(&taken), "{taken}");
            // A frame is written as a whole, so that there may be room for a smaller one.
            assert!(form == Form::Frames || input.write(b"y").unwrap() == 0);
            assert_eq!(input.resize(80, 24).is_ok(), form == Form::Frames);
            let mut piece = [0; 32 << 10];
            reader.read_exact(&mut piece).unwrap();
            assert_eq!(input.write(b"y").unwrap(), 1);
            input.end();
            assert!(input.write(b"z").is_err());
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).unwrap();
            assert!(rest.ends_with(b"y"));
        }
    }
}
