//! One program, kept running; every orphan, reaped; everything, ended on time.
//!
//! A loop of its own beside [`supervise`](crate::supervise): the first process has to reap every
//! orphan of the container, has no disk of its own to keep a state on, and may keep no runtime.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::limits::Limits;
use super::role::CONTEXT;
use crate::supervise::ending::{Ending, reap};
use crate::supervise::signals::Signals;
use crate::sys::program::{self, Output, Session};
use crate::task::backoff::BackOff;

/// How long programs have between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_millis(300);

/// What is kept running.
pub(crate) struct Job {
    name: &'static str,
    arguments: Vec<OsString>,
    ends: Ends,
}

/// When a job is done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    Never,
    WithSuccess,
}

impl Job {
    /// A manager or an agent.
    pub(crate) fn role(role: &'static str) -> Job {
        Job { name: role, arguments: [role, "-c", CONTEXT].map(OsString::from).into(), ends: Ends::Never }
    }

    /// Finding out what the node is.
    pub(crate) fn join() -> Job {
        Job { name: "join", arguments: vec!["join".into()], ends: Ends::WithSuccess }
    }

    /// Where what it prints is appended.
    fn output(&self, end: &str) -> PathBuf {
        let console = PathBuf::from("/dev/console");
        // Of a role the director asks; one that does not know its director can say it only here.
        if self.ends == Ends::WithSuccess && console.exists() {
            return console;
        }
        PathBuf::from(format!("/root/{}.{end}", self.name))
    }
}

/// How a job came to rest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is done.
    Done,
    /// A signal told to end, and everything has.
    Stopped,
}

/// Runs `job` until it is done or a signal tells to end, and keeps `limits` true meanwhile.
pub(crate) fn run(job: &Job, signals: &Signals, limits: &mut Limits) -> Outcome {
    let mut back_off = BackOff::new();
    let mut child = Child::start(job, &mut back_off);
    loop {
        limits.refresh();
        let start = match &child {
            Child::Runs { .. } => None,
            Child::Waits { until } => Some(*until),
        };
        match signals.next(start.into_iter().chain(limits.due()).min()) {
            Some(Signal::SIGCHLD) => {
                if let Some((pid, ending)) = reap().ended.into_iter().find(|(pid, _)| child.is(*pid)) {
                    if job.ends == Ends::WithSuccess && ending == Ending::Code(0) {
                        return Outcome::Done;
                    }
                    child = child.ended(job, pid, &ending, &mut back_off);
                }
            }
            Some(Signal::SIGTERM | Signal::SIGPWR | Signal::SIGINT | Signal::SIGQUIT) => {
                end_all(signals);
                return Outcome::Stopped;
            }
            Some(other) => child.pass_on(other),
            None => {
                if let Child::Waits { until } = child
                    && Instant::now() >= until
                {
                    child = Child::start(job, &mut back_off);
                }
            }
        }
    }
}

enum Child {
    Runs { pid: Pid, since: Instant },
    Waits { until: Instant },
}

impl Child {
    fn start(job: &Job, back_off: &mut BackOff) -> Child {
        let (stdout, stderr) = (job.output("out"), job.output("err"));
        let outcome = std::env::current_exe().map_err(|error| error.to_string()).and_then(|program| {
            let session = Session {
                program: &program,
                arguments: &job.arguments,
                environment: &environment(),
                stdout: Output::Appended(&stdout),
                stderr: Output::Appended(&stderr),
            };
            program::start(&session).map_err(|error| {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                format!("{error}: {cause}")
            })
        });
        match outcome {
            Ok(pid) => Child::Runs { pid: Pid::from_raw(pid), since: Instant::now() },
            Err(reason) => {
                let wait = back_off.after(Duration::ZERO);
                eprintln!("init: cannot start the {}: {reason}; next try in {:.1} s", job.name, wait.as_secs_f32());
                Child::Waits { until: Instant::now() + wait }
            }
        }
    }

    fn is(&self, other: Pid) -> bool {
        matches!(self, Child::Runs { pid, .. } if *pid == other)
    }

    fn ended(self, job: &Job, pid: Pid, ending: &Ending, back_off: &mut BackOff) -> Child {
        let lifetime = match self {
            Child::Runs { since, .. } => since.elapsed(),
            Child::Waits { .. } => Duration::ZERO,
        };
        let wait = back_off.after(lifetime);
        let name = job.name;
        eprintln!("init: the {name} (process {pid}) {ending}; it is started again in {:.1} s", wait.as_secs_f32());
        Child::Waits { until: Instant::now() + wait }
    }

    fn pass_on(&self, signal: Signal) {
        if let Child::Runs { pid, .. } = self {
            let _gone_meanwhile = kill(*pid, signal);
        }
    }
}

/// Asks every process of the container to end, and kills those that do not within the grace.
fn end_all(signals: &Signals) {
    // Only the first process may do this: for it -1 is the container, for others the machine.
    let everyone = Pid::from_raw(-1);
    if std::process::id() != 1 || kill(everyone, Signal::SIGTERM).is_err() {
        return;
    }
    let end = Instant::now() + GRACE;
    while Instant::now() < end {
        reap();
        if kill(everyone, None) == Err(Errno::ESRCH) {
            return;
        }
        let _one_more_ended = signals.next(Some(end));
    }
    let _none_left = kill(everyone, Signal::SIGKILL);
    reap();
}

/// What roles and the scripts they run may rely on.
fn environment() -> Vec<(OsString, OsString)> {
    let mut pairs: Vec<(OsString, OsString)> = [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/root"),
        ("LANG", "C.UTF-8"),
        // A role has a few threads that work little: a heap for each would only cost memory.
        ("MALLOC_ARENA_MAX", "1"),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .into();
    for name in ["container", "RUST_LOG", "TZ"] {
        pairs.extend(std::env::var_os(name).map(|value| (name.into(), value)));
    }
    pairs.retain(|(_, value)| !Path::new(value).as_os_str().is_empty());
    pairs
}
