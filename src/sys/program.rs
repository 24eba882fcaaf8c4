//! Other programs, run to their end, or started for a life of their own.

use std::ffi::{CString, OsStr, OsString};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::Mode;
use nix::unistd::Uid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};

use super::last_lines::{LastLines, last_lines};
use super::machine;

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not installed, or may not be run.
    #[error("cannot run {program}")]
    Start {
        /// Its name.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It ran and failed.
    #[error("{command} failed ({status}): {stderr}")]
    Failed {
        /// The program and its arguments.
        command: String,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// The end of what it said, on one line.
        stderr: String,
    },
    /// It did not end in time and was killed.
    #[error("{command} did not end within {} s", limit.as_secs())]
    Timeout {
        /// The program and its arguments.
        command: String,
        /// The time it had.
        limit: Duration,
    },
    /// It was ended because this process is to end.
    #[error("{command} was stopped")]
    Stopped {
        /// The program and its arguments.
        command: String,
    },
}

/// Lines of the output that an error repeats.
const TAIL: usize = 5;

/// How long a program may run when the caller has no better number.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// Runs `program` with `arguments` and an empty input, and returns its
/// standard output. Arguments show in the process list: never a secret.
///
/// # Errors
/// It cannot be started, ends with another code than 0, or runs longer than `limit`.
pub(crate) async fn run<S: AsRef<OsStr>>(
    program: &str,
    arguments: &[S],
    limit: Duration,
) -> Result<String, ProgramError> {
    run_in(View::Own, program, arguments, "", limit).await
}

/// As [`run`], and the program reads `input`: the place for a secret.
///
/// # Errors
/// As [`run`]. That the program does not read all of its input is none.
pub(crate) async fn run_with_input<S: AsRef<OsStr>>(
    program: &str,
    arguments: &[S],
    input: &str,
    limit: Duration,
) -> Result<String, ProgramError> {
    run_in(View::Own, program, arguments, input, limit).await
}

/// As [`run`], and the program sees the machine's own mounts and devices, see [`machine`].
///
/// # Errors
/// As [`run`].
pub(crate) async fn run_in_machine<S: AsRef<OsStr>>(
    program: &str,
    arguments: &[S],
    limit: Duration,
) -> Result<String, ProgramError> {
    run_in(View::Machine, program, arguments, "", limit).await
}

/// In which mount namespace a program runs.
#[derive(Clone, Copy)]
enum View {
    /// In that of this process.
    Own,
    /// In the machine's own.
    Machine,
}

async fn run_in<S: AsRef<OsStr>>(
    view: View,
    program: &str,
    arguments: &[S],
    input: &str,
    limit: Duration,
) -> Result<String, ProgramError> {
    Begun::start(view, program, arguments)?.finish(input, limit).await
}

/// A program that runs, and reads its input once it is told to go on. It is killed when this is dropped.
pub(crate) struct Begun {
    program: String,
    shown: String,
    child: Child,
}

impl Begun {
    /// Starts a program that sees the machine's own mounts and devices, see [`machine`].
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn in_machine<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Result<Begun, ProgramError> {
        Self::start(View::Machine, program, arguments)
    }

    fn start<S: AsRef<OsStr>>(view: View, program: &str, arguments: &[S]) -> Result<Begun, ProgramError> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let spawned = match view {
            View::Own => command.spawn(),
            View::Machine => {
                let runtime = tokio::runtime::Handle::current();
                let inside = machine::inside(|| {
                    let _waits_for_its_end = runtime.enter();
                    command.spawn()
                });
                inside.and_then(|spawned| spawned)
            }
        };
        let child = spawned.map_err(|source| ProgramError::Start { program: program.to_owned(), source })?;
        Ok(Begun { program: program.to_owned(), shown: shown(program, arguments), child })
    }

    /// Returns the standard output of the program, once it has read `input` and ended.
    ///
    /// # Errors
    /// It ends with another code than 0, or not within `limit` from now.
    pub(crate) async fn finish(mut self, input: &str, limit: Duration) -> Result<String, ProgramError> {
        let stdin = self.child.stdin.take();
        // Written while the output is read: neither side may wait for the other for ever.
        let write = async {
            if let Some(mut stdin) = stdin {
                let _program_may_not_want_it = stdin.write_all(input.as_bytes()).await;
            }
        };
        let work = async { tokio::join!(write, self.child.wait_with_output()).1 };
        let output = match tokio::time::timeout(limit, work).await {
            Err(_) => return Err(ProgramError::Timeout { command: self.shown, limit }),
            Ok(Err(source)) => return Err(ProgramError::Start { program: self.program, source }),
            Ok(Ok(output)) => output,
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let stderr = last_lines(&String::from_utf8_lossy(&output.stderr), TAIL);
        Err(ProgramError::Failed { command: self.shown, status: output.status, stderr })
    }
}

/// Runs `program` in `directory` with its output going to two files.
///
/// # Errors
/// As [`run`].
pub(crate) async fn run_into<S: AsRef<OsStr>>(
    program: &str,
    arguments: &[S],
    directory: &Path,
    stdout: std::fs::File,
    stderr: std::fs::File,
    limit: Duration,
) -> Result<(), ProgramError> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    command.stdout(stdout).stderr(stderr).kill_on_drop(true);
    let shown = shown(program, arguments);
    match tokio::time::timeout(limit, command.status()).await {
        Err(_) => Err(ProgramError::Timeout { command: shown, limit }),
        Ok(Err(source)) => Err(ProgramError::Start { program: program.to_owned(), source }),
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(ProgramError::Failed { command: shown, status, stderr: "see its output".to_owned() }),
    }
}

/// A program that is asked something on behalf of another one.
pub(crate) struct Question<'a> {
    /// The program's file.
    pub program: &'a Path,
    /// Its arguments, without its name. They show in the process list: never a secret.
    pub arguments: &'a [OsString],
    /// Its whole environment.
    pub environment: &'a [(OsString, OsString)],
    /// Where it starts.
    pub directory: &'a Path,
    /// To whom its output belongs, so that a program of another account may open `/dev/stderr`.
    pub owner: Option<u32>,
    /// How long it may run.
    pub limit: Duration,
}

/// Runs a program to its end; what matters is whether it ends well.
///
/// # Errors
/// As [`run`]; a failure repeats the last lines of everything that it said.
pub(crate) async fn ask(question: &Question<'_>) -> Result<(), ProgramError> {
    let program = question.program.display().to_string();
    let mut last = LastLines::new(TAIL);
    let status = match tokio::time::timeout(question.limit, heard_out(question, &mut last)).await {
        Err(_) => {
            return Err(ProgramError::Timeout { command: shown(&program, question.arguments), limit: question.limit });
        }
        Ok(Err(source)) => return Err(ProgramError::Start { program, source }),
        Ok(Ok(status)) => status,
    };
    if status.success() {
        return Ok(());
    }
    last.end_line(&mut |_| {});
    Err(ProgramError::Failed { command: shown(&program, question.arguments), status, stderr: last.text() })
}

/// Runs a program; what it leaves running may keep the output open.
async fn heard_out(question: &Question<'_>, last: &mut LastLines) -> std::io::Result<std::process::ExitStatus> {
    let (output, input) = std::io::pipe()?;
    if let Some(owner) = question.owner {
        nix::unistd::fchown(&input, Some(Uid::from_raw(owner)), None)?;
    }
    let mut output = Receiver::from_owned_fd(output.into())?;
    let mut child = {
        let mut command = Command::new(question.program);
        command.args(question.arguments).current_dir(question.directory).stdin(Stdio::null()).kill_on_drop(true);
        command.env_clear().envs(question.environment.iter().map(|(name, value)| (name, value)));
        command.stdout(input.try_clone()?).stderr(input);
        command.spawn()?
    };
    let mut buffer = [0; 8192];
    let mut is_open = true;
    let status = loop {
        tokio::select! {
            read = output.read(&mut buffer), if is_open => match read? {
                0 => is_open = false,
                count => last.push(&buffer[..count], &mut |_| {}),
            },
            status = child.wait() => break status?,
        }
    };
    while let Ok(count @ 1..) = output.try_read(&mut buffer) {
        last.push(&buffer[..count], &mut |_| {});
    }
    Ok(status)
}

/// Returns the path of a program, looked for in `PATH` and in the usual places. Blocking.
#[must_use]
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let usual = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let directories = path.split(':').filter(|directory| directory.starts_with('/')).chain(usual);
    directories.map(|directory| Path::new(directory).join(program)).find(|file| file.is_file())
}

/// Runs `program` with the terminal, input and output of this process, for
/// as long as it likes, and returns the code it ends with (128 and the signal
/// when it is killed, as shells do). Arguments show in the process list:
/// never a secret.
///
/// # Errors
/// It cannot be started.
pub(crate) async fn attend<S: AsRef<OsStr>>(
    program: &str,
    arguments: &[S],
    environment: &[(OsString, OsString)],
) -> Result<u8, ProgramError> {
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
    let status =
        command.status().await.map_err(|source| ProgramError::Start { program: program.to_owned(), source })?;
    Ok(exit_code(status))
}

/// Runs `program` with the input and output of this process and an environment of its own, and returns the code that it
/// ends with. After `limit` it is killed with all of this process's group, this process included: what it started reads
/// from the same place, and would go on.
///
/// # Errors
/// It cannot be started.
pub(crate) async fn attend_within<S: AsRef<OsStr>>(
    program: &str,
    arguments: &[S],
    environment: &[(OsString, OsString)],
    limit: Duration,
) -> Result<u8, ProgramError> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    command.kill_on_drop(true);
    match tokio::time::timeout(limit, command.status()).await {
        Err(_) => {
            eprintln!("{}", ProgramError::Timeout { command: shown(program, arguments), limit });
            let _ends_this_process = nix::sys::signal::killpg(nix::unistd::getpgrp(), Signal::SIGKILL);
            Err(ProgramError::Timeout { command: shown(program, arguments), limit })
        }
        Ok(Err(source)) => Err(ProgramError::Start { program: program.to_owned(), source }),
        Ok(Ok(status)) => Ok(exit_code(status)),
    }
}

fn exit_code(status: std::process::ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

/// A program that is started and left alone.
pub(crate) struct Session<'a> {
    /// The program's file.
    pub program: &'a Path,
    /// Its arguments, without its name. They show in the process list: never a secret.
    pub arguments: &'a [OsString],
    /// Its whole environment.
    pub environment: &'a [(OsString, OsString)],
    /// Where what it prints goes.
    pub stdout: Output<'a>,
    /// Where what it complains about goes.
    pub stderr: Output<'a>,
}

/// Where output goes.
#[derive(Clone, Copy)]
pub(crate) enum Output<'a> {
    /// It is appended to this file.
    Appended(&'a Path),
    /// It is written to this pipe.
    Pipe(BorrowedFd<'a>),
}

/// Starts a program in a session of its own, with no signal blocked or
/// ignored and an empty input, so that it outlives its starter. Returns its pid,
/// which is also its process group. Blocking.
///
/// # Errors
/// The program or an output file cannot be opened.
pub(crate) fn start(session: &Session<'_>) -> Result<i32, ProgramError> {
    start_named(session, session.program.as_os_str())
}

/// Returns the same, with `name` in the process list in place of the program's path.
///
/// # Errors
/// As [`start`].
pub(crate) fn start_named(session: &Session<'_>, name: &OsStr) -> Result<i32, ProgramError> {
    start_by_kernel(session, name)
        .map_err(|errno| ProgramError::Start { program: session.program.display().to_string(), source: errno.into() })
}

fn start_by_kernel(session: &Session<'_>, name: &OsStr) -> Result<i32, Errno> {
    let append = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_APPEND;
    let private = Mode::from_bits_truncate(0o640);
    let mut files = PosixSpawnFileActions::init()?;
    files.add_open(0, "/dev/null", OFlag::O_RDONLY, Mode::empty())?;
    for (number, output) in [(1, session.stdout), (2, session.stderr)] {
        match output {
            Output::Appended(path) => files.add_open(number, path, append, private)?,
            Output::Pipe(pipe) => files.add_dup2(pipe.as_raw_fd(), number)?,
        }
    }
    let mut attributes = PosixSpawnAttr::init()?;
    let own_session = PosixSpawnFlags::from_bits_retain(libc::c_int::from(libc::POSIX_SPAWN_SETSID));
    attributes
        .set_flags(own_session | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF)?;
    attributes.set_sigmask(&SigSet::empty())?;
    let mut defaults = SigSet::empty();
    for signal in [Signal::SIGPIPE, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGCHLD] {
        defaults.add(signal);
    }
    attributes.set_sigdefault(&defaults)?;
    let text = |word: Vec<u8>| CString::new(word).map_err(|_| Errno::EINVAL);
    let words = std::iter::once(name).chain(session.arguments.iter().map(OsString::as_os_str));
    let arguments = words.map(|word| text(word.as_bytes().to_vec())).collect::<Result<Vec<_>, _>>()?;
    let pairs = session.environment.iter().map(|(name, value)| {
        let mut pair = name.clone().into_vec();
        pair.push(b'=');
        pair.extend_from_slice(value.as_bytes());
        text(pair)
    });
    let environment = pairs.collect::<Result<Vec<_>, _>>()?;
    posix_spawn(session.program, &files, &attributes, &arguments, &environment).map(nix::unistd::Pid::as_raw)
}

/// Returns a command as people would type it, more or less.
pub(crate) fn shown<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> String {
    let words = arguments.iter().map(|argument| argument.as_ref().to_string_lossy().into_owned());
    std::iter::once(program.to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn failures_name_the_program_and_say_what_it_said() {
        assert_eq!(run("echo", &["a"], LIMIT).await.unwrap(), "a\n");
        let error = run("ls", &["/nonexistent"], LIMIT).await.unwrap_err().to_string();
        assert!(error.contains("ls /nonexistent") && error.contains("No such file"), "{error}");
        let error = run("no-such-program", &["x"], LIMIT).await.unwrap_err().to_string();
        assert_eq!(error, "cannot run no-such-program");
        let error = run("sleep", &["60"], Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(error, ProgramError::Timeout { .. }));
    }

    #[tokio::test]
    async fn input_is_read_or_not_without_waiting_for_ever() {
        let long = "x".repeat(1 << 20);
        assert_eq!(run_with_input("cat", &[] as &[&str], &long, LIMIT).await.unwrap(), long);
        assert_eq!(run_with_input("true", &[] as &[&str], &long, LIMIT).await.unwrap(), "");
        assert_eq!(run("cat", &[] as &[&str], LIMIT).await.unwrap(), "");
    }

    #[tokio::test]
    async fn an_attended_program_passes_its_code_on() {
        let environment = [("CODE".into(), "7".into())];
        assert_eq!(attend("sh", &["-c", "exit $CODE"], &environment).await.unwrap(), 7);
        assert_eq!(attend("sh", &["-c", "kill -TERM $$"], &[]).await.unwrap(), 143);
        assert!(attend("no-such-program", &["x"], &[]).await.is_err());
    }
}
