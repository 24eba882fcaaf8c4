//! Other programs, run to their end.

use std::ffi::OsStr;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

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
}

/// How long a program may run when the caller has no better number.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Runs `program` with `arguments` and an empty input, and gives its
/// standard output. Arguments show in the process list: never a secret.
///
/// # Errors
/// It cannot be started, ends with another code than 0, or runs longer than `limit`.
pub async fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S], limit: Duration) -> Result<String, ProgramError> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let shown = shown(program, arguments);
    let output = match tokio::time::timeout(limit, command.output()).await {
        Err(_) => return Err(ProgramError::Timeout { command: shown, limit }),
        Ok(Err(source)) => return Err(ProgramError::Start { program: program.to_owned(), source }),
        Ok(Ok(output)) => output,
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = stderr.trim().lines().collect();
    let stderr = lines[lines.len().saturating_sub(5)..].join("; ");
    Err(ProgramError::Failed { command: shown, status: output.status, stderr })
}

/// Runs `program` in `directory` with its output going to two files.
///
/// # Errors
/// As [`run`].
pub async fn run_into<S: AsRef<OsStr>>(
    program: &str,
    arguments: &[S],
    directory: &std::path::Path,
    stdout: std::fs::File,
    stderr: std::fs::File,
    limit: Duration,
) -> Result<(), ProgramError> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .kill_on_drop(true);
    let shown = shown(program, arguments);
    match tokio::time::timeout(limit, command.status()).await {
        Err(_) => Err(ProgramError::Timeout { command: shown, limit }),
        Ok(Err(source)) => Err(ProgramError::Start { program: program.to_owned(), source }),
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(ProgramError::Failed { command: shown, status, stderr: "see its output".to_owned() }),
    }
}

/// Where a program lies, looked for in `PATH` and in the usual places. Blocking.
#[must_use]
pub fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let usual = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let directories = path.split(':').filter(|directory| directory.starts_with('/')).chain(usual);
    directories.map(|directory| std::path::Path::new(directory).join(program)).find(|file| file.is_file())
}

fn shown<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> String {
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
}
