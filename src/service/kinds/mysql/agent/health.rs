//! Port 9200: balancers ask here whether the member of this node serves.
//!
//! Whoever reaches the node may ask. A question costs a bounded time and place, and the server is asked once a second
//! at most.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::super::ports;
use super::member::Observer;
use super::place::Place;

const AT_ONCE: usize = 32;
const LIMIT: Duration = Duration::from_secs(5);
/// How long a port that is taken is left alone.
const PAUSE: Duration = Duration::from_secs(5);
const MAX_HEAD_BYTES: u64 = 4096;

/// Answers until `stop`.
pub(super) async fn serve(place: Place, observer: Arc<Observer>, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = answer_all(&place, &observer) => {}
    }
}

async fn answer_all(place: &Place, observer: &Arc<Observer>) {
    let listener = loop {
        match TcpListener::bind((place.my_ip, ports::HEALTH)).await {
            Ok(listener) => break listener,
            Err(error) => tracing::error!("cannot listen on {}:{}: {error}", place.my_ip, ports::HEALTH),
        }
        tokio::time::sleep(PAUSE).await;
    };
    let seats = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (place, observer) = (place.clone(), Arc::clone(observer));
        tokio::spawn(async move {
            let _who_is_slow_gets_nothing = tokio::time::timeout(LIMIT, answer(stream, &place, &observer)).await;
            drop(seat);
        });
    }
}

async fn answer(mut stream: TcpStream, place: &Place, observer: &Observer) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut bounded = (&mut stream).take(MAX_HEAD_BYTES);
    // What is asked does not matter; it is read so that the answer is not cut off.
    while !head.ends_with(b"\r\n\r\n") && bounded.read_buf(&mut head).await? > 0 {}
    let (status, text) = match observer.is_serving(place).await {
        true => ("200 OK", "it serves\n"),
        false => ("503 Service Unavailable", "it does not serve\n"),
    };
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
