//! Sessions of visitors: a file each, in which the user's certificate rests sealed under the visitor's secret.
//!
//! # Guarantees
//! - A session is found by the hash of its secret; the secret itself is in the visitor's cookie and nowhere else.
//! - A session that ended opens nothing, whoever still has its secret.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::client::error::Failure;
use crate::client::session::Session;
use crate::clock::Clock;
use crate::model::UserId;
use crate::pki::{Credentials, Secret};
use crate::sys::file::{self, FileError};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// A session that nobody uses for so long is over, as in ConPaaS 2.0.
pub(super) const KEPT_IDLE: i64 = 15 * DAY;
/// The same for one that is not to outlive the browser.
const SHORT_IDLE: i64 = 12 * HOUR;
const LONGEST: i64 = 90 * DAY;
/// The time of use is written no more often, which spares the card.
const SEEN_STEP: i64 = 600;
/// Of one user; the one that was used least of late gives way.
const MAX_OF_USER: usize = 32;
/// Of all users.
const MAX_SESSIONS: usize = 10_000;
/// Certificates that are open in memory.
const MAX_OPENED: usize = 256;

/// What is known of a session without its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) uid: UserId,
    pub(super) username: String,
    /// Seconds since 1970, as all times here.
    pub(super) created: i64,
    pub(super) seen: i64,
    /// Whether it outlives the browser.
    pub(super) is_kept: bool,
    /// What the browser called itself.
    pub(super) agent: String,
    /// From where its visitor logged in.
    pub(super) address: String,
    sealed: String,
}

impl Record {
    fn is_over(&self, now: i64) -> bool {
        let idle = if self.is_kept { KEPT_IDLE } else { SHORT_IDLE };
        now - self.seen > idle || now - self.created > LONGEST
    }
}

/// A new session.
pub(super) struct NewSession {
    pub(super) uid: UserId,
    pub(super) username: String,
    pub(super) is_kept: bool,
    pub(super) agent: String,
    pub(super) address: String,
}

/// All sessions.
pub(super) struct Sessions {
    directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    records: HashMap<String, Record>,
    /// Sessions with the director whose certificates were opened of late.
    opened: HashMap<String, Arc<Session>>,
}

impl Sessions {
    /// Reads what earlier runs left; what is over or broken goes. Blocking.
    ///
    /// # Errors
    /// The directory cannot be read or made.
    pub(super) fn load(directory: &Path) -> Result<Self, FileError> {
        file::ensure_private_directory(directory)?;
        let sessions = Sessions { directory: directory.to_owned(), state: Mutex::default() };
        let entries = std::fs::read_dir(directory).map_err(|error| FileError::new("read", directory, error))?;
        let now = Clock::system().unix_seconds();
        for path in entries.flatten().map(|entry| entry.path()) {
            let record = file::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
            let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            match (name, record) {
                (Some(name), Some(record)) if !record.is_over(now) => {
                    sessions.with(|state| state.records.insert(name, record));
                }
                _ => file::ensure_absent(&path)?,
            }
        }
        Ok(sessions)
    }

    /// Makes a session that holds these credentials. Returns its secret. Blocking.
    ///
    /// # Errors
    /// It cannot be written, or there are too many.
    pub(super) fn begin(&self, new: NewSession, credentials: &Credentials) -> Result<Secret, Failure> {
        let (secret, now) = (Secret::random(), Clock::system().unix_seconds());
        let NewSession { uid, username, is_kept, agent, address } = new;
        let sealed = STANDARD.encode(secret.seal(credentials));
        let record = Record { uid, username, created: now, seen: now, is_kept, agent, address, sealed };
        let over: Vec<String> = self.with(|state| state.surplus(uid, now));
        over.iter().for_each(|name| self.end(name));
        if self.with(|state| state.records.len()) >= MAX_SESSIONS {
            return Err(Failure::said("too many people are signed in: try again later"));
        }
        self.write(&secret.name(), &record)?;
        self.with(|state| state.records.insert(secret.name(), record));
        Ok(secret)
    }

    /// Returns the session of a secret, if it is not over. Blocking, but short.
    pub(super) fn find(&self, secret: &Secret) -> Option<Record> {
        let (name, now) = (secret.name(), Clock::system().unix_seconds());
        let record = self.with(|state| state.records.get(&name).cloned())?;
        if record.is_over(now) {
            self.end(&name);
            return None;
        }
        if now - record.seen >= SEEN_STEP {
            let record = Record { seen: now, ..record.clone() };
            // What cannot be written is used all the same: only the time of use is lost.
            if let Err(error) = self.write(&name, &record) {
                tracing::warn!(error = %crate::sys::chain(&error), "cannot keep the time at which a session was used");
            }
            self.with(|state| state.records.insert(name, record));
        }
        Some(record)
    }

    /// Returns whether a session is not over.
    pub(super) fn is_there(&self, name: &str) -> bool {
        self.with(|state| state.records.contains_key(name))
    }

    /// Returns the user's certificate.
    pub(super) fn credentials(&self, secret: &Secret) -> Option<Credentials> {
        let sealed = self.with(|state| state.records.get(&secret.name()).map(|record| record.sealed.clone()))?;
        secret.open(&STANDARD.decode(sealed).ok()?)
    }

    /// Returns the session with the director that belongs to this one, made by `make` unless it was made of late.
    pub(super) fn opened(&self, secret: &Secret, make: impl FnOnce(Credentials) -> Session) -> Option<Arc<Session>> {
        let name = secret.name();
        if let Some(opened) = self.with(|state| state.opened.get(&name).cloned()) {
            return Some(opened);
        }
        let opened = Arc::new(make(self.credentials(secret)?));
        self.with(|state| {
            if state.opened.len() >= MAX_OPENED {
                state.opened.clear();
            }
            state.opened.insert(name, Arc::clone(&opened));
        });
        Some(opened)
    }

    /// Returns the sessions of a user with their names, the one that was used last first.
    pub(super) fn of_user(&self, uid: UserId) -> Vec<(String, Record)> {
        self.with(|state| state.of_user(uid))
    }

    /// Ends a session; fine if there is none. Blocking, but short.
    pub(super) fn end(&self, name: &str) {
        self.with(|state| {
            state.records.remove(name);
            state.opened.remove(name);
        });
        if let Err(error) = file::ensure_absent(&self.directory.join(name)) {
            tracing::warn!(error = %crate::sys::chain(&error), "cannot remove a session that ended");
        }
    }

    fn write(&self, name: &str, record: &Record) -> Result<(), FileError> {
        let bytes = serde_json::to_vec(record).expect("texts and numbers are always JSON");
        file::write_atomic(&self.directory.join(name), &bytes, 0o600)
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn of_user(&self, uid: UserId) -> Vec<(String, Record)> {
        let own = self.records.iter().filter(|(_, record)| record.uid == uid);
        let mut own: Vec<(String, Record)> = own.map(|(name, record)| (name.clone(), record.clone())).collect();
        own.sort_by_key(|(_, record)| std::cmp::Reverse(record.seen));
        own
    }

    /// Returns which sessions end when a user gets another one.
    fn surplus(&self, uid: UserId, now: i64) -> Vec<String> {
        let over = self.records.iter().filter(|(_, record)| record.is_over(now)).map(|(name, _)| name.clone());
        let own = self.of_user(uid).into_iter().skip(MAX_OF_USER - 1).map(|(name, _)| name);
        over.chain(own).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(uid: i64) -> NewSession {
        NewSession {
            uid: UserId(uid),
            username: "alice".into(),
            is_kept: false,
            agent: "Browser".into(),
            address: "127.0.0.1".into(),
        }
    }

    fn credentials() -> Credentials {
        Credentials { certificate_pem: "C".into(), key_pem: "SECRET KEY".into(), authority_pem: "A".into() }
    }

    #[test]
    fn sessions_survive_a_restart_and_their_files_open_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let sessions = Sessions::load(directory.path()).unwrap();
        let secret = sessions.begin(new(1), &credentials()).unwrap();
        let bytes = std::fs::read(directory.path().join(secret.name())).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let encoded = STANDARD.encode(secret.bytes());
        assert!(!text.contains("SECRET") && !text.contains(&encoded), "{text}");
        let again = Sessions::load(directory.path()).unwrap();
        assert!(again.find(&secret).is_some_and(|record| record.username == "alice"));
        assert!(again.credentials(&secret).is_some_and(|found| found.key_pem == "SECRET KEY"));
        assert!(again.find(&Secret::random()).is_none());
        again.end(&secret.name());
        assert!(again.find(&secret).is_none() && Sessions::load(directory.path()).unwrap().find(&secret).is_none());
    }

    #[test]
    fn a_user_has_so_many_and_what_is_over_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let sessions = Sessions::load(directory.path()).unwrap();
        let secrets: Vec<Secret> = (0..=MAX_OF_USER).map(|_| sessions.begin(new(1), &credentials()).unwrap()).collect();
        assert_eq!(sessions.of_user(UserId(1)).len(), MAX_OF_USER);
        assert_eq!(secrets.iter().filter(|secret| sessions.find(secret).is_some()).count(), MAX_OF_USER);
        let last = secrets.last().expect("there are some");
        sessions.with(|state| state.records.get_mut(&last.name()).unwrap().seen -= SHORT_IDLE + 1);
        assert!(sessions.find(last).is_none() && !directory.path().join(last.name()).exists());
    }

    #[test]
    fn a_kept_session_is_over_after_its_days() {
        let sealed = String::new();
        let record = Record {
            uid: UserId(1),
            username: String::new(),
            created: 0,
            seen: 0,
            is_kept: true,
            agent: String::new(),
            address: String::new(),
            sealed,
        };
        assert!(!record.is_over(KEPT_IDLE) && record.is_over(KEPT_IDLE + 1));
        let used = Record { seen: LONGEST, ..record };
        assert!(!used.is_over(LONGEST) && used.is_over(LONGEST + 1));
    }
}
