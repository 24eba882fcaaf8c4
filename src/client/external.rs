//! Logins by a provider: what a web frontend asks the director for its visitors, and what users ask for themselves.
//!
//! Must not know: providers and their tokens.

use super::certificate::{NewAccount, Trust, unzip};
use super::error::Failure;
use super::response;
use super::session::Session;
use crate::api::{ExternalBegunView, ExternalLinkView, ExternalProviderView, ExternalShownView, VISITOR, totp};
use crate::pki::Credentials;
use crate::rpc::Answer;

/// What a browser brings back from the provider.
pub(crate) struct Return<'a> {
    /// What the provider was given to bring back.
    pub state: &'a str,
    /// What the browser was given at the beginning.
    pub secret: &'a str,
    /// What the director exchanges.
    pub code: &'a str,
    /// Whom the answer names as its issuer; else empty.
    pub issuer: &'a str,
}

/// Begins a login of a visitor, who is to come back to this URL.
///
/// # Errors
/// The director cannot be called, or says why not; so do all functions here.
pub(crate) async fn begin_login(session: &Session, trust: &Trust, url: &str) -> Result<ExternalBegunView, Failure> {
    let method = "begin_external_login";
    let answer = ask(session, trust, method, &[("redirect_uri", url)]).await?;
    response::read_director(method, &answer)
}

/// Takes a visitor back. Returns what comes next for him.
pub(crate) async fn come_back(
    session: &Session,
    trust: &Trust,
    back: &Return<'_>,
) -> Result<ExternalShownView, Failure> {
    let method = "external_login";
    let mut parameters = vec![("state", back.state), ("secret", back.secret), ("code", back.code)];
    if !back.issuer.is_empty() {
        parameters.push(("iss", back.issuer));
    }
    response::read_director(method, &ask(session, trust, method, &parameters).await?)
}

/// Fetches the certificate of the user whom a ticket is for.
pub(crate) async fn fetch(
    session: &Session,
    trust: &Trust,
    (ticket, code): (&str, Option<&str>),
) -> Result<Credentials, Failure> {
    let mut parameters = vec![("ticket", ticket)];
    parameters.extend(code.map(|code| (totp::FIELD, code)));
    unzip(&ask(session, trust, "external_certificate", &parameters).await?.body)
}

/// Makes an account for whom a ticket is for. Returns its certificate.
pub(crate) async fn create_account(
    session: &Session,
    trust: &Trust,
    (ticket, account): (&str, &NewAccount),
) -> Result<Credentials, Failure> {
    let credit = account.credit.to_string();
    let mut parameters = vec![
        ("ticket", ticket),
        ("username", &account.username),
        ("fname", &account.fname),
        ("lname", &account.lname),
        ("email", &account.email),
        ("affiliation", &account.affiliation),
        ("credit", &credit),
    ];
    if !account.invitation.is_empty() {
        parameters.push(("invitation", &account.invitation));
    }
    unzip(&ask(session, trust, "external_account", &parameters).await?.body)
}

async fn ask(session: &Session, trust: &Trust, method: &str, parameters: &[(&str, &str)]) -> Result<Answer, Failure> {
    let visitor = trust.visitor();
    let mut all = parameters.to_vec();
    all.push((VISITOR, &visitor));
    session.post_by(&trust.client()?, method, &all).await
}

impl Session {
    /// Returns what users call the provider by which they may log in, of a director that knows one.
    pub(crate) async fn external_provider(&self, trust: &Trust) -> Result<Option<String>, Failure> {
        let method = "external_provider";
        let answer = self.post_by(&trust.client()?, method, &[]).await?;
        let view: ExternalProviderView = response::read_director(method, &answer)?;
        Ok(view.name)
    }

    /// Returns what the user has linked.
    pub(crate) async fn external_logins(&self) -> Result<Vec<ExternalLinkView>, Failure> {
        self.get("external_logins").await
    }

    /// Begins to link an identity with the user, who is to come back to this URL.
    pub(crate) async fn begin_external_link(
        &self,
        url: &str,
        (password, code): (&str, &str),
    ) -> Result<ExternalBegunView, Failure> {
        self.post("begin_external_link", &[("redirect_uri", url), ("password", password), (totp::FIELD, code)]).await
    }

    /// Ends a link of the user.
    pub(crate) async fn end_external_link(
        &self,
        (issuer, subject): (&str, &str),
        (password, code): (&str, &str),
    ) -> Result<(), Failure> {
        let parameters = [("issuer", issuer), ("subject", subject), ("password", password), (totp::FIELD, code)];
        self.post_done("end_external_link", &parameters).await
    }
}
