//! The small process that stays beside a program: it starts it, takes its output, and writes down how it ended.
//!
//! [`start`] runs this same binary as `supervise-program` in a session of its own. That process starts
//! the program as leader of another session. The program's command line and environment are exactly those asked for.
//!
//! # Guarantees
//! - Whoever called [`start`] may be killed and started again meanwhile: the [`Record`] and `/proc` say how far the
//!   program has come.
//! - It adopts every process that the program leaves behind, and ends after the last of them. So its
//!   descendants are all processes of the program, also those that went to the background.
//! - It rotates the program's output.
//! - An end while the node stops is not written down: the record then says that the program was broken off.
//!
//! # Caveats
//! - A keeper that is killed takes the reading end of the output with it. Its program then has to be started again.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, Uid, fchown};
use tokio::io::AsyncReadExt;

use super::ending::{Ending, reap};
use super::output::{OutputLimits, Pace, RotatedFile};
use super::record::Record;
use super::signals::{Signals, timeout};
use crate::sys::last_lines::LastLines;
use crate::sys::process::{self, ProcessId};
use crate::sys::program::{self, Output, Session};

/// The hidden sub-command of [`run`].
pub(crate) const SUPERVISE: &str = "supervise-program";

const ROTATE: &str = "--rotate=";
const LASTS: &str = "--lasts=";
/// Lines of the output that are written down with the end.
const N_LAST_LINES: usize = 8;
/// What a pipe holds.
const PIPE_BYTES: usize = 64 * 1024;
/// Ends within this time of a `SIGTERM` to the keeper belong to the stop of its node.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// A node that stops signals its processes one after the other; the keeper's turn comes within this time.
const STOP_SPREAD: Duration = Duration::from_millis(50);

/// What is to run.
#[derive(Debug, Clone)]
pub(crate) struct Supervised {
    /// Where its process and its end are written down.
    pub record: PathBuf,
    /// The program's file.
    pub program: PathBuf,
    /// Its first argument (`argv[0]`), then the others.
    pub arguments: Vec<OsString>,
    /// Where it starts.
    pub directory: PathBuf,
    /// Its whole environment; nothing is inherited.
    pub environment: Vec<(String, String)>,
    /// Standard output is added to this file.
    pub stdout: PathBuf,
    /// Standard error is added to this file.
    pub stderr: PathBuf,
}

/// What a keeper does with its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Care {
    /// How much output is kept.
    pub limits: OutputLimits,
    /// When the program counts as ended.
    pub lasts: Lasts,
    /// To whom the output belongs, so that a program which gave up its rights may open `/dev/stderr`.
    pub owner: Option<u32>,
}

/// How long a program lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lasts {
    /// As long as its first process.
    First,
    /// The same, but when its first process has ended well one of its children serves in its place.
    Successor,
    /// As long as any of its processes; its code is that of the first.
    All,
}

impl Lasts {
    const ALL: [(&str, Lasts); 3] = [("first", Lasts::First), ("successor", Lasts::Successor), ("all", Lasts::All)];

    fn as_str(self) -> &'static str {
        match self {
            Lasts::First => "first",
            Lasts::Successor => "successor",
            Lasts::All => "all",
        }
    }
}

/// Starts a program, and returns once its process is written down. A task of
/// the runtime waits for the keeper, so that it leaves no zombie.
///
/// # Errors
/// The keeper or the program cannot be started; the reason of the latter
/// is in the file that `stderr` names.
pub(crate) async fn start(keeper: &Path, wanted: &Supervised, care: Care) -> io::Result<()> {
    let errors = OpenOptions::new().append(true).create(true).open(&wanted.stderr)?;
    let mut command = tokio::process::Command::new(keeper);
    command
        .arg0("conpaas")
        .arg(SUPERVISE)
        .args(care_arguments(care))
        .args([&wanted.record, &wanted.stdout, &wanted.stderr, &wanted.program])
        .args(&wanted.arguments)
        .current_dir(&wanted.directory)
        .env_clear()
        .envs(wanted.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors);
    let mut supervisor = command.spawn()?;
    let mut started = [0];
    let outcome = match supervisor.stdout.take() {
        Some(mut stdout) => stdout.read_exact(&mut started).await,
        None => Err(io::ErrorKind::BrokenPipe.into()),
    };
    match outcome {
        Ok(_) => {
            tokio::spawn(async move { supervisor.wait().await });
            Ok(())
        }
        Err(_) => {
            let status = supervisor.wait().await?;
            Err(io::Error::other(format!("its supervisor ended with {status}")))
        }
    }
}

fn care_arguments(care: Care) -> Vec<String> {
    let OutputLimits { file_bytes, n_files, bytes_per_second } = care.limits;
    let owner = care.owner.map(|owner| format!(":{owner}")).unwrap_or_default();
    let rotate = format!("{ROTATE}{file_bytes}:{n_files}:{bytes_per_second}{owner}");
    vec![rotate, format!("{LASTS}{}", care.lasts.as_str())]
}

/// Reads what [`care_arguments`] wrote, and returns the other arguments too.
fn read_care(arguments: &[OsString]) -> Option<(Care, &[OsString])> {
    let [rotate, lasts, rest @ ..] = arguments else { return None };
    let numbers = rotate.to_str()?.strip_prefix(ROTATE)?;
    let lasts = lasts.to_str()?.strip_prefix(LASTS)?;
    let lasts = Lasts::ALL.into_iter().find(|(name, _)| *name == lasts)?.1;
    let numbers = numbers.split(':').map(|number| number.parse().ok()).collect::<Option<Vec<u64>>>()?;
    let [file_bytes, n_files, bytes_per_second, owner @ ..] = numbers.as_slice() else { return None };
    let limits = OutputLimits {
        file_bytes: *file_bytes,
        n_files: u32::try_from(*n_files).ok()?,
        bytes_per_second: *bytes_per_second,
    };
    let owner = owner.first().map(|owner| u32::try_from(*owner).ok());
    Some((Care { limits, lasts, owner: owner.flatten() }, rest))
}

/// The keeper's own `main`: `--rotate=… --lasts=… record stdout stderr program argv0 arguments…`.
#[must_use]
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    let Some((care, arguments)) = read_care(arguments) else { return ExitCode::from(2) };
    match keep(care, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot run {}: {error}", arguments.get(3).unwrap_or(&OsString::new()).to_string_lossy());
            ExitCode::FAILURE
        }
    }
}

fn keep(care: Care, arguments: &[OsString]) -> io::Result<()> {
    let [record_path, stdout, stderr, program, name, arguments @ ..] = arguments else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let (record_path, program) = (Path::new(record_path), Path::new(program));
    let (stdout, stderr) = (Path::new(stdout), Path::new(stderr));
    // A signal to whoever started this one must not reach it.
    let _leads_one_already = nix::unistd::setsid();
    let signals = Signals::hold()?;
    nix::sys::prctl::set_child_subreaper(true)?;
    let (out, out_pipe) = Stream::open(stdout, care.limits, care.owner)?;
    let (err, err_pipe) = Stream::open(stderr, care.limits, care.owner)?;
    let (stdout, stderr) = (Output::Pipe(out_pipe.as_fd()), Output::Pipe(err_pipe.as_fd()));
    let pid = start_program(program, name, arguments, stdout, stderr)?;
    drop((out_pipe, err_pipe));
    let family = Family {
        record_path,
        record: written_down(pid, record_path)?,
        lasts: care.lasts,
        first: None,
        stops_until: None,
        streams: [out, err],
        pace: Pace::new(care.limits.bytes_per_second, Instant::now()),
        last: LastLines::new(N_LAST_LINES),
    };
    family.attend(&signals)
}

fn start_program(
    program: &Path,
    name: &OsStr,
    arguments: &[OsString],
    stdout: Output<'_>,
    stderr: Output<'_>,
) -> io::Result<i32> {
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let session = Session { program, arguments, environment: &environment, stdout, stderr };
    program::start_named(&session, name).map_err(|error| match error {
        program::ProgramError::Start { source, .. } => source,
        other => io::Error::other(other),
    })
}

/// Writes down the process of a program, then tells whoever waits for that.
fn written_down(pid: i32, record_path: &Path) -> io::Result<Record> {
    let gone = || io::Error::other("the process is gone");
    let record = Record::new(ProcessId::of(pid).ok_or_else(gone)?, ProcessId::own().ok_or_else(gone)?);
    record.write(record_path)?;
    let mut out = io::stdout();
    let _the_starter_may_be_gone = out.write_all(b"\n").and_then(|()| out.flush());
    Ok(record)
}

/// One stream of the program's output.
struct Stream {
    /// `None` once nobody can write to it any more.
    pipe: Option<io::PipeReader>,
    file: RotatedFile,
}

impl Stream {
    fn open(path: &Path, limits: OutputLimits, owner: Option<u32>) -> io::Result<(Stream, io::PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        if let Some(owner) = owner {
            fchown(&writer, Some(Uid::from_raw(owner)), None)?;
        }
        Ok((Stream { pipe: Some(reader), file: RotatedFile::open(path, limits)? }, writer))
    }

    /// Takes what is there, at most a pipe's content; returns how much that was.
    fn take(&mut self, last: &mut LastLines) -> usize {
        let Some(pipe) = &mut self.pipe else { return 0 };
        let mut buffer = [0; PIPE_BYTES];
        match pipe.read(&mut buffer) {
            Ok(0) => {
                self.pipe = None;
                0
            }
            Ok(count) => {
                last.push(&buffer[..count], &mut |_| {});
                let _full_disk_loses_output = self.file.write(&buffer[..count]);
                count
            }
            Err(_) => 0,
        }
    }
}

/// A program, all its processes and what they say.
struct Family<'a> {
    record_path: &'a Path,
    record: Record,
    lasts: Lasts,
    /// How the first process ended, once it has.
    first: Option<Ending>,
    /// Until when an end belongs to the stop of the node.
    stops_until: Option<Instant>,
    streams: [Stream; 2],
    pace: Pace,
    last: LastLines,
}

impl Family<'_> {
    /// Stays until the last process has ended. Signals do not end the keeper: who wants it to end ends its program.
    fn attend(mut self, signals: &Signals) -> io::Result<()> {
        let mut paused_until = Instant::now();
        loop {
            self.listen(signals, Instant::now());
            let reaped = reap();
            for (pid, ending) in &reaped.ended {
                self.note_end(*pid, *ending, signals)?;
            }
            if !reaped.others_run {
                while self.take() > 0 {}
                return self.note_last_end(signals);
            }
            let now = Instant::now();
            if paused_until <= now {
                let taken = self.take();
                paused_until = if taken > 0 { now + self.pace.take(taken, now) } else { now };
            }
            // A signal of another end may have been taken meanwhile.
            if reaped.ended.is_empty() {
                self.wait(signals, paused_until);
            }
        }
    }

    /// Takes signals until `end`. `SIGTERM` says that the node stops.
    fn listen(&mut self, signals: &Signals, end: Instant) {
        while let Some(signal) = signals.next(Some(end)) {
            if signal == Signal::SIGTERM {
                self.stops_until = Some(Instant::now() + STOP_LIMIT);
            }
        }
    }

    /// Takes note of the end of a process; that of the program's main process may be the end of the program.
    fn note_end(&mut self, pid: Pid, ending: Ending, signals: &Signals) -> io::Result<()> {
        if pid.as_raw() != self.record.program.pid || self.record.code.is_some() || self.first.is_some() {
            return Ok(());
        }
        match self.lasts {
            Lasts::All => {
                self.first = Some(ending);
                Ok(())
            }
            Lasts::Successor if ending == Ending::Code(0) => match successor() {
                Some(successor) => {
                    self.record.program = successor;
                    self.record.write(self.record_path)
                }
                None => self.write_end(ending, signals),
            },
            Lasts::First | Lasts::Successor => self.write_end(ending, signals),
        }
    }

    fn note_last_end(&mut self, signals: &Signals) -> io::Result<()> {
        match self.first {
            Some(ending) if self.record.code.is_none() => self.write_end(ending, signals),
            _ => Ok(()),
        }
    }

    /// Writes down the end of the program, unless its node stops.
    fn write_end(&mut self, ending: Ending, signals: &Signals) -> io::Result<()> {
        if matches!(ending, Ending::Killed(_)) {
            self.listen(signals, Instant::now() + STOP_SPREAD);
        }
        if self.stops_until.is_some_and(|end| Instant::now() < end) {
            return Ok(());
        }
        // What it said at last may still be in the pipes.
        self.take();
        self.last.end_line(&mut |_| {});
        self.record.code = Some(ending.code());
        self.record.last_lines = self.last.text();
        self.record.write(self.record_path)
    }

    fn take(&mut self) -> usize {
        self.streams.iter_mut().map(|stream| stream.take(&mut self.last)).sum()
    }

    /// Waits for a signal, and unless there is a pause for output.
    fn wait(&self, signals: &Signals, paused_until: Instant) {
        let mut descriptors = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        let pause = paused_until.saturating_duration_since(Instant::now());
        let open = self.streams.iter().filter_map(|stream| stream.pipe.as_ref());
        let limit = if pause.is_zero() {
            descriptors.extend(open.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
            None
        } else {
            Some(pause)
        };
        let _woken_or_not = poll(&mut descriptors, timeout(limit));
    }
}

/// Returns the oldest process that was left to the keeper: the one that serves in the background.
fn successor() -> Option<ProcessId> {
    process::children(std::process::id().cast_signed()).into_iter().min_by_key(|process| process.start_ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_keeper_is_told_comes_back_from_its_arguments() {
        let limits = OutputLimits { file_bytes: 1, n_files: 2, bytes_per_second: 3 };
        for care in [
            Care { limits, lasts: Lasts::First, owner: None },
            Care { limits, lasts: Lasts::Successor, owner: Some(33) },
            Care { limits, lasts: Lasts::All, owner: None },
        ] {
            let mut arguments: Vec<OsString> = care_arguments(care).into_iter().map(OsString::from).collect();
            arguments.push("record".into());
            let (read, rest) = read_care(&arguments).unwrap();
            assert_eq!((read, rest), (care, &[OsString::from("record")][..]));
        }
        assert!(read_care(&["--rotate=1:2".into(), "--lasts=all".into()]).is_none());
        assert!(read_care(&["--rotate=1:2:3".into(), "--lasts=x".into()]).is_none());
        assert!(read_care(&[]).is_none());
    }
}
