//! What a node is to run, by role: written down before anything is done about it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::context::Context;
use crate::api::web::{HttpProxy, Php, SessionStore, Tomcat};
use crate::service::web::war::Survey;
use crate::sys::file::{self, FileError};

/// What a node is to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// A proxy.
    pub proxy: Option<HttpProxy>,
    /// A server of static files, by its port.
    pub web: Option<u16>,
    /// PHP.
    pub php: Option<Php>,
    /// Who may ask for static files; everybody if it is empty.
    pub web_clients: Vec<Ipv4Addr>,
    /// Tomcat.
    pub tomcat: Option<Tomcat>,
    /// Code versions in Tomcat, the newest last.
    pub contexts: Vec<Context>,
    /// The highest number that a code version ever had in Tomcat.
    pub last_context: u32,
    /// What the code versions are that are web applications in Java.
    pub wars: BTreeMap<String, Survey>,
    /// The store of visitors' sessions.
    pub sessions: Option<SessionStore>,
    /// Code versions that the node has, the newest last.
    pub code: Vec<String>,
}

/// The file that keeps it.
#[derive(Debug, Clone)]
pub(super) struct WantedFile {
    path: PathBuf,
}

impl WantedFile {
    pub(super) fn new(directory: &Path) -> Self {
        WantedFile { path: directory.join("web.json") }
    }

    /// Returns what is wanted; nothing on a new node. Blocking.
    ///
    /// # Errors
    /// Returns an error if the file is there and cannot be read: a node never forgets what it runs.
    pub(super) fn read(&self) -> Result<Wanted, FileError> {
        let text = match file::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Wanted::default()),
            Err(error) => return Err(error),
        };
        serde_json::from_slice(&text).map_err(|error| FileError::new("understand", &self.path, error.into()))
    }

    /// Writes it down. Blocking.
    ///
    /// # Errors
    /// Returns an error if the disk does not take it.
    pub(super) fn write(&self, wanted: &Wanted) -> Result<(), FileError> {
        let text = serde_json::to_vec(wanted).map_err(|error| FileError::new("write", &self.path, error.into()))?;
        // It holds the password of the sessions.
        file::write_atomic(&self.path, &text, 0o600)
    }
}

impl Wanted {
    /// Forgets code versions that the node does not keep.
    pub(super) fn forget(&mut self, versions: &[String]) {
        self.wars.retain(|version, _| !versions.contains(version));
        self.contexts.retain(|context| !versions.contains(&context.version));
    }

    /// Returns whether the node serves static files by itself for its own proxy.
    pub(super) fn serves_own_files(&self, my_ip: Ipv4Addr) -> bool {
        let own = |proxy: &HttpProxy| proxy.web_list.iter().all(|server| server.ip == my_ip);
        self.web.is_some() && self.proxy.as_ref().is_some_and(own)
    }
}
