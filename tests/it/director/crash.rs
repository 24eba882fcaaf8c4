//! `kill -9` of the director and of a manager at every recorded step: after
//! a restart the work is finished or undone, and nothing is left over.
//!
//! The points are learned from an undisturbed run, so that a new step is
//! tested without being listed here.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use conpaas::model::UserId;
use conpaas::pki::{Credentials, Lifetime, Subject};
use conpaas::rpc::{CallError, Client, Endpoint, PeerRule, RpcCall};
use conpaas::task::CRASH_VARIABLE;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::director::{World, entries};
use crate::support::wait::{LIMIT, eventually};

/// Crashes that are tried at the same time, each in a world of its own.
const AT_ONCE: usize = 3;

/// Which program is to die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Director,
    Manager,
}

/// A session of a user who does everything that takes steps.
struct Session<'a> {
    world: &'a World,
    user: &'a Credentials,
}

impl Session<'_> {
    async fn director(&self, path: &str, fields: &[(&str, &str)]) -> Option<Value> {
        let form =
            fields.iter().fold(conpaas::rpc::FormBody::default(), |form, (name, value)| form.field(name, *value));
        let client = self.world.client(Some(self.user));
        let answer = client.post_form(&self.world.endpoint, path, &form).await.ok()?;
        serde_json::from_slice(&answer.body).ok()
    }

    async fn application(&self) -> Option<Value> {
        self.director("/listapp", &[]).await.and_then(|list| list.get(0).cloned())
    }

    async fn manager(&self) -> Option<(Client, Endpoint)> {
        let application = self.application().await?;
        let host = application["manager"].as_str()?.to_owned();
        let client = Client::new(Some(self.user), PeerRule::ManagerOf(UserId(1))).unwrap().with_timeout(LIMIT);
        Some((client, Endpoint { host, port: 8443 }))
    }

    async fn call(&self, call: &RpcCall) -> Option<Result<Value, String>> {
        let (client, endpoint) = self.manager().await?;
        match client.call(&endpoint, call).await {
            Ok(value) => Some(Ok(value)),
            Err(CallError::Remote(text)) => Some(Err(text)),
            Err(_) => None,
        }
    }

    /// Calls a method that is refused while a script runs: waits for the script's end.
    async fn call_after_scripts(&self, call: &RpcCall) {
        eventually("no script runs", || async {
            match self.call(call).await {
                Some(Err(text)) if text.contains("Scripts are still running") => None,
                _ => Some(()),
            }
        })
        .await;
    }

    async fn state(&self) -> Option<String> {
        let info = self.call(&RpcCall::get(1, "get_service_info")).await?.ok()?;
        info["state"].as_str().map(str::to_owned)
    }

    async fn nodes(&self) -> Option<Vec<String>> {
        let info = self.call(&RpcCall::get(0, "get_app_info")).await?.ok()?;
        Some(info["nodes"].as_array()?.iter().filter_map(|node| node.as_str().map(str::to_owned)).collect())
    }

    /// The volumes that the director has for the user.
    async fn owned_volumes(&self) -> Value {
        eventually("volumes are listed", || async { self.director("/list_volumes", &[]).await }).await
    }

    async fn volumes(&self) -> Option<usize> {
        let info = self.call(&RpcCall::get(0, "get_app_info")).await?.ok()?;
        info["volumes"].as_array().map(Vec::len)
    }

    /// Waits until the application and its service rest in one of these states.
    async fn rests(&self, states: &[&str]) -> String {
        eventually(&format!("the service rests in {states:?}"), || async {
            self.state().await.filter(|state| states.contains(&state.as_str()))
        })
        .await
    }
}

/// One thing that a user does, from a state of rest to a state of rest.
/// Doing it again after a crash is what a user would do.
const ACTIONS: [&str; 11] = [
    "start application",
    "add service",
    "start service",
    "create volume",
    "stop keeping volumes",
    "start again",
    "add nodes",
    "delete volume",
    "remove nodes",
    "stop service",
    "stop application",
];

async fn act(session: &Session<'_>, action: &str) {
    match action {
        "start application" => {
            session.director("/startapp/1", &[]).await;
        }
        "add service" => {
            session.director("/add/generic", &[("appid", "1")]).await;
        }
        "start service" | "start again" => {
            let call = RpcCall::post(0, "start_service").param("service_id", 1).param("cloud", "default");
            session.call(&call).await;
        }
        "add nodes" => {
            let nodes = json!({"node": 2});
            let call =
                RpcCall::post(0, "add_nodes").param("service_id", 1).param("nodes", nodes).param("cloud", "default");
            session.call(&call).await;
        }
        "create volume" => {
            let Some(nodes) = session.nodes().await else { return };
            let call = RpcCall::post(0, "create_volume").param("volumeName", "data").param("volumeSize", 8);
            session.call_after_scripts(&call.param("agentId", nodes[0].as_str())).await;
        }
        "delete volume" => {
            session.call_after_scripts(&RpcCall::post(0, "delete_volume").param("volumeName", "data")).await;
        }
        "remove nodes" => {
            let call = RpcCall::post(0, "remove_nodes").param("service_id", 1).param("nodes", json!({"node": 1}));
            session.call(&call).await;
        }
        "stop service" => {
            session.call(&RpcCall::post(0, "stop_service").param("service_id", 1)).await;
        }
        "stop keeping volumes" => {
            let call = RpcCall::post(0, "stop_service").param("service_id", 1).param("keep_volumes", true);
            session.call(&call).await;
        }
        "stop application" => {
            session.director("/stopapp/1", &[]).await;
        }
        other => panic!("no such action: {other}"),
    }
}

/// Waits until the action has come to rest one way or the other; gives whether it is done.
async fn settled(session: &Session<'_>, action: &str) -> bool {
    match action {
        "start application" => {
            let application = eventually("the application rests", || async {
                session.application().await.filter(|application| {
                    matches!(application["status"].as_str(), Some("INIT" | "RUNNING" | "ERROR" | "STOPPED"))
                })
            })
            .await;
            application["status"] == "RUNNING"
        }
        "add service" => {
            let services = eventually("services are listed", || session.director("/list", &[])).await;
            services.as_array().is_some_and(|services| !services.is_empty())
        }
        "start service" => session.rests(&["INIT", "RUNNING", "ERROR", "STOPPED"]).await == "RUNNING",
        "add nodes" => {
            session.rests(&["RUNNING"]).await;
            eventually("nodes are listed", || session.nodes()).await.len() == 3
        }
        "create volume" => {
            session.rests(&["RUNNING"]).await;
            eventually("volumes are listed", || session.volumes()).await == 1
        }
        "delete volume" => {
            session.rests(&["RUNNING"]).await;
            eventually("volumes are listed", || session.volumes()).await == 0
        }
        "remove nodes" => {
            session.rests(&["RUNNING"]).await;
            eventually("nodes are listed", || session.nodes()).await.len() == 2
        }
        "stop keeping volumes" => {
            let is_stopped = session.rests(&["RUNNING", "STOPPED"]).await == "STOPPED";
            let volumes = session.owned_volumes().await;
            assert_eq!(volumes.as_array().map(Vec::len), Some(1), "it is there whatever happens: {volumes}");
            is_stopped && volumes[0]["state"] == "kept"
        }
        "start again" => {
            let is_running = session.rests(&["INIT", "RUNNING", "ERROR", "STOPPED"]).await == "RUNNING";
            let volumes = session.owned_volumes().await;
            assert_eq!(volumes.as_array().map(Vec::len), Some(1), "it is there whatever happens: {volumes}");
            is_running && volumes[0]["state"] == "attached"
        }
        "stop service" => session.rests(&["RUNNING", "STOPPED"]).await == "STOPPED",
        "stop application" => {
            let application = eventually("the application is listed", || session.application()).await;
            application["status"] == "STOPPED"
        }
        other => panic!("no such action: {other}"),
    }
}

/// Nodes and volumes that the cloud holds are those that the records name, no more and no less.
async fn nothing_is_left_over(world: &World, session: &Session<'_>) {
    let seen = std::sync::Mutex::new(String::new());
    let agree = eventually("the cloud and the records agree", || async {
        let (n_rows, n_unsettled, n_volume_rows) = rows(world);
        let cloud = world.path("state/clouds/iaas");
        let (n_nodes, n_volumes) = (entries(&cloud.join("nodes")), entries(&cloud.join("volumes")));
        let now = format!(
            "{n_rows} node rows, {n_nodes} nodes, {n_volume_rows} volume rows, {n_volumes} volumes, {n_unsettled} on their way"
        );
        let before = std::mem::replace(&mut *seen.lock().unwrap(), now.clone());
        if before != now {
            println!("  {now}");
        }
        (n_unsettled == 0 && n_nodes == n_rows && n_volumes == n_volume_rows).then_some(())
    });
    agree.await;
    if let Some(nodes) = session.nodes().await {
        let (n_rows, _, _) = rows(world);
        assert_eq!(nodes.len() + 1, n_rows, "the manager and the director know the same nodes: {nodes:?}");
    }
}

/// Rows of nodes, rows of nodes and volumes on their way in or out, rows of volumes.
fn rows(world: &World) -> (usize, usize, usize) {
    let database = rusqlite::Connection::open(world.path("director.db")).unwrap();
    database.busy_timeout(LIMIT).unwrap();
    let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap().unsigned_abs();
    let count = |sql: &str| usize::try_from(count(sql)).unwrap();
    (
        count("SELECT count(*) FROM node"),
        count(
            "SELECT (SELECT count(*) FROM node WHERE phase <> 'up') + (SELECT count(*) FROM volume WHERE phase <> 'ready')",
        ),
        count("SELECT count(*) FROM volume"),
    )
}

/// Does everything once, undisturbed, and gives the points that each action passes.
async fn learn(victim: Victim) -> Vec<(&'static str, String)> {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("points");
    let log_text = log.display().to_string();
    let mut world = World::prepare(&program_that_logs(victim, directory.path(), &log_text));
    match victim {
        Victim::Director => world.run(&[("CONPAAS_CRASH_LOG", &log_text)]),
        Victim::Manager => world.run(&[]),
    }
    world.add_user("alice");
    let user = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    let session = Session { world: &world, user: &user };
    let mut points = Vec::new();
    let mut known = BTreeSet::new();
    for action in ACTIONS {
        act(&session, action).await;
        assert!(settled(&session, action).await, "undisturbed, '{action}' succeeds\n{}", world.log());
        nothing_is_left_over(&world, &session).await;
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        points.extend(
            text.lines().filter(|point| known.insert((*point).to_owned())).map(|point| (action, point.to_owned())),
        );
    }
    points
}

/// Nodes get a clean environment: where a manager is to crash, the cloud is
/// given a program that sets the variables first.
fn program_that_logs(victim: Victim, directory: &Path, log: &str) -> Vec<(&'static str, &'static str)> {
    match victim {
        Victim::Director => Vec::new(),
        Victim::Manager => vec![("iaas.PROGRAM", wrapper(directory, "CONPAAS_CRASH_LOG", log))],
    }
}

/// Writes a script that runs the real program with one more variable; the
/// variable counts once: when the file beside it is there, it is not set any more.
fn wrapper(directory: &Path, variable: &str, value: &str) -> &'static str {
    use std::os::unix::fs::PermissionsExt;
    let script = directory.join("conpaas-with-variable");
    let used = directory.join("used");
    let once = variable == CRASH_VARIABLE;
    let set = format!("export {variable}='{value}'");
    let guarded = format!("if [ ! -e {used} ]; then {set}; : > {used}; fi", used = used.display());
    let set = if once { guarded } else { set };
    let text = format!(
        "#!/bin/sh\nif [ \"$1\" = manager ]; then {set}; fi\nexec {} \"$@\"\n",
        crate::support::director::CONPAAS
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    Box::leak(script.display().to_string().into_boxed_str())
}

/// Brings a world to where `action` begins, lets the victim die at `point`,
/// brings it back, and looks at what is there.
async fn crash_at(victim: Victim, action: &str, point: &str) {
    let directory = tempfile::tempdir().unwrap();
    let options = match victim {
        Victim::Director => Vec::new(),
        Victim::Manager => vec![("iaas.PROGRAM", wrapper(directory.path(), CRASH_VARIABLE, point))],
    };
    let mut world = World::prepare(&options);
    world.run(&[]);
    world.add_user("alice");
    let user = world.certificate(&Subject::user(UserId(1), "alice", "alice@example.org"), Lifetime::USER);
    for earlier in ACTIONS.iter().take_while(|earlier| **earlier != action) {
        let session = Session { world: &world, user: &user };
        act(&session, earlier).await;
        assert!(settled(&session, earlier).await, "'{earlier}' before '{action}' at {point}\n{}", world.log());
    }
    match victim {
        Victim::Director => {
            world.kill();
            world.run(&[(CRASH_VARIABLE, point)]);
            act(&Session { world: &world, user: &user }, action).await;
            assert_eq!(world.wait_for_end(), None, "the director dies at {point}\n{}", world.log());
            world.run(&[]);
        }
        // The cloud, or the director for it, starts a node's program again.
        Victim::Manager => act(&Session { world: &world, user: &user }, action).await,
    }
    let session = Session { world: &world, user: &user };
    let is_done = settled(&session, action).await;
    nothing_is_left_over(&world, &session).await;
    if !is_done {
        act(&session, action).await;
        assert!(settled(&session, action).await, "'{action}' can be done again after {point}\n{}", world.log());
        nothing_is_left_over(&world, &session).await;
    }
}

async fn crash_everywhere(victim: Victim, at_least: usize) {
    let points = learn(victim).await;
    assert!(points.len() >= at_least, "only {} points were passed: {points:?}", points.len());
    let mut crashes = JoinSet::new();
    for (action, point) in points {
        while crashes.len() >= AT_ONCE {
            crashes.join_next().await.unwrap().unwrap();
        }
        crashes.spawn(async move {
            let started = Instant::now();
            crash_at(victim, action, &point).await;
            println!("{victim:?} killed at {point} during '{action}': {:?}", started.elapsed());
        });
    }
    while let Some(outcome) = crashes.join_next().await {
        outcome.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_director_killed_at_any_step_finishes_or_undoes_its_work() {
    crash_everywhere(Victim::Director, 15).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_manager_killed_at_any_step_finishes_or_undoes_its_work() {
    crash_everywhere(Victim::Manager, 10).await;
}
