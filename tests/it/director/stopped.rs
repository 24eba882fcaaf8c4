//! A stopped application, and a node that is not wanted any more: nothing is
//! done for them, whoever comes first.

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{CertificateRequest, Credentials, Lifetime, Subject};
use conpaas::rpc::FormBody;
use futures_util::future::join_all;

use crate::support::director::{Answer, World, entries};
use crate::support::wait::eventually;

const ALICE: UserId = UserId(1);

struct Started {
    world: World,
    alice: Credentials,
}

impl Started {
    async fn new() -> Started {
        let world = World::start();
        world.add_user("alice");
        let alice = world.certificate(&Subject::user(ALICE, "alice", "alice@example.org"), Lifetime::USER);
        let started = Started { world, alice };
        started.start().await;
        started
    }

    async fn start(&self) {
        self.world.post(Some(&self.alice), "/startapp/1", &[]).await;
        eventually("the application runs", || async { (self.status().await == "RUNNING").then_some(()) }).await;
    }

    async fn status(&self) -> String {
        let list = self.world.get(Some(&self.alice), "/listapp").await.json();
        list[0]["status"].as_str().unwrap().to_owned()
    }

    /// The certificate of a manager: of the node of this number, or of whichever the application has.
    fn manager(&self, number: Option<i64>) -> Credentials {
        let subject = Subject::manager(ALICE, ApplicationId(1));
        match number {
            Some(number) => self.world.certificate_of_node(&subject, number, Lifetime::NODE),
            None => self.world.certificate(&subject, Lifetime::NODE),
        }
    }

    async fn create_nodes(&self, manager: &Credentials, n_nodes: usize) -> Answer {
        let nodes = vec![r#"{"cloud": "default", "role": "node"}"#; n_nodes].join(",");
        let nodes = format!("[{nodes}]");
        let order = [
            ("app_id", "1"),
            ("service_id", "1"),
            ("service_type", "generic"),
            ("manager_ip", "127.0.0.1"),
            ("nodes_info", nodes.as_str()),
        ];
        self.world.post(Some(manager), "/create_nodes", &order).await
    }

    fn held(&self, what: &str) -> usize {
        entries(&self.world.path("state/clouds/iaas").join(what))
    }
}

#[tokio::test]
async fn the_manager_of_a_stopped_application_gets_nothing() {
    let started = Started::new().await;
    let (numbered, plain) = (started.manager(Some(1)), started.manager(None));
    assert_eq!(started.world.post(Some(&numbered), "/credit", &[]).await.status, 200);
    started.world.post(Some(&started.alice), "/stopapp/1", &[]).await;
    let credit = started.world.get(Some(&started.alice), "/user_credit").await.text;
    for manager in [&numbered, &plain] {
        let (request, _) = CertificateRequest::make(&Subject::agent(ALICE, ApplicationId(1))).unwrap();
        let path = started.world.path("request.pem");
        std::fs::write(&path, request).unwrap();
        let form = FormBody::default().file("csr", &path);
        let client = started.world.client(Some(manager));
        let signed = client.post_form(&started.world.endpoint, "/ca/get_cert.php", &form).await.unwrap();
        assert_eq!(signed.status, 403);
        assert_eq!(started.create_nodes(manager, 1).await.status, 403);
        for (path, fields) in [
            ("/create_volume", &[("name", "v"), ("size", "1")][..]),
            ("/destroy_volume", &[("volume_id", "vol-00000001")]),
            ("/remove_nodes", &[("nodes", "[]")]),
            ("/callback/decrementUserCredit.php", &[("aid", "1"), ("decrement", "5")]),
        ] {
            let answer = started.world.post(Some(manager), path, fields).await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.text);
        }
    }
    assert_eq!(started.world.get(Some(&started.alice), "/user_credit").await.text, credit);
    eventually("nothing is left", || async { (started.held("nodes") == 0).then_some(()) }).await;
    assert_eq!(started.held("volumes"), 0);

    // The next manager is another node: the certificate of the first one stays refused.
    started.start().await;
    let answer = started.world.post(Some(&numbered), "/credit", &[]).await;
    assert!(answer.status == 403 && answer.text.contains("no such manager any more"), "{}", answer.text);
    assert_eq!(started.world.post(Some(&started.manager(Some(2))), "/credit", &[]).await.status, 200);
}

#[tokio::test]
async fn a_stop_in_the_middle_of_ten_orders_leaves_nothing() {
    let started = Started::new().await;
    for round in 0..4 {
        let manager = started.manager(None);
        let orders = join_all((0..10).map(|_| started.create_nodes(&manager, 1)));
        let stop = async {
            // The more rounds, the more orders are under way.
            let n_nodes = 1 + round * 3;
            let under_way = || async { (started.held("nodes") >= n_nodes).then_some(()) };
            eventually("orders are under way", under_way).await;
            started.world.post(Some(&started.alice), "/stopapp/1", &[]).await
        };
        let (_, stopped) = tokio::join!(orders, stop);
        assert_eq!(stopped.status, 200, "{}", stopped.text);
        eventually("nothing is left", || async { (started.held("nodes") == 0).then_some(()) }).await;
        assert_eq!(started.status().await, "STOPPED");
        let resources = started.world.get(Some(&started.alice), "/list_resources").await;
        assert!(!resources.text.contains("vmid"), "{}", resources.text);
        started.start().await;
    }
}

#[tokio::test]
async fn nodes_of_one_call_have_numbers_and_addresses_in_order() {
    let started = Started::new().await;
    let made = started.create_nodes(&started.manager(None), 6).await.json();
    let made: Vec<(String, std::net::Ipv4Addr)> = made
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["vmid"].as_str().unwrap().to_owned(), node["ip"].as_str().unwrap().parse().unwrap()))
        .collect();
    let mut sorted = made.clone();
    sorted.sort();
    assert_eq!((made.len(), &made), (6, &sorted));
    assert!(made.windows(2).all(|pair| pair[0].1 < pair[1].1), "{made:?}");
}
