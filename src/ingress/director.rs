//! Asks the director what is published.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use hyper::body::Bytes;

use super::error::IngressError;
use super::options::IngressOptions;
use super::place::Place;
use crate::api::{IngressView, SiteVisits, Troubles, WAIT_FOR};
use crate::clock::{self, Clock};
use crate::config::DirectorUrl;
use crate::pki::Credentials;
use crate::rpc::{Client, Endpoint, FormBody, PeerRule};
use crate::sys::excerpt::excerpt_of_bytes;
use crate::sys::{self, file};

const LIMIT: Duration = Duration::from_secs(40);
/// A thousand ports, some servers each.
const MAX_ANSWER_BYTES: u64 = 4 * 1024 * 1024;
const MAX_REASON_CHARS: usize = 300;

/// The director, as an ingress calls it.
pub(super) struct Director {
    files: PathBuf,
    time_record: PathBuf,
    connection: Option<(Client, Endpoint)>,
}

/// What an ingress serves.
#[derive(Clone, Copy)]
pub(super) struct Serving<'a> {
    /// By this the director knows it.
    pub(super) digest: &'a str,
    /// Why sites are not found.
    pub(super) troubles: &'a Troubles,
    /// Sites whose names open by HTTPS.
    pub(super) secure: &'a BTreeSet<i64>,
}

impl Director {
    pub(super) fn new(options: &IngressOptions, place: &Place) -> Self {
        Director { files: options.files.clone(), time_record: place.time_record(), connection: None }
    }

    /// Returns what is published, as soon as it is not what is served, and after `wait` at the latest. The director learns
    /// what is served.
    ///
    /// # Errors
    /// The director does not answer, or says why not.
    pub(super) async fn sites(&mut self, serving: Serving<'_>, wait: Duration) -> Result<IngressView, IngressError> {
        let form = FormBody::default()
            .field("known", serving.digest)
            .field("troubles", serde_json::to_string(serving.troubles)?)
            .field("secure", serde_json::to_string(serving.secure)?)
            .field(WAIT_FOR, wait.as_secs().to_string());
        let answer = self.ask("/ingress_sites", &form).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// Tells what visitors asked for, by the numbers of sites.
    ///
    /// # Errors
    /// The director does not answer, or says why not.
    pub(super) async fn tell_visits(&mut self, visits: &BTreeMap<i64, SiteVisits>) -> Result<(), IngressError> {
        let form = FormBody::default().field("visits", serde_json::to_string(visits)?);
        self.ask("/ingress_visits", &form).await.map(drop)
    }

    async fn ask(&mut self, path: &str, form: &FormBody) -> Result<Bytes, IngressError> {
        let outcome = self.try_ask(path, form).await;
        if outcome.is_err() {
            // The certificate may be another one by now, and the director elsewhere.
            self.connection = None;
        }
        outcome
    }

    async fn try_ask(&mut self, path: &str, form: &FormBody) -> Result<Bytes, IngressError> {
        let (client, endpoint) = match &self.connection {
            Some(connection) => connection,
            None => {
                let (files, record) = (self.files.clone(), self.time_record.clone());
                let connection = sys::blocking(move || {
                    clock::expect_plausible(&Clock::system(), &record)?;
                    let text = file::read_text(&files.join("director_url"))?;
                    let url: DirectorUrl = text.trim().parse().map_err(IngressError::Url)?;
                    let client = Client::new(Some(&Credentials::load(&files)?), PeerRule::Director)?;
                    let endpoint = Endpoint { host: url.host().to_owned(), port: url.port() };
                    Ok::<_, IngressError>((client.with_timeout(LIMIT).with_max_answer(MAX_ANSWER_BYTES), endpoint))
                });
                self.connection.insert(connection.await?)
            }
        };
        let answer = client.post_form(endpoint, path, form).await?;
        if answer.status != 200 {
            let reason = excerpt_of_bytes(&answer.body, MAX_REASON_CHARS);
            return Err(IngressError::Refused { status: answer.status, reason });
        }
        Ok(answer.body)
    }
}
