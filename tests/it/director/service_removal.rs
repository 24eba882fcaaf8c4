//! A service that its manager could not remove is not forgotten.

use std::os::unix::fs::PermissionsExt;

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Lifetime, Subject};
use conpaas::rpc::{Client, Endpoint, FormBody, PeerRule, RpcCall};
use conpaas::task::CRASH_VARIABLE;

use crate::support::director::{CONPAAS, World};
use crate::support::wait::eventually;

/// Starts managers that ask a director which does not answer for a second only.
const IMPATIENT: &str = r#"#!/bin/sh
if [ "$1" = manager ]; then
    before=
    for word in "$@"; do
        [ "$before" = --root ] && echo "DIRECTOR_PATIENCE = 1" >> "$word/root/config.cfg"
        before=$word
    done
fi
exec CONPAAS "$@"
"#;

#[tokio::test]
async fn what_could_not_be_removed_is_listed_again_and_can_be_removed() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("impatient");
    std::fs::write(&script, IMPATIENT.replace("CONPAAS", CONPAAS)).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut world = World::start_with(&[("iaas.PROGRAM", script.to_str().unwrap())], &[]);
    world.add_user("alice");
    let alice = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    world.post(Some(&alice), "/startapp/1", &[]).await;
    let host = eventually("the application runs", || async {
        let application = world.get(Some(&alice), "/listapp").await.json()[0].clone();
        (application["status"] == "RUNNING").then(|| application["manager"].as_str().unwrap().to_owned())
    })
    .await;
    let client = Client::new(Some(&alice), PeerRule::Manager(UserId(1), ApplicationId(1))).unwrap();
    let manager = Endpoint { host, port: 8443 };
    let state = async || {
        client.call(&manager, &RpcCall::get(0, "get_app_info")).await.ok().map(|info| info["states"]["1"].clone())
    };
    let rests = async |wanted: &str| {
        eventually(&format!("the service is {wanted}"), || async { state().await.filter(|state| state == wanted) })
            .await
    };
    world.post(Some(&alice), "/add/helloworld", &[("appid", "1")]).await;
    let start = RpcCall::post(0, "start_service").param("service_id", 1).param("cloud", "default");
    client.call(&manager, &start).await.unwrap();
    rests("RUNNING").await;

    // The manager takes the order; then the director is away, and the nodes cannot be given back.
    world.kill();
    world.run(&[(CRASH_VARIABLE, "remove_service.recorded")]);
    let order = FormBody::default().field("app_id", "1").field("service_id", "1");
    let unanswered = world.client(Some(&alice)).post_form(&world.endpoint, "/remove", &order).await;
    assert!(unanswered.is_err());
    assert_eq!(world.wait_for_end(), None);
    rests("ERROR").await;
    world.run(&[]);
    let listed = async || world.get(Some(&alice), "/list").await.json().as_array().unwrap().len();
    eventually("the service is listed again", || async { (listed().await == 1).then_some(()) }).await;
    let fields = [("app_id", "1"), ("service_id", "1")];
    let accepted = world.post(Some(&alice), "/remove", &fields).await;
    assert!(accepted.json()["operation_id"].is_string(), "{}", accepted.text);
    eventually("the manager has it no more", || async { state().await.filter(serde_json::Value::is_null) }).await;
    assert_eq!(listed().await, 0);
    eventually("its row is gone", || async {
        let database = rusqlite::Connection::open(world.path("director.db")).unwrap();
        database
            .query_row("SELECT count(*) FROM service", [], |row| row.get::<_, i64>(0))
            .is_ok_and(|n| n == 0)
            .then_some(())
    })
    .await;
}
