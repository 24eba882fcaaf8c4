//! `kill -9` of the director after each of its calls of a remote cloud: when it
//! is back and what was asked is asked again, it is done, and nothing is left
//! over.
//!
//! The calls are learned from an undisturbed run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use conpaas::pki::Credentials;
use conpaas::task::CRASH_VARIABLE;
use serde_json::{Value, json};

use super::deployment::{Deployment, RemoteWorld};

/// The points of a cloud at which the director is killed.
pub(crate) struct Points {
    /// What their names begin with.
    pub(crate) prefix: &'static str,
    /// Each must be seen, or the test has learned nothing.
    pub(crate) expected: &'static [&'static str],
    /// Lists that run in the background are passed often; a few of them are enough.
    pub(crate) most_passes: usize,
}

/// Does and undoes everything, with one kill at each point.
pub(crate) async fn kill_after_each_call(world: &impl RemoteWorld, deployment: &mut Deployment, points: &Points) {
    let mut session = Session { world, deployment, notes: Notes::default() };
    let learned = session.learn(points).await;
    println!("calls: {learned:#?}");
    for call in points.expected {
        let first = format!("{}{call}#1", points.prefix);
        assert!(learned.values().flatten().any(|point| *point == first), "{call} is not among {learned:?}");
    }
    for (make, undo) in PAIRS {
        for point in &learned[&make] {
            session.act_and_crash(make, point).await;
            session.act(undo).await;
        }
        for point in &learned[&undo] {
            session.act_anew(make).await;
            session.act_and_crash(undo, point).await;
        }
        // The next pair needs this.
        session.act_anew(make).await;
    }
    for (_, undo) in PAIRS.iter().rev() {
        session.act(*undo).await;
    }
    println!("killed {} times", learned.values().flatten().count());
}

/// Two things that undo each other.
const PAIRS: [(Action, Action); 4] = [
    (Action::Start, Action::Stop),
    (Action::CreateNode, Action::RemoveNode),
    (Action::CreateVolume, Action::DestroyVolume),
    (Action::Attach, Action::Detach),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Start,
    Stop,
    CreateNode,
    RemoveNode,
    CreateVolume,
    DestroyVolume,
    Attach,
    Detach,
}

/// What the manager whom the test plays knows, and the number of its next operation.
#[derive(Default)]
struct Notes {
    n_operations: u32,
    manager: Value,
    node: Value,
    volume_id: Value,
}

impl Notes {
    /// The route and the form of an action.
    fn request(&self, action: Action, cloud: &str) -> (String, Vec<(&'static str, String)>) {
        let text = |key, value: &str| (key, value.to_owned());
        let known = |key, value: &Value| (key, value.as_str().unwrap_or_default().to_owned());
        let operation = ("operation_id", format!("operation-{}", self.n_operations));
        let (node, volume) = (known("vm_id", &self.node["vmid"]), known("volume_id", &self.volume_id));
        let (route, form) = match action {
            Action::Start => return (format!("/startapp/1/{cloud}"), Vec::new()),
            Action::Stop => ("/stopapp/1", Vec::new()),
            Action::CreateNode => {
                let nodes = json!([{"cloud": cloud, "role": "node"}]).to_string();
                let service = [text("service_id", "1"), text("service_type", "generic")];
                let rest = [known("manager_ip", &self.manager), ("nodes_info", nodes), operation];
                ("/create_nodes", service.into_iter().chain(rest).collect())
            }
            Action::RemoveNode => ("/remove_nodes", vec![("nodes", json!([self.node]).to_string())]),
            Action::CreateVolume => {
                let form = vec![text("size", "8"), text("name", "vol-x"), text("cloud", cloud), node, operation];
                ("/create_volume", form)
            }
            Action::DestroyVolume => ("/destroy_volume", vec![volume]),
            Action::Attach => ("/attach_volume", vec![volume, node, text("device_name", "sdf")]),
            Action::Detach => ("/detach_volume", vec![volume]),
        };
        (route.to_owned(), form)
    }
}

struct Session<'a, W> {
    world: &'a W,
    deployment: &'a mut Deployment,
    notes: Notes,
}

impl<W: RemoteWorld> Session<'_, W> {
    /// The calls that each action makes, `<call>#<n>`.
    async fn learn(&mut self, points: &Points) -> BTreeMap<Action, Vec<String>> {
        let log = self.deployment.director.path("points");
        let mut learned = BTreeMap::new();
        let order = PAIRS.iter().map(|(make, _)| *make).chain(PAIRS.iter().rev().map(|(_, undo)| *undo));
        for action in order {
            // A director that has just started knows no ids yet, and makes every call.
            self.deployment.director.kill();
            std::fs::write(&log, "").unwrap();
            self.deployment.director.run(&[("CONPAAS_CRASH_LOG", &log.display().to_string())]);
            self.act_anew(action).await;
            let mut passes: BTreeMap<String, usize> = BTreeMap::new();
            let passed = std::fs::read_to_string(&log).unwrap();
            for point in passed.lines().filter(|point| point.starts_with(points.prefix)) {
                *passes.entry(point.to_owned()).or_default() += 1;
            }
            let each =
                |(point, n): (String, usize)| (1..=n.min(points.most_passes)).map(move |n| format!("{point}#{n}"));
            learned.insert(action, passes.into_iter().flat_map(each).collect());
        }
        learned
    }

    /// Does it as another operation than those before.
    async fn act_anew(&mut self, action: Action) {
        self.notes.n_operations += 1;
        self.act(action).await;
    }

    /// Does it, repeating the same request until it is done, and looks at what is there.
    async fn act(&mut self, action: Action) {
        let (route, form) = self.notes.request(action, self.deployment.cloud);
        // A start that is under way is refused, and goes on.
        let answer = self.deployment.insist(self.who(action), &route, &pairs(&form)).await;
        match action {
            Action::Start => self.notes.manager = self.deployment.rests(1, "RUNNING").await["manager"].clone(),
            Action::Stop => drop(self.deployment.rests(1, "STOPPED").await),
            Action::CreateNode => {
                self.notes.node = answer[0].clone();
                assert!(self.notes.node["vmid"].is_string(), "{answer}");
            }
            Action::CreateVolume => {
                self.notes.volume_id = answer["volume_id"].clone();
                assert!(self.notes.volume_id.is_string(), "{answer}");
            }
            _ => assert_eq!(answer, json!({}), "{action:?}"),
        }
        self.deployment.nothing_is_left_over(self.world).await;
        assert_eq!(self.world.n_attached(), usize::from(action == Action::Attach), "{action:?}");
    }

    /// The same, and the director dies at `point` while it is done the first time.
    async fn act_and_crash(&mut self, action: Action, point: &str) {
        let began = Instant::now();
        self.notes.n_operations += 1;
        self.deployment.director.kill();
        self.deployment.director.spawn(&[(CRASH_VARIABLE, point)]);
        // It may die before it listens, when its first list is the point.
        let endpoint = self.deployment.director.endpoint.clone();
        while self.deployment.director.is_running()
            && std::net::TcpStream::connect((endpoint.host.as_str(), endpoint.port)).is_err()
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (route, form) = self.notes.request(action, self.deployment.cloud);
        self.deployment.try_once(self.who(action), &route, &pairs(&form)).await;
        let ending = tokio::task::block_in_place(|| self.deployment.director.wait_for_end());
        assert_eq!(ending, None, "the director dies at {point} of {action:?}");
        self.deployment.director.run(&[]);
        self.act(action).await;
        println!("{action:?} killed at {point}: {:?}", began.elapsed());
    }

    fn who(&self, action: Action) -> &Credentials {
        match action {
            Action::Start | Action::Stop => &self.deployment.user,
            _ => &self.deployment.manager,
        }
    }
}

fn pairs<'a>(form: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    form.iter().map(|(name, value)| (*name, value.as_str())).collect()
}
