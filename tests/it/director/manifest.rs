//! Manifests against a director with nodes as processes: what is refused, what is made, and what a kill leaves.

use std::collections::BTreeSet;
use std::path::Path;

use conpaas::model::UserId;
use conpaas::pki::{Credentials, Lifetime, Subject};
use conpaas::rpc::{Client, Endpoint, FormBody, PeerRule, RpcCall};
use conpaas::task::CRASH_VARIABLE;
use serde_json::{Value, json};

use crate::support::director::{World, entries, succeed};
use crate::support::wait::{LIMIT, eventually};

const INIT: &str = "#!/bin/sh\necho \"the site is $SITE\"\n";

/// A user who has a manifest carried out.
struct Owner<'a> {
    world: &'a World,
    user: Credentials,
}

impl<'a> Owner<'a> {
    fn of(world: &'a World, name: &str, uid: i64) -> Self {
        world.add_user(name);
        Owner { world, user: world.certificate(&Subject::user(UserId(uid), name, "x@example.org"), Lifetime::USER) }
    }

    async fn upload(&self, manifest: &str, file: Option<(&str, &Path)>) -> Value {
        let form = FormBody::default().field("manifest", manifest).field("cloud", "default").field("thread", "True");
        let form = file.iter().fold(form, |form, (name, path)| form.file_named(name, *path, "file"));
        let client = self.world.client(Some(&self.user));
        let answer = client.post_form(&self.world.endpoint, "/upload_manifest", &form).await;
        // A director that is killed with its answer on the way gives none.
        answer.ok().and_then(|answer| serde_json::from_slice(&answer.body).ok()).unwrap_or_default()
    }

    async fn refusal(&self, manifest: &str) -> String {
        self.upload(manifest, None).await["error"].as_str().unwrap_or_default().to_owned()
    }

    async fn end(&self, id: &str) -> Option<Value> {
        let client = self.world.client(Some(&self.user));
        let answer = client.get(&self.world.endpoint, &format!("/get_operation/{id}"), &[]).await.ok()?;
        let view: Value = serde_json::from_slice(&answer.body).ok()?;
        (view["status"] != "RUNNING").then_some(view)
    }

    async fn call(&self, call: RpcCall) -> Option<Value> {
        let list = self.world.get(Some(&self.user), "/listapp").await.json();
        let app = list.as_array()?.iter().find(|app| app["name"] == "shop")?.clone();
        let host = app["manager"].as_str()?.to_owned();
        let client = Client::new(Some(&self.user), PeerRule::ManagerOf(UserId(1))).unwrap().with_timeout(LIMIT);
        client.call(&Endpoint { host, port: 8443 }, &call).await.ok()
    }

    /// Everything of the manifest is there, once.
    async fn expect_made(&self) {
        let services = self.world.get(Some(&self.user), "/list").await.json();
        let names: Vec<&str> =
            services.as_array().unwrap().iter().map(|found| found["service"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["program", "hello"], "{}", self.world.log());
        let list = self.call(RpcCall::get(1, "list_nodes")).await.unwrap();
        let count = |role: &str| list[role].as_array().map_or(0, Vec::len);
        assert_eq!((count("master"), count("node")), (1, 1), "{list}");
        let node = list["master"][0].clone();
        let volumes = self.call(RpcCall::post(0, "list_volumes").param("service_id", 1)).await.unwrap();
        assert_eq!(volumes["volumes"].as_array().map(Vec::len), Some(1), "{volumes}");
        let log = RpcCall::get(1, "get_agent_log").param("agentId", node).param("filename", "agent.out");
        eventually("init.sh has the environment", || async {
            let log = self.call(log.clone()).await?;
            log["log"].as_str()?.contains("the site is one").then_some(())
        })
        .await;
        assert_eq!(entries(&self.world.path("state/manifests")), 0, "files of a manifest go with its end");
    }
}

fn manifest() -> String {
    json!({"Application": "shop", "Services": [
        {"Type": "generic", "ServiceName": "program", "Archive": "code.tar", "StartupInstances": {"node": "1"},
         "Environment": {"SITE": "one"}, "Volumes": {"data": 8}, "Run": ["sh", "-c", "exit 0"]},
        {"Type": "helloworld", "ServiceName": "hello", "Start": 0}]})
    .to_string()
}

fn code(world: &World) -> std::path::PathBuf {
    std::fs::create_dir_all(world.path("code")).unwrap();
    std::fs::write(world.path("code/init.sh"), INIT).unwrap();
    let tar = world.path("code.tar");
    succeed(std::process::Command::new("tar").arg("-C").arg(world.path("code")).arg("-cf").arg(&tar).arg("."));
    tar
}

#[tokio::test]
async fn a_manifest_is_refused_with_key_and_line_and_changes_nothing() {
    let world = World::start();
    let owner = Owner::of(&world, "alice", 1);
    let before = world.get(Some(&owner.user), "/listapp").await.json();
    for (manifest, told) in [
        ("", "\"manifest\" is a required argument"),
        ("{", "The uploded manifest is not valid: line 1: EOF while parsing"),
        ("{\"Services\": [\n{}]}", "The uploded manifest is not valid: line 2: Services[0].Type: it is missing"),
        (
            "{\"Services\": [{\"Type\": \"cassandra\"}]}",
            "The uploded manifest is not valid: line 1: Services[0].Type: there is no kind",
        ),
        (
            "{\"Services\": [{\"Type\": \"generic\", \"Archive\": \"x.tar\"}]}",
            "Services[0].Archive: 'x.tar' was not sent",
        ),
        (
            "{\"Services\": [{\"Type\": \"generic\", \"Archive\": \"http://169.254.169.254/\"}]}",
            "Services[0].Archive: the director fetches nothing from '169.254.169.254'",
        ),
        ("{\"Services\": [{\"Type\": \"generic\", \"Cloud\": \"moon\"}]}", "Unknown cloud: moon"),
        ("{\"Application\": \"7\", \"Services\": []}", "a name of digits only"),
    ] {
        let refusal = owner.refusal(manifest).await;
        assert!(refusal.contains(told), "{manifest}: {refusal}");
    }
    assert_eq!(world.get(Some(&owner.user), "/listapp").await.json(), before);
    assert_eq!(owner.upload("{\"Application\": \"empty\", \"Services\": []}", None).await, json!({}));
    let export = world.post(Some(&owner.user), "/download_manifest/2", &[]).await.json();
    assert_eq!(export, json!({"Application": "empty", "Services": []}));
    let other = Owner::of(&world, "bob", 2);
    let foreign = world.post(Some(&other.user), "/download_manifest/2", &[]).await;
    assert_eq!(foreign.error(), "The appid 2 does not exist");
}

#[tokio::test]
async fn a_manifest_is_carried_out_whenever_the_director_is_killed() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let points = carried_out(&[("CONPAAS_CRASH_LOG", &log.path().display().to_string())], log.path()).await;
    assert!(points.len() >= 6, "{points:?}");
    let deaths = points.iter().map(|point| async move {
        let unused = tempfile::NamedTempFile::new().unwrap();
        carried_out(&[(CRASH_VARIABLE, point)], unused.path()).await
    });
    futures_util::future::join_all(deaths).await;
}

/// Has the manifest carried out by a director that may die once. Returns the points of manifests that it passed.
async fn carried_out(environment: &[(&str, &str)], log: &Path) -> Vec<String> {
    let mut world = World::start_with(&[], environment);
    let tar = code(&world);
    let is_to_die = environment.iter().any(|(name, _)| *name == CRASH_VARIABLE);
    let answer = Owner::of(&world, "alice", 1).upload(&manifest(), Some(("code.tar", &tar))).await;
    if is_to_die {
        world.wait_for_end();
        world.run(&[]);
    }
    let owner = Owner {
        user: world.certificate(&Subject::user(UserId(1), "alice", "x@example.org"), Lifetime::USER),
        world: &world,
    };
    // An answer that was lost is asked for once more: the same manifest again changes nothing.
    let answer = if answer["operation_id"].is_string() {
        answer
    } else {
        owner.upload(&manifest(), Some(("code.tar", &tar))).await
    };
    let id = answer["operation_id"].as_str().unwrap_or_else(|| panic!("{answer}\n{}", world.log())).to_owned();
    let end = eventually("the manifest is at its end", || owner.end(&id)).await;
    assert_eq!(end["status"], "DONE", "{end}\n{}", world.log());
    eventually("no other is under way", || async { (entries(&world.path("state/manifests")) == 0).then_some(()) })
        .await;
    owner.expect_made().await;
    let passed: BTreeSet<String> =
        std::fs::read_to_string(log).unwrap_or_default().lines().map(str::to_owned).collect();
    passed.into_iter().filter(|point| point.starts_with("manifest.")).collect()
}
