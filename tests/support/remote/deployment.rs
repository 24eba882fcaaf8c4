//! A real director with a remote cloud beside its own, and what its user and
//! its managers ask of it.

use std::sync::Mutex;
use std::time::Duration;

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Credentials, Lifetime, Subject};
use conpaas::rpc::{CallError, Client, Endpoint, FormBody, PeerRule, RpcCall};
use serde_json::Value;

use crate::support::director::World as Director;
use crate::support::wait::eventually_within;

const ALICE: UserId = UserId(1);
const DIRECTOR_URL: &str = "director.DIRECTOR_URL";
/// How long one answer may take, of a manager or of the database.
const ANSWER_LIMIT: Duration = Duration::from_secs(180);

/// Where the cloud is that a test is about.
pub(crate) trait RemoteWorld {
    /// The cloud's name, which is that of its section in `director.cfg`.
    const CLOUD: &'static str;
    /// How long a condition may take to come true on a busy machine.
    const PATIENCE: Duration;

    /// The options of the section.
    fn section(&self) -> Vec<(&'static str, String)>;

    /// Whether the cloud has so many nodes and volumes, with what belongs to each, and nothing else.
    fn has(&self, n_nodes: usize, n_volumes: usize) -> bool;

    /// How many volumes are attached.
    fn n_attached(&self) -> usize;
}

pub(crate) struct Deployment {
    pub(crate) director: Director,
    pub(crate) user: Credentials,
    pub(crate) manager: Credentials,
    /// The remote cloud's name.
    pub(crate) cloud: &'static str,
    patience: Duration,
    /// What a manager said last.
    heard: Mutex<String>,
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
    /// A director that runs, with the world's cloud and the user Alice.
    pub(crate) fn start<W: RemoteWorld>(world: &W, more: &[(&str, &str)]) -> Deployment {
        let section: Vec<(String, String)> =
            world.section().into_iter().map(|(key, value)| (format!("{}.{key}", W::CLOUD), value)).collect();
        let mut options = vec![("iaas.OTHER_CLOUDS", W::CLOUD)];
        options.extend(section.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        options.extend(more.iter().filter(|(name, _)| *name != DIRECTOR_URL));
        let mut director = Director::prepare(&options);
        if let Some((_, url)) = more.iter().find(|(name, _)| *name == DIRECTOR_URL) {
            tell_nodes(&mut director, url);
        }
        director.run(&[]);
        director.add_user("alice");
        let user = director.certificate(&Subject::user(ALICE, "alice", "alice@example.org"), Lifetime::USER);
        let manager = director.certificate(&Subject::manager(ALICE, ApplicationId(1)), Lifetime::NODE);
        Deployment { director, user, manager, cloud: W::CLOUD, patience: W::PATIENCE, heard: Mutex::default() }
    }

    /// A POST that is repeated until the director answers it, as managers do.
    pub(crate) async fn insist(&self, who: &Credentials, path: &str, fields: &[(&str, &str)]) -> Value {
        let (client, form) = (self.director.client(Some(who)), form(fields));
        self.eventually(&format!("{path} is answered"), || async {
            let answer = client.post_form(&self.director.endpoint, path, &form).await.ok()?;
            serde_json::from_slice(&answer.body).ok()
        })
        .await
    }

    /// A POST of which nobody waits for the answer.
    pub(crate) async fn try_once(&self, who: &Credentials, path: &str, fields: &[(&str, &str)]) {
        let client = self.director.client(Some(who));
        let _director_may_die = client.post_form(&self.director.endpoint, path, &form(fields)).await;
    }

    pub(crate) async fn application(&self, aid: i64) -> Option<Value> {
        let client = self.director.client(Some(&self.user));
        let answer = client.get(&self.director.endpoint, "/listapp", &[]).await.ok()?;
        let list: Value = serde_json::from_slice(&answer.body).ok()?;
        list.as_array()?.iter().find(|application| application["aid"] == aid).cloned()
    }

    /// Waits until an application is in this state.
    pub(crate) async fn rests(&self, aid: i64, state: &str) -> Value {
        self.eventually(&format!("application {aid} is {state}"), || async {
            let application = self.application(aid).await?;
            let has_failed = state == "RUNNING" && application["status"] == "ERROR";
            assert!(!has_failed, "{application}");
            (application["status"] == state).then_some(application)
        })
        .await
    }

    /// Calls the manager of an application until it does what is asked: scripts
    /// may still run, a node that was started again does not listen at once.
    pub(crate) async fn order(&self, aid: i64, call: &RpcCall) -> Value {
        const PASSING: [&str; 3] = ["Scripts are still running", "state", "cannot reach"];
        self.eventually(&format!("{call:?}"), || async {
            match self.call(aid, call).await? {
                Ok(value) => Some(value),
                Err(text) if PASSING.iter().any(|part| text.contains(part)) => None,
                Err(text) => panic!("{call:?}: {text}"),
            }
        })
        .await
    }

    /// Waits until service 1 of an application is in this state.
    pub(crate) async fn service_rests(&self, aid: i64, state: &str) {
        self.eventually(&format!("the service of application {aid} is {state}"), || async {
            let info = self.call(aid, &RpcCall::get(1, "get_service_info")).await?.ok()?;
            assert!(
                info["state"] != "ERROR" || state == "ERROR",
                "the service of application {aid} has failed: {info}"
            );
            (info["state"] == state).then_some(())
        })
        .await;
    }

    /// Waits until the cloud has what the records name, no more and no less.
    pub(crate) async fn nothing_is_left_over(&self, world: &impl RemoteWorld) {
        self.eventually("the cloud and the records agree", || async {
            let (n_nodes, n_volumes, n_unsettled) = self.rows();
            (n_unsettled == 0 && world.has(n_nodes, n_volumes)).then_some(())
        })
        .await;
    }

    async fn eventually<T, F: Future<Output = Option<T>>>(&self, what: &str, is_so: impl FnMut() -> F) -> T {
        eventually_within(self.patience, what, is_so).await
    }

    async fn call(&self, aid: i64, call: &RpcCall) -> Option<Result<Value, String>> {
        let said = self.ask_manager(aid, call).await;
        *self.heard.lock().unwrap() = format!("{call:?}: {said:?}");
        match said? {
            Ok(value) => Some(Ok(value)),
            Err(CallError::Remote(text)) => Some(Err(text)),
            Err(_) => None,
        }
    }

    async fn ask_manager(&self, aid: i64, call: &RpcCall) -> Option<Result<Value, CallError>> {
        let application = self.application(aid).await?;
        let host = application["manager"].as_str()?.to_owned();
        let port = application["manager_port"].as_u64().map_or(443, |port| u16::try_from(port).unwrap());
        let client = Client::new(Some(&self.user), PeerRule::ManagerOf(ALICE)).unwrap().with_timeout(ANSWER_LIMIT);
        Some(client.call(&Endpoint { host, port }, call).await)
    }

    /// Rows of nodes and of volumes, and of those on their way in or out.
    fn rows(&self) -> (usize, usize, usize) {
        let database = rusqlite::Connection::open(self.director.path("director.db")).unwrap();
        database.busy_timeout(ANSWER_LIMIT).unwrap();
        let count = |sql: &str| {
            let n: i64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
            usize::try_from(n).unwrap()
        };
        (
            count(&format!("SELECT count(*) FROM node WHERE cloud = '{}'", self.cloud)),
            count(&format!("SELECT count(*) FROM volume WHERE cloud = '{}'", self.cloud)),
            count(
                "SELECT (SELECT count(*) FROM node WHERE phase <> 'up') + (SELECT count(*) FROM volume WHERE phase <> 'ready')",
            ),
        )
    }
}

/// Has nodes reach a director at another address than the test, by which the port is that of both.
fn tell_nodes(director: &mut Director, url: &str) {
    director.endpoint.port = url.rsplit_once(':').unwrap().1.parse().unwrap();
    let own = format!("https://{}:{}", director.endpoint.host, director.endpoint.port);
    let path = director.path("director.cfg");
    let text = std::fs::read_to_string(&path).unwrap();
    // It may have been set up with it.
    if text.contains(&format!("DIRECTOR_URL = {url}\n")) {
        return;
    }
    assert!(text.contains(&own), "{text}");
    std::fs::write(&path, text.replace(&own, url)).unwrap();
}

fn form(fields: &[(&str, &str)]) -> FormBody {
    fields.iter().fold(FormBody::default(), |form, (name, value)| form.field(name, *value))
}
