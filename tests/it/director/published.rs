//! What is published: whose names and ports are whose, and what an ingress is told.

use std::time::{Duration, Instant};

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Credentials, Lifetime, Subject};

use crate::support::director::World;
use crate::support::wait::eventually;

/// A user with a service of the kind generic in a running application.
async fn tenant(world: &World, number: i64, name: &str) -> Credentials {
    world.add_user(name);
    let subject = Subject::user(UserId(number), name, &format!("{name}@example.org"));
    let user = world.certificate(&subject, Lifetime::USER);
    world.post(Some(&user), &format!("/startapp/{number}"), &[]).await;
    let aid = number.to_string();
    eventually("the application runs", || async {
        let added = world.post(Some(&user), "/add/generic", &[("appid", &aid)]).await;
        added.json().get("service").map(drop)
    })
    .await;
    user
}

#[tokio::test]
async fn names_and_ports_are_the_first_ones_and_an_ingress_learns_of_each_change() {
    let world = World::start_with(&[("director.PUBLISHED_PORTS", "8001-8002")], &[]);
    let (alice, mallory) = (tenant(&world, 1, "alice").await, tenant(&world, 2, "mallory").await);
    let ingress = world.certificate(&Subject::ingress(), Lifetime::USER);
    let of_alice = [("app_id", "1"), ("service_id", "1")];
    let of_mallory = [("app_id", "2"), ("service_id", "1")];
    let publish = async |who, ids: &[(&'static str, &'static str)], more: &[(&'static str, &'static str)]| {
        world.post(Some(who), "/publish", &[ids, more].concat()).await
    };
    let first = publish(&alice, &of_alice, &[("name", "Blog"), ("auth_user", "me"), ("auth_password", "secret")]).await;
    assert_eq!((&first.json()["port"], &first.json()["name"]), (&8001.into(), &"blog.local".into()), "{}", first.text);
    assert!(!first.text.contains("secret") && !first.text.contains("$6$"), "{}", first.text);
    assert_eq!(
        publish(&mallory, &of_mallory, &[("name", "blog.local")]).await.error(),
        "\"name\" is not usable: blog.local is taken"
    );
    assert_eq!(
        publish(&mallory, &of_mallory, &[("port", "8001")]).await.error(),
        "\"port\" is not usable: 8001 is taken"
    );
    assert!(publish(&mallory, &of_mallory, &[("port", "443")]).await.error().contains("8001 to 8002"));
    assert_eq!(publish(&mallory, &of_alice, &[]).await.error(), "Application not found");
    assert_eq!(publish(&mallory, &of_mallory, &[]).await.json()["port"], 8002);
    assert_eq!(world.get(Some(&mallory), "/list_published").await.json().as_array().unwrap().len(), 1, "only her own");

    let sites = world.post(Some(&ingress), "/ingress_sites", &[]).await.json();
    let (digest, known) = (sites["digest"].as_str().unwrap(), sites["sites"].as_array().unwrap());
    assert_eq!(known.len(), 2, "{sites}");
    assert_eq!((&known[0]["state"], &known[0]["servers"]), (&"starting".into(), &serde_json::json!([])), "{sites}");
    assert!(known[0]["auth"][1].as_str().unwrap().starts_with("$6$"), "{sites}");
    // The answer waits for a change, and comes with it.
    let parameters = [("known", digest), ("wait_for", "20")];
    let (changed, _) = tokio::join!(world.post(Some(&ingress), "/ingress_sites", &parameters), async {
        publish(&alice, &of_alice, &[("maintenance", "true"), ("no_auth", "true")]).await
    });
    let changed = changed.json();
    assert_eq!(
        (&changed["sites"][0]["state"], &changed["sites"][0]["auth"]),
        (&"maintenance".into(), &serde_json::Value::Null)
    );
    assert_eq!(changed["sites"][0]["name"], "blog.local", "what is not named stays");

    // A manager's word opens no way to the director's machine, nor to another tenant's nodes.
    let manager = world.certificate(&Subject::manager(UserId(2), ApplicationId(2)), Lifetime::NODE);
    let doors = r#"[{"service_id": 1, "address": "127.0.0.1:5555"}]"#;
    assert_eq!(world.post(Some(&manager), "/doors", &[("doors", doors)]).await.text.trim(), "{}");
    let sites = world.post(Some(&ingress), "/ingress_sites", &[]).await.json();
    assert_eq!(sites["sites"][1]["servers"], serde_json::json!([]), "{sites}");

    // A manager whose nodes are about to go waits until no ingress leads there, for as long as one says that it does.
    let digest = sites["digest"].as_str().unwrap();
    world.post(Some(&ingress), "/ingress_sites", &[("known", "older")]).await;
    let parameters = [("doors", "[]"), ("wait_for", "20")];
    let told = world.post(Some(&manager), "/doors", &parameters);
    let (told, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(10), told), async {
        world.post(Some(&ingress), "/ingress_sites", &[("known", digest)]).await;
    });
    assert_eq!(told.expect("it waits no longer than the ingress").text.trim(), "{}");
    world.post(Some(&ingress), "/ingress_sites", &[("known", "older")]).await;
    let began = Instant::now();
    world.post(Some(&manager), "/doors", &[("doors", "[]"), ("wait_for", "1")]).await;
    assert!(began.elapsed() >= Duration::from_secs(1), "nothing said that the ingress leads elsewhere");

    // What visitors did is their site's owner's to know. Only an ingress says what they did.
    let told = r#"{"1": {"figures": {"window_ms": 10000, "n_requests": 25, "total_ms": 50}, "log": "a\nb\n"}}"#;
    assert_eq!(world.post(Some(&alice), "/ingress_visits", &[("visits", told)]).await.text.trim(), "false");
    assert_eq!(world.post(Some(&ingress), "/ingress_visits", &[("visits", told)]).await.text.trim(), "{}");
    let shown = world.get(Some(&alice), "/list_published").await.json();
    assert_eq!(shown[0]["visits"]["requests_per_second"], 2.5, "{shown}");
    let log = world.post(Some(&alice), "/published_log", &of_alice).await.json();
    assert_eq!((&log["log"], log.get("cursor")), (&"a\nb\n".into(), None));
    assert_eq!(world.post(Some(&mallory), "/published_log", &of_alice).await.error(), "Application not found");
    assert_eq!(world.post(Some(&mallory), "/published_log", &of_mallory).await.json()["log"], "", "of her own site");
    assert_eq!(world.post(Some(&ingress), "/published_log", &of_alice).await.status, 401);

    let trouble = [("troubles", r#"{"1": "another program of this machine has port 8001"}"#)];
    world.post(Some(&ingress), "/ingress_sites", &trouble).await;
    let shown = world.get(Some(&alice), "/list_published").await.json();
    assert_eq!(shown[0]["trouble"], "another program of this machine has port 8001");
    assert_eq!(world.post(Some(&alice), "/stopapp/1", &[]).await.status, 200);
    world.post(Some(&alice), "/publish", &[&of_alice[..], &[("maintenance", "false")]].concat()).await;
    assert_eq!(world.post(Some(&alice), "/deleteapp/1", &[]).await.status, 200);
    let sites = world.post(Some(&ingress), "/ingress_sites", &[]).await.json();
    assert_eq!(sites["sites"].as_array().unwrap().len(), 1, "it goes with its application: {sites}");
    assert_eq!(
        publish(&mallory, &of_mallory, &[("name", "blog")]).await.json()["name"],
        "blog.local",
        "it is free now"
    );
}

#[tokio::test]
async fn new_sites_are_published_where_the_operator_wants_it_and_others_are_not() {
    let settings = [("director.PUBLISHED_PORTS", "8001-8001"), ("director.PUBLISH_SITES", "yes")];
    let world = World::start_with(&settings, &[]);
    let alice = tenant(&world, 1, "alice").await;
    assert_eq!(world.get(Some(&alice), "/list_published").await.json(), serde_json::json!([]), "it is no site");
    let add = async |kind: &str| world.post(Some(&alice), &format!("/add/{kind}"), &[("appid", "1")]).await;
    assert!(add("php").await.json().get("service").is_some());
    let listed = world.get(Some(&alice), "/list_published").await.json();
    assert_eq!((&listed[0]["service_id"], &listed[0]["port"]), (&2.into(), &8001.into()), "{listed}");
    assert!(add("java").await.json().get("service").is_some(), "without a free port it stays unpublished");
    assert_eq!(world.get(Some(&alice), "/list_published").await.json().as_array().map(Vec::len), Some(1));
}
