//! Programs that cannot leave anything behind: run in a process and mount
//! namespace of their own, watched line by line.
//!
//! # Guarantees
//! - When the program ends, is stopped or runs too long, and also when this process is killed, the kernel ends
//!   everything that it started and undoes everything that it mounted.
//! - When [`run`] returns, none of its processes is alive.
//!
//! Needs root. Processes only: files that the program wrote stay.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::last_lines::LastLines;
use super::program::{ProgramError, shown};

/// Which network the program sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// That of this process.
    Shared,
    /// None at all.
    None,
}

/// A program that is to be run, and what it sees.
pub(crate) struct Contained<'a> {
    /// Looked for in `PATH` of `environment`; inside `root` if there is one.
    pub program: &'a OsStr,
    /// Its arguments, without its name. They show in the process list: never a secret.
    pub arguments: &'a [OsString],
    /// Its whole environment.
    pub environment: &'a [(OsString, OsString)],
    /// Where it starts; with a `root` it starts in that.
    pub directory: &'a Path,
    /// Its root directory, if it is not to see the machine's; `/proc`, `/sys` (read-only) and `/dev` are mounted in it, and
    /// `/tmp` and `/run` are empty and forgotten afterwards.
    pub root: Option<&'a Path>,
    /// Its network.
    pub network: Network,
    /// How long it may run.
    pub limit: Duration,
}

/// Starts the rest with the modes of files that everybody expects.
const PLAIN: &str = r#"umask 022; "$@"; exit $?"#;

const IN_ROOT: &str = r#"set -e
umask 022
root=$1; shift
for directory in proc sys dev tmp run; do [ -d "$root/$directory" ] || mkdir "$root/$directory"; done
mount --rbind /proc "$root/proc"
mount --bind -o ro /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
set +e
chroot "$root" "$@"; exit $?"#;

/// Lines of the output that an error repeats.
const TAIL: usize = 5;
/// The kernel ends a namespace's processes at once; a machine that writes to a slow card takes a while.
const END: Duration = Duration::from_secs(60);

/// Runs a program to its end. All it prints is appended to `log`, and each line is given to `on_line`.
///
/// # Errors
/// It cannot be started, ends with another code than 0, runs too long, or `stop` was asked for.
pub(crate) async fn run(
    contained: &Contained<'_>,
    log: &mut File,
    on_line: &mut (dyn FnMut(&str) + Send),
    stop: &CancellationToken,
) -> Result<(), ProgramError> {
    let name = contained.program.to_string_lossy().into_owned();
    let cannot_start = |source| ProgramError::Start { program: name.clone(), source };
    let (mut child, mut output) = start(contained).map_err(cannot_start)?;
    let mut lines = Lines { log, on_line, last: LastLines::new(TAIL) };
    let command = || shown(&name, contained.arguments);
    let failure = tokio::select! {
        read = lines.follow(&mut output) => read.err().map(cannot_start),
        () = stop.cancelled() => Some(ProgramError::Stopped { command: command() }),
        () = tokio::time::sleep(contained.limit) => {
            Some(ProgramError::Timeout { command: command(), limit: contained.limit })
        }
    };
    if let Some(failure) = failure {
        end(&mut child, &mut output).await;
        return Err(failure);
    }
    let status: ExitStatus = child.wait().await.map_err(cannot_start)?;
    if status.success() {
        return Ok(());
    }
    Err(ProgramError::Failed { command: command(), status, stderr: lines.last.text() })
}

fn start(contained: &Contained<'_>) -> std::io::Result<(Child, Receiver)> {
    let (output, input) = std::io::pipe()?;
    let output = Receiver::from_owned_fd(output.into())?;
    // The signal of `setpriv` ends `unshare` with this process, that of `unshare` the first process of the namespace.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]);
    if contained.network == Network::None {
        command.arg("--net");
    }
    command.args(["--", "sh", "-c"]);
    match contained.root {
        None => command.args([PLAIN, "sh"]).current_dir(contained.directory),
        Some(root) => command.args([IN_ROOT, "sh"]).arg(root).current_dir("/"),
    };
    command.arg(contained.program).args(contained.arguments);
    command.env_clear().envs(contained.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(input.try_clone()?).stderr(input).kill_on_drop(true);
    Ok((command.spawn()?, output))
}

/// Kills all, and waits until nobody holds the output open any more.
async fn end(child: &mut Child, output: &mut Receiver) {
    let _ended_already = child.start_kill();
    let mut rest = [0; 4096];
    let all_gone = async {
        while output.read(&mut rest).await.is_ok_and(|count| count > 0) {}
        let _status_is_known = child.wait().await;
    };
    let _kernel_does_it_later = tokio::time::timeout(END, all_gone).await;
}

/// The output of a program, as it comes.
struct Lines<'a> {
    log: &'a mut File,
    on_line: &'a mut (dyn FnMut(&str) + Send),
    last: LastLines,
}

impl Lines<'_> {
    async fn follow(&mut self, output: &mut Receiver) -> std::io::Result<()> {
        let mut buffer = [0; 8192];
        loop {
            let count = output.read(&mut buffer).await?;
            if count == 0 {
                self.last.end_line(self.on_line);
                return Ok(());
            }
            self.log.write_all(&buffer[..count])?;
            self.last.push(&buffer[..count], self.on_line);
        }
    }
}
