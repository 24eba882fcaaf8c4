//! Requests in a second, each over a connection of its own with a client
//! certificate: the director's `/listapp` against a server that says hello.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use conpaas::pki::Credentials;
use conpaas::rpc::{Client, ClientAuthentication, Endpoint, PeerRule, server_config};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::figures::median;
use crate::support::ask_from::{ask_from, login, status};
use crate::support::product::Product;

const HELLO: &str = "CONPAAS_BENCH_HELLO";
/// Beside those of director and frontend.
const HELLO_PORT: u16 = 5557;
const DIRECTOR_PORT: u16 = 5555;
const AT_ONCE: usize = 8;
const WARM_UP: Duration = Duration::from_millis(500);
const TURN: Duration = Duration::from_secs(2);
const TURNS: usize = 5;
const LIMIT: Duration = Duration::from_secs(10);
const LOGINS: u8 = 250;
/// As many as may wait, and two at work.
const LOGINS_AT_ONCE: u8 = 10;

/// The certificates of the hello server, in the process that is to be it.
pub(crate) fn hello_directory() -> Option<PathBuf> {
    std::env::var_os(HELLO).map(PathBuf::from)
}

/// Says hello until it is killed: hyper on rustls with as many threads and
/// the same settings of TLS as the director's, and nothing else.
pub(crate) fn serve_hello(certificates: &Path) -> anyhow::Result<()> {
    let tls = server_config(&Credentials::load(certificates)?, ClientAuthentication::Optional)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, HELLO_PORT)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(say_hello(stream, TlsAcceptor::from(Arc::clone(&tls))));
        }
    })
}

async fn say_hello(stream: TcpStream, acceptor: TlsAcceptor) {
    let _best_effort = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let answer = |_: hyper::Request<Incoming>| async {
        Ok::<_, std::convert::Infallible>(hyper::Response::new(Full::new(Bytes::from_static(b"hello\n"))))
    };
    let mut http = hyper::server::conn::http1::Builder::new();
    let _client_may_be_gone = http.keep_alive(false).serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

/// Requests in a second of the hello server and of the director, one entry a turn.
pub(crate) fn compare(runtime: &Runtime, product: &Product) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let _hello = Hello::start(&product.certificates())?;
    let client = client(product)?;
    let target = |port, path| Target {
        client: client.clone(),
        endpoint: Endpoint { host: Ipv4Addr::LOCALHOST.to_string(), port },
        path,
    };
    let (hello, director) = (target(HELLO_PORT, "/"), target(DIRECTOR_PORT, "/listapp"));
    runtime.block_on(async {
        hello.wait_until_there().await?;
        let answer = director.client.get(&director.endpoint, director.path, &[]).await?;
        ensure!(answer.body.starts_with(b"[{"), "/listapp answers {}", String::from_utf8_lossy(&answer.body));
        hello.rate(WARM_UP).await?;
        director.rate(WARM_UP).await?;
        let mut rates = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            rates.0.push(hello.rate(TURN).await?);
            rates.1.push(director.rate(TURN).await?);
        }
        ensure!(median(&rates.0) > 0.0, "the hello server answered nothing");
        Ok(rates)
    })
}

/// Requests to the hello server, each on a connection of its own, one after the other.
pub(crate) fn one_by_one(runtime: &Runtime, product: &Product, n: usize) -> anyhow::Result<Vec<Duration>> {
    let _hello = Hello::start(&product.certificates())?;
    let endpoint = Endpoint { host: Ipv4Addr::LOCALHOST.to_string(), port: HELLO_PORT };
    let target = Target { client: client(product)?, endpoint, path: "/" };
    runtime.block_on(async {
        target.wait_until_there().await?;
        let mut times = Vec::new();
        for _ in 0..n {
            let began = Instant::now();
            target.client.get(&target.endpoint, target.path, &[]).await?;
            times.push(began.elapsed());
        }
        Ok(times)
    })
}

fn client(product: &Product) -> anyhow::Result<Client> {
    Ok(Client::new(Some(&product.user()?), PeerRule::Director)?.with_timeout(LIMIT).keeping_none())
}

/// A burst of logins with wrong passwords, from as many addresses as it takes not to be refused.
pub(crate) fn log_in(runtime: &Runtime, product: &Product) -> anyhow::Result<()> {
    let endpoint = Endpoint { host: Ipv4Addr::LOCALHOST.to_string(), port: DIRECTOR_PORT };
    let user = product.user()?;
    runtime.block_on(async {
        for round in 0..LOGINS / LOGINS_AT_ONCE {
            let one = |n: u8| {
                let source = Ipv4Addr::new(127, 0, 1 + round, 1 + n);
                let (endpoint, user) = (endpoint.clone(), user.clone());
                async move { ask_from(source, &endpoint, Some(&user), &login("nobody", "x")).await }
            };
            for answer in futures_util::future::join_all((0..LOGINS_AT_ONCE).map(one)).await {
                let answer = answer?;
                ensure!(status(&answer) == 200, "/login answers {answer}");
            }
        }
        Ok(())
    })
}

struct Hello(Child);

impl Hello {
    fn start(certificates: &Path) -> anyhow::Result<Hello> {
        let child = Command::new(std::env::current_exe()?).env(HELLO, certificates).spawn()?;
        Ok(Hello(child))
    }
}

impl Drop for Hello {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

struct Target {
    client: Client,
    endpoint: Endpoint,
    path: &'static str,
}

impl Target {
    async fn wait_until_there(&self) -> anyhow::Result<()> {
        let end = Instant::now() + LIMIT;
        while let Err(error) = self.client.get(&self.endpoint, self.path, &[]).await {
            if Instant::now() >= end {
                return Err(error).context("the hello server does not answer");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn rate(&self, time: Duration) -> anyhow::Result<f64> {
        let n_answers = Arc::new(AtomicU64::new(0));
        let began = Instant::now();
        let tasks: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (client, endpoint, path) = (self.client.clone(), self.endpoint.clone(), self.path);
                let n_answers = Arc::clone(&n_answers);
                tokio::spawn(async move {
                    while began.elapsed() < time {
                        let answer = client.get(&endpoint, path, &[]).await?;
                        ensure!(answer.status == 200, "{endpoint}{path} answers with status {}", answer.status);
                        n_answers.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        Ok(n_answers.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
    }
}
