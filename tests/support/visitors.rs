//! Visitors of a site: requests without a pause, each looked at.
//!
//! Some keep their connection, some open one for each request, and some send forms, which nobody may repeat for them.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A page that takes longer is as good as none.
const LIMIT: Duration = Duration::from_secs(60);
/// How many come at the same time.
pub(crate) const N_VISITORS: u64 = MANNERS.len() as u64;
const MANNERS: [Manner; 6] =
    [Manner::Keeps, Manner::Keeps, Manner::Keeps, Manner::Opens, Manner::Opens, Manner::SendsForms];
/// The first failures tell enough.
const MAX_TOLD: usize = 10;

/// What the visitors have seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Good answers.
    pub(crate) n_good: u64,
    /// Kept connections that were closed when a request was sent, which was sent again.
    pub(crate) n_reopened: u64,
    /// Requests without a good answer.
    pub(crate) n_failed: u64,
    /// When and how the first of them failed.
    pub(crate) failures: Vec<String>,
    /// The longest time until an answer.
    pub(crate) longest: Duration,
}

/// Visitors that come until they are sent home.
pub(crate) struct Visitors {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    address: SocketAddr,
    paths: Vec<String>,
    is_over: AtomicBool,
    began: Instant,
    seen: Mutex<Seen>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Keeps,
    Opens,
    SendsForms,
}

impl Visitors {
    /// Sends visitors from the network namespace `namespace` to the site at `address`.
    pub(crate) fn come(namespace: &str, address: SocketAddr, paths: &[&str]) -> Visitors {
        let shared = Arc::new(Shared {
            address,
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
            is_over: AtomicBool::new(false),
            began: Instant::now(),
            seen: Mutex::default(),
        });
        let (mine, network) = (Arc::clone(&shared), Path::new("/run/netns").join(namespace));
        let thread = std::thread::spawn(move || {
            let network = File::open(&network).expect("the namespace is there");
            setns(network, CloneFlags::CLONE_NEWNET).expect("the tests run as root");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("there are files");
            runtime.block_on(async {
                let visits = MANNERS.map(|manner| visit(&mine, manner));
                futures_util::future::join_all(visits).await;
            });
        });
        Visitors { shared, thread: Some(thread) }
    }

    /// Returns what they have seen up to now.
    pub(crate) fn seen(&self) -> Seen {
        self.shared.seen.lock().expect("nobody panics with it").clone()
    }

    /// Sends them home, and returns what they have seen.
    pub(crate) fn go(mut self) -> Seen {
        self.end();
        self.seen()
    }

    fn end(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _told_by_its_panic = thread.join();
        }
    }
}

impl Drop for Visitors {
    fn drop(&mut self) {
        self.end();
    }
}

async fn visit(shared: &Shared, manner: Manner) {
    let mut connection = None;
    for path in shared.paths.iter().cycle() {
        if shared.is_over.load(Ordering::Relaxed) {
            return;
        }
        let request = match manner {
            Manner::Keeps => format!("GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n"),
            Manner::Opens => format!("GET {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n"),
            Manner::SendsForms => "POST / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: 3\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\n\r\na=b"
                .to_owned(),
        };
        let began = Instant::now();
        let kept = connection.take();
        let was_kept = kept.is_some();
        let mut outcome = ask_within(shared, kept, &request).await;
        // Who sends on a kept connection has to expect that it was closed just then: nothing was done with the request.
        let is_unused = |failure: &Failure| matches!(failure, Failure::ClosedBeforeAnswer(_));
        let is_reopened = was_kept && outcome.as_ref().is_err_and(is_unused);
        if is_reopened {
            outcome = ask_within(shared, None, &request).await;
        }
        let mut seen = shared.seen.lock().expect("nobody panics with it");
        seen.n_reopened += u64::from(is_reopened);
        seen.longest = seen.longest.max(began.elapsed());
        match outcome {
            Ok(open) => {
                seen.n_good += 1;
                connection = open;
            }
            Err(failure) => {
                seen.n_failed += 1;
                if seen.failures.len() < MAX_TOLD {
                    let at = shared.began.elapsed().as_secs_f32();
                    seen.failures.push(format!("{at:.2} s: {manner:?} {path}: {failure:?}"));
                }
            }
        }
    }
}

#[derive(Debug)]
enum Failure {
    Connect(#[expect(dead_code, reason = "it is told")] std::io::Error),
    ClosedBeforeAnswer(#[expect(dead_code, reason = "it is told")] Option<std::io::Error>),
    Broken(#[expect(dead_code, reason = "it is told")] String),
    Status(#[expect(dead_code, reason = "it is told")] u16),
    TooLong,
}

type Open = Option<BufReader<TcpStream>>;

async fn ask_within(shared: &Shared, kept: Open, request: &str) -> Result<Open, Failure> {
    tokio::time::timeout(LIMIT, ask(shared, kept, request)).await.unwrap_or(Err(Failure::TooLong))
}

/// Sends one request; returns the connection if it stays open.
async fn ask(shared: &Shared, kept: Open, request: &str) -> Result<Open, Failure> {
    let mut stream = match kept {
        Some(stream) => stream,
        None => BufReader::new(TcpStream::connect(shared.address).await.map_err(Failure::Connect)?),
    };
    let closed = |error| Failure::ClosedBeforeAnswer(Some(error));
    stream.get_mut().write_all(request.as_bytes()).await.map_err(closed)?;
    let mut line = String::new();
    if stream.read_line(&mut line).await.map_err(closed)? == 0 {
        return Err(Failure::ClosedBeforeAnswer(None));
    }
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or(Failure::Broken(line))?;
    let is_open = read_rest(&mut stream).await.map_err(|error| Failure::Broken(error.to_string()))?;
    if status != 200 {
        return Err(Failure::Status(status));
    }
    Ok(is_open.then_some(stream))
}

/// Reads headers and body; returns whether the connection stays open.
async fn read_rest(stream: &mut BufReader<TcpStream>) -> std::io::Result<bool> {
    let (mut length, mut is_chunked, mut is_open) = (0, false, true);
    loop {
        let line = read_line(stream).await?.to_ascii_lowercase();
        match line.split_once(':').map(|(name, value)| (name, value.trim())) {
            None => break,
            Some(("content-length", value)) => length = value.parse().unwrap_or(0),
            Some(("transfer-encoding", _)) => is_chunked = true,
            Some(("connection", value)) => is_open = value != "close",
            Some(_) => {}
        }
    }
    let mut body = Vec::new();
    if !is_chunked {
        body.resize(length, 0);
        stream.read_exact(&mut body).await?;
        return Ok(is_open);
    }
    loop {
        let size = read_line(stream).await?;
        let size = usize::from_str_radix(size.trim(), 16).map_err(std::io::Error::other)?;
        body.resize(size + 2, 0);
        stream.read_exact(&mut body).await?;
        if size == 0 {
            return Ok(is_open);
        }
    }
}

async fn read_line(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}
