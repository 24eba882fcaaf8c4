//! A server that misbehaves: answers without end, that dribble, that are none.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use conpaas::pki::Credentials;
use conpaas::rpc::{ClientAuthentication, Endpoint, server_config};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What a server sends instead of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The first bytes, then these again and again.
    Endless(&'static [u8], &'static [u8]),
    /// The first bytes, then one more every so often.
    Dribble(&'static [u8], Duration),
    /// An error in a method's envelope, of so many bytes, another one each time.
    Errors(usize),
}

impl Reply {
    /// An answer of status 200 with this body.
    pub(crate) fn ok(body: &str) -> Reply {
        Reply::Bytes(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes())
    }
}

/// A server that misbehaves; it ends with this value.
pub(crate) struct HostileServer {
    n_sent: Arc<AtomicU64>,
    n_requests: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl HostileServer {
    /// Serves `reply` to every request on `endpoint`.
    pub(crate) async fn start(endpoint: &Endpoint, credentials: &Credentials, reply: Reply) -> HostileServer {
        let listener = TcpListener::bind((endpoint.host.as_str(), endpoint.port)).await.unwrap();
        let acceptor = TlsAcceptor::from(server_config(credentials, ClientAuthentication::Optional).unwrap());
        let (n_sent, n_requests) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (sent, requests) = (Arc::clone(&n_sent), Arc::clone(&n_requests));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, reply) = (acceptor.clone(), reply.clone());
                let (sent, requests) = (Arc::clone(&sent), Arc::clone(&requests));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let _one_read_is_the_request = stream.read(&mut [0; 16 * 1024]).await;
                    let n = requests.fetch_add(1, Ordering::SeqCst);
                    let _client_went_away = send(&mut stream, &reply, n, &sent).await;
                    let _ended = stream.shutdown().await;
                });
            }
        });
        HostileServer { n_sent, n_requests, task }
    }

    /// Bytes that clients have taken.
    pub(crate) fn n_sent(&self) -> u64 {
        self.n_sent.load(Ordering::SeqCst)
    }

    /// Requests that came.
    pub(crate) fn n_requests(&self) -> u64 {
        self.n_requests.load(Ordering::SeqCst)
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn send<S: tokio::io::AsyncWrite + Unpin>(
    stream: &mut S,
    reply: &Reply,
    n: u64,
    n_sent: &AtomicU64,
) -> io::Result<()> {
    let mut piece = async |bytes: &[u8]| {
        stream.write_all(bytes).await?;
        stream.flush().await?;
        n_sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        Ok::<_, io::Error>(())
    };
    match reply {
        Reply::Bytes(bytes) => piece(bytes).await,
        Reply::Errors(n_bytes) => {
            let text = format!("{n}\\u001b[2J{}", "x".repeat(*n_bytes));
            let body = format!("{{\"error\": \"{text}\", \"id\": 1}}");
            piece(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await
        }
        Reply::Endless(first, again) => {
            piece(first).await?;
            loop {
                piece(again).await?;
            }
        }
        Reply::Dribble(first, pause) => {
            piece(first).await?;
            loop {
                tokio::time::sleep(*pause).await;
                piece(b"x").await?;
            }
        }
    }
}
