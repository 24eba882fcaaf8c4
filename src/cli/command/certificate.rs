//! `user get_certificate`: fetches the user's certificate and pins the
//! director's certificate authority on first use.

use std::path::Path;

use serde::Serialize;

use crate::api::texts;
use crate::cli::invocation::Invocation;
use crate::cli::output::printer::Reply;
use crate::cli::output::prompt;
use crate::client::certificate::{self, Trust};
use crate::client::error::Failure;
use crate::pki::{Credentials, fingerprint};
use crate::sys::file;

/// What was installed, as `--json` prints it.
#[derive(Serialize)]
struct Installed {
    message: &'static str,
    authority_sha256: String,
    is_new_authority: bool,
}

/// Fetches, checks and installs the certificates.
///
/// # Errors
/// The director refuses, or is not the one whose authority is pinned.
pub(crate) async fn get(run: &Invocation, accept_new_ca: bool, code: Option<String>) -> Result<Reply, Failure> {
    run.session.director_url()?;
    run.session.username()?;
    let directory = &run.settings.state_dir;
    let home = directory.parent().unwrap_or(directory);
    if !home.is_dir() {
        let home = home.display();
        return Err(Failure::said(format!(
            "there is no home directory {home}: make it, or set HOME to one that is there"
        )));
    }
    let trust = if accept_new_ca { Trust::FirstUse } else { pinned(directory)? };
    let secret = password(run)?;
    let credentials = fetch(run, &trust, &secret, code).await?;
    file::ensure_private_directory(directory)?;
    credentials.replace(directory)?;
    let shown = fingerprint(&credentials.authority_pem)?;
    let is_new = match trust {
        Trust::Authority(authority_pem) => authority_pem != credentials.authority_pem,
        Trust::FirstUse => true,
        Trust::Frontend(_) => false,
    };
    if is_new {
        run.printer.note(&format!(
            "From now on only the director of this certificate authority is trusted. Compare its SHA-256 \
             fingerprint with the one that `conpaas director init` showed on the director's machine:\n{shown}"
        ));
    }
    let message = "User certificates installed successfully.";
    Ok(Reply::line(message, &Installed { message, authority_sha256: shown, is_new_authority: is_new }))
}

/// Returns the user's password, which is asked for where no setting has it.
///
/// # Errors
/// There is nobody to ask.
pub(super) fn password(run: &Invocation) -> Result<String, Failure> {
    match &run.settings.password {
        Some(secret) => Ok(secret.clone()),
        None => prompt::ask("Enter your password: "),
    }
}

/// Fetches the certificates, and asks for a one-time code where one is needed and none was given.
async fn fetch(run: &Invocation, trust: &Trust, secret: &str, code: Option<String>) -> Result<Credentials, Failure> {
    let is_given = code.is_some();
    match certificate::fetch(&run.session, trust, (secret, code.as_deref())).await {
        Err(failure) if !is_given && failure.text.contains(texts::TOTP_NEEDED) => {
            let code = prompt::ask_line("Enter a one-time code: ")?;
            certificate::fetch(&run.session, trust, (secret, Some(&code))).await
        }
        outcome => outcome,
    }
}

/// Returns by what the director is known: the authority that was trusted before, or nothing on first use.
///
/// # Errors
/// The authority is there and unreadable.
pub(crate) fn pinned(directory: &Path) -> Result<Trust, Failure> {
    let path = directory.join(Credentials::FILES[2]);
    if !path.exists() {
        return Ok(Trust::FirstUse);
    }
    Ok(Trust::Authority(file::read_text(&path)?))
}
