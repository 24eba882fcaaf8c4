//! The page of the example program, fetched from each of its nodes.

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::NutshellError;
use crate::rpc::{WebClient, WebLimits, WebRequest};
use crate::task::poll::{self, Pace};

/// The port that the example program is told to listen on.
pub(crate) const PORT: u16 = 8080;

/// How long the program may take until its first page.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// How often the nodes are asked while the program starts.
pub(crate) const PACE: Pace = Pace::every(Duration::from_millis(100));

const LIMITS: WebLimits =
    WebLimits { connect: Duration::from_secs(5), whole: Duration::from_secs(5), max_answer_bytes: 1 << 20 };

/// What a node's page says about itself.
#[derive(Debug, Clone, Deserialize)]
struct Facts {
    #[serde(default)]
    ip: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    peers: Vec<IgnoredAny>,
}

/// Returns the page of a node, for browsers.
pub(crate) fn url(ip: &str) -> String {
    format!("http://{ip}:{PORT}/")
}

/// Returns what the page of each node says about itself.
///
/// # Errors
/// The first page that cannot be had.
pub(crate) async fn fetch(ips: &[String]) -> Result<Vec<String>, NutshellError> {
    let mut lines = Vec::new();
    for ip in ips {
        let url = format!("{}json", url(ip));
        lines.push(fetch_one(&url).await.map_err(|reason| NutshellError::Page { url, reason })?);
    }
    Ok(lines)
}

/// Waits until every node has its page.
///
/// # Errors
/// The first page that is not there in time.
pub(crate) async fn wait(ips: &[String]) -> Result<(), NutshellError> {
    let ask = async || Ok::<_, NutshellError>(fetch(ips).await.ok().map(drop));
    match poll::until(PACE, LIMIT, ask).await? {
        Some(()) => Ok(()),
        None => fetch(ips).await.map(drop),
    }
}

async fn fetch_one(url: &str) -> Result<String, String> {
    let answer = WebClient::new(LIMITS).send(&WebRequest::get(url)).await;
    let answer = answer.map_err(|error| crate::sys::chain(&error))?;
    line(&answer.body).map_err(|error| error.to_string())
}

fn line(body: &[u8]) -> Result<String, serde_json::Error> {
    let Facts { ip, role, peers } = serde_json::from_slice(body)?;
    Ok(format!("Hello from {ip}, role {role}, {} peer(s)", peers.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_told_in_one_line() {
        let page = br#"{"ip": "127.0.0.2", "role": "master", "peers": [{"ip": "127.0.0.3"}], "started": 1.5}"#;
        assert_eq!(line(page).unwrap(), "Hello from 127.0.0.2, role master, 1 peer(s)");
        assert_eq!(line(b"{}").unwrap(), "Hello from , role , 0 peer(s)");
        assert!(line(b"<html>").is_err());
    }

    #[tokio::test]
    async fn a_node_without_a_program_has_no_page() {
        let error = fetch(&["127.0.0.1".to_owned(), "not an address".to_owned()]).await.unwrap_err();
        assert!(matches!(error, NutshellError::Page { .. }), "{error}");
    }
}
