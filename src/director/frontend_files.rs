//! What a web frontend works with: a directory that the director fills, and that may be copied to another machine.
//!
//! It holds the frontend's own certificate, the certificate that its pages are served with, the web authority, and the
//! director's URL. May be made again and again: what is good is kept.

use std::net::IpAddr;
use std::path::Path;

use crate::config::DirectorConfig;
use crate::pki::{
    Authority, AuthorityError, CertificateName, Credentials, CredentialsError, Lifetime, Subject, WebAuthority,
    certificate_names, remaining_seconds,
};
use crate::sys::address;
use crate::sys::file::{self, FileError};

/// In the director's certificate directory.
const DIRECTORY: &str = "frontend";
/// Certificate and key of the pages, in one file so that they always fit.
const WEB_FILE: &str = "web.pem";
/// The director's URL.
const URL_FILE: &str = "director_url";

/// Why it cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrontendFilesError {
    /// A certificate cannot be issued.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// A certificate cannot be read or put in its place.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Makes what is missing or due at `now`, in seconds since 1970. Returns a line for each thing that was made. Blocking.
///
/// # Errors
/// The first step that failed.
pub(crate) fn ensure(
    config: &DirectorConfig,
    authority: &Authority,
    now: i64,
) -> Result<Vec<String>, FrontendFilesError> {
    let directory = config.cert_dir.join(DIRECTORY);
    let mut lines = Vec::new();
    if ensure_client(config, &directory, authority, &Subject::web_frontend(), now)? {
        lines.push("issued the web frontend's certificate".to_owned());
    }
    let wanted = wanted_names(&config.cert_dir)?;
    let web = WebAuthority::ensure(&config.cert_dir, &wanted)?;
    let names = web.permitted(&wanted)?;
    let (web_file, authority_file) = (directory.join(WEB_FILE), directory.join(WebAuthority::FILES[0]));
    if !has_pages(&web_file, &authority_file, &web, &names, now) {
        let (certificate, key) = web.issue(&names)?;
        file::write_atomic(&web_file, format!("{certificate}{key}").as_bytes(), 0o600)?;
        file::write_atomic(&authority_file, web.certificate_pem().as_bytes(), 0o644)?;
        lines.push("issued the certificate of web pages".to_owned());
    }
    Ok(lines)
}

/// Makes the directory of one who is the director's client: with a certificate, unless there is a good one, and the
/// director's URL. Returns whether a certificate was issued. Blocking.
///
/// # Errors
/// As [`ensure`].
pub(super) fn ensure_client(
    config: &DirectorConfig,
    directory: &Path,
    authority: &Authority,
    subject: &Subject,
    now: i64,
) -> Result<bool, FrontendFilesError> {
    file::ensure_private_directory(directory)?;
    let is_good = has_own(directory, authority, subject, now);
    if !is_good {
        authority.issue(subject, &[], Lifetime::USER)?.replace(directory)?;
    }
    if let Some(url) = &config.director_url {
        file::ensure_content(&directory.join(URL_FILE), url.to_string().as_bytes(), 0o644)?;
    }
    Ok(!is_good)
}

fn has_own(directory: &Path, authority: &Authority, subject: &Subject, now: i64) -> bool {
    let Ok(own) = Credentials::load(directory) else { return false };
    let is_current = own
        .identity()
        .is_ok_and(|identity| identity.subject == *subject && !is_due(identity.not_after - now, Lifetime::USER));
    is_current && own.authority_pem == authority.certificate_pem()
}

fn has_pages(web_file: &Path, authority_file: &Path, web: &WebAuthority, names: &[CertificateName], now: i64) -> bool {
    let is_of_this = file::read_text(authority_file).is_ok_and(|pem| pem == web.certificate_pem());
    let Ok(pem) = file::read_text(web_file) else { return false };
    let is_current = remaining_seconds(&pem, now).is_some_and(|left| !is_due(left, Lifetime::WEB));
    is_of_this && is_current && certificate_names(&pem).is_ok_and(|has| names.iter().all(|name| has.contains(name)))
}

fn is_due(left_seconds: i64, lifetime: Lifetime) -> bool {
    left_seconds < i64::try_from(lifetime.0.as_secs() / 3).unwrap_or(i64::MAX)
}

/// The director's names, the machine's, and its addresses at this moment.
fn wanted_names(cert_dir: &Path) -> Result<Vec<CertificateName>, FrontendFilesError> {
    let mut names = Credentials::load(cert_dir)?.names()?;
    let mut add = |name: CertificateName| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    if let Some(host) = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()) {
        let host = host.to_ascii_lowercase();
        if host.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') && !host.is_empty() {
            add(CertificateName::Dns(format!("{host}.local")));
            add(CertificateName::Dns(host));
        }
    }
    add(CertificateName::Address(IpAddr::from([127, 0, 0, 1])));
    let own = address::own().unwrap_or_default();
    own.iter().filter(|own| own.address.is_ipv4()).for_each(|own| add(CertificateName::Address(own.address)));
    Ok(names)
}
