//! Connections of strangers and of users who hold what they have.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use conpaas::pki::Credentials;
use conpaas::rpc::Endpoint;
use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::host::taken_mb;
use super::scene::{Found, Scene};
use super::tenant::{DIRECTOR, director};
use crate::support::ask_from::{connect, shake_hands, status};
use crate::support::hold::{Hold, hold};

/// A connection that cannot be opened is tried no longer than this.
const LIMIT: Duration = Duration::from_secs(5);
const BODY_BYTES: usize = 50_000_000;

/// Strangers at three addresses hold three hundred connections, and open others for those that are ended.
pub(crate) fn hold_director(scene: &Scene<'_>) -> anyhow::Result<Found> {
    let sources: Vec<Ipv4Addr> = (1..=3).map(|n| Ipv4Addr::new(127, 0, 7, n)).collect();
    hold_at(scene, &director(), &sources, 300)
}

/// Two hundred places of the neighbour's manager are held from the address that its owner has too: a node answers this
/// machine alone, and its own application.
pub(crate) fn hold_manager(scene: &Scene<'_>) -> anyhow::Result<Found> {
    hold_at(scene, &scene.neighbour.manager_endpoint(), &[DIRECTOR], 200)
}

fn hold_at(scene: &Scene<'_>, endpoint: &Endpoint, sources: &[Ipv4Addr], n: usize) -> anyhow::Result<Found> {
    let end = Instant::now() + scene.time;
    let one = |number: usize| {
        let (source, how) = (sources[number % sources.len()], Hold::ALL[number % Hold::ALL.len()]);
        async move {
            let mut n_opened = 0;
            while Instant::now() < end {
                let opening = tokio::time::timeout(LIMIT, hold(source, endpoint, None, how)).await;
                let Ok(Ok(mut held)) = opening else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                n_opened += 1;
                while Instant::now() < end && !held.is_ended().await {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            n_opened
        }
    };
    let opened: usize = scene.runtime.block_on(async { join_all((0..n).map(one)).await }).into_iter().sum();
    let mut found = Found { figures: vec![format!("{opened} connections for {n} places")], ..Found::default() };
    found.expect(opened > 0, "no connection could be opened, so nothing was tried");
    Ok(found)
}

/// Sends fifty bodies of 50 MB at once to a route that takes no file, as a user.
pub(crate) fn send_large_bodies(scene: &Scene<'_>) -> anyhow::Result<Found> {
    let before = taken_mb(scene.state)?;
    let user = &scene.attacker.credentials;
    let end = Instant::now() + scene.time;
    let sending = async {
        let bodies = join_all((0..50).map(|_| send_bodies(user, end)));
        let watch = async {
            let mut most = before;
            while Instant::now() < end {
                most = most.max(taken_mb(scene.state).unwrap_or(0));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            most
        };
        tokio::join!(bodies, watch)
    };
    let (bodies, most) = scene.runtime.block_on(sending);
    let (n, bytes) = bodies.iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    let taken = most.saturating_sub(before);
    let mut found = Found::default();
    found.figures.push(format!("{n} bodies refused after {} kB each, {taken} MB of disk", bytes / 1024 / n.max(1)));
    found.expect(n > 0, "no body was sent, so nothing was tried");
    found.expect(taken < 100, format!("{taken} MB of the disk were taken by bodies"));
    Ok(found)
}

/// Sends bodies until `end`; returns how many, and how many bytes were taken of them.
async fn send_bodies(user: &Credentials, end: Instant) -> (usize, usize) {
    let (mut n, mut bytes) = (0, 0);
    while Instant::now() < end {
        if let Ok(Ok(taken)) = tokio::time::timeout(LIMIT, send_body(user)).await {
            (n, bytes) = (n + 1, bytes + taken);
        }
    }
    (n, bytes)
}

async fn send_body(user: &Credentials) -> std::io::Result<usize> {
    let mut stream = shake_hands(connect(Ipv4Addr::LOCALHOST, &director()).await?, Some(user)).await?;
    let boundary = "----------_BoUnDaRy_StRiNg_$";
    let head = format!(
        "POST /createapp HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary={boundary}\r\n\
         Content-Length: {BODY_BYTES}\r\n\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"name\"; filename=\"x\"\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let piece = [b'x'; 65536];
    let mut sent = 0;
    while sent < BODY_BYTES && stream.write_all(&piece).await.is_ok() {
        sent += piece.len();
    }
    let mut answer = Vec::new();
    let _reset_after_the_answer = stream.read_to_end(&mut answer).await;
    match status(&String::from_utf8_lossy(&answer)) {
        200 => Err(std::io::Error::other("it was taken")),
        _ => Ok(sent),
    }
}
