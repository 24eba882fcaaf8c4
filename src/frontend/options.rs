//! Where pages are served, and what the frontend works with.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Where pages are served, and what the frontend works with.
#[derive(Debug, Clone)]
pub(crate) struct FrontendOptions {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// What the director made for frontends: certificates, and its URL.
    pub files: PathBuf,
    /// Its own data: sessions, and files on their way.
    pub state_dir: PathBuf,
    /// Certificate and key of the pages, when they are not of the web authority.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

impl FrontendOptions {
    /// Returns the file of the web authority.
    pub(super) fn authority(&self) -> PathBuf {
        self.files.join("web_ca_cert.pem")
    }

    /// Returns the files of the pages' certificate and key, which may be one.
    pub(super) fn pages(&self) -> (PathBuf, PathBuf) {
        let own = self.files.join("web.pem");
        self.certificate.clone().unwrap_or_else(|| (own.clone(), own))
    }
}
