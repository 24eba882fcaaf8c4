//! Every page, and who may ask for it.

use std::time::Duration;

use super::guard;
use super::guard::Refusal;
use super::options::WebOptions;
use super::page;
use super::page::Facts;
use crate::api::first_boot::{FIRST_LOGIN_FILE, FirstLogin, Welcome, WelcomeDirector};
use crate::clock::{self, Clock, ClockSettings, ClockVerdict};
use crate::config::DirectorUrl;
use crate::pki::Credentials;
use crate::rpc::{BodyError, Client, Endpoint, Form, PeerRule, Request, Response, listen_to};
use crate::sys::address;
use crate::sys::file;

/// What all requests share.
pub(crate) struct Web {
    pub options: WebOptions,
    /// Stands in the page's form; another one after each start.
    pub token: String,
}

/// How long the director may take to say that it is up.
const DIRECTOR_LIMIT: Duration = Duration::from_secs(3);
/// Root looks for the first login, and waits for the disk.
const LOGIN_LIMIT: Duration = Duration::from_secs(20);
const MAX_LOGIN_BYTES: u64 = 4096;

/// Answers any request.
pub(crate) async fn answer(web: &Web, mut request: Request) -> Response {
    match route(web, &mut request).await {
        Ok(response) => response,
        Err((status, text)) => {
            request.discard_rest().await;
            Response::browser_page(status, page::refusal(text))
        }
    }
}

async fn route(web: &Web, request: &mut Request) -> Result<Response, Refusal> {
    let welcome = welcome(web).await?;
    let own = crate::sys::blocking(address::own).await.unwrap_or_default();
    guard::check_caller(request, &welcome, &own)?;
    match (request.method.as_str(), request.path.as_str()) {
        ("GET" | "HEAD", "/") => Ok(Response::browser_page(200, page::welcome(&facts(web, welcome, &own).await))),
        ("GET" | "HEAD", "/style.css") => Ok(Response::browser_asset("text/css; charset=utf-8", page::STYLE)),
        ("GET" | "HEAD", "/ca_cert.pem") => authority(&welcome),
        ("GET" | "HEAD", "/conpaas-pages.crt") => web_authority(&welcome),
        ("POST", "/first-login") => first_login(web, request, &welcome).await,
        (_, "/" | "/style.css" | "/ca_cert.pem" | "/conpaas-pages.crt" | "/first-login") => {
            Err((405, "That cannot be done here."))
        }
        _ => Err((404, "There is no such page.")),
    }
}

async fn welcome(web: &Web) -> Result<Welcome, Refusal> {
    let path = web.options.welcome();
    let bytes = crate::sys::blocking(move || file::read(&path)).await;
    let welcome = bytes.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    welcome.ok_or((503, "This machine is not set up yet: look at its console."))
}

async fn facts(web: &Web, welcome: Welcome, own: &[address::OwnAddress]) -> Facts {
    let login = web.options.state(FIRST_LOGIN_FILE);
    let settings = ClockSettings { record: Some(web.options.last_time.clone()), ..ClockSettings::new(Vec::new()) };
    let verdict = clock::check(&settings, &Clock::system()).await;
    let is_director_up = match &welcome.director {
        Some(director) => is_up(director).await,
        None => false,
    };
    Facts {
        addresses: own
            .iter()
            .map(|own| own.address)
            .filter(|address| address.is_ipv4() && !address.is_loopback())
            .collect(),
        // Only whether it is there: this role may not read it.
        has_first_login: crate::sys::blocking(move || login.exists()).await,
        now: Clock::system().now(),
        clock_problem: match verdict {
            ClockVerdict::Right { .. } | ClockVerdict::Unchecked(_) => None,
            wrong => Some(wrong.to_string()),
        },
        is_director_up,
        token: web.token.clone(),
        welcome,
    }
}

/// Whether the director answers, and is this machine's own.
async fn is_up(director: &WelcomeDirector) -> bool {
    let authority = Credentials {
        certificate_pem: String::new(),
        key_pem: String::new(),
        authority_pem: director.authority_pem.clone(),
    };
    let Ok(client) = Client::new(Some(&authority), PeerRule::Director) else { return false };
    let Ok(url) = director.url.parse::<DirectorUrl>() else { return false };
    let endpoint = Endpoint { host: "127.0.0.1".to_owned(), port: url.port() };
    let answer = client.with_timeout(DIRECTOR_LIMIT).get(&endpoint, "/version", &[]).await;
    answer.is_ok_and(|answer| answer.status == 200)
}

fn authority(welcome: &Welcome) -> Result<Response, Refusal> {
    let director = welcome.director.as_ref().ok_or((404, "This machine has no director."))?;
    let bytes = director.authority_pem.clone().into_bytes();
    Ok(Response::attachment("application/x-pem-file", "ca_cert.pem", bytes))
}

/// What devices install, so that their browsers trust the pages.
fn web_authority(welcome: &Welcome) -> Result<Response, Refusal> {
    let pages = welcome.director.as_ref().and_then(|director| director.pages.as_ref());
    let pages = pages.ok_or((404, "This machine has no pages of a director."))?;
    let bytes = pages.authority_pem.clone().into_bytes();
    Ok(Response::attachment("application/x-x509-ca-cert", "conpaas-pages.crt", bytes))
}

async fn first_login(web: &Web, request: &mut Request, welcome: &Welcome) -> Result<Response, Refusal> {
    let form = Form::read(request).await.map_err(|error| match error {
        BodyError::NoFiles => (400, "This page takes no files."),
        _ => (400, "The form did not arrive as it should."),
    })?;
    guard::check_form(request, form.get("token"), &web.token)?;
    let bytes = match listen_to(&web.options.first_login_socket, MAX_LOGIN_BYTES, LOGIN_LIMIT).await {
        Ok(bytes) => bytes,
        Err(error) => {
            tracing::warn!(error = %error, "the first login cannot be had");
            return Err((503, "The first login cannot be had now: look at the machine's console, or try again."));
        }
    };
    match serde_json::from_slice::<Option<FirstLogin>>(&bytes) {
        Ok(Some(login)) => {
            tracing::info!(peer = %request.caller.address, "the first login was taken");
            Ok(Response::browser_page(200, page::first_login(welcome, &login)))
        }
        Ok(None) => Ok(Response::browser_page(410, page::taken())),
        Err(_) => Err((503, "The first login cannot be had now: look at the machine's console, or try again.")),
    }
}
