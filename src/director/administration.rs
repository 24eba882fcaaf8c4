//! What administrators do with other users from afar.
//!
//! Who is an administrator, the operator says on the director's machine.
//!
//! # Guarantees
//! - Whether the caller is an administrator is looked at in the transaction of what he does.
//! - No administrator takes over, or removes, another one or himself: that is the operator's.
//!
//! Must not know: requests and answers.

use std::net::IpAddr;

use super::account::{Running, record_removal};
use super::administrator::expect_administrator;
use super::error::Failure;
use super::state::Director;
use crate::api::{ManagedUserView, texts};
use crate::model::UserId;
use crate::store::Transaction;
use crate::store::director::application;
use crate::store::director::user::{self, User};

/// Returns all users.
pub(crate) async fn users(director: &Director, caller: UserId) -> Result<Vec<ManagedUserView>, Failure> {
    let look = move |tx: &Transaction<'_>| {
        expect_administrator(tx, caller)?;
        user::list(tx)?.into_iter().map(|found| view(tx, found)).collect()
    };
    director.store.read(look).await
}

/// Adds to (or, below zero, takes from) the credit of a user, which stops at 0. Returns the new credit.
pub(crate) async fn add_credit(director: &Director, caller: UserId, uid: UserId, amount: i64) -> Result<i64, Failure> {
    let added = director.store.write(move |tx| {
        expect_administrator(tx, caller)?;
        user::add_credit(tx, uid, amount)?.ok_or_else(unknown)
    });
    let credit = added.await?;
    tracing::info!(user.id = uid.0, administrator.id = caller.0, amount, credit, "credit changed by an administrator");
    Ok(credit)
}

/// Changes the password of another user. Certificates that he has stay good.
pub(crate) async fn set_password(
    director: &Director,
    caller: UserId,
    uid: UserId,
    (password, address): (&str, IpAddr),
) -> Result<(), Failure> {
    if password.is_empty() {
        return Err(Failure::Application(texts::missing_field("new_password")));
    }
    // Nobody else has the director compute hashes.
    director.store.read(move |tx| expect_over(tx, caller, uid).map(drop)).await?;
    let debt = director.passwords.count_address(address)?;
    let hash = director.passwords.hash(password, debt).await?;
    let changed = director.store.write(move |tx| {
        expect_over(tx, caller, uid)?;
        Ok::<_, Failure>(user::set_password(tx, uid, &hash)?)
    });
    changed.await?;
    tracing::info!(user.id = uid.0, administrator.id = caller.0, "password changed by an administrator");
    Ok(())
}

/// Removes a user with his applications.
pub(crate) async fn remove_user(
    director: &Director,
    caller: UserId,
    uid: UserId,
    running: Running,
) -> Result<(), Failure> {
    director.reserve.make_room().await;
    let removed = director.store.write(move |tx| {
        let found = expect_over(tx, caller, uid)?;
        record_removal(tx, &found, running)
    });
    removed.await?;
    tracing::info!(user.id = uid.0, administrator.id = caller.0, "user removed by an administrator");
    director.reconcile.wake();
    Ok(())
}

fn view(tx: &Transaction<'_>, found: User) -> Result<ManagedUserView, Failure> {
    let applications = application::list(tx, found.uid)?;
    let details = found.details;
    Ok(ManagedUserView {
        uid: found.uid,
        username: details.username,
        email: details.email,
        credit: details.credit,
        created: details.created,
        administrator: user::is_administrator(tx, found.uid)?,
        applications: applications.len(),
        running: applications.iter().filter(|app| app.status.can_have_nodes()).count(),
    })
}

/// Returns the user whom the caller, an administrator, may take over or remove.
fn expect_over(tx: &Transaction<'_>, caller: UserId, uid: UserId) -> Result<User, Failure> {
    expect_administrator(tx, caller)?;
    if user::is_administrator(tx, uid)? {
        return Err(Failure::application(texts::IS_ADMINISTRATOR));
    }
    user::get(tx, uid)?.ok_or_else(unknown)
}

fn unknown() -> Failure {
    Failure::application(texts::UNKNOWN_USER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::director::sample::{Sample, new_user};

    #[test]
    fn administrators_are_over_users_and_not_over_each_other() {
        let sample = Sample::new(0);
        let (bob, eve) = (
            sample.run(|tx| user::insert(tx, &new_user("bob", 0))),
            sample.run(|tx| user::insert(tx, &new_user("eve", 0))),
        );
        let over = |caller, uid| {
            sample.write(|tx| expect_over(tx, caller, uid)).map(|found| found.uid).map_err(|e| e.to_string())
        };
        assert_eq!(over(sample.uid, bob), Err(texts::NOT_ADMINISTRATOR.to_owned()));
        for uid in [sample.uid, eve] {
            sample.run(|tx| user::set_administrator(tx, uid, true));
        }
        assert_eq!(over(sample.uid, bob), Ok(bob));
        for uid in [sample.uid, eve] {
            assert_eq!(over(sample.uid, uid), Err(texts::IS_ADMINISTRATOR.to_owned()));
        }
        assert_eq!(over(sample.uid, UserId(99)), Err(texts::UNKNOWN_USER.to_owned()));
        sample.run(|tx| user::set_administrator(tx, sample.uid, false));
        assert_eq!(over(sample.uid, bob), Err(texts::NOT_ADMINISTRATOR.to_owned()));
    }
}
