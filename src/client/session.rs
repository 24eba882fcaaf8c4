//! The session of one user with one director: certificates, connections, and
//! calls with ConPaaS 2.0's errors.
//!
//! The typed calls of a director stand in `client/director.rs`; here is what
//! they share.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use futures_util::{StreamExt, stream};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::OnceCell;

use super::clock_check;
use super::error::Failure;
use super::new_file::NewFile;
use super::response::{self, Parameters, Peer};
use crate::api::{ApplicationView, MANAGER_PORT};
use crate::clock::Clock;
use crate::config::{ClientConfig, DirectorUrl};
use crate::model::ApplicationId;
use crate::pki::{Credentials, CredentialsError};
use crate::rpc::{Answer, Client, ClientError, Download, Endpoint, FormBody, PeerRule, RpcCall, Streamed};

/// Time for an answer after the request was sent; some work of a manager takes minutes.
const ANSWER_LIMIT: Duration = Duration::from_secs(1800);
/// Lists of thousands of things, and logs.
const MAX_ANSWER_BYTES: u64 = 16 * 1024 * 1024;
/// A file goes to the disk as it comes.
const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// Takes a sentence that a person should read although it is no part of an answer.
pub(crate) type Say = Box<dyn Fn(&str) + Send + Sync>;

/// Whose session it is, and with which director.
pub(crate) struct Account {
    /// Where the director answers; `None` while nobody has said so.
    pub director_url: Option<DirectorUrl>,
    /// The user's name at the director; `None` while nobody has said so.
    pub username: Option<String>,
    /// Certificate, key and authority; `None` before the first login. A
    /// failure to read them is told by the first call that needs them.
    pub credentials: Result<Option<Credentials>, Failure>,
    /// The directory that remembers what was found out about the clock.
    pub clock_memory: PathBuf,
}

impl Account {
    /// Returns the account that `settings` describe, its certificates read from `~/.conpaas`. Blocking.
    pub(crate) fn read(settings: &ClientConfig) -> Self {
        Account {
            director_url: settings.director_url.clone(),
            username: settings.username.clone(),
            credentials: stored(&settings.state_dir),
            clock_memory: settings.state_dir.clone(),
        }
    }
}

fn stored(directory: &Path) -> Result<Option<Credentials>, Failure> {
    match Credentials::load(directory) {
        Ok(credentials) => Ok(Some(credentials)),
        Err(CredentialsError::File(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error @ CredentialsError::Empty(_)) => Err(Failure::said(format!(
            "Cannot call the ConPaaS director: {error}.\nTry to run 'conpaas user get_certificate' first."
        ))),
        Err(error) => Err(error.into()),
    }
}

/// An account with its connections.
pub(crate) struct Session {
    account: Account,
    say: Say,
    managers: Mutex<HashMap<ApplicationId, Endpoint>>,
    clock: OnceCell<Result<(), Failure>>,
    /// Each keeps its connections.
    to_director: OnceLock<Client>,
    to_managers: OnceLock<Client>,
}

impl Session {
    /// Returns a session that has called nobody yet.
    pub(crate) fn new(account: Account, say: Say) -> Self {
        let (to_director, to_managers) = Default::default();
        Session { account, say, managers: Mutex::default(), clock: OnceCell::new(), to_director, to_managers }
    }

    /// Calls a director's method by GET.
    ///
    /// # Errors
    /// It cannot be called, says why not, or answers with something else.
    pub(super) async fn get<T: DeserializeOwned>(&self, method: &str) -> Result<T, Failure> {
        self.get_with(method, &[]).await
    }

    /// The same, with `parameters`.
    pub(super) async fn get_with<T: DeserializeOwned>(
        &self,
        method: &str,
        parameters: Parameters<'_>,
    ) -> Result<T, Failure> {
        let answer = self.ask_director(method, parameters).await?;
        response::read_director(method, &answer)
    }

    /// Calls a director's method by GET and returns its answer as it is.
    ///
    /// # Errors
    /// It cannot be called, or says why not.
    pub(super) async fn get_raw(&self, method: &str) -> Result<Answer, Failure> {
        self.ask_director(method, &[]).await
    }

    /// The same, with `parameters`.
    pub(super) async fn get_raw_with(&self, method: &str, parameters: Parameters<'_>) -> Result<Answer, Failure> {
        self.ask_director(method, parameters).await
    }

    async fn ask_director(&self, method: &str, parameters: Parameters<'_>) -> Result<Answer, Failure> {
        let (endpoint, client) = self.director_as_user().await?;
        let all = self.all_parameters(parameters)?;
        let answer = client.get(&endpoint, &format!("/{method}"), &all).await;
        self.director_answer(method, &all, answer)
    }

    /// Calls a director's method by POST and reads its answer.
    ///
    /// # Errors
    /// As [`Session::get`].
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        method: &str,
        parameters: Parameters<'_>,
    ) -> Result<T, Failure> {
        let answer = self.post_raw(method, parameters).await?;
        response::read_director(method, &answer)
    }

    /// The same with files, of which the bytes that are `sent` are counted.
    ///
    /// # Errors
    /// As [`Session::get`], or a file cannot be read.
    pub(super) async fn post_with_files<T: DeserializeOwned>(
        &self,
        method: &str,
        parameters: Parameters<'_>,
        files: &[(&str, &Path)],
        sent: Arc<AtomicU64>,
    ) -> Result<T, Failure> {
        let (endpoint, client) = self.director_as_user().await?;
        let all = self.all_parameters(parameters)?;
        let form = files.iter().fold(form(&all), |form, (name, path)| form.file_named(name, *path, "file"));
        let answer = client.post_form(&endpoint, &format!("/{method}"), &form.counting(sent)).await;
        response::read_director(method, &self.director_answer(method, &all, answer)?)
    }

    /// Calls a director's method by POST, whose answer tells only that it is done.
    ///
    /// # Errors
    /// It cannot be called, or says why not.
    pub(super) async fn post_done(&self, method: &str, parameters: Parameters<'_>) -> Result<(), Failure> {
        self.post_raw(method, parameters).await.map(drop)
    }

    async fn post_raw(&self, method: &str, parameters: Parameters<'_>) -> Result<Answer, Failure> {
        let (endpoint, client) = self.director_as_user().await?;
        let all = self.all_parameters(parameters)?;
        let answer = client.post_form(&endpoint, &format!("/{method}"), &form(&all)).await;
        self.director_answer(method, &all, answer)
    }

    /// Calls a director's method by POST over `client`, without the user's
    /// certificate; the parameters say who calls.
    ///
    /// # Errors
    /// It cannot be called, or answers with an error.
    pub(super) async fn post_by(
        &self,
        client: &Client,
        method: &str,
        parameters: Parameters<'_>,
    ) -> Result<Answer, Failure> {
        let endpoint = self.director().await?;
        let answer = client.post_form(&endpoint, &format!("/{method}"), &form(parameters)).await;
        self.director_answer(method, parameters, answer)
    }

    /// Calls a method of an application's manager and reads its answer.
    ///
    /// # Errors
    /// The application has no manager, it cannot be called, says why not, or answers with something else.
    pub(crate) async fn manager<T: DeserializeOwned>(
        &self,
        application: ApplicationId,
        call: RpcCall,
    ) -> Result<T, Failure> {
        let endpoint = self.manager_endpoint(application).await?;
        let method = call.method().to_owned();
        let call = call.answered_within(MAX_ANSWER_BYTES);
        let outcome = self.manager_client()?.call(&endpoint, &call).await;
        response::read_manager(&method, outcome.map_err(|error| response::manager_failure(&endpoint, error))?)
    }

    /// Calls a method of an application's manager that answers with a file, and writes that to `path` when it is
    /// there whole. Returns its size in bytes.
    ///
    /// # Errors
    /// As [`Session::manager`], or the file cannot be written.
    pub(crate) async fn manager_file(
        &self,
        application: ApplicationId,
        call: RpcCall,
        path: &Path,
    ) -> Result<u64, Failure> {
        let endpoint = self.manager_endpoint(application).await?;
        let call = call.answered_within(MAX_ANSWER_BYTES);
        let begun = NewFile::beside(path)?;
        let client = self.manager_client()?;
        let outcome = client.call_to_file(&endpoint, &call, begun.path(), MAX_FILE_BYTES).await;
        match outcome.map_err(|error| response::manager_failure(&endpoint, error))? {
            Download::Written(n_bytes) => begun.keep().map(|()| n_bytes),
            Download::Answer(answer) => {
                let answer = response::expect_file(answer)?;
                begun.write(&answer.body)?;
                Ok(answer.body.len() as u64)
            }
        }
    }

    /// Calls a method of an application's manager that answers with a file of any size, and writes that to `output`
    /// as it comes.
    ///
    /// # Errors
    /// As [`Session::manager`]; or it breaks off, or `output` takes no more. A part of it is written then.
    pub(crate) async fn manager_stream(
        &self,
        application: ApplicationId,
        call: RpcCall,
        output: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), Failure> {
        let endpoint = self.manager_endpoint(application).await?;
        let call = call.answered_within(MAX_ANSWER_BYTES);
        let outcome = self.manager_client()?.call_to_stream(&endpoint, &call).await;
        let mut stream = match outcome.map_err(|error| response::manager_failure(&endpoint, error))? {
            Streamed::Stream(stream) => stream,
            // ConPaaS 2.0 has the whole text in JSON, and its client prints it as a line.
            Streamed::Result(value) => {
                let text: String = response::read_manager(call.method(), value)?;
                stream::iter([Ok((text + "\n").into())]).boxed()
            }
        };
        let broken = |error: std::io::Error| Failure::said(format!("only a part of it came: {error}"));
        while let Some(piece) = stream.next().await {
            output.write_all(&piece.map_err(broken)?).await.map_err(broken)?;
        }
        output.flush().await.map_err(broken)
    }

    /// Remembers where an application's manager answers.
    pub(crate) fn learn_manager(&self, application: &ApplicationView) {
        let Some(host) = application.manager.clone() else { return };
        let endpoint = Endpoint { host, port: application.manager_port.unwrap_or(MANAGER_PORT) };
        self.managers.lock().unwrap_or_else(PoisonError::into_inner).insert(application.aid, endpoint);
    }

    /// Returns the host at which an application's manager answers.
    ///
    /// # Errors
    /// The application has no manager.
    pub(crate) async fn manager_host(&self, application: ApplicationId) -> Result<String, Failure> {
        Ok(self.manager_endpoint(application).await?.host)
    }

    /// Returns the director's URL.
    ///
    /// # Errors
    /// None is set.
    pub(crate) fn director_url(&self) -> Result<&DirectorUrl, Failure> {
        let missing = "Cannot call the ConPaaS director: the director URL address is not specified.\n\
                       Write 'director_url = HOST' below [cps-tools] in ~/.conpaas/cps-tools.conf or \
                       /etc/cps-tools/cps-tools.conf, or say --director_url HOST.";
        self.account.director_url.as_ref().ok_or_else(|| Failure::said(missing))
    }

    /// Returns the user's name.
    ///
    /// # Errors
    /// None is set.
    pub(crate) fn username(&self) -> Result<&str, Failure> {
        let missing = "Cannot call the ConPaaS director: user name is not specified.\n\
                       Write 'username = NAME' below [cps-tools] in ~/.conpaas/cps-tools.conf or \
                       /etc/cps-tools/cps-tools.conf, or say --username NAME.";
        self.account.username.as_deref().ok_or_else(|| Failure::said(missing))
    }

    async fn director(&self) -> Result<Endpoint, Failure> {
        let url = self.director_url()?;
        let checked = self.clock.get_or_init(|| async {
            let warning = clock_check::before_tls(url.host(), &self.account.clock_memory).await?;
            if let Some(text) = warning {
                (self.say)(&format!("WARNING - {text}"));
            }
            Ok(())
        });
        checked.await.clone()?;
        Ok(Endpoint { host: url.host().to_owned(), port: url.port() })
    }

    async fn director_as_user(&self) -> Result<(Endpoint, Client), Failure> {
        self.director_url()?;
        self.username()?;
        let credentials = self.credentials()?;
        let client = match self.to_director.get() {
            Some(client) => client.clone(),
            None => {
                let client = Client::new(Some(credentials), PeerRule::Director)?;
                let client = client.with_timeout(ANSWER_LIMIT).with_max_answer(MAX_ANSWER_BYTES);
                self.to_director.get_or_init(|| client).clone()
            }
        };
        let endpoint = self.director().await?;
        expect_current(credentials)?;
        Ok((endpoint, client))
    }

    fn credentials(&self) -> Result<&Credentials, Failure> {
        let missing = "Cannot call the ConPaaS director: user certificates are not present.\n\
                       Try to run 'conpaas user get_certificate' first.";
        self.account.credentials.as_ref().map_err(Clone::clone)?.as_ref().ok_or_else(|| Failure::said(missing))
    }

    fn manager_client(&self) -> Result<Client, Failure> {
        if let Some(client) = self.to_managers.get() {
            return Ok(client.clone());
        }
        let credentials = self.credentials()?;
        let not_a_users = || Failure::said("the certificate in ~/.conpaas names no user");
        let uid = credentials.identity()?.uid().ok_or_else(not_a_users)?;
        let client = Client::new(Some(credentials), PeerRule::ManagerOf(uid))?.with_timeout(ANSWER_LIMIT);
        Ok(self.to_managers.get_or_init(|| client).clone())
    }

    async fn manager_endpoint(&self, application: ApplicationId) -> Result<Endpoint, Failure> {
        if let Some(endpoint) = self.known_manager(application) {
            return Ok(endpoint);
        }
        for view in self.applications().await? {
            self.learn_manager(&view);
        }
        let not_started = || Failure::said(crate::api::texts::application_not_started(&application.to_string()));
        self.known_manager(application).ok_or_else(not_started)
    }

    fn known_manager(&self, application: ApplicationId) -> Option<Endpoint> {
        self.managers.lock().unwrap_or_else(PoisonError::into_inner).get(&application).cloned()
    }

    fn all_parameters<'a>(&'a self, parameters: Parameters<'a>) -> Result<Vec<(&'a str, &'a str)>, Failure> {
        let mut all = parameters.to_vec();
        all.extend([("username", self.username()?), ("service_id", "0")]);
        Ok(all)
    }

    fn director_answer(
        &self,
        method: &str,
        parameters: Parameters<'_>,
        answer: Result<Answer, ClientError>,
    ) -> Result<Answer, Failure> {
        let base = self.account.director_url.as_ref().map(ToString::to_string).unwrap_or_default();
        let url = format!("{base}/{method}");
        let answer = answer.map_err(|error| response::contact_failure(Peer::Director, &url, &error))?;
        response::expect_ok(method, &url, parameters, answer)
    }
}

/// Refuses a certificate that the director would refuse without a word.
fn expect_current(credentials: &Credentials) -> Result<(), Failure> {
    let identity = credentials.identity()?;
    if identity.is_current(Clock::system().unix_seconds()) {
        return Ok(());
    }
    let day = |seconds| DateTime::from_timestamp(seconds, 0).map(|time| time.format("%Y-%m-%d").to_string());
    let (from, to) = (day(identity.not_before).unwrap_or_default(), day(identity.not_after).unwrap_or_default());
    Err(Failure::said(format!(
        "Cannot call the ConPaaS director: your certificate is good from {from} to {to} only.\n\
         Try to run 'conpaas user get_certificate' first."
    )))
}

fn form(parameters: Parameters<'_>) -> FormBody {
    parameters.iter().fold(FormBody::default(), |form, (name, value)| form.field(name, *value))
}
