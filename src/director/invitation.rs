//! Invitations: an administrator lets people register whom nobody else would.
//!
//! # Guarantees
//! - An invitation is used up in the transaction that makes the account.
//! - The director keeps the fingerprint of a code, never the code.
//!
//! Must not know: requests and answers.

use super::administrator::expect_administrator;
use super::error::Failure;
use super::state::Director;
use super::timestamp::local_now;
use crate::api::{InvitationView, NewInvitationView, texts};
use crate::clock::Clock;
use crate::config::RegistrationRule;
use crate::model::UserId;
use crate::store::Transaction;
use crate::store::director::invitation::{self as rows, Invitation, NewInvitation};
use crate::sys::fingerprint::fingerprint;
use crate::sys::random;

const MAX_USES: u32 = 1000;
const MAX_DAYS: i64 = 365;
const MAX_AT_ONCE: usize = 200;
const MAX_LABEL_CHARS: usize = 80;
const DAY: i64 = 24 * 3600;

/// Returns the invitations that are still good, and whether this director takes any.
pub(crate) async fn list(director: &Director, caller: UserId) -> Result<Vec<InvitationView>, Failure> {
    let now = Clock::system().unix_seconds();
    let found = director.store.read(move |tx| {
        expect_administrator(tx, caller)?;
        Ok::<_, Failure>(rows::list(tx, now)?)
    });
    let view = |one: Invitation| InvitationView {
        id: one.id,
        label: one.label,
        uses: one.uses,
        expires: one.expires,
        created: one.created,
    };
    Ok(found.await?.into_iter().map(view).collect())
}

/// Makes an invitation for so many people and days. Returns its code, which nobody learns again.
pub(crate) async fn create(
    director: &Director,
    caller: UserId,
    label: &str,
    (uses, days): (u32, i64),
) -> Result<NewInvitationView, Failure> {
    if director.config.registration == RegistrationRule::Closed {
        return Err(Failure::application(texts::REGISTRATION_CLOSED));
    }
    let is_label = label.chars().count() <= MAX_LABEL_CHARS && !label.chars().any(char::is_control);
    if !is_label || !(1..=MAX_USES).contains(&uses) || !(1..=MAX_DAYS).contains(&days) {
        return Err(Failure::Application(format!(
            "An invitation is for 1 to {MAX_USES} people and 1 to {MAX_DAYS} days, and its label has {MAX_LABEL_CHARS} \
             printable characters at most"
        )));
    }
    let (code, now) = (random::readable_password(), Clock::system().unix_seconds());
    let new = NewInvitation {
        fingerprint: of_code(&code),
        label: label.to_owned(),
        uses,
        expires: now + days * DAY,
        created: local_now(),
        uid: caller,
    };
    director.reserve.check_room().await?;
    let made = director.store.write(move |tx| {
        expect_administrator(tx, caller)?;
        rows::delete_over(tx, now)?;
        if rows::list(tx, now)?.len() >= MAX_AT_ONCE {
            return Err(Failure::Application(format!(
                "There are {MAX_AT_ONCE} invitations already: withdraw one first"
            )));
        }
        Ok(rows::insert(tx, &new)?)
    });
    made.await?;
    tracing::info!(administrator.id = caller.0, uses, days, "invitation made");
    Ok(NewInvitationView { code })
}

/// Withdraws an invitation.
pub(crate) async fn remove(director: &Director, caller: UserId, id: i64) -> Result<(), Failure> {
    let removed = director.store.write(move |tx| {
        expect_administrator(tx, caller)?;
        match rows::delete(tx, id)? {
            true => Ok(()),
            false => Err(Failure::application("There is no such invitation any more")),
        }
    });
    removed.await
}

/// Returns whether a code is an invitation that is good now.
pub(super) async fn is_good(director: &Director, code: &str) -> Result<bool, Failure> {
    let (print, now) = (of_code(code), Clock::system().unix_seconds());
    director.store.read(move |tx| Ok::<_, Failure>(rows::is_good(tx, &print, now)?)).await
}

/// Uses the invitation of a code up, in the transaction that makes its account.
pub(super) fn take(tx: &Transaction<'_>, code: &str) -> Result<(), Failure> {
    match rows::take(tx, &of_code(code), Clock::system().unix_seconds())? {
        true => Ok(()),
        false => Err(Failure::application(texts::INVITATION_UNKNOWN)),
    }
}

fn of_code(code: &str) -> String {
    fingerprint(code.trim(), 32)
}
