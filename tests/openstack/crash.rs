//! `kill -9` of the director after each of its calls of OpenStack: when it is
//! back and what was asked is asked again, it is done, and nothing is left
//! over: no server, port, floating address or volume.
//!
//! The calls are learned from an undisturbed run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use conpaas::ops::CRASH_VARIABLE;
use serde_json::json;

use crate::director::Deployment;
use crate::openstack_world::{self, World};

/// Two things that undo each other.
const PAIRS: [(Action, Action); 4] = [
    (Action::Start, Action::Stop),
    (Action::CreateNode, Action::RemoveNode),
    (Action::CreateVolume, Action::DestroyVolume),
    (Action::Attach, Action::Detach),
];
/// Of the points that are calls of OpenStack.
const PREFIX: &str = "openstack.";
/// Each must be seen, or the test has learned nothing.
const MADE_AND_UNMADE: [&str; 8] = [
    "create_server",
    "create_floating_ip",
    "create_volume",
    "attach_volume",
    "detach_volume",
    "delete_volume",
    "delete_floating_ip",
    "delete_server",
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
    node: serde_json::Value,
    volume_id: String,
}

impl Notes {
    /// The route and the form of an action.
    fn request(&self, action: Action) -> (&'static str, Vec<(&'static str, String)>) {
        let operation = ("operation_id", format!("operation-{}", self.n_operations));
        let vmid = ("vm_id", self.node["vmid"].as_str().unwrap_or_default().to_owned());
        let volume_id = || ("volume_id", self.volume_id.clone());
        let text = |key, value: &str| (key, value.to_owned());
        match action {
            Action::Start => ("/startapp/1/stack", Vec::new()),
            Action::Stop => ("/stopapp/1", Vec::new()),
            Action::CreateNode => {
                let nodes = json!([{"cloud": "stack", "role": "node"}]).to_string();
                let of_service = [text("service_id", "1"), text("service_type", "generic")];
                let rest = [text("manager_ip", "198.51.100.2"), ("nodes_info", nodes), operation];
                ("/create_nodes", [of_service.as_slice(), rest.as_slice()].concat())
            }
            Action::RemoveNode => ("/remove_nodes", vec![("nodes", json!([self.node]).to_string())]),
            Action::CreateVolume => {
                let what = [text("size", "8"), text("name", "vol-x"), text("cloud", "stack")];
                ("/create_volume", [what.as_slice(), [vmid, operation].as_slice()].concat())
            }
            Action::DestroyVolume => ("/destroy_volume", vec![volume_id()]),
            Action::Attach => ("/attach_volume", vec![volume_id(), vmid, text("device_name", "sdb")]),
            Action::Detach => ("/detach_volume", vec![volume_id()]),
        }
    }
}

struct Session<'a> {
    world: &'a World,
    deployment: Deployment,
    notes: Notes,
}

impl Session<'_> {
    /// Does it, repeating the same request until it is done, and looks at what is there.
    async fn act(&mut self, action: Action) {
        let (path, fields) = self.notes.request(action);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let deployment = &self.deployment;
        let who = if matches!(action, Action::Start | Action::Stop) { &deployment.user } else { &deployment.manager };
        // A start that is under way is refused, and goes on.
        let answer = deployment.insist(who, path, &fields).await;
        match action {
            Action::Start => drop(deployment.rests(1, "RUNNING").await),
            Action::Stop => drop(deployment.rests(1, "STOPPED").await),
            Action::CreateNode => self.notes.node = answer[0].clone(),
            Action::CreateVolume => self.notes.volume_id = answer["volume_id"].as_str().unwrap().to_owned(),
            _ => assert_eq!(answer, json!({}), "{action:?}"),
        }
        if matches!(action, Action::CreateNode) {
            assert!(self.notes.node["vmid"].is_string(), "{answer}");
        }
        self.deployment.nothing_is_left_over(self.world).await;
        let attached = self.world.observer.look().volumes.iter().map(|volume| volume.attached.len()).sum::<usize>();
        assert_eq!(attached, usize::from(action == Action::Attach), "{action:?}");
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
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        {
            let (path, fields) = self.notes.request(action);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let deployment = &self.deployment;
            let who =
                if matches!(action, Action::Start | Action::Stop) { &deployment.user } else { &deployment.manager };
            deployment.try_once(who, path, &fields).await;
        }
        let ending = tokio::task::block_in_place(|| self.deployment.director.wait_for_end());
        assert_eq!(ending, None, "the director dies at {point} of {action:?}");
        self.deployment.director.run(&[]);
        self.act(action).await;
        println!("{action:?} killed after {point}: {:?}", began.elapsed());
    }
}

/// The calls that each action makes. Of those that ask the same thing again
/// and again the first is enough.
async fn learn(session: &mut Session<'_>) -> BTreeMap<Action, BTreeSet<String>> {
    let log = session.world.path("points");
    let mut points = BTreeMap::new();
    let order = PAIRS.iter().map(|(make, _)| *make).chain(PAIRS.iter().rev().map(|(_, undo)| *undo));
    for action in order {
        // A director that has just started knows no ids yet, and makes every call.
        session.deployment.director.kill();
        std::fs::write(&log, "").unwrap();
        session.deployment.director.run(&[("CONPAAS_CRASH_LOG", &log.display().to_string())]);
        session.notes.n_operations += 1;
        session.act(action).await;
        let passed = std::fs::read_to_string(&log).unwrap();
        // Two calls that end together may write one line.
        let own = passed.lines().flat_map(|line| line.match_indices(PREFIX).map(|(at, _)| word_at(line, at)));
        points.insert(action, own.collect::<BTreeSet<_>>());
    }
    points
}

/// The name of the point that begins there.
fn word_at(line: &str, at: usize) -> String {
    let rest = &line[at + PREFIX.len()..];
    let length = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
    let name = &rest[..length];
    // Without a line's end between them, two names run into one.
    format!("{PREFIX}{}", name.split("openstack").next().unwrap_or(name))
}

#[test]
fn a_director_killed_after_any_call_leaves_nothing_in_openstack() {
    let name = "crash::a_director_killed_after_any_call_leaves_nothing_in_openstack";
    openstack_world::inside(name, |world| async move {
        let deployment = Deployment::start(&world, &[]).await;
        let mut session = Session { world: &world, deployment, notes: Notes::default() };
        let points = learn(&mut session).await;
        let all: BTreeSet<&String> = points.values().flatten().collect();
        for call in MADE_AND_UNMADE {
            assert!(all.contains(&format!("openstack.{call}")), "{call} is not among {points:?}");
        }
        println!("calls: {points:#?}");
        let mut n_kills = 0;
        for (make, undo) in PAIRS {
            for point in &points[&make] {
                session.act_and_crash(make, point).await;
                session.act(undo).await;
                n_kills += 1;
            }
            for point in &points[&undo] {
                session.notes.n_operations += 1;
                session.act(make).await;
                session.act_and_crash(undo, point).await;
                n_kills += 1;
            }
            // The next pair needs this.
            session.notes.n_operations += 1;
            session.act(make).await;
        }
        for (_, undo) in PAIRS.iter().rev() {
            session.act(*undo).await;
        }
        println!(
            "killed {n_kills} times; servers, ports, floating addresses, volumes left: {:?}",
            world.observer.counts()
        );
        assert_eq!(world.observer.counts(), [0; 4]);
    });
}
