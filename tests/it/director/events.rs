//! What happened: told to its owner as it happens, whoever it happened by, and once.

use std::time::{Duration, Instant};

use conpaas::model::UserId;
use conpaas::pki::{Credentials, Lifetime, Subject};
use serde_json::Value;

use crate::support::director::World;
use crate::support::wait::eventually;

fn user(world: &World, number: i64, name: &str) -> Credentials {
    world.add_user(name);
    world.certificate(&Subject::user(UserId(number), name, &format!("{name}@example.org")), Lifetime::USER)
}

async fn events(world: &World, who: &Credentials, query: &str) -> Vec<Value> {
    let answer = world.get(Some(who), &format!("/events{query}")).await;
    answer.json()["events"].as_array().cloned().unwrap_or_else(|| panic!("{}", answer.text))
}

fn told(events: &[Value]) -> Vec<(String, String)> {
    let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let of = |event: &Value| if event["service_id"] == 1 { "service" } else { "application" }.to_owned();
    events.iter().map(|event| (of(event), format!("{} by {}", text(event, "state"), text(event, "by")))).collect()
}

#[tokio::test]
async fn an_owner_hears_what_happens_at_once_and_once_also_after_a_crash() {
    let mut world = World::start();
    let (alice, mallory) = (user(&world, 1, "alice"), user(&world, 2, "mallory"));
    world.post(Some(&alice), "/startapp/1", &[]).await;
    eventually("a service is added", || async {
        let added = world.post(Some(&alice), "/add/helloworld", &[("appid", "1")]).await;
        added.json().get("service").map(drop)
    })
    .await;
    let of_service = |event: &(String, String)| event.0 == "service";
    let before = eventually("the manager tells of it", || async {
        let all = events(&world, &alice, "").await;
        told(&all).iter().any(of_service).then_some(all)
    })
    .await;
    let application: Vec<String> =
        told(&before).into_iter().filter(|event| !of_service(event)).map(|(_, what)| what).collect();
    assert_eq!(application, ["INIT by user", "PROLOGUE by user", "RUNNING by director"]);
    assert!(told(&before).contains(&("service".to_owned(), "INIT by manager".to_owned())), "{before:?}");
    assert_eq!(before[0]["app_name"], "New Application");

    // The director asks its managers where they are, and they tell nothing twice.
    world.kill();
    world.run(&[]);
    let last = before.last().unwrap()["id"].as_i64().unwrap();
    let mut told_again = Vec::new();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        told_again = events(&world, &alice, &format!("?since={last}&wait_for=1")).await;
        if !told_again.is_empty() {
            break;
        }
    }
    assert_eq!(told(&told_again), [], "nothing has happened");

    // The answer comes with the news, long before its time is over.
    let asked = Instant::now();
    let question = format!("?since={last}&wait_for=20");
    let (news, stopped) = tokio::join!(events(&world, &alice, &question), world.post(Some(&alice), "/stopapp/1", &[]));
    assert_eq!(stopped.status, 200, "{}", stopped.text);
    assert_eq!(told(&news)[0], ("application".to_owned(), "STOPPED by user".to_owned()));
    assert!(asked.elapsed() < Duration::from_secs(15), "it came with the end of the time");

    let others = events(&world, &mallory, "").await;
    assert!(others.iter().all(|event| event["app_id"] == 2), "{others:?}");
    assert!(events(&world, &mallory, "?app_id=1").await.is_empty());
    assert_eq!(world.get(Some(&alice), "/events?since=x").await.error(), "\"since\" is not usable: it is no number");
    assert_eq!(world.post(Some(&alice), "/deleteapp/1", &[]).await.status, 200);
    let all = events(&world, &alice, "?app_id=1").await;
    assert_eq!(all.last().unwrap()["reason"], "The application is deleted", "it is told of what is gone");
}

#[tokio::test]
async fn a_list_of_applications_waits_for_another_one() {
    let world = World::start();
    let alice = user(&world, 1, "alice");
    let mark = |text: &str| -> String {
        use sha2::Digest;
        sha2::Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    };
    let list = world.get(Some(&alice), "/listapp").await.text;
    let path = |known: &str, wait: u32| format!("/listapp?known={known}&wait_for={wait}");
    let begun = Instant::now();
    assert_eq!(world.get(Some(&alice), &path("another", 20)).await.text, list, "who knows another list hears at once");
    assert!(begun.elapsed() < Duration::from_secs(10));
    let begun = Instant::now();
    assert_eq!(world.get(Some(&alice), &path(&mark(&list), 1)).await.text, list);
    assert!(begun.elapsed() >= Duration::from_secs(1), "it waits for news that does not come");
    let (waiting, waits) = (path(&mark(&list), 20), Instant::now());
    let rename = [("name", "another name")];
    let (changed, renamed) =
        tokio::join!(world.get(Some(&alice), &waiting), world.post(Some(&alice), "/renameapp/1", &rename));
    assert_eq!(renamed.status, 200);
    assert!(changed.text.contains("another name") && waits.elapsed() < Duration::from_secs(15), "{}", changed.text);
    let refused = world.get(Some(&alice), "/listapp?known=x&wait_for=soon").await;
    assert!(refused.error().contains("wait_for"), "{}", refused.text);
}
