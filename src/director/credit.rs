//! Credits: one for each started hour of each node.
//!
//! What is due follows from each node's age alone. Must not know: requests and answers.

use std::sync::Arc;

use super::application::record_end_of_credit;
use super::asker::Asker;
use super::error::Failure;
use super::state::Director;
use crate::clock;
use crate::model::{SinceBoot, UserId, plan_charge};
use crate::store::director::node::Phase;
use crate::store::director::{application, node, running_time, user};
use crate::store::{StoreError, Transaction};
use crate::sys::chain;

/// Returns the credits that a user has left.
pub(crate) async fn of_user(director: &Director, uid: UserId) -> Result<i64, Failure> {
    director.store.read(move |tx| user::credit(tx, uid)?.ok_or(Failure::False)).await
}

/// Takes credits from the user whose application asks. Returns whether there were so many; if not, none is taken.
pub(crate) async fn take(director: &Director, asker: Asker, amount: i64) -> Result<bool, Failure> {
    let taken = director.store.write(move |tx| {
        asker.expect_wanted(tx)?;
        let is_enough = user::credit(tx, asker.uid)?.is_some_and(|credit| credit >= amount);
        if is_enough {
            user::add_credit(tx, asker.uid, -amount)?;
        }
        Ok::<_, Failure>(is_enough)
    });
    let is_taken = taken.await?;
    charge(director).await;
    Ok(is_taken)
}

/// Charges credit every now and then, until the director stops.
pub(crate) async fn run_credits(director: Arc<Director>) {
    let stopping = director.tasks.stopping();
    loop {
        charge(&director).await;
        director.passwords.forget_quiet();
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(director.config.credit_interval) => {}
        }
    }
}

/// Records that a node answered and costs from now on. Returns whether it is still wanted.
pub(crate) fn start_counting(tx: &Transaction<'_>, rid: i64) -> Result<bool, StoreError> {
    let mark = running_time::look(tx, clock::since_boot())?;
    node::set_up(tx, rid, chrono::Utc::now().timestamp(), &mark)
}

/// Charges what is due and stops the applications of users who have nothing
/// left; their volumes are kept. What is due follows from each node's age alone, so that this may run
/// at any time and any number of times.
pub(crate) async fn charge(director: &Director) {
    match director.store.note(|tx| charge_all(tx, clock::since_boot())).await {
        Ok(0) => {}
        Ok(n_stopped) => {
            tracing::warn!(n_applications = n_stopped, "applications stopped: credit is used up");
            director.reconcile.wake();
        }
        Err(error) => tracing::error!(error = %chain(&error), "cannot charge credit"),
    }
}

/// Remembers how long nodes have run, when the director ends: the machine may
/// be switched off next.
pub(crate) async fn settle(director: &Director) {
    let remembered = director.store.write(|tx| remember(tx, clock::since_boot())).await;
    if let Err(error) = remembered {
        tracing::error!(error = %chain(&error), "cannot record how long the nodes have run");
    }
}

fn remember(tx: &Transaction<'_>, now: SinceBoot) -> Result<(), Failure> {
    if node::all(tx)?.iter().any(|node| node.phase == Phase::Up) {
        running_time::write(tx, &running_time::look(tx, now)?)?;
    }
    Ok(())
}

fn charge_all(tx: &Transaction<'_>, now: SinceBoot) -> Result<usize, Failure> {
    let mark = running_time::look(tx, now)?;
    let mut is_due = false;
    for node in node::all(tx)? {
        if node.phase != Phase::Up {
            continue;
        }
        let charge = plan_charge(mark.total_seconds - node.up_since, node.charged);
        if charge.due > 0 {
            node::set_charged(tx, node.rid, charge.charged_in_all)?;
            user::add_credit(tx, node.wanted.uid, -charge.due)?;
            is_due = true;
        }
    }
    if is_due {
        running_time::write(tx, &mark)?;
    }
    let mut n_stopped = 0;
    for uid in user::without_credit(tx)? {
        for application in application::list(tx, uid)? {
            if application.status.can_have_nodes() {
                tracing::warn!(
                    user.id = uid.0,
                    app.id = application.aid.0,
                    "credit is used up: stopping the application"
                );
                record_end_of_credit(tx, application.aid)?;
                n_stopped += 1;
            }
        }
    }
    Ok(n_stopped)
}

#[cfg(test)]
mod tests;
