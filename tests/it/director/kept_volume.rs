//! Kept volumes through the director's door: whose they are, and what leaves them alone.

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Credentials, Lifetime, Subject};
use serde_json::{Value, json};

use crate::support::director::{Answer, World, entries};
use crate::support::wait::eventually;

const ALICE: UserId = UserId(1);
const BOB: UserId = UserId(2);

/// A director with two users, of whom the first has a running application.
struct House {
    world: World,
    alice: Credentials,
    bob: Credentials,
    manager: Credentials,
}

impl House {
    async fn new() -> House {
        let world = World::start_with(&[("director.RECONCILE_INTERVAL", "1s")], &[]);
        world.add_user("alice");
        world.add_user("bob");
        let user = |uid, name: &str| {
            world.certificate(&Subject::user(uid, name, &format!("{name}@example.org")), Lifetime::USER)
        };
        let (alice, bob) = (user(ALICE, "alice"), user(BOB, "bob"));
        let manager = world.certificate_of_node(&Subject::manager(ALICE, ApplicationId(1)), 1, Lifetime::NODE);
        let house = House { world, alice, bob, manager };
        house.start().await;
        house
    }

    async fn start(&self) {
        self.world.post(Some(&self.alice), "/startapp/1", &[]).await;
        eventually("the application runs", || async {
            let list = self.world.get(Some(&self.alice), "/listapp").await.json();
            (list[0]["status"] == "RUNNING").then_some(())
        })
        .await;
    }

    async fn as_manager(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.world.post(Some(&self.manager), path, fields).await
    }

    async fn volume(&self, name: &str) -> String {
        let made = self.as_manager("/create_volume", &[("name", name), ("size", "1")]).await;
        made.json()["volume_id"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned()
    }

    async fn volumes_of(&self, who: &Credentials) -> Vec<Value> {
        let list = self.world.get(Some(who), "/list_volumes").await.json();
        list.as_array().unwrap().clone()
    }

    async fn delete(&self, who: &Credentials, name: &str) -> Answer {
        self.world.post(Some(who), "/delete_kept_volume", &[("app_id", "1"), ("name", name)]).await
    }

    fn held(&self, what: &str) -> usize {
        entries(&self.world.path("state/clouds/iaas").join(what))
    }

    /// Waits until no node is left: the reconciler has been by, and a volume that is not kept has gone too.
    async fn is_swept(&self, n_volumes: usize) {
        eventually("the cloud holds what is kept", || async {
            (self.held("nodes") == 0 && self.held("volumes") == n_volumes).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_a_stop_keeps_stays_until_its_owner_deletes_it() {
    let house = House::new().await;
    for name in ["vol-one", "vol-two"] {
        house.volume(name).await;
    }
    let wrong = house.world.post(Some(&house.alice), "/stopapp/1", &[("keep_volumes", "perhaps")]).await;
    assert!(wrong.text.contains("keep_volumes"), "{}", wrong.text);
    assert_eq!(house.held("nodes"), 1, "nothing was stopped");
    house.world.post(Some(&house.alice), "/stopapp/1", &[("keep_volumes", "true")]).await;
    house.is_swept(2).await;
    let listed = house.volumes_of(&house.alice).await;
    let wanted = |name: &str, id: &Value| {
        json!({"app_id": 1, "app_name": "New Application", "service_id": null, "name": name, "volume_id": id, "size": 1,
               "cloud": "default", "state": "kept", "vmid": null})
    };
    let shown: Vec<Value> =
        [("one", 0), ("two", 1)].map(|(name, n)| wanted(name, &listed[n]["volume_id"])).into_iter().collect();
    assert_eq!(listed, shown);
    // A second stop, another start and another stop, which keeps nothing, leave them.
    house.world.post(Some(&house.alice), "/stopapp/1", &[]).await;
    house.start().await;
    house.world.post(Some(&house.alice), "/stopapp/1", &[]).await;
    house.is_swept(2).await;
    let orphans = house.world.command(&["director", "orphans", "--json"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&orphans.stdout).trim(), "[]", "they have rows");

    assert_eq!(house.volumes_of(&house.bob).await, Vec::<Value>::new());
    assert!(house.delete(&house.bob, "one").await.text.contains("error"), "it is not his");
    assert_eq!(house.volumes_of(&house.alice).await.len(), 2);
    assert_eq!(house.delete(&house.alice, "one").await.text.trim(), "{}");
    house.is_swept(1).await;
    house.world.post(Some(&house.alice), "/deleteapp/1", &[]).await;
    house.is_swept(0).await;
}

#[tokio::test]
async fn a_manager_keeps_and_uses_volumes_of_its_own_application() {
    let house = House::new().await;
    let id = house.volume("vol-data").await;
    assert_eq!(house.as_manager("/keep_volume", &[("volume_id", &id), ("service_id", "7")]).await.text.trim(), "{}");
    let kept = house.as_manager("/kept_volumes", &[]).await.json();
    assert_eq!(kept, json!([{"volume_id": id, "name": "data", "size": 1, "cloud": "iaas", "service_id": 7}]));
    let same_name = house.as_manager("/create_volume", &[("name", "vol-data"), ("size", "1")]).await;
    assert!(same_name.error().contains("'data' is kept already"), "{}", same_name.text);
    let destroyed = house.as_manager("/destroy_volume", &[("volume_id", &id)]).await;
    assert!(destroyed.error().contains("is kept"), "{}", destroyed.text);
    let used = house.as_manager("/use_volume", &[("volume_id", &id)]).await;
    assert!(used.error().contains("attached to no node"), "{}", used.text);
    for (path, fields) in [
        ("/keep_volume", vec![("volume_id", id.as_str()), ("service_id", "x")]),
        ("/keep_volume", vec![("volume_id", "nope"), ("service_id", "1")]),
        ("/use_volume", vec![("volume_id", "nope")]),
    ] {
        assert!(house.as_manager(path, &fields).await.text.contains("error"), "{path}");
    }
    let stranger = house.world.certificate(&Subject::manager(BOB, ApplicationId(2)), Lifetime::NODE);
    for path in ["/keep_volume", "/use_volume", "/kept_volumes"] {
        let fields = [("volume_id", id.as_str()), ("service_id", "1")];
        let answer = house.world.post(Some(&stranger), path, &fields).await;
        let is_nothing = answer.text.trim() == "[]" && path == "/kept_volumes";
        assert!(answer.status == 403 || is_nothing, "{path}: {} {}", answer.status, answer.text);
        assert_eq!(house.world.post(Some(&house.alice), path, &fields).await.status, 200, "a user is told false");
    }
    assert_eq!(house.volumes_of(&house.alice).await[0]["state"], "kept");
}
