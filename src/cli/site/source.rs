//! One log, and up to where it was read.

use crate::api::manager::LogText;
use crate::client::error::Failure;
use crate::client::lookup::FoundService;
use crate::client::session::Session;
use crate::model::ServiceId;

/// How much of what was read last is looked for in the whole log of a server that does not follow.
const MARK_BYTES: usize = 400;

/// Where a log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// With the manager, of the service.
    Manager,
    /// In the node of this id.
    Node(String),
    /// With the director, as ingresses tell of visitors.
    Ingress,
}

/// One log.
pub(super) struct Source {
    found: FoundService,
    place: Place,
    /// The node as it is shown.
    pub node: String,
    /// Its name.
    pub file: String,
    /// Empty before the first read.
    cursor: String,
    /// The end of what was read of a server that does not know cursors.
    mark: Option<String>,
    has_complained: bool,
}

impl Source {
    /// Returns a log that was not read yet.
    pub(super) fn new(found: FoundService, place: Place, node: &str, file: &str) -> Self {
        let (node, file) = (node.to_owned(), file.to_owned());
        Source { found, place, node, file, cursor: String::new(), mark: None, has_complained: false }
    }

    /// Returns the service that it belongs to.
    pub(super) fn sid(&self) -> ServiceId {
        self.found.service
    }

    /// Returns whether a node of the service has it.
    pub(super) fn is_of_node(&self) -> bool {
        matches!(self.place, Place::Node(_))
    }

    /// Returns whether both are one log.
    pub(super) fn is_same(&self, other: &Source) -> bool {
        self.sid() == other.sid() && self.place == other.place && self.file == other.file
    }

    /// Returns whether it is the first time that it cannot be read since it could.
    pub(super) fn complains(&mut self) -> bool {
        !std::mem::replace(&mut self.has_complained, true)
    }

    /// Returns what is new: at first the newest lines.
    ///
    /// # Errors
    /// It cannot be read now.
    pub(super) async fn read(&mut self, session: &Session) -> Result<String, Failure> {
        if self.mark.is_none() {
            match self.ask(session, Some(&self.cursor)).await {
                Ok(LogText { log, cursor: Some(cursor) }) => {
                    self.cursor = cursor;
                    self.has_complained = false;
                    return Ok(log);
                }
                Ok(LogText { cursor: None, .. }) => {}
                // A server of ConPaaS 2.0, or of an older release, does not know the parameter.
                Err(failure) if failure.text.contains("Unexpected parameters") => {}
                Err(failure) => return Err(failure),
            }
        }
        let whole = self.ask(session, None).await?.log;
        self.has_complained = false;
        let new = added(&whole, self.mark.as_deref().unwrap_or_default()).to_owned();
        self.mark = Some(end_of(&whole).to_owned());
        Ok(new)
    }

    async fn ask(&self, session: &Session, cursor: Option<&str>) -> Result<LogText, Failure> {
        match &self.place {
            Place::Manager => session.service_log(&self.found, cursor).await,
            Place::Ingress => session.published_log(&self.found, cursor).await,
            Place::Node(id) => session.node_log(&self.found, id, Some(&self.file), cursor).await,
        }
    }
}

/// Returns what stands behind the mark; all, where the mark is not there any more.
fn added<'a>(whole: &'a str, mark: &str) -> &'a str {
    if mark.is_empty() {
        return whole;
    }
    whole.rfind(mark).map_or(whole, |at| &whole[at + mark.len()..])
}

fn end_of(text: &str) -> &str {
    let mut start = text.len().saturating_sub(MARK_BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_found_in_a_whole_log() {
        assert_eq!(added("a\nb\n", ""), "a\nb\n");
        assert_eq!(added("a\nb\nc\n", end_of("a\nb\n")), "c\n");
        assert_eq!(added("x\n", "gone\n"), "x\n");
        let long = "é".repeat(MARK_BYTES);
        assert_eq!(added(&format!("{long}\nnew"), end_of(&format!("{long}\n"))), "new");
    }
}
