//! Calls of a user who has no certificate yet: a new account, and the
//! certificates themselves. The director is known by its authority, or, the
//! first time, by nothing.
//!
//! Must not know: where certificates are kept, who types the password.

use std::io::{Cursor, Read};
use std::net::IpAddr;
use std::sync::Arc;

use super::error::Failure;
use super::session::Session;
use crate::api::{VISITOR, totp};
use crate::pki::Credentials;
use crate::rpc::{Client, PeerRule};

/// A PEM file is a few KB; more is not one.
const MAX_PEM_BYTES: u64 = 1024 * 1024;

/// By what the director is known.
pub(crate) enum Trust {
    /// By its authority, in PEM, that an earlier call has shown.
    Authority(String),
    /// By nothing: whoever answers is taken for it.
    FirstUse,
    /// By the authority of a web frontend's own certificate, which is shown, too.
    Frontend(Visitor),
}

/// Who asks a web frontend to call.
pub(crate) struct Visitor {
    /// The frontend's own certificate.
    pub frontend: Arc<Credentials>,
    /// From where the visitor comes, so that the director's limits count visitors.
    pub address: IpAddr,
}

impl Trust {
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let authority_pem = match self {
            Trust::FirstUse => return Ok(Client::new(None, PeerRule::Unverified)?),
            Trust::Frontend(visitor) => return Ok(Client::new(Some(&visitor.frontend), PeerRule::Director)?),
            Trust::Authority(authority_pem) => authority_pem.clone(),
        };
        let authority = Credentials { certificate_pem: String::new(), key_pem: String::new(), authority_pem };
        Ok(Client::new(Some(&authority), PeerRule::Director)?)
    }

    /// Returns the address that the director is told; empty unless somebody asks for another.
    pub(super) fn visitor(&self) -> String {
        match self {
            Trust::Frontend(visitor) => visitor.address.to_string(),
            Trust::Authority(_) | Trust::FirstUse => String::new(),
        }
    }
}

/// What a director is told of a new user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NewAccount {
    /// Login name.
    pub username: String,
    /// First name.
    pub fname: String,
    /// Last name.
    pub lname: String,
    /// E-mail address.
    pub email: String,
    /// Affiliation.
    pub affiliation: String,
    /// Password.
    pub password: String,
    /// Initial credit.
    pub credit: i64,
    /// The director's invitation, where it wants one; else empty.
    pub invitation: String,
}

/// Asks the director for a new account.
///
/// # Errors
/// The director cannot be called, or refuses the account.
pub(crate) async fn create_account(session: &Session, trust: &Trust, account: &NewAccount) -> Result<(), Failure> {
    let client = trust.client()?;
    let credit = account.credit.to_string();
    let mut parameters = vec![
        ("username", account.username.as_str()),
        ("fname", &account.fname),
        ("lname", &account.lname),
        ("email", &account.email),
        ("affiliation", &account.affiliation),
        ("password", &account.password),
        ("credit", &credit),
        ("service_id", "0"),
    ];
    if !account.invitation.is_empty() {
        parameters.push(("invitation", &account.invitation));
    }
    let visitor = trust.visitor();
    if !visitor.is_empty() {
        parameters.push((VISITOR, &visitor));
    }
    session.post_by(&client, "new_user", &parameters).await.map(drop)
}

/// Fetches the certificates of the session's user for his password, and a one-time code where he needs one.
///
/// # Errors
/// The director cannot be called, is not the one that is trusted, or refuses
/// the password or the code; or its answer holds no usable certificates.
pub(crate) async fn fetch(
    session: &Session,
    trust: &Trust,
    (password, code): (&str, Option<&str>),
) -> Result<Credentials, Failure> {
    let client = trust.client()?;
    let mut parameters = vec![("username", session.username()?), ("password", password), ("service_id", "0")];
    parameters.extend(code.map(|code| (totp::FIELD, code)));
    let visitor = trust.visitor();
    if !visitor.is_empty() {
        parameters.push((VISITOR, &visitor));
    }
    let answer = session.post_by(&client, "getcerts", &parameters).await.map_err(how_to_proceed)?;
    unzip(&answer.body)
}

fn how_to_proceed(mut failure: Failure) -> Failure {
    if failure.text.contains("failed verification") {
        failure.text = "The ConPaaS director's SSL certificate failed verification.\n\
             You may be the victim of a man-in-the-middle attack. Your password was not sent.\n\
             If you recently changed the ConPaaS deployment, run 'conpaas user get_certificate --accept-new-ca' \
             and compare the fingerprint that it shows."
            .to_owned();
    }
    failure
}

/// Takes the three files out of the director's archive, and nothing else.
pub(super) fn unzip(bytes: &[u8]) -> Result<Credentials, Failure> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_archive_of_certificates_is_refused_with_the_reason() {
        let text = unzip(b"<html>").err().expect("it is no archive").text;
        assert!(text.starts_with("the director's answer to 'getcerts' is not an archive of certificates: "), "{text}");
        let mut archive = Vec::new();
        zip::ZipWriter::new(Cursor::new(&mut archive)).finish().unwrap();
        let text = unzip(&archive).err().expect("it is empty").text;
        assert!(text.contains("cert.pem: "), "{text}");
    }
}
