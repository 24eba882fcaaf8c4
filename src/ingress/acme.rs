//! Gets one certificate of an ACME authority (RFC 8555), which asks for the name over HTTP (HTTP-01), or in the DNS
//! where a program of the operator writes answers there (DNS-01).

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::options::AcmeOptions;
use super::place::Place;
use crate::sys::file::FileError;
use crate::sys::fingerprint::fingerprint;
use crate::sys::program::{self, ProgramError};
use crate::sys::{blocking, file};
use instant_acme::{
    Account, AccountBuilder, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder,
    OrderStatus, RetryPolicy,
};

/// An authority asks from several places of the world, one after the other.
const RETRIES: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(90));
/// For all of one order: an authority that hangs holds no other name up.
const LIMIT: Duration = Duration::from_secs(420);

/// A provider of DNS takes minutes to show a record everywhere, and the program may wait for that.
const HOOK_LIMIT: Duration = Duration::from_secs(240);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum AcmeError {
    /// The authority does not answer, or refuses.
    #[error("the authority: {0}")]
    Authority(#[from] instant_acme::Error),
    /// It asked for the name, and found something else than this machine's answer.
    #[error("the authority did not find this machine at the name ({0}): lead the name here, port 80 open")]
    NotFound(String),
    /// It looked into the DNS of the name, and did not find the answer there.
    #[error(
        "the authority did not find the answer in the DNS of the name ({0}): look at what INGRESS_ACME_DNS_HOOK does"
    )]
    NotInDns(String),
    /// It offers no way that this program knows.
    #[error("the authority offers no {0}")]
    NotOffered(&'static str),
    /// The operator's program does not do what it is for.
    #[error("INGRESS_ACME_DNS_HOOK: {0}")]
    Hook(#[from] ProgramError),
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
    for answer in answers {
        answer.take_back().await?;
    }
    ordered.map_err(|_| AcmeError::Slow)?
}

async fn order_with(
    options: &AcmeOptions,
    place: &Place,
    name: &str,
    answers: &mut Vec<Answer>,
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
        let (way, word) = match options.hook {
            Some(_) => (ChallengeType::Dns01, "DNS-01"),
            None => (ChallengeType::Http01, "HTTP-01"),
        };
        let mut challenge = authorization.challenge(way).ok_or(AcmeError::NotOffered(word))?;
        let key = challenge.key_authorization();
        let answer = match &options.hook {
            Some(hook) => Answer::Dns { hook: hook.clone(), name: record_of(name), value: key.dns_value() },
            None => Answer::File(place.answers().join(file_name(&challenge.token)), key.as_str().to_owned()),
        };
        // What was begun is taken back, too.
        answers.push(answer.clone());
        answer.give().await?;
        challenge.set_ready().await?;
    }
    let status = order.poll_ready(&RETRIES).await?;
    if status != OrderStatus::Ready {
        let problem = order.state().error.as_ref().map(ToString::to_string);
        let problem = problem.unwrap_or_else(|| format!("{status:?}"));
        return Err(if options.hook.is_some() { AcmeError::NotInDns(problem) } else { AcmeError::NotFound(problem) });
    }
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&RETRIES).await?;
    Ok(format!("{}\n{key}", chain.trim_end()))
}

/// What an authority looks for.
#[derive(Clone)]
enum Answer {
    /// A file that nginx shows, and its content.
    File(PathBuf, String),
    /// A record of type TXT that the operator's program writes.
    Dns { hook: PathBuf, name: String, value: String },
}

impl Answer {
    async fn give(self) -> Result<(), AcmeError> {
        match self {
            Answer::File(path, text) => Ok(blocking(move || file::write_atomic(&path, text.as_bytes(), 0o644)).await?),
            Answer::Dns { hook, name, value } => run(&hook, ["present", &name, &value]).await,
        }
    }

    async fn take_back(self) -> Result<(), AcmeError> {
        match self {
            Answer::File(path, _) => Ok(blocking(move || file::ensure_absent(&path)).await?),
            Answer::Dns { hook, name, value } => run(&hook, ["cleanup", &name, &value]).await,
        }
    }
}

/// Runs the operator's program, in the manner of lego's `exec`. What it says is in the error.
async fn run(hook: &Path, words: [&str; 3]) -> Result<(), AcmeError> {
    program::run(&hook.display().to_string(), &words, HOOK_LIMIT).await?;
    Ok(())
}

/// Returns the record that an authority asks for, ending with a dot as whole names do.
fn record_of(name: &str) -> String {
    format!("_acme-challenge.{name}.")
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
