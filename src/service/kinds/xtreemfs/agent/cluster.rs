//! What the master of this node knows of all servers with data.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use super::super::ports;
use crate::api::xtreemfs::{ClusterState, DataServer};
use crate::sys::program::{self, ProgramError};

/// What was asked so lately is not asked again: each question costs a small machine a second.
const FRESH: Duration = Duration::from_secs(5);
const LIMIT: Duration = Duration::from_secs(15);

/// Asks the master of this node.
pub(super) struct Observer {
    last: Mutex<Option<(Instant, ClusterState)>>,
}

/// What `mfscli -j` says.
#[derive(Deserialize)]
struct Said<T> {
    dataset: T,
}

#[derive(Deserialize)]
struct ServerList {
    chunkservers: Vec<ServerLine>,
}

/// A server, as far as we read it. Of the disks of one that is away nothing is said, or null.
#[derive(Deserialize)]
struct ServerLine {
    ip: String,
    connected: bool,
    hdd_regular_chunks: Option<u64>,
    hdd_regular_used: Option<u64>,
    hdd_regular_total: Option<u64>,
    hdd_removal_chunks: Option<u64>,
    hdd_removal_used: Option<u64>,
    hdd_removal_total: Option<u64>,
}

#[derive(Deserialize)]
struct ChunkInfo {
    info: Chunks,
}

#[derive(Deserialize)]
struct Chunks {
    chunks: Matrices,
}

#[derive(Deserialize)]
struct Matrices {
    summary: Summary,
}

#[derive(Deserialize)]
struct Summary {
    allchunks: Counts,
    /// Copies on disks that are to be given up do not count here. The spelling is that of the program.
    regularchuks: Counts,
}

#[derive(Deserialize)]
struct Counts {
    missing: u64,
    endangered: u64,
    undergoal: u64,
}

impl Observer {
    pub(super) fn new() -> Self {
        Observer { last: Mutex::new(None) }
    }

    /// Returns what the master knows; `None` while it does not answer.
    pub(super) async fn look(&self, master: Ipv4Addr) -> Option<ClusterState> {
        let mut last = self.last.lock().await;
        if let Some((_, state)) = last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Some(state.clone());
        }
        let state = ask(master).await;
        if let Err(error) = &state {
            tracing::debug!("the master does not say how it is: {error}");
        }
        let state = state.ok()?;
        *last = Some((Instant::now(), state.clone()));
        Some(state)
    }
}

async fn ask(master: Ipv4Addr) -> Result<ClusterState, String> {
    let servers: Said<ServerList> = read(&tell(master, "-SCS").await.map_err(|error| error.to_string())?)?;
    let chunks: Said<ChunkInfo> = read(&tell(master, "-SIC").await.map_err(|error| error.to_string())?)?;
    Ok(state(servers.dataset.chunkservers, &chunks.dataset.info.chunks.summary))
}

async fn tell(master: Ipv4Addr, what: &str) -> Result<String, ProgramError> {
    let (host, port) = (master.to_string(), ports::CLIENTS.to_string());
    program::run("mfscli", &["-n", "-j", "-H", &host, "-P", &port, what], LIMIT).await
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

fn state(lines: Vec<ServerLine>, summary: &Summary) -> ClusterState {
    let both = |regular: Option<u64>, removal: Option<u64>| regular.unwrap_or_default() + removal.unwrap_or_default();
    let server = |line: ServerLine| DataServer {
        ip: line.ip,
        is_connected: line.connected,
        is_leaving: line.hdd_removal_total.is_some_and(|total| total > 0) && line.hdd_regular_total == Some(0),
        n_chunks: both(line.hdd_regular_chunks, line.hdd_removal_chunks),
        used: both(line.hdd_regular_used, line.hdd_removal_used),
        total: both(line.hdd_regular_total, line.hdd_removal_total),
    };
    let Counts { missing, endangered, undergoal } = summary.regularchuks;
    ClusterState {
        servers: lines.into_iter().map(server).collect(),
        n_missing: missing,
        n_waiting: missing + endangered + undergoal,
        n_lost: summary.allchunks.missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVERS: &str = r#"{"version": "4.56.6", "dataset": {"chunkservers": [
        {"connected": true, "ip": "10.0.0.2", "port": 9422, "hdd_regular_chunks": 52, "hdd_regular_used": 100,
         "hdd_regular_total": 1000, "hdd_removal_chunks": 0, "hdd_removal_used": 0, "hdd_removal_total": 0},
        {"connected": true, "ip": "10.0.0.3", "port": 9422, "hdd_regular_chunks": 0, "hdd_regular_used": 0,
         "hdd_regular_total": 0, "hdd_removal_chunks": 50, "hdd_removal_used": 90, "hdd_removal_total": 900},
        {"connected": false, "ip": "10.0.0.4", "port": 9422},
        {"connected": false, "ip": "10.0.0.5", "port": 9422, "errors": null, "hdd_regular_chunks": null,
         "hdd_regular_used": null, "hdd_regular_total": null, "hdd_removal_chunks": null, "hdd_removal_used": null,
         "hdd_removal_total": null}]}, "errors": []}"#;
    const CHUNKS: &str = r#"{"dataset": {"info": {"chunks": {"allchunks": [], "summary": {
        "allchunks": {"missing": 1, "endangered": 0, "undergoal": 0, "stable": 52, "overgoal": 0},
        "regularchuks": {"missing": 2, "endangered": 3, "undergoal": 4, "stable": 48, "overgoal": 0}}}}}}"#;

    #[test]
    fn what_the_program_says_is_read() {
        let servers: Said<ServerList> = read(SERVERS).unwrap();
        let chunks: Said<ChunkInfo> = read(CHUNKS).unwrap();
        let state = state(servers.dataset.chunkservers, &chunks.dataset.info.chunks.summary);
        assert_eq!((state.n_missing, state.n_waiting, state.n_lost), (2, 9, 1));
        let shown: Vec<(bool, bool, u64, u64)> = state
            .servers
            .iter()
            .map(|server| (server.is_connected, server.is_leaving, server.n_chunks, server.total))
            .collect();
        let away = (false, false, 0, 0);
        assert_eq!(shown, [(true, false, 52, 1000), (true, true, 50, 900), away, away]);
        assert!(read::<Said<ServerList>>("cannot connect").is_err());
    }
}
