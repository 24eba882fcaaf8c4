//! The steps of one service of a manifest.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::fetch::fetch;
use super::run::Job;
use crate::api::environment::{LinkList, LinkPhase};
use crate::api::exec::{ExecOutput, ExecStarted};
use crate::api::manager::{CodeVersionId, NodeList, ServiceDescription, VolumeList};
use crate::api::xtreemfs::SharedVolumeView;
use crate::director::error::Failure;
use crate::director::service as services;
use crate::manifest::{ServiceEntry, Source, Start};
use crate::model::State;
use crate::rpc::RpcCall;
use crate::service::{ManifestKeys, find_kind};
use crate::store::director::service as rows;
use crate::sys::excerpt::excerpt;
use crate::task::crash_point;

const RUN_LIMIT: Duration = Duration::from_secs(1800);
const RUN_PAUSE: Duration = Duration::from_millis(200);
const MAX_TOLD_CHARS: usize = 1000;

/// One thing that a service needs, in the order in which it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Script,
    Environment,
    EarlySettings,
    Archive,
    Link,
    Start,
    Grow,
    LateSettings,
    Password,
    Dump,
    Volumes,
    Run,
}

const STEPS: [(Step, &str); 12] = [
    (Step::Script, "gets its startup script"),
    (Step::Environment, "gets its environment"),
    (Step::EarlySettings, "is set"),
    (Step::Archive, "gets its code"),
    (Step::Link, "is linked"),
    (Step::Start, "starts"),
    (Step::Grow, "gets its nodes"),
    (Step::LateSettings, "is set"),
    (Step::Password, "gets its password"),
    (Step::Dump, "loads its dump"),
    (Step::Volumes, "gets its volumes"),
    (Step::Run, "runs a command"),
];

impl Job {
    /// Makes a service of the manifest, from where its record is.
    pub(super) async fn make_service(&mut self, place: usize) -> Result<(), Failure> {
        let entry = self.manifest.services[place].clone();
        let kind = find_kind(&entry.kind).ok_or_else(|| Failure::application("there is no such kind"))?;
        let keys = kind.manager.manifest();
        let name = entry.service_name.clone().unwrap_or_else(|| entry.kind.clone());
        let sid = match self.progress.services[place].sid {
            Some(sid) => sid,
            None => {
                self.note(&format!("Service '{name}' is added")).await?;
                let sid = self.find_or_add(place, &entry).await?;
                self.progress.services[place].sid = Some(sid);
                self.note(&format!("Service '{name}' is added")).await?;
                crash_point("manifest.service_added");
                sid
            }
        };
        for (number, (step, words)) in STEPS.into_iter().enumerate() {
            if number < self.progress.services[place].steps_done {
                continue;
            }
            self.note(&format!("Service '{name}' {words}")).await?;
            self.take(step, sid, &entry, &keys).await?;
            self.progress.services[place].steps_done = number + 1;
        }
        crash_point("manifest.service_made");
        self.note(&format!("Service '{name}' is ready")).await
    }

    /// Returns the application's service of this name and kind; adds it where there is none.
    async fn find_or_add(&mut self, place: usize, entry: &ServiceEntry) -> Result<i64, Failure> {
        let (uid, aid) = (self.row.uid, self.row.aid);
        let known = self.director.store.read(move |tx| Ok::<_, Failure>(rows::list(tx, uid, Some(aid))?)).await?;
        let usual = format!("New {} service", entry.kind);
        let wanted = entry.service_name.as_deref().unwrap_or(&usual);
        if let Some(found) = known.iter().find(|found| found.name == wanted && found.kind == entry.kind) {
            return Ok(found.sid.0);
        }
        if known.iter().any(|found| found.name == wanted) {
            return Err(Failure::Application(format!("the application has a service '{wanted}' of another kind")));
        }
        // A crash may lie between the addition and the note of it.
        let before = self.progress.services[place].before.clone();
        let added = before.and_then(|before| {
            known.iter().find(|found| found.kind == entry.kind && !before.contains(&found.sid.0)).map(|found| found.sid)
        });
        let sid = match added {
            Some(sid) => sid,
            None => {
                self.progress.services[place].before = Some(known.iter().map(|found| found.sid.0).collect());
                self.note(&format!("Service '{wanted}' is added")).await?;
                let shown = aid.to_string();
                services::add(&self.director, uid, &entry.kind, Some(&shown)).await?.0.sid
            }
        };
        crash_point("manifest.service_known");
        if let Some(name) = &entry.service_name {
            services::rename(&self.director, uid, aid, sid, name).await?;
        }
        Ok(sid.0)
    }

    async fn take(&self, step: Step, sid: i64, entry: &ServiceEntry, keys: &ManifestKeys) -> Result<(), Failure> {
        let is_started = entry.start == Start::Now;
        match step {
            Step::Script => self.upload_script(sid, entry).await,
            Step::Environment if !entry.environment.is_empty() => {
                let call = RpcCall::post(0, "set_environment").param("service_id", sid);
                self.change(sid, &call.param("environment", entry.environment.clone())).await
            }
            Step::EarlySettings if keys.is_set_before_start => self.set(sid, entry, keys).await,
            Step::Archive => self.upload_code(sid, entry, keys).await,
            Step::Link => self.link(sid, entry).await,
            Step::Start if is_started => self.start(sid, entry).await,
            Step::Grow if is_started => self.grow(sid, entry).await,
            Step::LateSettings if is_started && !keys.is_set_before_start => self.set(sid, entry, keys).await,
            Step::Password => match (&entry.password, keys.password) {
                (Some(password), Some(call)) => self.order(&call(sid, password)).await,
                (Some(_), None) => Err(refused("Password", &entry.kind)),
                (None, _) => Ok(()),
            },
            Step::Dump => self.load_dump(sid, entry, keys).await,
            Step::Volumes => {
                self.make_volumes(sid, entry).await?;
                self.make_shared_volumes(sid, entry, keys).await
            }
            Step::Run if !entry.run.is_empty() => self.run(sid, entry).await,
            Step::Environment | Step::EarlySettings | Step::Start | Step::Grow | Step::LateSettings | Step::Run => {
                Ok(())
            }
        }
    }

    /// Returns a file that the manifest names; one from the web is fetched first.
    async fn source(&self, key: &str, text: &str) -> Result<std::path::PathBuf, Failure> {
        let fail = |reason: String| Failure::Application(format!("{key}: {reason}"));
        let path = self.file(text);
        match Source::of(text).map_err(fail)? {
            _ if path.exists() => {}
            Source::Beside(_) => return Err(fail(format!("the file '{text}' is gone"))),
            Source::Web(url) => fetch(&self.director, &url, &path).await.map_err(fail)?,
        }
        Ok(path)
    }

    async fn upload_script(&self, sid: i64, entry: &ServiceEntry) -> Result<(), Failure> {
        let Some(text) = &entry.startup_script else { return Ok(()) };
        let path = self.source("StartupScript", text).await?;
        let call = RpcCall::upload(0, "upload_startup_script").param("sid", sid.to_string());
        self.order(&call.file("script", path, "startup.sh")).await
    }

    async fn upload_code(&self, sid: i64, entry: &ServiceEntry, keys: &ManifestKeys) -> Result<(), Failure> {
        let Some(text) = &entry.archive else { return Ok(()) };
        let method = keys.enable_code.ok_or_else(|| refused("Archive", &entry.kind))?;
        let path = self.source("Archive", text).await?;
        let name = text.rsplit('/').next().unwrap_or(text);
        let call = RpcCall::upload(sid, "upload_code_version").file("code", path, name);
        let version: CodeVersionId = self.call(&call).await?;
        self.change(sid, &RpcCall::post(sid, method).param("codeVersionId", version.id)).await
    }

    async fn set(&self, sid: i64, entry: &ServiceEntry, keys: &ManifestKeys) -> Result<(), Failure> {
        if entry.settings.is_empty() {
            return Ok(());
        }
        let set = keys.set.ok_or_else(|| refused("Settings", &entry.kind))?;
        for call in set(sid, &entry.settings) {
            self.change(sid, &call).await?;
        }
        Ok(())
    }

    async fn link(&self, sid: i64, entry: &ServiceEntry) -> Result<(), Failure> {
        let Some(link) = entry.links.first() else { return Ok(()) };
        let is_it = |other: &ServiceEntry| other.service_name.as_deref().unwrap_or(&other.kind) == link.service();
        let place = self.manifest.services.iter().position(is_it);
        let to = place.and_then(|place| self.progress.services[place].sid);
        let to = to.ok_or_else(|| Failure::Application(format!("Links: there is no service '{}'", link.service())))?;
        let links: LinkList = self.call(&RpcCall::get(0, "list_links")).await?;
        let is_there = |known: &crate::api::environment::LinkView| {
            known.service_id.0 == sid && known.to_service_id.0 == to && known.state != LinkPhase::Leaving
        };
        if links.links.iter().any(is_there) {
            return Ok(());
        }
        let call = RpcCall::post(0, "link_service").param("service_id", sid).param("to_service_id", to);
        let call = link.database().iter().fold(call, |call, database| call.param("database", *database));
        self.change(sid, &call).await
    }

    async fn start(&self, sid: i64, entry: &ServiceEntry) -> Result<(), Failure> {
        let state = self.rested(sid).await?.state;
        if state == State::Running {
            return Ok(());
        }
        if state == State::Error {
            self.change(sid, &RpcCall::post(0, "stop_service").param("service_id", sid).param("keep_volumes", false))
                .await?;
        }
        let cloud = entry.cloud.as_deref().unwrap_or(&self.row.cloud);
        let call = RpcCall::post(0, "start_service").param("service_id", sid).param("cloud", cloud);
        let call = if entry.startup_instances.is_empty() { call } else { call.param("nodes", counts(entry)) };
        self.change(sid, &call).await
    }

    /// Adds the nodes that a service lacks which worked before.
    async fn grow(&self, sid: i64, entry: &ServiceEntry) -> Result<(), Failure> {
        if entry.startup_instances.is_empty() {
            return Ok(());
        }
        let call = RpcCall::get(0, "describe_service").param("service_id", sid);
        let now: ServiceDescription = self.call(&call).await?;
        let lacking = entry.startup_instances.iter().map(|(role, wanted)| {
            let n_there = now.counts.get(role).copied().unwrap_or_default();
            (role.clone(), Value::from((wanted - n_there).max(0)))
        });
        let lacking: serde_json::Map<String, Value> = lacking.filter(|(_, n)| n.as_i64() != Some(0)).collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let cloud = entry.cloud.as_deref().unwrap_or(&self.row.cloud);
        let call = RpcCall::post(0, "add_nodes").param("service_id", sid).param("cloud", cloud);
        self.change(sid, &call.param("nodes", lacking)).await
    }

    async fn load_dump(&self, sid: i64, entry: &ServiceEntry, keys: &ManifestKeys) -> Result<(), Failure> {
        let Some(text) = &entry.dump else { return Ok(()) };
        let (method, parameter) = keys.dump.ok_or_else(|| refused("Dump", &entry.kind))?;
        let path = self.source("Dump", text).await?;
        self.order(&RpcCall::upload(sid, method).file(parameter, path, "dump")).await
    }

    async fn make_volumes(&self, sid: i64, entry: &ServiceEntry) -> Result<(), Failure> {
        if entry.volumes.is_empty() {
            return Ok(());
        }
        let node = self.first_node(sid).await?;
        let call = RpcCall::post(0, "list_volumes").param("service_id", sid);
        let there: VolumeList = self.call(&call).await?;
        for (name, size) in &entry.volumes {
            if there.volumes.iter().any(|volume| volume.vol_name == *name) {
                continue;
            }
            let call = RpcCall::post(0, "create_volume").param("volumeName", name.as_str()).param("volumeSize", *size);
            self.change(sid, &call.param("agentId", node.as_str())).await?;
        }
        Ok(())
    }

    /// Makes volumes of shared storage that are not there.
    async fn make_shared_volumes(&self, sid: i64, entry: &ServiceEntry, keys: &ManifestKeys) -> Result<(), Failure> {
        if entry.volume_startup.is_empty() {
            return Ok(());
        }
        let method = keys.shared_volume.ok_or_else(|| refused("VolumeStartup", &entry.kind))?;
        let there: Vec<SharedVolumeView> = self.call(&RpcCall::get(sid, "get_volumes")).await?;
        for volume in entry.volume_startup.iter().filter(|new| there.iter().all(|known| known.name != new.name)) {
            let call = RpcCall::post(sid, method).param("volumeName", volume.name.as_str());
            let call = volume.owner.iter().fold(call, |call, owner| call.param("owner", owner.as_str()));
            self.order(&call).await?;
        }
        Ok(())
    }

    /// Returns the node that was made first: the one with the smallest id of the first role that has any.
    async fn first_node(&self, sid: i64) -> Result<String, Failure> {
        let list: NodeList = self.call(&RpcCall::get(sid, "list_nodes")).await?;
        let all: BTreeMap<String, Vec<String>> = list.by_role;
        let first = all.get("backend").or_else(|| all.get("master")).and_then(|nodes| nodes.first());
        let first = first.or_else(|| all.values().find_map(|nodes| nodes.first()));
        first.cloned().ok_or_else(|| Failure::application("it has no node"))
    }

    /// Runs the command of the manifest in the first node, and waits for its end.
    async fn run(&self, sid: i64, entry: &ServiceEntry) -> Result<(), Failure> {
        let node = self.first_node(sid).await?;
        let call = RpcCall::post(sid, "exec").param("agentId", node.as_str()).param("command", entry.run.clone());
        let started: ExecStarted = self.call(&call.param("time_limit", RUN_LIMIT.as_secs())).await?;
        let (mut last, mut told) = (ExecOutput::default(), String::new());
        let began = Instant::now();
        while began.elapsed() < RUN_LIMIT {
            let call = RpcCall::post(sid, "exec_output").param("agentId", node.as_str());
            let call = call.param("exec_id", started.exec_id.as_str());
            let call = call.param("stdout_cursor", last.stdout_cursor.as_str());
            last =
                self.call(&call.param("stderr_cursor", last.stderr_cursor.as_str()).answered_within(1 << 20)).await?;
            for bytes in [&last.stdout, &last.stderr] {
                let bytes = STANDARD.decode(bytes).unwrap_or_default();
                told = excerpt(&(told + &String::from_utf8_lossy(&bytes)), MAX_TOLD_CHARS);
            }
            match last.exit_code {
                Some(0) => return Ok(()),
                Some(code) => return Err(Failure::Application(format!("Run ended with {code}: {}", told.trim()))),
                None => tokio::time::sleep(RUN_PAUSE).await,
            }
        }
        Err(Failure::application("Run does not end"))
    }
}

fn counts(entry: &ServiceEntry) -> serde_json::Map<String, Value> {
    entry.startup_instances.iter().map(|(role, n)| (role.clone(), Value::from(*n))).collect()
}

fn refused(key: &str, kind: &str) -> Failure {
    Failure::Application(format!("{key}: services of the kind {kind} have none"))
}
