//! One question to one time server (SNTP, RFC 5905 as a client).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sntpc::{NtpContext, NtpTimestampGenerator, NtpUdpSocket};
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::timeout;

use super::source::Clock;

/// How many good answers are wanted; the one with the shortest way wins.
const N_SAMPLES: usize = 2;
/// How many questions are asked for them.
const N_ATTEMPTS: usize = 3;

/// Returns the server's time less that of `clock`.
///
/// `server` is `host` (port 123) or `host:port`. NTP tells time only within
/// 136 years around what the asking clock believes; so a clock that is
/// before `floor` is taken to be at `floor` for the question.
///
/// # Errors
/// Why there is no answer, or none that is sane, as a clause for people.
pub(crate) async fn ask(
    server: &str,
    clock: &Clock,
    floor: DateTime<Utc>,
    limit: Duration,
) -> Result<TimeDelta, String> {
    let addresses = match timeout(limit * 2, lookup_host(with_port(server))).await {
        Err(_) => return Err("its name is not resolved in time".to_owned()),
        Ok(Err(error)) => return Err(format!("its name cannot be resolved ({error})")),
        Ok(Ok(addresses)) => addresses,
    };
    let mut reason = "its name has no address".to_owned();
    for address in addresses.take(2) {
        match ask_address(address, clock, floor, limit).await {
            Ok(offset) => return Ok(offset),
            Err(other) => reason = other,
        }
    }
    Err(reason)
}

async fn ask_address(
    address: SocketAddr,
    clock: &Clock,
    floor: DateTime<Utc>,
    limit: Duration,
) -> Result<TimeDelta, String> {
    let local: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(local).await.map_err(|error| format!("no socket ({error})"))?;
    // A connected socket hears that nobody listens there, instead of waiting.
    socket.connect(address).await.map_err(|error| format!("it cannot be reached ({error})"))?;
    let lift = (floor - clock.now()).max(TimeDelta::zero());
    let mut best: Option<(u64, TimeDelta)> = None;
    let mut n_good = 0;
    let mut reason = "it does not answer".to_owned();
    for _ in 0..N_ATTEMPTS {
        let context = NtpContext::new(Generator { clock, lift, now: DateTime::UNIX_EPOCH });
        match timeout(limit, sntpc::get_time(address, &Door(&socket), context)).await {
            Err(_) => {}
            Ok(Err(sntpc::Error::Network)) => return Err("nobody answers there".to_owned()),
            Ok(Err(sntpc::Error::IncorrectOriginTimestamp)) => {}
            Ok(Err(sntpc::Error::KissOfDeath(_))) => return Err("it refuses to answer".to_owned()),
            Ok(Err(sntpc::Error::UnsynchronizedClock)) => return Err("it does not know the time itself".to_owned()),
            Ok(Err(error)) => reason = format!("its answer makes no sense ({error:?})"),
            Ok(Ok(answer)) => {
                n_good += 1;
                let offset = TimeDelta::microseconds(answer.offset()) + lift;
                if best.is_none_or(|(roundtrip, _)| answer.roundtrip() < roundtrip) {
                    best = Some((answer.roundtrip(), offset));
                }
            }
        }
        if n_good == N_SAMPLES {
            break;
        }
    }
    best.map(|(_, offset)| offset).ok_or(reason)
}

fn with_port(server: &str) -> String {
    if server.contains(':') { server.to_owned() } else { format!("{server}:123") }
}

/// Our clock as the protocol's library wants it.
#[derive(Clone, Copy)]
struct Generator<'a> {
    clock: &'a Clock,
    lift: TimeDelta,
    now: DateTime<Utc>,
}

impl NtpTimestampGenerator for Generator<'_> {
    fn init(&mut self) {
        self.now = self.clock.now() + self.lift;
    }

    fn timestamp_sec(&self) -> u64 {
        u64::try_from(self.now.timestamp()).unwrap_or(0)
    }

    fn timestamp_subsec_micros(&self) -> u32 {
        self.now.timestamp_subsec_micros().min(999_999)
    }
}

/// Our socket as the protocol's library wants it.
struct Door<'a>(&'a UdpSocket);

impl NtpUdpSocket for Door<'_> {
    async fn send_to(&self, bytes: &[u8], _connected: SocketAddr) -> sntpc::Result<usize> {
        self.0.send(bytes).await.map_err(|_| sntpc::Error::Network)
    }

    async fn recv_from(&self, buffer: &mut [u8]) -> sntpc::Result<(usize, SocketAddr)> {
        self.0.recv_from(buffer).await.map_err(|_| sntpc::Error::Network)
    }
}
