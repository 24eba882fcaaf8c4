//! Logins by an OpenID provider: code flow with PKCE.
//!
//! # Guarantees
//! - The director believes the provider alone. It makes state, nonce and verifier, exchanges the code, and checks the token
//!   itself: a web frontend that somebody has stolen logs nobody in whom the provider has not sent.
//! - A login ends in the browser in which it began: it shows a secret that the provider never sees.
//! - State, code and ticket are good once, and for ten minutes.
//! - An identity is issuer and subject, never an address: who gets somebody's address at the provider gets no account.
//! - Who uses one-time codes is asked for one here, too: the provider's session is not the second factor.
//! - A link is a way in, so password and code are asked for before it is made or ended.

mod id_token;
pub(super) mod logins;
mod provider;
mod signature;
mod underway;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use self::id_token::{Expected, Person, TokenError};
use self::logins::External;
use self::provider::{Exchange, Provider, ProviderError};
use self::underway::{Begun, Purpose};
use super::account::{self, Admission, Registration, expect_password};
use super::error::Failure;
use super::state::Director;
use super::timestamp::local_now;
use super::totp;
use crate::api::{ExternalBegunView, ExternalLinkView, ExternalNext, ExternalShownView, texts};
use crate::clock::Clock;
use crate::model::UserId;
use crate::pki::Credentials;
use crate::store::Transaction;
use crate::store::director::external_login::{self as rows, ExternalIdentity, ExternalLogin};
use crate::store::director::user::{self, User};
use crate::sys::{chain, random};

/// 256 bits of letters and digits, as long as a verifier must be.
const SECRET_CHARS: usize = 43;
/// Where every frontend takes visitors back.
const BACK: &str = "/external/back";
const MAX_URL_CHARS: usize = 300;
const MAX_LINKS: usize = 8;

/// What a browser brings back.
pub(crate) struct Return<'a> {
    pub(crate) state: &'a str,
    /// What the browser was given at the beginning.
    pub(crate) secret: &'a str,
    pub(crate) code: &'a str,
    /// Whom the answer names as its issuer.
    pub(crate) issuer: Option<&'a str>,
}

/// Returns what users call the provider.
pub(crate) fn name(director: &Director) -> Option<String> {
    director.external.as_ref().map(|external| external.provider.config.name.clone())
}

/// Begins a login of somebody.
pub(crate) async fn begin_login(
    director: &Director,
    redirect_uri: &str,
    address: IpAddr,
) -> Result<ExternalBegunView, Failure> {
    director.passwords.count_address(address)?;
    begin(director, redirect_uri, (Purpose::LogIn, address)).await
}

/// Begins to link an identity with a user, who shows his password, and a code where he uses them.
pub(crate) async fn begin_link(
    director: &Director,
    uid: UserId,
    redirect_uri: &str,
    (password, code): (&str, Option<&str>),
    address: IpAddr,
) -> Result<ExternalBegunView, Failure> {
    provider_of(director)?;
    let user = expect_password(director, uid, password, address).await?;
    totp::expect_code(director, &user, code, address).await?;
    begin(director, redirect_uri, (Purpose::Link(uid), address)).await
}

async fn begin(
    director: &Director,
    redirect_uri: &str,
    (purpose, address): (Purpose, IpAddr),
) -> Result<ExternalBegunView, Failure> {
    let external = provider_of(director)?;
    check_back(redirect_uri)?;
    let new = || random::alphanumeric(SECRET_CHARS);
    let (state, secret, nonce, verifier) = (new(), new(), new(), new());
    let challenge = challenge(&verifier);
    let parameters = [
        ("redirect_uri", redirect_uri),
        ("state", &state),
        ("nonce", &nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let url = external.provider.login_url(&parameters).await.map_err(|error| out_of_reach(&error))?;
    let redirect_uri = redirect_uri.to_owned();
    let begun = Begun { purpose, browser: underway::key(&secret), nonce, verifier, redirect_uri };
    external.departed.put(&state, address, begun);
    Ok(ExternalBegunView { url, secret })
}

/// Takes back a browser that the provider has sent. Returns what comes next for its visitor.
pub(crate) async fn come_back(
    director: &Director,
    back: Return<'_>,
    address: IpAddr,
) -> Result<ExternalShownView, Failure> {
    director.passwords.count_address(address)?;
    let external = provider_of(director)?;
    let over = || Failure::application(texts::EXTERNAL_OVER);
    let begun = external.departed.take(back.state).ok_or_else(over)?;
    if underway::key(back.secret) != begun.browser {
        return Err(over());
    }
    if !external.provider.sent_back(back.issuer).await.map_err(|error| out_of_reach(&error))? {
        return Err(not_believed("another provider answered"));
    }
    let person = vouched(&external.provider, &begun, back.code).await?;
    let identity = identity(external, &person);
    let linked = director.store.read(move |tx| linked_user(tx, &identity)).await?;
    match (begun.purpose, linked) {
        (Purpose::Link(uid), _) => {
            link(director, uid, external, &person).await?;
            Ok(shown(ExternalNext::Linked, String::new(), person))
        }
        (Purpose::LogIn, found) => {
            let next = match &found {
                Some((_, true)) => ExternalNext::Code,
                Some((_, false)) => ExternalNext::Certificate,
                None => ExternalNext::Account,
            };
            let ticket = random::alphanumeric(SECRET_CHARS);
            external.returned.put(&ticket, address, person.clone());
            let username = found.map(|(user, _)| user.details.username);
            let person = Person { username: username.unwrap_or(person.username), ..person };
            Ok(shown(next, ticket, person))
        }
    }
}

/// Issues the certificate of the user whom a ticket is for, who shows a code where he uses them.
pub(crate) async fn certificate(
    director: &Director,
    ticket: &str,
    code: Option<&str>,
    address: IpAddr,
) -> Result<Credentials, Failure> {
    director.passwords.count_address(address)?;
    let external = provider_of(director)?;
    let over = || Failure::application(texts::EXTERNAL_OVER);
    let identity = identity(external, &external.returned.look(ticket).ok_or_else(over)?);
    let found = director.store.read(move |tx| linked_user(tx, &identity)).await?;
    let (user, _) = found.ok_or_else(over)?;
    totp::expect_code(director, &user, code, address).await?;
    // Of two calls with one ticket, one gets here first.
    external.returned.take(ticket).ok_or_else(over)?;
    account::certify(director, &user)
}

/// Makes an account for whom a ticket is for, linked with his identity, and issues its certificate. Nobody knows its
/// password: the provider is its way in.
pub(crate) async fn register(
    director: &Director,
    ticket: &str,
    (wanted, admission): (Registration, Admission),
    address: IpAddr,
) -> Result<Credentials, Failure> {
    let external = provider_of(director)?;
    let debt = director.passwords.count_address(address)?;
    let over = || Failure::application(texts::EXTERNAL_OVER);
    let person = external.returned.look(ticket).ok_or_else(over)?;
    account::check_name(&wanted.username)?;
    account::refuse_taken(director, &wanted.username, &wanted.email).await?;
    let hash = director.passwords.hash(&random::alphanumeric(SECRET_CHARS), debt).await?;
    director.reserve.check_room().await?;
    external.returned.take(ticket).ok_or_else(over)?;
    let (new, link) = (wanted.into_user(hash), login_of(external, &person));
    let added = director.store.write(move |tx| {
        expect_free(tx, &link.identity)?;
        account::admit(tx, &admission)?;
        let added = account::add(tx, new)?;
        rows::insert(tx, added.uid, &link)?;
        Ok::<_, Failure>(added)
    });
    let added = added.await?;
    tracing::info!(user.id = added.uid.0, user.name = added.details.username, "user created by an external login");
    account::certify(director, &added)
}

/// Returns what a user has linked.
pub(crate) async fn of_user(director: &Director, uid: UserId) -> Result<Vec<ExternalLinkView>, Failure> {
    let found = director.store.read(move |tx| Ok::<_, Failure>(rows::of_user(tx, uid)?)).await?;
    let view = |login: ExternalLogin| ExternalLinkView {
        issuer: login.identity.issuer,
        subject: login.identity.subject,
        shown: login.shown,
        created: login.created,
    };
    Ok(found.into_iter().map(view).collect())
}

/// Ends a link of a user, who shows his password, and a code where he uses them.
pub(crate) async fn end_link(
    director: &Director,
    uid: UserId,
    identity: ExternalIdentity,
    (password, code): (&str, Option<&str>),
    address: IpAddr,
) -> Result<(), Failure> {
    let user = expect_password(director, uid, password, address).await?;
    totp::expect_code(director, &user, code, address).await?;
    let was_there = director.store.write(move |tx| Ok::<_, Failure>(rows::delete(tx, uid, &identity)?)).await?;
    if !was_there {
        return Err(Failure::application("This identity is not linked with you"));
    }
    tracing::info!(user.id = uid.0, "an identity is not linked any more");
    Ok(())
}

async fn link(director: &Director, uid: UserId, external: &External, person: &Person) -> Result<(), Failure> {
    let login = login_of(external, person);
    director.reserve.check_room().await?;
    let linked = director.store.write(move |tx| {
        // Who was removed in the meantime links nothing.
        user::get(tx, uid)?.ok_or(Failure::False)?;
        match rows::user_of(tx, &login.identity)? {
            Some(owner) if owner == uid => return Ok(()),
            _ => expect_free(tx, &login.identity)?,
        }
        if rows::of_user(tx, uid)?.len() >= MAX_LINKS {
            return Err(Failure::Application(format!(
                "A user has {MAX_LINKS} linked identities at most: end one first"
            )));
        }
        Ok(rows::insert(tx, uid, &login)?)
    });
    linked.await?;
    tracing::info!(user.id = uid.0, "an identity is linked");
    Ok(())
}

fn expect_free(tx: &Transaction<'_>, identity: &ExternalIdentity) -> Result<(), Failure> {
    match rows::user_of(tx, identity)? {
        Some(_) => Err(Failure::application(texts::EXTERNAL_OTHERS)),
        None => Ok(()),
    }
}

/// Returns the user of an identity, and whether he uses one-time codes.
fn linked_user(tx: &Transaction<'_>, identity: &ExternalIdentity) -> Result<Option<(User, bool)>, Failure> {
    let Some(uid) = rows::user_of(tx, identity)? else { return Ok(None) };
    let is_on = totp::is_on(tx, uid)?;
    Ok(user::get(tx, uid)?.map(|user| (user, is_on)))
}

/// Exchanges a code, and checks what the provider says. Keys that are not known are asked for once more.
async fn vouched(provider: &Provider, begun: &Begun, code: &str) -> Result<Person, Failure> {
    let exchange = Exchange { code, redirect_uri: &begun.redirect_uri, verifier: &begun.verifier };
    let token = provider.exchange(&exchange).await.map_err(|error| out_of_reach(&error))?;
    let expected = Expected {
        issuer: &provider.config.issuer,
        client_id: &provider.config.client_id,
        nonce: &begun.nonce,
        now: Clock::system().unix_seconds(),
    };
    let keys = provider.keys().await.map_err(|error| out_of_reach(&error))?;
    let verified = match id_token::verify(&token, &keys, &expected) {
        Err(TokenError::UnknownKey) => {
            let keys = provider.newest_keys().await.map_err(|error| out_of_reach(&error))?;
            id_token::verify(&token, &keys, &expected)
        }
        verified => verified,
    };
    verified.map_err(|error| not_believed(&error.to_string()))
}

fn provider_of(director: &Director) -> Result<&External, Failure> {
    director.external.as_ref().ok_or_else(|| Failure::application(texts::EXTERNAL_OFF))
}

fn identity(external: &External, person: &Person) -> ExternalIdentity {
    ExternalIdentity { issuer: external.provider.config.issuer.clone(), subject: person.subject.clone() }
}

fn login_of(external: &External, person: &Person) -> ExternalLogin {
    let known = [&person.email, &person.username, &person.subject];
    let shown = known.into_iter().find(|text| !text.is_empty()).cloned().unwrap_or_default();
    ExternalLogin { identity: identity(external, person), shown, created: local_now() }
}

fn shown(next: ExternalNext, ticket: String, person: Person) -> ExternalShownView {
    ExternalShownView { next, ticket, username: person.username, email: person.email }
}

/// Returns the hash of a verifier, as the provider is told it (RFC 7636, S256).
fn challenge(verifier: &str) -> String {
    use base64::Engine;
    use sha2::Digest;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(verifier))
}

/// Refuses to have visitors sent to anything but a web frontend. Which ones, the provider knows.
fn check_back(url: &str) -> Result<(), Failure> {
    let host = url.strip_prefix("https://").and_then(|rest| rest.strip_suffix(BACK)).unwrap_or_default();
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if !host.is_empty() && url.len() <= MAX_URL_CHARS && host.bytes().all(is_host) {
        return Ok(());
    }
    Err(Failure::Application(format!(
        "\"redirect_uri\" is not usable: it is https://, the frontend's host, and {BACK}"
    )))
}

fn out_of_reach(error: &ProviderError) -> Failure {
    tracing::warn!(error = %chain(error), "the provider of external logins is of no help");
    Failure::application(
        "The provider could not be asked, or refused: the director's log says why. Try again, or log in by password",
    )
}

fn not_believed(reason: &str) -> Failure {
    tracing::warn!(reason, "an external login is refused");
    Failure::application("What the provider says of you cannot be believed: the director's log says why")
}
