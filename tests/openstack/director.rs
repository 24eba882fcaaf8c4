//! A real director whose cloud `stack` is the OpenStack, and what its user and
//! its managers ask of it.

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Credentials, Lifetime, Subject};
use conpaas::rpc::{CallError, Client, Endpoint, FormBody, PeerRule, RpcCall};
use serde_json::Value;

use crate::director_world::World as Director;
use crate::openstack_world::{LIMIT, World};

pub(crate) const ALICE: UserId = UserId(1);
/// Where nodes find the director: this end of the public network.
const DIRECTOR_URL: &str = "https://203.0.113.1:5555";

pub(crate) struct Deployment {
    pub(crate) director: Director,
    pub(crate) user: Credentials,
    pub(crate) manager: Credentials,
}

impl Deployment {
    /// A director that runs, with the user Alice and an application.
    pub(crate) async fn start(world: &World, more: &[(&str, &str)]) -> Deployment {
        let own = world.options("stack");
        let mut options = vec![("iaas.OTHER_CLOUDS", "stack"), ("director.LISTEN", "0.0.0.0:5555")];
        options.extend(own.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        options.extend(more);
        let mut director = Director::prepare(&options);
        let path = director.path("director.cfg");
        let text = std::fs::read_to_string(&path).unwrap();
        let local = format!("https://{}:{}", director.endpoint.host, director.endpoint.port);
        std::fs::write(&path, text.replace(&local, DIRECTOR_URL)).unwrap();
        director.run(&[]);
        director.add_user("alice");
        let user = director.certificate(&Subject::user(ALICE, "alice", "alice@example.org"), Lifetime::USER);
        let manager = director.certificate(&Subject::manager(ALICE, ApplicationId(1)), Lifetime::NODE);
        Deployment { director, user, manager }
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
            let application = self.application(aid).await?;
            let is_wrong = state == "RUNNING" && application["status"] == "ERROR";
            assert!(!is_wrong, "{application}\n{}", self.director.log());
            (application["status"] == state).then_some(application)
        })
        .await
    }

    /// Calls the manager until it does what is asked: scripts may still run.
    pub(crate) async fn order(&self, aid: i64, call: &RpcCall) -> Value {
        eventually(&format!("{call:?}"), || async {
            match self.call(aid, call).await? {
                Ok(value) => Some(value),
                Err(text) if text.contains("Scripts are still running") || text.contains("state") => None,
                Err(text) => panic!("{call:?}: {text}"),
            }
        })
        .await
    }

    /// Waits until service 1 of an application is in this state.
    pub(crate) async fn service_rests(&self, aid: i64, state: &str) {
        eventually(&format!("the service of application {aid} is {state}"), || async {
            let info = self.call(aid, &RpcCall::get(1, "get_service_info")).await?.ok()?;
            assert!(state != "RUNNING" || info["state"] != "ERROR", "{info}\n{}", self.director.log());
            (info["state"] == state).then_some(())
        })
        .await;
    }

    /// Waits until OpenStack has what the records name, no more and no less:
    /// servers, each with a port and a floating address, and volumes.
    pub(crate) async fn nothing_is_left_over(&self, world: &World) {
        eventually("OpenStack and the records agree", || async {
            let (n_nodes, n_volumes, n_unsettled) = self.rows();
            if n_unsettled > 0 {
                return None;
            }
            (world.observer.counts() == [n_nodes, n_nodes, n_nodes, n_volumes]).then_some(())
        })
        .await;
    }

    async fn call(&self, aid: i64, call: &RpcCall) -> Option<Result<Value, String>> {
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

    /// Rows of nodes and of volumes, and of those on their way in or out.
    fn rows(&self) -> (usize, usize, usize) {
        let database = rusqlite::Connection::open(self.director.path("director.db")).unwrap();
        database.busy_timeout(LIMIT).unwrap();
        let count = |sql: &str| {
            let n: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
            usize::try_from(n).unwrap()
        };
        (
            count("SELECT count(*) FROM node WHERE cloud = 'stack'"),
            count("SELECT count(*) FROM volume WHERE cloud = 'stack'"),
            count(
                "SELECT (SELECT count(*) FROM node WHERE phase <> 'up') + (SELECT count(*) FROM volume WHERE phase <> 'ready')",
            ),
        )
    }
}

/// Waits until `is_so` gives something; OpenStack takes its time.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut is_so: impl FnMut() -> F) -> T {
    let deadline = std::time::Instant::now() + LIMIT;
    loop {
        if let Some(value) = is_so().await {
            return value;
        }
        assert!(std::time::Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
