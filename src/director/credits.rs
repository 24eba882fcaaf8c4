//! Credits: one for each started hour of each node (`director-api.md` §6, as documented).

use std::sync::Arc;

use serde_json::json;

use super::applications::record_stop;
use super::failure::Failure;
use super::routes::Call;
use super::state::Director;
use crate::model::{State, plan_charge};
use crate::rpc::Response;
use crate::store::Transaction;
use crate::store::director::node::Phase;
use crate::store::director::{application, node, user};
use crate::sys::chain;

pub(super) async fn credit(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
    let uid = call.user();
    let credit = director.store.read(move |tx| Ok::<_, Failure>(user::credit(tx, uid)?)).await?;
    Ok(Response::json_line(&json!({ "credit": credit.ok_or(Failure::False)? })))
}

/// Takes credits from the user whose application asks.
pub(super) async fn decrement(director: Arc<Director>, call: Call) -> Result<Response, Failure> {
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

/// Charges what is due and stops the applications of users who have nothing
/// left. What is due follows from each node's age alone, so that this may run
/// at any time and any number of times.
pub(super) async fn charge(director: &Director) {
    let now = chrono::Utc::now().timestamp();
    match director.store.note(move |tx| charge_all(tx, now)).await {
        Ok(0) => {}
        Ok(n_stopped) => {
            tracing::warn!(n_applications = n_stopped, "applications stopped: credit is used up");
            director.reconcile.wake();
        }
        Err(error) => tracing::error!(error = %chain(&error), "cannot charge credit"),
    }
}

fn charge_all(tx: &Transaction<'_>, now: i64) -> Result<usize, Failure> {
    for node in node::all(tx)? {
        if node.phase != Phase::Up {
            continue;
        }
        let charge = plan_charge(now - node.wanted.created, node.charged);
        if charge.due > 0 {
            node::set_charged(tx, node.rid, charge.charged_in_all)?;
            user::add_credit(tx, node.wanted.uid, -charge.due)?;
        }
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
mod tests {
    use super::*;
    use crate::model::{ApplicationId, CloudName, ServiceId, UserId};
    use crate::store::Store;
    use crate::store::director::node::NewNode;
    use crate::store::director::user::NewUser;

    fn director_with(credit: i64, n_nodes: usize) -> (tempfile::TempDir, Store, UserId, ApplicationId) {
        let directory = tempfile::tempdir().unwrap();
        let store = crate::store::director::open(&directory.path().join("director.db")).unwrap();
        let (uid, aid) = store
            .write_blocking(|tx| {
                let uid = user::insert(
                    tx,
                    &NewUser {
                        username: "a".into(),
                        fname: String::new(),
                        lname: String::new(),
                        email: "a@b".into(),
                        affiliation: String::new(),
                        password_hash: String::new(),
                        created: String::new(),
                        credit,
                        uuid: String::new(),
                        openid: None,
                    },
                )?;
                let aid = application::insert(tx, uid, "app")?;
                application::set_status(tx, aid, State::Running, None)?;
                for _ in 0..n_nodes {
                    let rid = node::insert(
                        tx,
                        &NewNode {
                            tag: super::super::nodes::new_tag(),
                            cloud: CloudName::default_cloud(),
                            program: "agent".into(),
                            uid,
                            aid,
                            sid: ServiceId(1),
                            operation: None,
                            request: "{}".into(),
                            created: 0,
                        },
                    )?;
                    node::set_up(tx, rid, 0)?;
                }
                Ok::<_, Failure>((uid, aid))
            })
            .unwrap();
        (directory, store, uid, aid)
    }

    #[test]
    fn several_nodes_are_charged_each_by_its_own_age_and_never_twice() {
        let (_directory, store, uid, _) = director_with(50, 3);
        let credit_at = |now| {
            store.write_blocking(|tx| charge_all(tx, now)).unwrap();
            store.write_blocking(|tx| Ok::<_, Failure>(user::credit(tx, uid)?)).unwrap().unwrap()
        };
        for (now, left) in
            [(0, 47), (0, 47), (3599, 47), (3600, 44), (3601, 44), (4 * 3600 + 5, 35), (4 * 3600 + 5, 35)]
        {
            assert_eq!(credit_at(now), left, "at {now} s");
        }
    }

    #[test]
    fn at_zero_the_applications_stop() {
        let (_directory, store, uid, aid) = director_with(2, 3);
        assert_eq!(store.write_blocking(|tx| charge_all(tx, 10)).unwrap(), 1);
        store
            .write_blocking(|tx| {
                assert_eq!(user::credit(tx, uid)?, Some(0));
                assert_eq!(application::status(tx, aid)?, Some(State::Stopped));
                assert!(node::all(tx)?.iter().all(|node| node.phase == Phase::Removing));
                Ok::<_, Failure>(())
            })
            .unwrap();
    }
}
