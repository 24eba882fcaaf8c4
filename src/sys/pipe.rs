//! Programs whose output or input is a stream of any size: a piece at a time is in memory.

use std::ffi::OsStr;
use std::io;
use std::process::Stdio;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::last_lines::LastLines;

/// A stream of bytes that may break off.
pub(crate) type ByteStream = BoxStream<'static, io::Result<Bytes>>;

const PIECE_BYTES: usize = 64 * 1024;
const TAIL: usize = 5;

struct Running {
    child: Child,
    stdout: ChildStdout,
    stderr: JoinHandle<String>,
}

/// Runs a program and returns its output as it comes. The stream ends with an error that repeats the program's last
/// words if it does not end well; dropping the stream ends the program. Arguments show in the process list: never a
/// secret.
///
/// # Errors
/// It cannot be started.
pub(crate) fn output<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> io::Result<ByteStream> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let stdout = child.stdout.take().ok_or_else(no_pipe)?;
    let stderr = tokio::spawn(last_words(child.stderr.take()));
    let running = Running { child, stdout, stderr };
    Ok(stream::try_unfold(Some(running), next_piece).boxed())
}

/// Runs a program that reads `input`.
///
/// # Errors
/// It cannot be started, does not end well (its last words are repeated), or the input breaks off.
pub(crate) async fn input<S: AsRef<OsStr>>(
    program: &str,
    arguments: &[S],
    mut input: impl Stream<Item = io::Result<Bytes>> + Unpin,
) -> io::Result<()> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut stdin = child.stdin.take().ok_or_else(no_pipe)?;
    let stderr = tokio::spawn(last_words(child.stderr.take()));
    while let Some(piece) = input.next().await {
        // A program that takes no more ends, and says why.
        if stdin.write_all(&piece?).await.is_err() {
            break;
        }
    }
    drop(stdin);
    ended(&mut child, stderr).await
}

async fn next_piece(running: Option<Running>) -> io::Result<Option<(Bytes, Option<Running>)>> {
    let Some(mut running) = running else { return Ok(None) };
    let mut piece = bytes::BytesMut::with_capacity(PIECE_BYTES);
    if running.stdout.read_buf(&mut piece).await? > 0 {
        return Ok(Some((piece.freeze(), Some(running))));
    }
    let Running { mut child, stderr, .. } = running;
    ended(&mut child, stderr).await?;
    Ok(None)
}

async fn ended(child: &mut Child, stderr: JoinHandle<String>) -> io::Result<()> {
    let status = child.wait().await?;
    let said = stderr.await.unwrap_or_default();
    if status.success() {
        return Ok(());
    }
    Err(io::Error::other(if said.is_empty() { status.to_string() } else { said }))
}

async fn last_words(stderr: Option<ChildStderr>) -> String {
    let Some(mut stderr) = stderr else { return String::new() };
    let mut last = LastLines::new(TAIL);
    let mut buffer = [0; 4096];
    while let Ok(n_bytes @ 1..) = stderr.read(&mut buffer).await {
        last.push(&buffer[..n_bytes], &mut |_| {});
    }
    last.end_line(&mut |_| {});
    last.text()
}

fn no_pipe() -> io::Error {
    io::Error::other("a program that was started with a pipe has none")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn collected(stream: io::Result<ByteStream>) -> Result<Vec<u8>, String> {
        let mut stream = stream.map_err(|error| error.to_string())?;
        let mut all = Vec::new();
        while let Some(piece) = stream.next().await {
            all.extend_from_slice(&piece.map_err(|error| error.to_string())?);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn output_comes_in_pieces_and_a_failure_ends_it() {
        let all = collected(output("head", &["-c", "300000", "/dev/zero"])).await.unwrap();
        assert_eq!(all.len(), 300_000);
        let error = collected(output("sh", &["-c", "echo some; echo why >&2; exit 3"])).await.unwrap_err();
        assert_eq!(error, "why");
        assert!(collected(output("no-such-program", &["x"])).await.is_err());
    }

    #[tokio::test]
    async fn input_is_read_whole_or_the_reason_is_told() {
        let pieces = || stream::iter((0..100).map(|_| Ok(Bytes::from_static(&[b'x'; 10_000]))));
        input("sh", &["-c", "test $(wc -c) = 1000000"], pieces()).await.unwrap();
        let error = input("sh", &["-c", "echo full >&2; exit 1"], pieces()).await.unwrap_err();
        assert_eq!(error.to_string(), "full");
        let broken = stream::iter([Ok(Bytes::from_static(b"a")), Err(io::Error::other("cut off"))]);
        assert_eq!(input("cat", &[] as &[&str], broken).await.unwrap_err().to_string(), "cut off");
    }
}
