//! Files from the web that the director fetches for users: of hosts that its operator allows, and of no private network.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use crate::director::state::Director;
use crate::manifest::{host_of, is_public};
use crate::rpc::{WebClient, WebLimits, WebRequest};
use crate::sys::{self, chain, file};

/// Until all of it is there.
const LIMIT: Duration = Duration::from_secs(600);
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// It is in memory before it is on the disk.
const MAX_BYTES: usize = 64 << 20;

/// Refuses a host from which nothing is fetched.
///
/// # Errors
/// Returns what can be done instead.
pub(super) fn expect_allowed(director: &Director, url: &str) -> Result<(), String> {
    let host = host_of(url).ok_or_else(|| format!("'{url}' is no URL"))?;
    if director.config.manifest_hosts.contains(&host) {
        return Ok(());
    }
    Err(format!(
        "the director fetches nothing from '{host}': 'conpaas application manifest' fetches it itself, or its operator \
         names the host in MANIFEST_HOSTS"
    ))
}

/// Fetches a file to `path`.
///
/// # Errors
/// Returns why it is not there then.
pub(super) async fn fetch(director: &Director, url: &str, path: &Path) -> Result<(), String> {
    expect_allowed(director, url)?;
    let address = public_address(url).await?;
    let limits = WebLimits { connect: CONNECT_LIMIT, whole: LIMIT, max_answer_bytes: MAX_BYTES };
    let client = sys::blocking(move || WebClient::with_tls(limits)).await.map_err(|error| chain(&error))?;
    // Asked by its name once more, the host could be another one.
    let answer = client.at(address).send(&WebRequest::get(url)).await.map_err(|error| chain(&error))?;
    if answer.status != 200 {
        return Err(format!("{url} answers {}", answer.status));
    }
    let path = path.to_owned();
    let written = sys::blocking(move || file::write_atomic(&path, &answer.body, 0o600)).await;
    written.map_err(|error| chain(&error))
}

/// Returns the address of a host, all of whose addresses are of the public web.
async fn public_address(url: &str) -> Result<IpAddr, String> {
    let host = host_of(url).ok_or_else(|| format!("'{url}' is no URL"))?;
    let found = tokio::net::lookup_host((host.as_str(), 443)).await;
    let addresses: Vec<IpAddr> =
        found.map_err(|error| format!("'{host}' is not found: {error}"))?.map(|address| address.ip()).collect();
    if let Some(private) = addresses.iter().find(|address| !is_public(**address)) {
        return Err(format!("'{host}' is {private}, which is no address of the public web"));
    }
    addresses.first().copied().ok_or_else(|| format!("'{host}' has no address"))
}
