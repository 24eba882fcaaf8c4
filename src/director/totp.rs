//! One-time codes: what a login by password needs besides, once its user has switched it on.
//!
//! # Guarantees
//! - No code opens twice: its time step is recorded in the transaction that takes it. A recovery code is gone with its use.
//! - Nothing is asked for before the user has shown a first code: a picture that a phone did not take locks nobody out.
//! - The password is asked for, not a certificate alone, before anything changes here.
//!
//! Must not know: requests and answers. Who may try how often is counted by [`Passwords`](super::password::Passwords).

use std::net::IpAddr;

use rand::RngExt;
use totp_rs::{Builder, Secret, Totp as Codes};

use super::account::{by_password, expect_password};
use super::error::Failure;
use super::state::Director;
use crate::api::{RecoveryCodesView, TotpSecretView, TotpView, texts};
use crate::clock::Clock;
use crate::model::UserId;
use crate::store::Transaction;
use crate::store::director::totp::{self as rows, Totp};
use crate::store::director::user::User;
use crate::sys::fingerprint::fingerprint;
use crate::sys::random;

/// As long as the hash of HMAC-SHA1, which all phones know (RFC 4226, section 4).
const N_SECRET_BYTES: usize = 20;
const N_RECOVERY_CODES: usize = 10;
/// Bytes of a recovery code's fingerprint: a code has 79 random bits.
const N_FINGERPRINT_BYTES: usize = 32;
/// No code is longer.
const MAX_CODE_CHARS: usize = 64;

/// Returns what the caller's login needs.
pub(crate) async fn of_user(director: &Director, uid: UserId) -> Result<TotpView, Failure> {
    let look = move |tx: &Transaction<'_>| {
        let is_on = is_on(tx, uid)?;
        Ok::<_, Failure>(TotpView { is_on, n_recovery_codes: rows::n_recovery_codes(tx, uid)? })
    };
    director.store.read(look).await
}

/// Returns whether a login of this user by password needs a code.
pub(crate) fn is_on(tx: &Transaction<'_>, uid: UserId) -> Result<bool, Failure> {
    Ok(rows::get(tx, uid)?.is_some_and(|found| found.is_confirmed))
}

/// Makes a new secret for a user who knows his password, and returns it. It asks nothing of him before [`confirm`].
pub(crate) async fn begin(
    director: &Director,
    uid: UserId,
    (password, address): (&str, IpAddr),
) -> Result<TotpSecretView, Failure> {
    let user = expect_password(director, uid, password, address).await?;
    let secret: [u8; N_SECRET_BYTES] = rand::rng().random();
    let view = view(&secret, &user.details.username)?;
    let begun = director.store.write(move |tx| {
        if is_on(tx, uid)? {
            return Err(Failure::application(texts::TOTP_IS_ON));
        }
        Ok(rows::begin(tx, uid, &secret)?)
    });
    begun.await?;
    Ok(view)
}

/// Switches one-time codes on for a user who shows the first one. Returns his recovery codes, which nobody learns again.
pub(crate) async fn confirm(director: &Director, uid: UserId, code: &str) -> Result<RecoveryCodesView, Failure> {
    let recovery_codes: Vec<String> =
        std::iter::repeat_with(random::readable_password).take(N_RECOVERY_CODES).collect();
    let fingerprints: Vec<String> = recovery_codes.iter().map(|code| recovery_fingerprint(code)).collect();
    let code = plain(code);
    let confirmed = director.store.write(move |tx| {
        let found = rows::get(tx, uid)?.ok_or_else(|| Failure::application(texts::TOTP_NOT_BEGUN))?;
        if found.is_confirmed {
            return Err(Failure::application(texts::TOTP_IS_ON));
        }
        let step = step_of(&found, &code)?.ok_or_else(|| Failure::application(texts::TOTP_WRONG))?;
        Ok(rows::confirm(tx, uid, step, &fingerprints)?)
    });
    confirmed.await?;
    tracing::info!(user.id = uid.0, "one-time codes switched on");
    Ok(RecoveryCodesView { recovery_codes })
}

/// Switches one-time codes off for a user who knows his password and shows a code.
pub(crate) async fn end(
    director: &Director,
    uid: UserId,
    (password, code): (&str, Option<&str>),
    address: IpAddr,
) -> Result<(), Failure> {
    let user = expect_password(director, uid, password, address).await?;
    expect_code(director, &user, code, address).await?;
    director.store.write(move |tx| Ok::<_, Failure>(rows::delete(tx, uid)?)).await?;
    tracing::info!(user.id = uid.0, "one-time codes switched off");
    Ok(())
}

/// Returns the user of this name, if the password is right, and the code where one is needed.
pub(crate) async fn log_in(
    director: &Director,
    username: &str,
    (password, code): (&str, Option<&str>),
    address: IpAddr,
) -> Result<Option<User>, Failure> {
    let Some(user) = by_password(director, username, password, address).await? else { return Ok(None) };
    expect_code(director, &user, code, address).await?;
    Ok(Some(user))
}

/// Refuses a user who needs a code and gives none, or not the right one. A wrong one counts as a wrong password does.
pub(crate) async fn expect_code(
    director: &Director,
    user: &User,
    code: Option<&str>,
    address: IpAddr,
) -> Result<(), Failure> {
    let uid = user.uid;
    let is_needed = director.store.read(move |tx| is_on(tx, uid)).await?;
    if !is_needed {
        return Ok(());
    }
    let code = code.map(plain).filter(|code| !code.is_empty());
    let code = code.ok_or_else(|| Failure::application(texts::TOTP_NEEDED))?;
    director.passwords.count_attempt(&user.details.username, address)?;
    let is_right = director.store.write(move |tx| take(tx, uid, &code)).await?;
    if !is_right {
        return Err(Failure::application(texts::TOTP_WRONG));
    }
    director.passwords.take_back(&user.details.username, address);
    Ok(())
}

/// Takes a code, which is none any more. Returns whether it was right.
fn take(tx: &Transaction<'_>, uid: UserId, code: &str) -> Result<bool, Failure> {
    let Some(found) = rows::get(tx, uid)?.filter(|found| found.is_confirmed) else { return Ok(true) };
    if let Some(step) = step_of(&found, code)? {
        rows::set_last_step(tx, uid, step)?;
        return Ok(true);
    }
    Ok(rows::take_recovery_code(tx, uid, &recovery_fingerprint(code))?)
}

/// Returns the time step of a code that is good now, and was not taken.
fn step_of(found: &Totp, code: &str) -> Result<Option<i64>, Failure> {
    let now = u64::try_from(Clock::system().unix_seconds()).unwrap_or_default();
    let step = codes(&found.secret, "")?.check(code, now).and_then(|step| i64::try_from(step).ok());
    Ok(step.filter(|step| *step > found.last_step))
}

fn view(secret: &[u8], username: &str) -> Result<TotpSecretView, Failure> {
    // The address of a code parts its words by colons.
    let codes = codes(secret, &username.replace(':', "."))?;
    let url = codes.to_url().map_err(|error| unusable(&error))?;
    Ok(TotpSecretView { secret: codes.secret().to_base32(), url })
}

fn codes(secret: &[u8], username: &str) -> Result<Codes, Failure> {
    let builder = Builder::new().with_secret(Secret::new(secret.into()));
    builder.with_issuer(Some("ConPaaS")).with_account_name(username).build().map_err(|error| unusable(&error))
}

fn unusable(error: &totp_rs::TotpError) -> Failure {
    Failure::Internal(format!("one-time codes: {error}"))
}

fn recovery_fingerprint(code: &str) -> String {
    fingerprint(code, N_FINGERPRINT_BYTES)
}

/// Returns a code without the blanks that phones show it with.
fn plain(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace()).take(MAX_CODE_CHARS).collect()
}
