//! `kill -9` of the director after each of its calls of the cloud: when it is
//! back and what was asked is asked again, it is done, and nothing is left
//! over: no instance, no volume.
//!
//! The calls are learned from an undisturbed run.

use std::collections::BTreeMap;
use std::time::Instant;

use conpaas::ops::CRASH_VARIABLE;
use serde_json::json;

use crate::director::Deployment;
use crate::ec2_world::{self, World};

/// Lists that run in the background are passed often; a few of them are enough.
const MOST_PASSES: usize = 3;

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
    node: serde_json::Value,
    volume_id: String,
}

impl Notes {
    /// The route and the form of an action.
    fn request(&self, action: Action) -> (&'static str, Vec<(&'static str, String)>) {
        let operation = format!("operation-{}", self.n_operations);
        let vmid = self.node["vmid"].as_str().unwrap_or_default().to_owned();
        let volume_id = || ("volume_id", self.volume_id.clone());
        match action {
            Action::Start => ("/startapp/1/amazon", Vec::new()),
            Action::Stop => ("/stopapp/1", Vec::new()),
            Action::CreateNode => (
                "/create_nodes",
                vec![
                    ("operation_id", operation),
                    ("service_id", "1".to_owned()),
                    ("service_type", "generic".to_owned()),
                    ("manager_ip", "10.20.1.1".to_owned()),
                    ("nodes_info", json!([{"cloud": "amazon", "role": "node"}]).to_string()),
                ],
            ),
            Action::RemoveNode => ("/remove_nodes", vec![("nodes", json!([self.node]).to_string())]),
            Action::CreateVolume => (
                "/create_volume",
                vec![
                    ("operation_id", operation),
                    ("size", "8".to_owned()),
                    ("name", "vol-x".to_owned()),
                    ("vm_id", vmid),
                    ("cloud", "amazon".to_owned()),
                ],
            ),
            Action::DestroyVolume => ("/destroy_volume", vec![volume_id()]),
            Action::Attach => ("/attach_volume", vec![volume_id(), ("vm_id", vmid), ("device_name", "sdf".to_owned())]),
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
        let attached = self.world.observer.volumes().iter().map(|volume| volume.attached.len()).sum::<usize>();
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
        println!("{action:?} killed at {point}: {:?}", began.elapsed());
    }
}

/// The calls that each action makes, `<call>#<n>`.
async fn learn(session: &mut Session<'_>) -> BTreeMap<Action, Vec<String>> {
    let log = session.world.path("points");
    session.deployment.director.kill();
    session.deployment.director.run(&[("CONPAAS_CRASH_LOG", &log.display().to_string())]);
    let mut points = BTreeMap::new();
    let order = PAIRS.iter().map(|(make, _)| *make).chain(PAIRS.iter().rev().map(|(_, undo)| *undo));
    for action in order {
        std::fs::write(&log, "").unwrap();
        session.notes.n_operations += 1;
        session.act(action).await;
        let mut passes: BTreeMap<String, usize> = BTreeMap::new();
        for point in std::fs::read_to_string(&log).unwrap().lines().filter(|point| point.starts_with("ec2.")) {
            *passes.entry(point.to_owned()).or_default() += 1;
        }
        let each = |(point, n): (String, usize)| (1..=n.min(MOST_PASSES)).map(move |n| format!("{point}#{n}"));
        points.insert(action, passes.into_iter().flat_map(each).collect::<Vec<_>>());
    }
    points
}

#[test]
fn a_director_killed_after_any_call_leaves_no_instance_and_no_volume() {
    ec2_world::inside("crash::a_director_killed_after_any_call_leaves_no_instance_and_no_volume", |world| async move {
        let deployment = Deployment::start(&world, &[]);
        let mut session = Session { world: &world, deployment, notes: Notes::default() };
        let points = learn(&mut session).await;
        let all: Vec<&String> = points.values().flatten().collect();
        for call in
            ["RunInstances", "TerminateInstances", "CreateVolume", "AttachVolume", "DetachVolume", "DeleteVolume"]
        {
            assert!(all.iter().any(|point| **point == format!("ec2.{call}#1")), "{call} is not among {points:?}");
        }
        for (make, undo) in PAIRS {
            for point in &points[&make] {
                session.act_and_crash(make, point).await;
                session.act(undo).await;
            }
            for point in &points[&undo] {
                session.notes.n_operations += 1;
                session.act(make).await;
                session.act_and_crash(undo, point).await;
            }
            // The next pair needs this.
            session.notes.n_operations += 1;
            session.act(make).await;
        }
        for (_, undo) in PAIRS.iter().rev() {
            session.act(*undo).await;
        }
        assert_eq!((world.observer.instances(), world.observer.volumes()), (vec![], vec![]));
    });
}
