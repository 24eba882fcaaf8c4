//! `user get_certificate`: fetches the user's certificate and pins the
//! director's certificate authority on first use.

use std::io::{Cursor, Read};
use std::path::Path;

use serde_json::json;

use crate::cli::output::printer::Reply;
use crate::cli::output::prompt;
use crate::client::error::Failure;
use crate::client::session::Session;
use crate::pki::{Credentials, fingerprint};
use crate::rpc::{Client, PeerRule};
use crate::sys::file;

/// A PEM file is a few KB; more is not one.
const MAX_PEM_BYTES: u64 = 1024 * 1024;

/// Fetches, checks and installs the certificates.
///
/// # Errors
/// The director refuses, or is not the one whose authority is pinned.
pub(crate) async fn get(session: &Session, accept_new_ca: bool) -> Result<Reply, Failure> {
    session.director_url()?;
    let username = session.username()?;
    let pinned = pinned(session)?.filter(|_| !accept_new_ca);
    let client = match &pinned {
        Some(authority) => Client::new(Some(authority), PeerRule::Director)?,
        None => Client::new(None, PeerRule::Unverified)?,
    };
    let secret = match &session.settings.password {
        Some(secret) => secret.clone(),
        None => prompt::ask("Enter your password: ")?,
    };
    let parameters = [("username", username), ("password", &secret), ("service_id", "0")];
    let answer = session.post_by(&client, "getcerts", &parameters).await.map_err(how_to_proceed)?;
    let credentials = unzip(&answer.body)?;
    install(session.state_dir(), &credentials)?;
    let shown = fingerprint(&credentials.authority_pem)?;
    let is_new = pinned.is_none_or(|authority| authority.authority_pem != credentials.authority_pem);
    if is_new {
        session.printer.note(&format!(
            "From now on only the director of this certificate authority is trusted. Compare its SHA-256 \
             fingerprint with the one that `conpaas director init` showed on the director's machine:\n{shown}"
        ));
    }
    let text = "User certificates installed successfully.";
    Ok(Reply::line(text, json!({ "message": text, "authority_sha256": shown, "is_new_authority": is_new })))
}

/// The authority that was trusted before, as credentials without a certificate; `None` on first use.
///
/// # Errors
/// It is there and unreadable.
pub(crate) fn pinned(session: &Session) -> Result<Option<Credentials>, Failure> {
    let path = session.state_dir().join(Credentials::FILES[2]);
    if !path.exists() {
        return Ok(None);
    }
    let authority_pem = file::read_text(&path)?;
    Ok(Some(Credentials { certificate_pem: String::new(), key_pem: String::new(), authority_pem }))
}

fn how_to_proceed(mut failure: Failure) -> Failure {
    if failure.text.contains("failed verification") {
        failure.text = "The ConPaaS director's SSL certificate failed verification.\n\
             You may be the victim of a man-in-the-middle attack. Your password was not sent.\n\
             If you recently changed the ConPaaS deployment, run 'cps-user get_certificate --accept-new-ca' \
             and compare the fingerprint that it shows."
            .to_owned();
    }
    failure
}

/// Takes the three files out of the director's archive, and nothing else.
fn unzip(bytes: &[u8]) -> Result<Credentials, Failure> {
    let broken = |reason: &dyn std::fmt::Display| {
        Failure::said(format!("the director's answer to 'getcerts' is not an archive of certificates: {reason}"))
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    let mut read = |name: &str| -> Result<String, Failure> {
        let file = archive.by_name(name).map_err(|error| broken(&format!("{name}: {error}")))?;
        let mut text = String::new();
        file.take(MAX_PEM_BYTES).read_to_string(&mut text).map_err(|error| broken(&format!("{name}: {error}")))?;
        Ok(text)
    };
    let [certificate, key, authority] = Credentials::FILES;
    let credentials =
        Credentials { certificate_pem: read(certificate)?, key_pem: read(key)?, authority_pem: read(authority)? };
    credentials.identity()?;
    credentials.private_key()?;
    credentials.authority_certificates()?;
    Ok(credentials)
}

fn install(directory: &Path, credentials: &Credentials) -> Result<(), Failure> {
    file::ensure_private_directory(directory)?;
    Ok(credentials.replace(directory)?)
}
