//! Credits: one for each started hour of each node (`docs/reference/director-api.md` §6, as documented).

use std::sync::Arc;

use serde_json::json;

use super::application::record_stop;
use super::error::Failure;
use super::http::routes::Call;
use super::state::Director;
use crate::clock;
use crate::model::{SinceBoot, State, plan_charge};
use crate::rpc::Response;
use crate::store::director::node::Phase;
use crate::store::director::{application, node, running_time, user};
use crate::store::{StoreError, Transaction};
use crate::sys::chain;

pub(crate) async fn credit(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let uid = call.user();
    let credit = director.store.read(move |tx| Ok::<_, Failure>(user::credit(tx, uid)?)).await?;
    Ok(Response::json_line(&json!({ "credit": credit.ok_or(Failure::False)? })))
}

/// Takes credits from the user whose application asks.
pub(crate) async fn decrement(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let (uid, aid) = (call.user(), call.application());
    let is_own = call.form.filled("aid").and_then(|text| text.parse().ok()) == Some(aid);
    let amount = call.form.filled("decrement").and_then(|text| text.trim().parse::<i64>().ok());
    let Some(amount) = amount.filter(|amount| *amount >= 0 && is_own) else {
        return Ok(Response::json_line(&json!({ "error": true })));
    };
    director.store.write(move |tx| Ok::<_, Failure>(user::add_credit(tx, uid, -amount)?)).await?;
    charge(&director).await;
    Ok(Response::json_line(&json!({ "error": false })))
}

/// Records that a node answered and costs from now on. Gives whether it is still wanted.
pub(crate) fn start_counting(tx: &Transaction<'_>, rid: i64) -> Result<bool, StoreError> {
    let mark = running_time::look(tx, clock::since_boot())?;
    node::set_up(tx, rid, chrono::Utc::now().timestamp(), &mark)
}

/// Charges what is due and stops the applications of users who have nothing
/// left. What is due follows from each node's age alone, so that this may run
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
            if !matches!(application.status, State::Init | State::Stopped) {
                tracing::warn!(
                    user.id = uid.0,
                    app.id = application.aid.0,
                    "credit is used up: stopping the application"
                );
                record_stop(tx, application.aid)?;
                n_stopped += 1;
            }
        }
    }
    Ok(n_stopped)
}

#[cfg(test)]
mod tests;
