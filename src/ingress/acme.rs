//! Gets one certificate of an ACME authority (RFC 8555), which asks for the name over HTTP (HTTP-01).

use std::path::PathBuf;
use std::time::Duration;

use super::options::AcmeOptions;
use super::place::Place;
use crate::sys::file::FileError;
use crate::sys::fingerprint::fingerprint;
use crate::sys::{blocking, file};
use instant_acme::{
    Account, AccountBuilder, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder,
    OrderStatus, RetryPolicy,
};

/// An authority asks from several places of the world, one after the other.
const RETRIES: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(90));
/// For all of one order: an authority that hangs holds no other name up.
const LIMIT: Duration = Duration::from_secs(300);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum AcmeError {
    /// The authority does not answer, or refuses.
    #[error("the authority: {0}")]
    Authority(#[from] instant_acme::Error),
    /// It asked for the name, and found something else than this machine's answer.
    #[error("the authority did not find this machine at the name ({0}): lead the name here, port 80 open")]
    NotFound(String),
    /// It offers no way that this program knows.
    #[error("the authority offers no HTTP-01")]
    NoHttp,
    /// It took too long.
    #[error("the authority took longer than {} s", LIMIT.as_secs())]
    Slow,
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The account's file is broken.
    #[error("cannot read the account at the authority; remove its file to make another one")]
    Account(#[from] serde_json::Error),
}

/// Returns the certificate of `name` with those that vouch for it, and its key, in PEM.
///
/// # Errors
/// Nothing is left behind but the account.
pub(super) async fn order(options: &AcmeOptions, place: &Place, name: &str) -> Result<String, AcmeError> {
    let mut answers = Vec::new();
    let ordered = tokio::time::timeout(LIMIT, order_with(options, place, name, &mut answers)).await;
    blocking(move || answers.iter().try_for_each(|path: &PathBuf| file::ensure_absent(path))).await?;
    ordered.map_err(|_| AcmeError::Slow)?
}

async fn order_with(
    options: &AcmeOptions,
    place: &Place,
    name: &str,
    answers: &mut Vec<PathBuf>,
) -> Result<String, AcmeError> {
    let account = account(options, place).await?;
    let identifiers = [Identifier::Dns(name.to_owned())];
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let mut challenge = authorization.challenge(ChallengeType::Http01).ok_or(AcmeError::NoHttp)?;
        let path = place.answers().join(file_name(&challenge.token));
        let answer = challenge.key_authorization().as_str().to_owned();
        answers.push(path.clone());
        blocking(move || file::write_atomic(&path, answer.as_bytes(), 0o644)).await?;
        challenge.set_ready().await?;
    }
    let status = order.poll_ready(&RETRIES).await?;
    if status != OrderStatus::Ready {
        let problem = order.state().error.as_ref().map(ToString::to_string);
        return Err(AcmeError::NotFound(problem.unwrap_or_else(|| format!("{status:?}"))));
    }
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&RETRIES).await?;
    Ok(format!("{}\n{key}", chain.trim_end()))
}

/// A token is the authority's word; only a name comes of it.
fn file_name(token: &str) -> String {
    token.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).take(200).collect()
}

/// Returns the account of this machine, made at the first time.
async fn account(options: &AcmeOptions, place: &Place) -> Result<Account, AcmeError> {
    let digest = fingerprint(&options.directory, 8);
    let path = place.certificates().join(format!("account-{digest}.json"));
    let known = path.clone();
    let known = blocking(move || known.exists().then(|| file::read_text(&known)).transpose()).await?;
    if let Some(text) = known {
        let credentials: AccountCredentials = serde_json::from_str(&text)?;
        return Ok(builder(options)?.from_credentials(credentials).await?);
    }
    let contact: Vec<String> = options.contact.iter().map(|address| format!("mailto:{address}")).collect();
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = builder(options)?.create(&new, options.directory.clone(), None).await?;
    let text = serde_json::to_vec(&credentials)?;
    blocking(move || file::write_atomic(&path, &text, 0o600)).await?;
    Ok(account)
}

fn builder(options: &AcmeOptions) -> Result<AccountBuilder, instant_acme::Error> {
    match &options.authority {
        Some(path) => Account::builder_with_root(path),
        None => Account::builder(),
    }
}
