//! Requests in a second over connections that are kept, as visitors' browsers keep them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const AT_ONCE: usize = 8;
/// More than any head of an answer here, with its body.
const BUFFER: usize = 64 << 10;
/// What a server answers nothing within is no rate.
const LIMIT: Duration = Duration::from_secs(20);
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) path: &'static str,
}

impl Target {
    /// Asks for as long as `time`, and returns how many answers there were in a second.
    pub(super) fn rate(self, time: Duration) -> anyhow::Result<f64> {
        // As little processor time as can be: what asks and what answers share the machine.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let began = Instant::now();
            let visitors = (0..AT_ONCE).map(|_| self.ask_until(began + time));
            let all = futures_util::future::try_join_all(visitors);
            let counts = tokio::time::timeout(time + LIMIT, all).await;
            let counts = counts.with_context(|| format!("{}{} does not answer", self.address, self.path))??;
            Ok(f64::from(counts.iter().sum::<u32>()) / began.elapsed().as_secs_f64())
        })
    }

    async fn ask_until(self, end: Instant) -> anyhow::Result<u32> {
        let request = format!("GET {} HTTP/1.1\r\nHost: bench\r\n\r\n", self.path);
        let mut buffer = vec![0; BUFFER];
        let mut n_answers = 0;
        while Instant::now() < end {
            let mut stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let mut is_kept = true;
            while is_kept && Instant::now() < end {
                stream.write_all(request.as_bytes()).await?;
                is_kept = read_answer(&mut stream, &mut buffer).await?;
                n_answers += 1;
            }
        }
        Ok(n_answers)
    }
}

/// Reads a good answer; returns whether the connection is kept.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<bool> {
    let mut n_bytes = 0;
    loop {
        let n = stream.read(&mut buffer[n_bytes..]).await?;
        ensure!(n > 0, "the answer ends early: {}", String::from_utf8_lossy(&buffer[..n_bytes]));
        n_bytes += n;
        let answer = &buffer[..n_bytes];
        let Some(end) = find(answer, b"\r\n\r\n") else { continue };
        let (head, body) = (&answer[..end + 2], &answer[end + 4..]);
        let is_whole = match value(head, b"Content-Length: ") {
            Some(length) => body.len() >= length.parse()?,
            None => body.ends_with(LAST_CHUNK),
        };
        if is_whole {
            ensure!(head.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(answer));
            return Ok(value(head, b"Connection: ") != Some("close"));
        }
    }
}

fn value<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let rest = &head[find(head, name)? + name.len()..];
    std::str::from_utf8(&rest[..find(rest, b"\r\n")?]).ok()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
