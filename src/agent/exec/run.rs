//! One command: its files, its processes, its end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::input::{Form, Input};
use crate::api::exec::{ExecOutput, Terminal};
use crate::config::NodeBase;
use crate::service::MethodError;
use crate::supervise::script::{self, Lasts, OutputLimits, Progress, Supervised};
use crate::supervise::terminal;
use crate::sys::file::{self, FileError};
use crate::sys::follow::{self, Cursor};
use crate::sys::process::NODE_VARIABLE;
use crate::sys::{blocking, program};

/// Of one answer, of each stream.
const MAX_BYTES: u64 = 128 << 10;
/// On the disk, of each stream: what nobody has read yet.
const OUTPUT: OutputLimits = OutputLimits { file_bytes: 16 << 20, n_files: 2, bytes_per_second: 8 << 20 };
/// How long it has between being told to end and being killed.
const GRACE: Duration = Duration::from_secs(2);
/// Runs the words behind a file with that as input.
const WITH_INPUT: &str = r#"exec 0<"$1"; shift; exec "$@""#;
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where a command reads.
#[derive(Debug)]
pub(super) enum Stdin {
    /// In what came with the call.
    Whole(Vec<u8>),
    /// In what its caller sends while it runs.
    Stream,
    /// The same, in a terminal.
    Terminal(Terminal),
}

/// One command that was started. Its directory holds all that is known of it.
#[derive(Debug, Clone)]
pub(super) struct Run {
    directory: PathBuf,
}

/// Up to where its caller has read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursors {
    pub stdout: Cursor,
    pub stderr: Cursor,
}

impl Run {
    /// Starts a command in a session of its own. Returns where its input is written, if that comes later.
    ///
    /// # Errors
    /// The disk is full, or no process can be made. A command that is not there is started, and ends with code 127.
    pub(super) async fn start(
        base: &NodeBase,
        directory: PathBuf,
        command: Vec<String>,
        stdin: Stdin,
    ) -> Result<(Self, Option<Input>), MethodError> {
        let run = Run { directory };
        let input_path = run.directory.join("stdin");
        let terminal = match &stdin {
            Stdin::Terminal(terminal) => Some(terminal.clone()),
            Stdin::Whole(_) | Stdin::Stream => None,
        };
        let input = prepare(&run.directory, &input_path, stdin).await?;
        let words = ["sh", "-c", WITH_INPUT, "exec"].map(OsString::from).into_iter();
        let words = words.chain([input_path.into_os_string()]).chain(in_terminal(terminal.as_ref())?);
        let words = words.chain(command.into_iter().map(OsString::from));
        let wanted = Supervised {
            record: run.record(),
            program: program::find("sh").unwrap_or_else(|| PathBuf::from("/bin/sh")),
            arguments: words.collect(),
            directory: base.rooted("/root"),
            environment: environment(base, terminal.as_ref()),
            stdout: run.directory.join("stdout"),
            stderr: run.directory.join("stderr"),
        };
        let started = script::start(&wanted, OUTPUT, Lasts::First).await;
        started.map_err(|error| MethodError::refused(format!("the command cannot be started: {error}")))?;
        Ok((run, input))
    }

    /// Returns the code that it ended with, once it has.
    pub(super) async fn exit_code(&self) -> Option<i32> {
        let record = self.record();
        match blocking(move || script::progress(&record)).await {
            Progress::Ended(code) => Some(code),
            Progress::Running(_) => None,
            // Its directory was taken away.
            Progress::NeverStarted => Some(-9),
        }
    }

    /// Returns what it said behind `cursors`, and its code if there is no more to tell.
    ///
    /// # Errors
    /// Its output cannot be read.
    pub(super) async fn output(&self, cursors: Cursors) -> Result<ExecOutput, FileError> {
        // Asked for first: what it said before its end is all there then.
        let exit_code = self.exit_code().await;
        let (stdout, stderr) = (self.directory.join("stdout"), self.directory.join("stderr"));
        let read = blocking(move || {
            let stdout = follow::read(&stdout, cursors.stdout, MAX_BYTES)?;
            Ok::<_, FileError>((stdout, follow::read(&stderr, cursors.stderr, MAX_BYTES)?))
        });
        let ((stdout, stdout_cursor), (stderr, stderr_cursor)) = read.await?;
        let is_all = [&stdout, &stderr].iter().all(|bytes| (bytes.len() as u64) < MAX_BYTES);
        Ok(ExecOutput {
            stdout: STANDARD.encode(stdout),
            stderr: STANDARD.encode(stderr),
            stdout_cursor: stdout_cursor.to_string(),
            stderr_cursor: stderr_cursor.to_string(),
            exit_code: exit_code.filter(|_| is_all),
            reason: None,
        })
    }

    /// Ends all its processes, also those that it left behind when it ended.
    pub(super) async fn end(&self) {
        script::terminate(vec![self.record()], GRACE).await;
    }

    /// Forgets it. Blocking.
    pub(super) fn remove(&self) {
        if let Err(error) = file::ensure_absent(&self.directory) {
            tracing::warn!("the output of a command cannot be removed: {}", crate::sys::chain(&error));
        }
    }

    fn record(&self) -> PathBuf {
        self.directory.join("process.json")
    }
}

async fn prepare(directory: &Path, path: &Path, stdin: Stdin) -> Result<Option<Input>, MethodError> {
    let (directory, path) = (directory.to_owned(), path.to_owned());
    let made = blocking(move || {
        file::ensure_private_directory(&directory)?;
        let form = match stdin {
            Stdin::Whole(input) => return file::write_atomic(&path, &input, 0o600).map(|()| None),
            Stdin::Stream => Form::Plain,
            Stdin::Terminal(_) => Form::Frames,
        };
        Input::make(&path, form).map(Some).map_err(|source| FileError::new("make the pipe", &path, source))
    });
    Ok(made.await?)
}

/// Returns what stands before a command that has a terminal.
fn in_terminal(terminal: Option<&Terminal>) -> Result<Vec<OsString>, MethodError> {
    let Some(Terminal { columns, rows, .. }) = terminal else { return Ok(Vec::new()) };
    let own = std::env::current_exe();
    let own = own.map_err(|error| MethodError::refused(format!("this program is not found again: {error}")))?;
    Ok(vec![own.into(), terminal::NAME.into(), columns.to_string().into(), rows.to_string().into()])
}

/// Ends what an earlier agent left in `place`, and removes it.
pub(super) async fn clear(place: PathBuf) {
    let entries = blocking({
        let place = place.clone();
        move || std::fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>()
    });
    let records = entries.await.iter().map(|directory| directory.join("process.json")).collect();
    script::terminate(records, GRACE).await;
    blocking(move || {
        let _tried_again_at_the_next_start = file::ensure_absent(Path::new(&place));
    })
    .await;
}

fn environment(base: &NodeBase, terminal: Option<&Terminal>) -> Vec<(String, String)> {
    let home = base.rooted("/root").display().to_string();
    let kind = terminal.map_or("dumb", |terminal| terminal.kind.as_str());
    let usual = [("PATH", PATH), ("HOME", &home), ("LANG", "C.UTF-8"), ("TERM", kind)];
    let own = std::env::var(NODE_VARIABLE).ok().map(|value| (NODE_VARIABLE.to_owned(), value));
    usual.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).chain(own).collect()
}
