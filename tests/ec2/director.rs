//! A real director whose cloud `amazon` is the mock, and what its user and its
//! managers ask of it.

use std::sync::{Arc, Mutex};

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Credentials, Lifetime, Subject};
use conpaas::rpc::{CallError, Client, Endpoint, FormBody, PeerRule, RpcCall};
use serde_json::Value;

use crate::director_world::{World as Director, eventually};
use crate::ec2_world::{LIMIT, REGION, World};
use crate::hypervisor::Hypervisor;

const DIRECTOR_URL: &str = "director.DIRECTOR_URL";

pub(crate) const ALICE: UserId = UserId(1);

pub(crate) struct Deployment {
    pub(crate) director: Director,
    pub(crate) user: Credentials,
    pub(crate) manager: Credentials,
    /// What a manager said last.
    heard: Mutex<String>,
    _hypervisor: Hypervisor,
}

impl Drop for Deployment {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let heard = self.heard.lock().map(|heard| heard.clone()).unwrap_or_default();
            eprintln!("--- manager\n{heard}\n--- director\n{}", self.director.log());
        }
    }
}

impl Deployment {
    /// A director that runs, with the user Alice, and machines for the mock's instances.
    pub(crate) fn start(world: &World, more: &[(&str, &str)]) -> Deployment {
        let setup = &world.setup;
        let config = world.config();
        let mut options = vec![
            ("iaas.OTHER_CLOUDS", "amazon"),
            ("amazon.DRIVER", "ec2"),
            ("amazon.USER", setup.key.as_str()),
            ("amazon.PASSWORD", setup.secret.as_str()),
            ("amazon.REGION", REGION),
            ("amazon.ENDPOINT", config.endpoint.as_str()),
            ("amazon.IMAGE_ID", setup.image.as_str()),
            ("amazon.SIZE_ID", "t3.micro"),
            ("amazon.KEY_NAME", "conpaas"),
            ("amazon.SECURITY_GROUP_NAME", "conpaas"),
            ("amazon.SUBNET_ID", setup.subnet.as_str()),
        ];
        options.extend(more.iter().filter(|(name, _)| *name != DIRECTOR_URL));
        let mut director = Director::prepare(&options);
        // Nodes may have to reach it at another address than the test.
        if let Some((_, url)) = more.iter().find(|(name, _)| *name == DIRECTOR_URL) {
            director.endpoint.port = url.rsplit_once(':').unwrap().1.parse().unwrap();
            let path = director.path("director.cfg");
            let text = std::fs::read_to_string(&path).unwrap();
            let own = format!("https://{}:{}", director.endpoint.host, director.endpoint.port);
            assert!(text.contains(&own), "{text}");
            std::fs::write(&path, text.replace(&own, url)).unwrap();
        }
        director.run(&[]);
        director.add_user("alice");
        let user = director.certificate(&Subject::user(ALICE, "alice", "alice@example.org"), Lifetime::USER);
        let manager = director.certificate(&Subject::manager(ALICE, ApplicationId(1)), Lifetime::NODE);
        let hypervisor = Hypervisor::start(Arc::clone(&world.observer), world.path("machines"));
        Deployment { director, user, manager, heard: Mutex::default(), _hypervisor: hypervisor }
    }

    /// A POST that is repeated until the director answers it, as managers do.
    pub(crate) async fn insist(&self, who: &Credentials, path: &str, fields: &[(&str, &str)]) -> Value {
        let form = fields.iter().fold(FormBody::default(), |form, (name, value)| form.field(name, *value));
        let client = self.director.client(Some(who));
        eventually(&format!("{path} is answered"), || async {
            let answer = client.post_form(&self.director.endpoint, path, &form).await.ok()?;
            serde_json::from_slice(&answer.body).ok()
        })
        .await
    }

    /// A POST of which nobody waits for the answer.
    pub(crate) async fn try_once(&self, who: &Credentials, path: &str, fields: &[(&str, &str)]) {
        let form = fields.iter().fold(FormBody::default(), |form, (name, value)| form.field(name, *value));
        let _director_may_die = self.director.client(Some(who)).post_form(&self.director.endpoint, path, &form).await;
    }

    pub(crate) async fn application(&self, aid: i64) -> Option<Value> {
        let client = self.director.client(Some(&self.user));
        let answer = client.get(&self.director.endpoint, "/listapp", &[]).await.ok()?;
        let list: Value = serde_json::from_slice(&answer.body).ok()?;
        list.as_array()?.iter().find(|application| application["aid"] == aid).cloned()
    }

    /// Waits until an application is in this state.
    pub(crate) async fn rests(&self, aid: i64, state: &str) -> Value {
        eventually(&format!("application {aid} is {state}"), || async {
            self.application(aid).await.filter(|application| application["status"] == state)
        })
        .await
    }

    /// Calls the manager of an application.
    pub(crate) async fn call(&self, aid: i64, call: &RpcCall) -> Option<Result<Value, String>> {
        let application = self.application(aid).await?;
        let host = application["manager"].as_str()?.to_owned();
        let port = application["manager_port"].as_u64().map_or(443, |port| u16::try_from(port).unwrap());
        let client = Client::new(Some(&self.user), PeerRule::ManagerOf(ALICE)).unwrap().with_timeout(LIMIT);
        match client.call(&Endpoint { host, port }, call).await {
            Ok(value) => Some(Ok(value)),
            Err(CallError::Remote(text)) => Some(Err(text)),
            Err(_) => None,
        }
    }

    /// Calls the manager until it does what is asked: scripts may still run,
    /// a node that was started again does not listen at once.
    pub(crate) async fn order(&self, aid: i64, call: &RpcCall) -> Value {
        const PASSING: [&str; 3] = ["Scripts are still running", "state", "cannot reach"];
        eventually(&format!("{call:?}"), || async {
            let said = self.call(aid, call).await;
            *self.heard.lock().unwrap() = format!("{said:?}");
            match said? {
                Ok(value) => Some(value),
                Err(text) if PASSING.iter().any(|part| text.contains(part)) => None,
                Err(text) => panic!("{call:?}: {text}"),
            }
        })
        .await
    }

    /// Waits until service 1 of an application is in this state.
    pub(crate) async fn service_rests(&self, aid: i64, state: &str) {
        eventually(&format!("the service of application {aid} is {state}"), || async {
            let said = self.call(aid, &RpcCall::get(1, "get_service_info")).await;
            *self.heard.lock().unwrap() = format!("{said:?}");
            let info = said?.ok()?;
            assert!(info["state"] != "ERROR" || state == "ERROR", "the service of application {aid} has failed");
            (info["state"] == state).then_some(())
        })
        .await;
    }

    /// Rows of nodes and of volumes, and of those on their way in or out.
    pub(crate) fn rows(&self) -> (usize, usize, usize) {
        let database = rusqlite::Connection::open(self.director.path("director.db")).unwrap();
        database.busy_timeout(LIMIT).unwrap();
        let count = |sql: &str| {
            let n: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
            usize::try_from(n).unwrap()
        };
        (
            count("SELECT count(*) FROM node WHERE cloud = 'amazon'"),
            count("SELECT count(*) FROM volume WHERE cloud = 'amazon'"),
            count(
                "SELECT (SELECT count(*) FROM node WHERE phase <> 'up') + (SELECT count(*) FROM volume WHERE phase <> 'ready')",
            ),
        )
    }

    /// Waits until the cloud has what the records name, no more and no less.
    pub(crate) async fn nothing_is_left_over(&self, world: &World) {
        eventually("the cloud and the records agree", || async {
            let (n_nodes, n_volumes, n_unsettled) = self.rows();
            let seen = (world.observer.instances().len(), world.observer.volumes().len());
            (n_unsettled == 0 && seen == (n_nodes, n_volumes)).then_some(())
        })
        .await;
    }
}
