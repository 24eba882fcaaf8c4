//! Programs that outlive the one that starts them, and whose end is still learned.
//!
//! [`start`] runs this same binary as a small supervisor in a session of its
//! own ([`supervise`]). The supervisor starts the program as leader of
//! another session, writes down its process, waits for its end, and writes
//! down how it ended. The program's command line and environment are exactly
//! those asked for.
//!
//! # Guarantees
//! - [`progress`] is read from that record and from `/proc` alone: whoever
//!   started the program may be killed and started again meanwhile.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;

use crate::sys::file;
use crate::sys::file::FileError;
use crate::sys::process;
use crate::sys::process::ProcessId;
use crate::sys::program;
use crate::sys::program::Session;

/// The hidden sub-command of [`supervise`].
pub(crate) const SUPERVISE: &str = "supervise-program";

const THIS_PROGRAM: &str = "/proc/self/exe";
/// What a program counts as having ended with when its supervisor was killed together with it.
const LOST: i32 = -9;

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

/// How far a program has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is no record of it.
    NeverStarted,
    /// It runs; it leads a process group.
    Running(ProcessId),
    /// It ended with this code, negative for the signal that killed it.
    Ended(i32),
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    boot: String,
    program: ProcessId,
    supervisor: ProcessId,
    code: Option<i32>,
}

/// Starts a program, and gives back once its process is written down. A task
/// of the runtime waits for the supervisor, so that it leaves no zombie.
///
/// # Errors
/// The supervisor or the program cannot be started; the reason of the latter
/// is in the file that `stderr` names.
pub(crate) async fn start(wanted: &Supervised) -> io::Result<()> {
    let errors = OpenOptions::new().append(true).create(true).open(&wanted.stderr)?;
    let mut command = tokio::process::Command::new(THIS_PROGRAM);
    command
        .arg0("conpaas")
        .arg(SUPERVISE)
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

/// How far the program of `record` has come. Blocking.
#[must_use]
pub(crate) fn progress(record: &Path) -> Progress {
    let Some(found) = read(record) else { return Progress::NeverStarted };
    match found.code {
        Some(code) => Progress::Ended(code),
        None if found.boot != boot() => Progress::Ended(LOST),
        None if found.program.is_alive() || found.supervisor.is_alive() => Progress::Running(found.program),
        // The supervisor may have written the end since the record was read.
        None => Progress::Ended(read(record).and_then(|record| record.code).unwrap_or(LOST)),
    }
}

/// Asks the process groups of all running programs of `records` to end,
/// and kills what is left of them after `grace`. Gives back when the ends
/// are written down.
pub(crate) async fn terminate(records: Vec<PathBuf>, grace: Duration) {
    let running = |records: &[PathBuf]| -> Vec<ProcessId> {
        let progress = records.iter().map(|record| progress(record));
        progress
            .filter_map(|progress| if let Progress::Running(process) = progress { Some(process) } else { None })
            .collect()
    };
    let leaders = running(&records);
    leaders.iter().for_each(|leader| process::signal_group(leader.pid, Signal::SIGTERM));
    let all_gone = || !leaders.iter().any(|leader| process::group_is_alive(leader.pid));
    if !wait_until(grace, all_gone).await {
        leaders.iter().for_each(|leader| process::signal_group(leader.pid, Signal::SIGKILL));
        wait_until(grace, all_gone).await;
    }
    wait_until(grace, || running(&records).is_empty()).await;
}

/// Looks again and again until `condition` holds; gives whether it did within `limit`.
async fn wait_until(limit: Duration, condition: impl Fn() -> bool) -> bool {
    let deadline = tokio::time::Instant::now() + limit;
    let mut pause = Duration::from_millis(2);
    while !condition() {
        if tokio::time::Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
    true
}

/// The supervisor's own `main`: `record stdout stderr program argv0 arguments…`.
#[must_use]
pub(crate) fn supervise(arguments: &[OsString]) -> ExitCode {
    match supervise_program(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot run {}: {error}", arguments.get(3).unwrap_or(&OsString::new()).to_string_lossy());
            ExitCode::FAILURE
        }
    }
}

fn supervise_program(arguments: &[OsString]) -> io::Result<()> {
    let [record, stdout, stderr, program, name, arguments @ ..] = arguments else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let (record, program) = (PathBuf::from(record), PathBuf::from(program));
    // A signal to whoever started this one must not reach it.
    let _leads_one_already = nix::unistd::setsid();
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let session = Session {
        program: &program,
        arguments,
        environment: &environment,
        stdout: Path::new(stdout),
        stderr: Path::new(stderr),
    };
    let pid = program::start_named(&session, name).map_err(io::Error::other)?;
    let gone = || io::Error::other("the process is gone");
    let program = ProcessId::of(pid).ok_or_else(gone)?;
    let supervisor = ProcessId::own().ok_or_else(gone)?;
    let mut found = Record { boot: boot(), program, supervisor, code: None };
    write(&record, &found)?;
    let mut out = io::stdout();
    let _the_starter_may_be_gone = out.write_all(b"\n").and_then(|()| out.flush());
    found.code = Some(wait(pid)?);
    write(&record, &found)
}

fn wait(pid: i32) -> io::Result<i32> {
    loop {
        match waitpid(Pid::from_raw(pid), None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(-(signal as i32)),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn read(record: &Path) -> Option<Record> {
    serde_json::from_slice(&file::read(record).ok()?).ok()
}

fn write(path: &Path, record: &Record) -> io::Result<()> {
    let bytes = serde_json::to_vec(record)?;
    file::write_atomic(path, &bytes, 0o600).map_err(|error: FileError| io::Error::new(error.kind(), error))
}

/// Tells one boot of the machine from the next: process numbers start again.
fn boot() -> String {
    file::read_text(Path::new("/proc/sys/kernel/random/boot_id")).unwrap_or_default().trim().to_owned()
}
