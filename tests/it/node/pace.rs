//! How slow a request may be: a file may take as long as its bytes move, others have a time.

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use conpaas::pki::{Credentials, Subject};
use conpaas::rpc::{
    ClientAuthentication, Form, Handler, Limits, PeerRule, Response, client_config, serve, server_config,
};
use conpaas::task::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::bench::{Bench, USER};
use crate::support::ask_from::status;

const PIECE: usize = 100;
const N_PIECES: usize = 25;
const PAUSE: Duration = Duration::from_millis(100);
const BOUNDARY: &str = "BoUnDaRy";

/// A listener that answers how large the file of a form is, and gives a second for what is no file.
async fn listen(bench: &Bench, tasks: &Tasks) -> SocketAddr {
    let limits = Limits {
        body_timeout: Duration::from_secs(1),
        body_pause: Duration::from_secs(1),
        ..Limits::new(bench.path("."))
    };
    let handler: Handler = Arc::new(|mut request| {
        Box::pin(async move {
            match Form::read(&mut request).await {
                Ok(form) => Response::text(form.files.get("file").map_or(0, |file| file.size).to_string()),
                Err(error) => error.response(),
            }
        })
    });
    let listener = TcpListener::bind((bench.address(), 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let credentials = bench.credentials(&Subject::director("x"));
    let tls = Arc::new(RwLock::new(server_config(&credentials, ClientAuthentication::Optional).unwrap()));
    tasks.spawn("listener", serve(listener, tls, limits, handler, tasks.tracker(), tasks.stopping()));
    address
}

/// Sends a form with a file, `n_sent` of its pieces with a pause before each, and returns the answer.
async fn upload(address: SocketAddr, who: Option<&Credentials>, n_sent: usize) -> String {
    let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n");
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    let length = head.len() + PIECE * N_PIECES + end.len();
    let name = rustls::pki_types::ServerName::try_from("conpaas.invalid").unwrap();
    let config = client_config(who, PeerRule::Unverified).unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(config).connect(name, stream).await.unwrap();
    let request = format!(
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n\
         Content-Length: {length}\r\n\r\n{head}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    for _ in 0..n_sent {
        tokio::time::sleep(PAUSE).await;
        // The other side may have given up.
        if stream.write_all(&[b'x'; PIECE]).await.and(stream.flush().await).is_err() {
            break;
        }
    }
    if n_sent == N_PIECES {
        let _given_up_already = stream.write_all(end.as_bytes()).await;
        let _also = stream.flush().await;
    }
    let mut answer = Vec::new();
    let _reset_after_the_answer = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_steady_upload_is_never_cut_and_a_pause_ends_it() {
    let (bench, tasks) = (Bench::new(), Tasks::new());
    let address = listen(&bench, &tasks).await;
    let owner = bench.credentials(&Subject::user(USER, "alice", "a@example.org"));
    let (steady, paused, stranger) = tokio::join!(
        upload(address, Some(&owner), N_PIECES),
        upload(address, Some(&owner), 3),
        upload(address, None, N_PIECES)
    );
    assert_eq!(status(&steady), 200, "it takes {:?}, more than the second of other bodies: {steady}", PAUSE * 25);
    assert!(steady.ends_with(&(PIECE * N_PIECES).to_string()), "{steady}");
    for (name, answer) in [("paused", paused), ("a stranger's", stranger)] {
        assert_eq!(status(&answer), 408, "{name}: {answer}");
        assert!(answer.contains("text/plain") && !answer.contains('<'), "{name}: {answer}");
        assert!(answer.contains("did not arrive in time"), "{name}: {answer}");
    }
    let left = std::fs::read_dir(bench.path(".")).unwrap().flatten();
    assert_eq!(left.filter(|file| file.file_name().to_string_lossy().starts_with("upload-")).count(), 0);
    assert!(tasks.stop(Duration::from_secs(5)).await);
}
