//! What all requests share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::history::History;
use super::options::FrontendOptions;
use super::provider::KnownProvider;
use super::session::Sessions;
use super::watch::Watches;
use crate::client::certificate::{Trust, Visitor};
use crate::client::error::Failure;
use crate::client::session::{Account, Session};
use crate::config::DirectorUrl;
use crate::model::UserId;
use crate::pki::{CertificateName, Credentials, certificate_names, fingerprint};
use crate::sys::file;
use crate::task::Tasks;

/// Pages of one user that are open at once.
const MAX_OPEN_PAGES: usize = 16;
/// Open pages that wait for news: so many of the director's 256 connections.
const MAX_WAITING: usize = 32;

/// What all requests share.
pub(super) struct Site {
    pub(super) options: FrontendOptions,
    pub(super) director_url: DirectorUrl,
    pub(super) sessions: Sessions,
    /// The names that pages are asked for by.
    pub(super) names: Vec<CertificateName>,
    /// The web authority's certificate and its fingerprint; none where the operator brought a certificate.
    pub(super) authority: Option<(String, String)>,
    /// Pages that are open.
    pub(super) watches: Watches,
    provider: KnownProvider,
    /// The right of an open page to wait for news.
    pub(super) waiting: Semaphore,
    /// How many requests services had.
    pub(super) requests: History,
    pub(super) tasks: Tasks,
    own: Arc<Credentials>,
    open_pages: Mutex<HashMap<UserId, usize>>,
}

/// The right to one open page; given back when it is dropped.
pub(super) struct OpenPage {
    site: Arc<Site>,
    uid: UserId,
}

impl Site {
    /// Reads what the director made and what earlier runs left. Blocking.
    ///
    /// # Errors
    /// A file is missing or broken.
    pub(super) fn load(options: FrontendOptions, tasks: Tasks) -> Result<Self, Failure> {
        let own = Credentials::load(&options.files)?;
        let url = file::read_text(&options.files.join("director_url"))?;
        let director_url = url.trim().parse::<DirectorUrl>().map_err(Failure::said)?;
        let (certificate, _) = options.pages();
        let names = certificate_names(&file::read_text(&certificate)?)?;
        let authority = match options.certificate {
            Some(_) => None,
            None => {
                let pem = file::read_text(&options.authority())?;
                let shown = fingerprint(&pem)?;
                Some((pem, shown))
            }
        };
        Ok(Site {
            director_url,
            sessions: Sessions::load(&options.state_dir.join("sessions"))?,
            names,
            authority,
            watches: Watches::default(),
            provider: KnownProvider::default(),
            waiting: Semaphore::new(MAX_WAITING),
            requests: History::default(),
            tasks,
            own: Arc::new(own),
            open_pages: Mutex::default(),
            options,
        })
    }

    /// Returns a session of a user with the director. Without credentials it can only log in.
    pub(super) fn session(&self, username: &str, credentials: Option<Credentials>) -> Session {
        let account = Account {
            director_url: Some(self.director_url.clone()),
            username: Some(username.to_owned()),
            credentials: Ok(credentials),
            clock_memory: self.options.state_dir.clone(),
        };
        Session::new(account, Box::new(|text| tracing::warn!("{text}")))
    }

    /// Returns by what the director knows this frontend, which asks for a visitor from `address`.
    pub(super) fn trust(&self, address: IpAddr) -> Trust {
        Trust::Frontend(Visitor { frontend: Arc::clone(&self.own), address })
    }

    /// Returns what users call the provider by which they log in, if there is one.
    pub(super) async fn provider(&self, address: IpAddr) -> Option<String> {
        self.provider.name(&self.session("", None), &self.trust(address)).await
    }

    /// Returns the right to one more open page of a user, if he has not too many.
    pub(super) fn open_page(self: &Arc<Self>, uid: UserId) -> Option<OpenPage> {
        let mut open = self.open_pages.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(uid).or_default();
        if *count >= MAX_OPEN_PAGES {
            return None;
        }
        *count += 1;
        Some(OpenPage { site: Arc::clone(self), uid })
    }
}

impl Drop for OpenPage {
    fn drop(&mut self) {
        let mut open = self.site.open_pages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.uid) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.uid);
            }
        }
    }
}
