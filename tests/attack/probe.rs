//! What others notice: how long a page, a call to the director and a call to a manager of theirs take.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use conpaas::rpc::{Client, Endpoint, PeerRule, RpcCall};
use serde::Serialize;

use super::tenant::{Application, director};
use crate::support::memory;

/// Who waits longer has gone away.
const LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(40);

/// One sort of request, asked again and again.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Latency {
    /// Sorted, in milliseconds. Who got no answer has waited for as long as that took, at least `LIMIT`.
    #[serde(skip)]
    times: Vec<f64>,
    pub(crate) n_failed: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p95_ms: f64,
    /// The last failure.
    pub(crate) failure: Option<String>,
}

impl Latency {
    fn add(&mut self, began: Instant, outcome: anyhow::Result<()>) {
        let mut time = began.elapsed();
        if let Err(error) = outcome {
            time = time.max(LIMIT);
            self.n_failed += 1;
            self.failure = Some(format!("{error:#}"));
        }
        self.times.push(time.as_secs_f64() * 1000.0);
    }

    fn finish(&mut self) {
        self.times.sort_by(f64::total_cmp);
        let at = |part: usize| self.times.get(self.times.len().saturating_sub(1) * part / 100).copied().unwrap_or(0.0);
        (self.p50_ms, self.p95_ms) = (at(50), at(95));
    }

    /// Whether more got no answer than got one.
    pub(crate) fn is_down(&self) -> bool {
        self.n_failed * 2 > self.times.len()
    }
}

/// All that was noticed in a time.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Notice {
    pub(crate) page: Latency,
    pub(crate) director: Latency,
    pub(crate) manager: Latency,
    /// The highest of the director's memory, in megabytes.
    pub(crate) director_mb: f64,
    /// The highest of the attacker's manager, if it has one.
    pub(crate) attacking_manager_mb: f64,
}

impl Notice {
    /// Each sort of request with its name.
    pub(crate) fn requests(&self) -> [(&'static str, &Latency); 3] {
        [("page", &self.page), ("director", &self.director), ("manager", &self.manager)]
    }
}

/// Whom to ask.
#[derive(Clone)]
pub(crate) struct Questions {
    page: SocketAddr,
    user: Client,
    to_manager: Client,
    manager: Endpoint,
    pub(crate) director_pid: i32,
}

impl Questions {
    /// Asks as the owner of `application`, whose node serves a page.
    pub(crate) fn new(application: &Application<'_>, director_pid: i32) -> anyhow::Result<Questions> {
        let owner = application.owner;
        let (address, _) = application.agent.as_ref().context("it serves no page yet")?;
        let rule = PeerRule::Manager(owner.id()?, application.aid);
        Ok(Questions {
            page: (*address, 8080).into(),
            user: Client::new(Some(&owner.credentials), PeerRule::Director)?.with_timeout(LIMIT),
            to_manager: Client::new(Some(&owner.credentials), rule)?.with_timeout(LIMIT),
            manager: application.manager_endpoint(),
            director_pid,
        })
    }

    /// Fetches the page, and looks that it is the neighbour's own.
    pub(crate) fn fetch_page(&self) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect_timeout(&self.page, LIMIT).context("the page")?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.write_all(b"GET /json HTTP/1.0\r\nHost: x\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context("the page")?;
        let own = format!("\"ip\": \"{}\"", self.page.ip());
        ensure!(answer.contains(&own), "the page is not the neighbour's: {answer}");
        Ok(())
    }

    async fn ask_director(&self) -> anyhow::Result<()> {
        let answer = self.user.get(&director(), "/listapp", &[]).await?;
        ensure!(answer.status == 200 && answer.body.starts_with(b"[{"), "/listapp answers {}", answer.status);
        Ok(())
    }

    async fn ask_manager(&self) -> anyhow::Result<()> {
        let answer = self.to_manager.call(&self.manager, &RpcCall::get(0, "check_process")).await;
        answer.map(drop).map_err(|error| anyhow!("check_process: {error}"))
    }

    /// Asks for so long.
    pub(crate) fn ask_for(&self, time: Duration, attacking_manager: Option<i32>) -> anyhow::Result<Notice> {
        let probe = Probe::start(self, attacking_manager)?;
        std::thread::sleep(time);
        probe.stop()
    }
}

/// Asks in threads of its own until it is stopped.
pub(crate) struct Probe {
    is_over: Arc<AtomicBool>,
    pages: JoinHandle<Latency>,
    calls: JoinHandle<(Latency, Latency)>,
    memory: JoinHandle<(f64, f64)>,
}

impl Probe {
    pub(crate) fn start(questions: &Questions, attacking_manager: Option<i32>) -> anyhow::Result<Probe> {
        let is_over = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (asks, over) = (questions.clone(), Arc::clone(&is_over));
        let pages = std::thread::spawn(move || ask_for_pages(&asks, &over));
        let (asks, over) = (questions.clone(), Arc::clone(&is_over));
        let calls = std::thread::spawn(move || runtime.block_on(ask_calls(&asks, &over)));
        let (pid, over) = (questions.director_pid, Arc::clone(&is_over));
        let memory = std::thread::spawn(move || watch_memory(pid, attacking_manager, &over));
        Ok(Probe { is_over, pages, calls, memory })
    }

    pub(crate) fn stop(self) -> anyhow::Result<Notice> {
        self.is_over.store(true, Ordering::SeqCst);
        let died = |_| anyhow!("a thread that asks has panicked");
        let mut page = self.pages.join().map_err(died)?;
        let (mut director, mut manager) = self.calls.join().map_err(died)?;
        let (director_mb, attacking_manager_mb) = self.memory.join().map_err(died)?;
        page.finish();
        director.finish();
        manager.finish();
        Ok(Notice { page, director, manager, director_mb, attacking_manager_mb })
    }
}

fn ask_for_pages(questions: &Questions, is_over: &AtomicBool) -> Latency {
    let mut pages = Latency::default();
    while !is_over.load(Ordering::SeqCst) {
        let began = Instant::now();
        pages.add(began, questions.fetch_page());
        std::thread::sleep(PAUSE);
    }
    pages
}

async fn ask_calls(questions: &Questions, is_over: &AtomicBool) -> (Latency, Latency) {
    let (mut director, mut manager) = (Latency::default(), Latency::default());
    let one = async {
        while !is_over.load(Ordering::SeqCst) {
            let began = Instant::now();
            director.add(began, questions.ask_director().await);
            tokio::time::sleep(PAUSE).await;
        }
    };
    let other = async {
        while !is_over.load(Ordering::SeqCst) {
            let began = Instant::now();
            manager.add(began, questions.ask_manager().await);
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::join!(one, other);
    (director, manager)
}

fn watch_memory(director: i32, manager: Option<i32>, is_over: &AtomicBool) -> (f64, f64) {
    let mut highest = (0.0, 0.0);
    while !is_over.load(Ordering::SeqCst) {
        highest = (f64::max(highest.0, megabytes(director)), manager.map_or(0.0, megabytes).max(highest.1));
        std::thread::sleep(PAUSE);
    }
    highest
}

/// Resident memory of a process in megabytes; 0 of one that has gone.
pub(crate) fn megabytes(pid: i32) -> f64 {
    memory::of(pid).map_or(0.0, |memory| memory.rss as f64 / f64::from(1 << 20))
}
