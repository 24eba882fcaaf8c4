//! What users do while processes die: ten kinds of action, each with what it comes to when it is acknowledged.

use std::path::Path;

use anyhow::Context;

use super::facts::Facts;
use super::random::Random;
use crate::attack::tenant::Tenant;

const MAX_SERVICES: usize = 2;
const MAX_NODES: usize = 3;
const MAX_VOLUMES: usize = 2;
const MAX_CODES: usize = 4;

/// One action on one application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Create,
    Start,
    Stop,
    Delete,
    AddService,
    StartService(String),
    RemoveService(String),
    AddNodes(String),
    RemoveNodes(String),
    UploadCode(String),
    EnableCode(String, String),
    RunCode(String),
    CreateVolume(String, String),
    DeleteVolume(String, String),
}

impl Action {
    /// One of those that are possible now.
    pub(crate) fn choose(facts: &Facts, application: &str, random: &mut Random) -> Action {
        let Some(state) = facts.get(application) else { return Action::Create };
        if state != "RUNNING" {
            // One that was stopped is mostly started again, so that there is something to be lost.
            return if state == "STOPPED" && random.below(4) == 0 { Action::Delete } else { Action::Start };
        }
        let services = facts.below(&format!("{application}/"));
        if services.iter().any(|sid| facts.get(&format!("{application}/{sid}")) == Some("ERROR")) {
            return Action::Stop;
        }
        let mut possible = Vec::new();
        if services.len() < MAX_SERVICES {
            possible.push(Action::AddService);
        }
        for sid in &services {
            possible.extend(of_service(facts, application, sid, random));
        }
        if random.below(12) == 0 || possible.is_empty() {
            return Action::Stop;
        }
        random.choose(&possible).clone()
    }

    /// Its kind, as it is counted.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Action::Create => "create application",
            Action::Start => "start application",
            Action::Stop => "stop application",
            Action::Delete => "delete application",
            Action::AddService | Action::RemoveService(_) => "add or remove service",
            Action::StartService(_) => "start service",
            Action::AddNodes(_) | Action::RemoveNodes(_) => "add or remove nodes",
            Action::UploadCode(_) | Action::EnableCode(..) => "upload or enable code",
            Action::RunCode(_) => "run code",
            Action::CreateVolume(..) | Action::DeleteVolume(..) => "create or delete volume",
        }
    }

    /// The thing of which nobody is sure when it fails.
    pub(crate) fn thing(&self, application: &str) -> String {
        match self {
            Action::Create | Action::Start | Action::Stop | Action::Delete | Action::AddService => {
                application.to_owned()
            }
            Action::StartService(sid)
            | Action::RemoveService(sid)
            | Action::AddNodes(sid)
            | Action::RemoveNodes(sid)
            | Action::UploadCode(sid)
            | Action::EnableCode(sid, _)
            | Action::RunCode(sid)
            | Action::CreateVolume(sid, _)
            | Action::DeleteVolume(sid, _) => format!("{application}/{sid}"),
        }
    }

    /// Types it and returns what it printed.
    pub(crate) fn act(&self, tenant: &Tenant<'_>, application: &str, code: &Path) -> anyhow::Result<String> {
        let code = code.to_string_lossy();
        let node_of = |sid: &str| {
            let nodes = tenant.rows(&["generic", "list_nodes", application, sid])?;
            // With any other the volume would go when nodes are removed.
            let node = nodes.iter().find(|node| node["role"] == "master");
            let id = node.and_then(|node| node["agent_id"].as_str().map(str::to_owned));
            id.context("the service has no master")
        };
        let node;
        let words: Vec<&str> = match self {
            Action::Create => vec!["application", "create", application],
            Action::Start => vec!["application", "start", application],
            Action::Stop => vec!["application", "stop", "--yes", application],
            Action::Delete => vec!["application", "delete", "--yes", application],
            Action::AddService => vec!["generic", "add", application],
            Action::StartService(sid) => vec!["generic", "start", application, sid],
            Action::RemoveService(sid) => vec!["generic", "remove", "--yes", application, sid],
            Action::AddNodes(sid) => vec!["generic", "add_nodes", application, sid],
            Action::RemoveNodes(sid) => vec!["generic", "remove_nodes", "--yes", application, sid],
            Action::UploadCode(sid) => vec!["generic", "upload_code", application, sid, &code],
            Action::EnableCode(sid, version) => vec!["generic", "enable_code", application, sid, version],
            Action::RunCode(sid) => vec!["generic", "run", application, sid],
            Action::CreateVolume(sid, name) => {
                node = node_of(sid)?;
                vec!["generic", "create_volume", application, name, "16", &node]
            }
            Action::DeleteVolume(_, name) => vec!["generic", "delete_volume", application, name],
        };
        tenant.type_command(&words)
    }

    /// Records what was acknowledged.
    pub(crate) fn record(&self, facts: &mut Facts, application: &str, said: &str) {
        let thing = self.thing(application);
        let n_nodes = facts.get(&format!("{thing}/nodes")).and_then(|n| n.parse().ok()).unwrap_or(0_usize);
        match self {
            Action::Create => facts.set(application, "INIT"),
            Action::Start => facts.set(application, "RUNNING"),
            Action::Stop => {
                facts.remove(application);
                facts.set(application, "STOPPED");
            }
            Action::Delete => facts.remove(application),
            Action::AddService => {
                let sid = said.split("with id ").nth(1).and_then(|rest| rest.split('.').next()).unwrap_or_default();
                let service = format!("{application}/{sid}");
                facts.set(&service, "INIT");
                facts.set(&format!("{service}/nodes"), "0");
                facts.set(&format!("{service}/code/code-default"), "current");
            }
            Action::StartService(_) => {
                facts.set(&thing, "RUNNING");
                facts.set(&format!("{thing}/nodes"), "1");
            }
            Action::RemoveService(_) => facts.remove(&thing),
            Action::AddNodes(_) => facts.set(&format!("{thing}/nodes"), &(n_nodes + 1).to_string()),
            Action::RemoveNodes(_) => facts.set(&format!("{thing}/nodes"), &(n_nodes.max(1) - 1).to_string()),
            Action::UploadCode(_) => {
                let version = said.split('\'').nth(1).unwrap_or_default();
                facts.set(&format!("{thing}/code/{version}"), "there");
            }
            Action::EnableCode(_, version) => {
                for other in facts.below(&format!("{thing}/code/")) {
                    let is_it = if other == *version { "current" } else { "there" };
                    facts.set(&format!("{thing}/code/{other}"), is_it);
                }
            }
            Action::RunCode(_) => {}
            Action::CreateVolume(_, name) => facts.set(&format!("{thing}/volume/{name}"), "16"),
            Action::DeleteVolume(_, name) => facts.remove(&format!("{thing}/volume/{name}")),
        }
    }
}

fn of_service(facts: &Facts, application: &str, sid: &String, random: &mut Random) -> Vec<Action> {
    let service = format!("{application}/{sid}");
    let mut possible = Vec::new();
    if facts.get(&service) != Some("RUNNING") {
        possible.push(Action::StartService(sid.clone()));
        if random.below(4) == 0 {
            possible.push(Action::RemoveService(sid.clone()));
        }
        return possible;
    }
    let codes = facts.below(&format!("{service}/code/"));
    let volumes = facts.below(&format!("{service}/volume/"));
    match facts.get(&format!("{service}/nodes")).and_then(|n| n.parse().ok()).unwrap_or(0) {
        n if n < MAX_NODES && (n <= 1 || random.below(2) == 0) => possible.push(Action::AddNodes(sid.clone())),
        _ => possible.push(Action::RemoveNodes(sid.clone())),
    }
    if codes.len() < MAX_CODES {
        possible.push(Action::UploadCode(sid.clone()));
    }
    possible.push(Action::EnableCode(sid.clone(), random.choose(&codes).clone()));
    possible.push(Action::RunCode(sid.clone()));
    if volumes.len() < MAX_VOLUMES {
        possible.push(Action::CreateVolume(sid.clone(), format!("v{sid}x{}", random.below(1_000_000))));
    } else {
        possible.push(Action::DeleteVolume(sid.clone(), random.choose(&volumes).clone()));
    }
    possible
}
