//! One run of a command: its settings, and calls of director and managers
//! with ConPaaS 2.0's errors.

use std::collections::HashMap;
use std::error::Error;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::clock_check;
use super::error::Failure;
use crate::api::{ApplicationView, MANAGER_PORT};
use crate::cli::output::printer::Printer;
use crate::cli::output::table::shown;
use crate::clock::Clock;
use crate::config::{ClientConfig, DirectorUrl};
use crate::model::ApplicationId;
use crate::pki::{Credentials, CredentialsError};
use crate::rpc::{Answer, CallError, Client, ClientError, Endpoint, FormBody, PeerRule, RpcCall};

/// Time for an answer; uploads and downloads of code fit in it on a slow network.
const ANSWER_LIMIT: Duration = Duration::from_secs(1800);

/// The parameters of a director's method.
pub(crate) type Parameters<'a> = &'a [(&'a str, &'a str)];

/// Settings, certificates and connections of one run.
pub(crate) struct Session {
    /// Writes what comes out.
    pub printer: Printer,
    /// What `cps-tools.conf` and the command line say.
    pub settings: ClientConfig,
    credentials: Result<Option<Credentials>, Failure>,
    managers: Mutex<HashMap<ApplicationId, Endpoint>>,
    clock: OnceCell<Result<(), Failure>>,
}

/// Whom a call failed to reach, in upstream's words.
#[derive(Clone, Copy)]
enum Peer {
    Director,
    Manager,
}

impl Session {
    /// Reads the user's certificates, where there are some. Blocking.
    pub(crate) fn new(printer: Printer, settings: ClientConfig) -> Self {
        let credentials = match Credentials::load(&settings.state_dir) {
            Ok(credentials) => Ok(Some(credentials)),
            Err(CredentialsError::File(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        };
        Session { printer, settings, credentials, managers: Mutex::default(), clock: OnceCell::new() }
    }

    /// Calls a director's method by GET.
    ///
    /// # Errors
    /// It cannot be called, or says why not.
    pub(crate) async fn get(&self, method: &str, parameters: Parameters<'_>) -> Result<Value, Failure> {
        let (endpoint, client) = self.director_as_user().await?;
        let all = self.all_parameters(parameters)?;
        let answer = client.get(&endpoint, &format!("/{method}"), &all).await;
        self.director_result(method, &all, answer)
    }

    /// Calls a director's method by POST.
    ///
    /// # Errors
    /// It cannot be called, or says why not.
    pub(crate) async fn post(&self, method: &str, parameters: Parameters<'_>) -> Result<Value, Failure> {
        let (endpoint, client) = self.director_as_user().await?;
        let all = self.all_parameters(parameters)?;
        let answer = client.post_form(&endpoint, &format!("/{method}"), &form(&all)).await;
        self.director_result(method, &all, answer)
    }

    /// Calls a director's method by POST without a certificate, over `client`.
    /// Parameters that carry the user's name themselves win over the settings.
    ///
    /// # Errors
    /// It cannot be called, or answers with an error.
    pub(crate) async fn post_by(
        &self,
        client: &Client,
        method: &str,
        parameters: Parameters<'_>,
    ) -> Result<Answer, Failure> {
        let endpoint = self.director().await?;
        let answer = client.post_form(&endpoint, &format!("/{method}"), &form(parameters)).await;
        let answer = answer.map_err(|error| self.unreachable(Peer::Director, method, &error))?;
        self.expect_ok(method, parameters, answer)
    }

    /// Calls a method of a manager of an application.
    ///
    /// # Errors
    /// The application has no manager, it cannot be called, or says why not.
    pub(crate) async fn manager(&self, application: ApplicationId, call: RpcCall) -> Result<Value, Failure> {
        let endpoint = self.manager_endpoint(application).await?;
        let outcome = self.manager_client()?.call(&endpoint, &call).await;
        outcome.map_err(|error| manager_failure(&endpoint, error))
    }

    /// Calls a method of a manager that answers with a file.
    ///
    /// # Errors
    /// As [`Session::manager`].
    pub(crate) async fn manager_file(&self, application: ApplicationId, call: RpcCall) -> Result<Answer, Failure> {
        let endpoint = self.manager_endpoint(application).await?;
        let outcome = self.manager_client()?.call_raw(&endpoint, &call).await;
        outcome.map_err(|error| manager_failure(&endpoint, error))
    }

    /// The user's applications.
    ///
    /// # Errors
    /// The director cannot be called, or its answer is not understood.
    pub(crate) async fn applications(&self) -> Result<Vec<ApplicationView>, Failure> {
        understood("listapp", self.get("listapp", &[]).await?)
    }

    /// Remembers where an application's manager answers.
    pub(crate) fn learn_manager(&self, application: &ApplicationView) {
        let Some(host) = application.manager.clone() else { return };
        let endpoint = Endpoint { host, port: application.manager_port.unwrap_or(MANAGER_PORT) };
        self.managers.lock().unwrap_or_else(PoisonError::into_inner).insert(application.aid, endpoint);
    }

    /// The director's URL.
    ///
    /// # Errors
    /// None is set.
    pub(crate) fn director_url(&self) -> Result<&DirectorUrl, Failure> {
        let missing = "Cannot call the ConPaaS director: the director URL address is not specified.";
        self.settings.director_url.as_ref().ok_or_else(|| Failure::said(missing))
    }

    /// The user's name.
    ///
    /// # Errors
    /// None is set.
    pub(crate) fn username(&self) -> Result<&str, Failure> {
        let missing = "Cannot call the ConPaaS director: user name is not specified.";
        self.settings.username.as_deref().ok_or_else(|| Failure::said(missing))
    }

    /// Where the user's certificates lie.
    pub(crate) fn state_dir(&self) -> &Path {
        &self.settings.state_dir
    }

    async fn director(&self) -> Result<Endpoint, Failure> {
        let url = self.director_url()?;
        let checked = self.clock.get_or_init(|| clock_check::before_tls(url.host(), self.state_dir(), self.printer));
        checked.await.clone()?;
        Ok(Endpoint { host: url.host().to_owned(), port: url.port() })
    }

    async fn director_as_user(&self) -> Result<(Endpoint, Client), Failure> {
        self.director_url()?;
        self.username()?;
        let credentials = self.credentials()?;
        let client = Client::new(Some(credentials), PeerRule::Director)?.with_timeout(ANSWER_LIMIT);
        let endpoint = self.director().await?;
        expect_current(credentials)?;
        Ok((endpoint, client))
    }

    fn credentials(&self) -> Result<&Credentials, Failure> {
        let missing = "Cannot call the ConPaaS director: user certificates are not present.\n\
                       Try to run 'cps-user get_certificate' first.";
        self.credentials.as_ref().map_err(Clone::clone)?.as_ref().ok_or_else(|| Failure::said(missing))
    }

    fn manager_client(&self) -> Result<Client, Failure> {
        let credentials = self.credentials()?;
        let not_a_users = || Failure::said("the certificate in ~/.conpaas names no user");
        let uid = credentials.identity()?.uid().ok_or_else(not_a_users)?;
        Ok(Client::new(Some(credentials), PeerRule::ManagerOf(uid))?.with_timeout(ANSWER_LIMIT))
    }

    async fn manager_endpoint(&self, application: ApplicationId) -> Result<Endpoint, Failure> {
        let known = self.managers.lock().unwrap_or_else(PoisonError::into_inner).get(&application).cloned();
        if let Some(endpoint) = known {
            return Ok(endpoint);
        }
        for view in self.applications().await? {
            self.learn_manager(&view);
        }
        let known = self.managers.lock().unwrap_or_else(PoisonError::into_inner).get(&application).cloned();
        known.ok_or_else(|| Failure::said(crate::api::texts::application_not_started(&application.to_string())))
    }

    fn all_parameters<'a>(&'a self, parameters: Parameters<'a>) -> Result<Vec<(&'a str, &'a str)>, Failure> {
        let mut all = parameters.to_vec();
        all.extend([("username", self.username()?), ("service_id", "0")]);
        Ok(all)
    }

    fn director_result(
        &self,
        method: &str,
        parameters: Parameters<'_>,
        answer: Result<Answer, ClientError>,
    ) -> Result<Value, Failure> {
        let answer = answer.map_err(|error| self.unreachable(Peer::Director, method, &error))?;
        let answer = self.expect_ok(method, parameters, answer)?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Refuses every status but 200, and JSON objects that carry an error.
    fn expect_ok(&self, method: &str, parameters: Parameters<'_>, answer: Answer) -> Result<Answer, Failure> {
        if answer.status != 200 {
            let parameters: Vec<String> = parameters.iter().map(|(name, value)| python_item(name, value)).collect();
            return Err(Failure::said(format!(
                "Call to method '{method}' on '{}' failed: HTTP status {}.\nParams = {{{}}}",
                self.method_url(method),
                answer.status,
                parameters.join(", ")
            )));
        }
        match serde_json::from_slice::<Value>(&answer.body) {
            Ok(Value::Object(fields)) => match fields.get("error") {
                Some(error) => Err(Failure::said(shown(error))),
                None => Ok(answer),
            },
            _ => Ok(answer),
        }
    }

    fn unreachable(&self, peer: Peer, method: &str, error: &ClientError) -> Failure {
        contact_failure(peer, &self.method_url(method), error)
    }

    fn method_url(&self, method: &str) -> String {
        let base = self.settings.director_url.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{base}/{method}")
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
         Try to run 'cps-user get_certificate' first."
    )))
}

/// Reads a director's answer as what it should be.
///
/// # Errors
/// The director does not know the certificate's user, or the answer is of another shape.
pub(crate) fn understood<T: serde::de::DeserializeOwned>(method: &str, answer: Value) -> Result<T, Failure> {
    if answer == Value::Bool(false) {
        return Err(Failure::said("failed to authenticate user with user certificate."));
    }
    serde_json::from_value(answer)
        .map_err(|error| Failure::said(format!("the answer to '{method}' is not understood: {error}")))
}

/// Takes one field out of an answer; null when it is not there.
pub(crate) fn taken(answer: &mut Value, field: &str) -> Value {
    answer.get_mut(field).map(Value::take).unwrap_or_default()
}

fn form(parameters: Parameters<'_>) -> FormBody {
    parameters.iter().fold(FormBody::default(), |form, (name, value)| form.field(name, *value))
}

fn python_item(name: &str, value: &str) -> String {
    match name {
        "password" => "'password': '<hidden>'".to_owned(),
        "service_id" => format!("'service_id': {value}"),
        _ => format!("'{name}': '{value}'"),
    }
}

fn manager_failure(endpoint: &Endpoint, error: CallError) -> Failure {
    let url =
        if endpoint.port == MANAGER_PORT { format!("https://{}/", endpoint.host) } else { format!("{endpoint}/") };
    match error {
        CallError::Client(error) => contact_failure(Peer::Manager, &url, &error),
        CallError::Remote(text) => Failure::said(text),
        CallError::Status { method, status, text, .. } => Failure::said(format!(
            "Call to method '{method}' on '{}' failed: HTTP status {status}.\n{text}",
            endpoint.host
        )),
    }
}

fn contact_failure(peer: Peer, url: &str, error: &ClientError) -> Failure {
    let (name, owner) = match peer {
        Peer::Director => ("director", "ConPaaS director's"),
        Peer::Manager => ("manager", "manager's"),
    };
    if matches!(error, ClientError::Verification { .. }) {
        let text = format!(
            "The {owner} SSL certificate failed verification.\n\
             You may be the victim of a man-in-the-middle attack or, if you recently changed the ConPaaS \
             deployment, you need to run 'cps-user get_certificate' first."
        );
        return Failure::with_causes(text, error);
    }
    let mut reason = error.to_string();
    if let Some(source) = error.source() {
        reason = format!("{reason}: {source}");
    }
    let mut failure = Failure::with_causes(format!("Cannot contact the {name} at URL '{url}': {reason}"), error);
    failure.is_passing =
        matches!(error, ClientError::Connect { .. } | ClientError::Broken { .. } | ClientError::Timeout { .. });
    failure
}
