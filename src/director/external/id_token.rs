//! What a provider says of somebody, and whether it is the provider that says it, to us, now, and for this login.

use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

use super::signature;

/// Clocks may differ so much.
const LEEWAY_SECONDS: i64 = 60;
/// A token is taken soon after it was made.
const OLDEST_SECONDS: i64 = 15 * 60;
/// No subject is longer (OpenID Connect Core 1.0, section 2).
const MAX_SUBJECT_CHARS: usize = 255;
const MAX_TOKEN_BYTES: usize = 64 * 1024;
const MAX_TEXT_CHARS: usize = 256;

/// What a token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    /// What was asked with, which no other login was.
    pub(super) nonce: &'a str,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// Somebody whom the provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    /// His id at the provider.
    pub(super) subject: String,
    /// His address, if the provider has verified it.
    pub(super) email: String,
    /// A name that he may want here.
    pub(super) username: String,
}

/// Why a token is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    /// The provider has other keys now, or it is none of its tokens.
    #[error("it is signed with a key that the provider does not show")]
    UnknownKey,
    /// Anything else.
    #[error("{0}")]
    Wrong(String),
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    iat: i64,
    nonce: String,
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<serde_json::Value>,
    preferred_username: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Returns whom a token vouches for.
pub(super) fn verify(token: &str, keys: &JwkSet, expected: &Expected<'_>) -> Result<Person, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(wrong("it is too long"));
    }
    signature::install();
    let header = decode_header(token).map_err(|error| wrong(&error.to_string()))?;
    if !signature::ALGORITHMS.contains(&header.alg) {
        return Err(wrong("it is signed in a way that proves nothing"));
    }
    let key = DecodingKey::from_jwk(choose(keys, header.kid.as_deref(), &format!("{:?}", header.alg))?)
        .map_err(|error| wrong(&error.to_string()))?;
    if key.family() != header.alg.family() {
        return Err(wrong("its key is of another sort than its signature"));
    }
    let mut rule = Validation::new(header.alg);
    rule.set_issuer(&[expected.issuer]);
    rule.set_audience(&[expected.client_id]);
    rule.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rule.validate_nbf = true;
    let claims = decode::<Claims>(token, &key, &rule).map_err(|error| wrong(&error.to_string()))?.claims;
    check(&claims, expected)?;
    Ok(person(claims))
}

fn check(claims: &Claims, expected: &Expected<'_>) -> Result<(), TokenError> {
    let is_for_others = |azp: &String| azp != expected.client_id;
    let is_for_many = matches!(&claims.aud, Audience::Many(all) if all.len() > 1);
    let is_ours = match &claims.aud {
        Audience::One(one) => one == expected.client_id,
        Audience::Many(all) => all.iter().any(|one| one == expected.client_id),
    };
    let is_subject = |text: &str| {
        !text.is_empty() && text.chars().count() <= MAX_SUBJECT_CHARS && !text.chars().any(char::is_control)
    };
    let age = expected.now.saturating_sub(claims.iat);
    let table = [
        (claims.iss == expected.issuer, "another issuer made it"),
        (is_ours, "it is for somebody else"),
        (!claims.azp.as_ref().is_some_and(is_for_others), "it was made for another client"),
        (!is_for_many || claims.azp.is_some(), "it is for many, and does not say for whom it was made"),
        (claims.nonce == expected.nonce, "it is of another login"),
        ((-LEEWAY_SECONDS..=OLDEST_SECONDS).contains(&age), "it was not made just now: is this machine's clock right?"),
        (is_subject(&claims.sub), "it names nobody"),
    ];
    table.into_iter().find(|(is_right, _)| !is_right).map_or(Ok(()), |(_, text)| Err(wrong(text)))
}

/// Returns the key of a signature. A key without a name is taken only if there is no choice.
fn choose<'a>(keys: &'a JwkSet, name: Option<&str>, algorithm: &str) -> Result<&'a Jwk, TokenError> {
    let fits = |key: &&Jwk| {
        let is_for_signatures = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
        let is_for_this = key.common.key_algorithm.as_ref().is_none_or(|own| own.to_string() == algorithm);
        is_for_signatures && is_for_this
    };
    let mut candidates =
        keys.keys.iter().filter(fits).filter(|key| name.is_none() || key.common.key_id.as_deref() == name);
    match (candidates.next(), candidates.next()) {
        (Some(key), None) => Ok(key),
        (Some(key), Some(_)) if name.is_some() => Ok(key),
        (Some(_), Some(_)) => Err(wrong("it does not say which of the provider's keys signed it")),
        (None, _) => Err(TokenError::UnknownKey),
    }
}

fn person(claims: Claims) -> Person {
    let is_verified = match claims.email_verified {
        Some(serde_json::Value::Bool(is_verified)) => is_verified,
        // Some providers write it so.
        Some(serde_json::Value::String(text)) => text == "true",
        _ => false,
    };
    let plain = |text: Option<String>| {
        let text = text.unwrap_or_default();
        let is_plain = text.chars().count() <= MAX_TEXT_CHARS && !text.chars().any(char::is_control);
        if is_plain { text } else { String::new() }
    };
    let email = if is_verified { plain(claims.email) } else { String::new() };
    Person { subject: claims.sub, email, username: plain(claims.preferred_username) }
}

fn wrong(text: &str) -> TokenError {
    TokenError::Wrong(text.to_owned())
}
