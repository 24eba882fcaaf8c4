//! Where a service answers, and what it says there.

use std::time::Duration;

use crate::api::manager::ServiceNode;
use crate::cli::deployment::Entry;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::session::Session;
use crate::rpc::{WebClient, WebError, WebLimits, WebRequest};
use crate::sys;

/// A page may be made by a program that starts with it.
const LIMITS: WebLimits =
    WebLimits { connect: Duration::from_secs(3), whole: Duration::from_secs(60), max_answer_bytes: 64 << 20 };

/// Returns the URL of each node where visitors come in, oldest first.
///
/// # Errors
/// The manager cannot be called, or says why not.
pub(crate) async fn urls(session: &Session, found: &FoundService, entry: Entry) -> Result<Vec<String>, Failure> {
    let by_role = session.nodes(found).await?;
    let is_meant = |role: &str| match entry {
        Entry::Site(wanted) => role == wanted,
        Entry::Program => true,
    };
    let ids = by_role.into_iter().filter(|(role, _)| is_meant(role)).flat_map(|(_, ids)| ids);
    let mut urls = Vec::new();
    for id in ids {
        let ServiceNode { ip, .. } = session.node(found, &id).await?;
        let url = format!("http://{ip}/");
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    Ok(urls)
}

/// What a page answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// It has this status.
    Answer(u16),
    /// It cannot be reached from this machine.
    Unreachable,
    /// It is reached and does not answer as a page does.
    Silent(String),
}

/// Asks for a page, as a visitor does.
pub(super) async fn see(url: &str) -> Seen {
    match WebClient::new(LIMITS).send(&WebRequest::get(url)).await {
        Ok(answer) => Seen::Answer(answer.status),
        Err(WebError::Connect { .. }) => Seen::Unreachable,
        Err(error) => Seen::Silent(sys::chain(&error)),
    }
}
