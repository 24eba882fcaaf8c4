//! Whether a daemon answers.

use std::time::Duration;

use nix::unistd::User;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, sleep, timeout};

use super::command;
use super::place::DaemonPlace;
use super::spec::{Daemon, Probe};
use crate::rpc::{WebClient, WebLimits, WebRequest};
use crate::sys::chain;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How long one try may take.
const TRY_LIMIT: Duration = Duration::from_secs(10);
const LIMITS: WebLimits =
    WebLimits { connect: Duration::from_secs(2), whole: TRY_LIMIT, max_answer_bytes: 16 * 1024 * 1024 };

/// Tries until the daemon answers.
///
/// # Errors
/// What the last try before `deadline` saw.
pub(crate) async fn until_answered(
    daemon: &Daemon,
    account: Option<&User>,
    place: &DaemonPlace,
    deadline: Instant,
) -> Result<(), String> {
    let mut pause = FIRST_PAUSE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = left.min(TRY_LIMIT);
        let answer = timeout(limit, answers(daemon, account, place)).await;
        let reason = match answer {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(reason)) => reason,
            Err(_) => format!("no answer within {} s", limit.as_secs_f32()),
        };
        if Instant::now() + pause >= deadline {
            return Err(reason);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn answers(daemon: &Daemon, account: Option<&User>, place: &DaemonPlace) -> Result<(), String> {
    match &daemon.readiness.probe {
        Probe::Tcp(address) => {
            let connected = TcpStream::connect(address).await;
            connected.map(drop).map_err(|error| format!("cannot connect to {address}: {error}"))
        }
        Probe::UnixSocket(path) => {
            let connected = UnixStream::connect(path).await;
            connected.map(drop).map_err(|error| format!("cannot connect to {}: {error}", path.display()))
        }
        Probe::Http(url) => match WebClient::new(LIMITS).send(&WebRequest::get(url)).await {
            Ok(answer) if answer.status < 400 => Ok(()),
            Ok(answer) => Err(format!("{url} answers with status {}", answer.status)),
            Err(error) => Err(chain(&error)),
        },
        Probe::Command(line) => {
            let outcome = command::run(&daemon.launch, account, line, &place.configuration()).await;
            outcome.map_err(|error| chain(&error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::CommandLine;
    use super::super::spec::tests::sample;
    use super::*;

    async fn probed(probe: Probe, limit: Duration) -> Result<(), String> {
        let mut daemon = sample();
        daemon.readiness.probe = probe;
        let place = DaemonPlace::new(std::path::Path::new("/nonexistent"), &daemon.name);
        until_answered(&daemon, None, &place, Instant::now() + limit).await
    }

    #[tokio::test]
    async fn what_answers_is_ready_and_what_does_not_is_named() {
        let (long, short) = (Duration::from_secs(20), Duration::from_millis(30));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(probed(Probe::Tcp(address), long).await, Ok(()));
        drop(listener);
        let reason = probed(Probe::Tcp(address), short).await.unwrap_err();
        assert!(reason.starts_with(&format!("cannot connect to {address}: ")), "{reason}");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        assert!(probed(Probe::UnixSocket(path.clone()), short).await.is_err());
        let _listener = tokio::net::UnixListener::bind(&path).unwrap();
        assert_eq!(probed(Probe::UnixSocket(path), long).await, Ok(()));
        let command = |word: &str| {
            let arguments = vec!["-c".to_owned(), word.to_owned()];
            Probe::Command(CommandLine { program: "/bin/sh".into(), arguments, limit: long })
        };
        assert_eq!(probed(command("exit 0"), long).await, Ok(()));
        assert!(probed(command("echo not yet; exit 1"), short).await.unwrap_err().ends_with("not yet"));
    }
}
