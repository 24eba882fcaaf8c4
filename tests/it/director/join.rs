//! Nodes that were only told a token: what it is good for, and how a node
//! finds it, uses it and survives a crash in between.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use conpaas::config::Invitation;
use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Authority, Credentials, Lifetime, Subject};
use conpaas::rpc::{FormBody, RpcCall};
use serde_json::Value;

use crate::support::director::{Answer, CONPAAS, World};
use crate::support::metadata::{Metadata, Sort};
use crate::support::wait::eventually;

const ALICE: UserId = UserId(1);

/// Nodes that are made and do nothing: the test plays them.
fn world_of_idle_nodes(more: &[(&str, &str)]) -> World {
    let program = tempfile::Builder::new().prefix("conpaas-idle-").tempfile().unwrap();
    std::fs::write(program.path(), "#!/bin/sh\nexec sleep 600\n").unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(program.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = program.into_temp_path();
    let shown = path.display().to_string();
    let mut options = vec![("iaas.CONTEXT", "invitation"), ("iaas.PROGRAM", shown.as_str())];
    options.extend(more);
    let world = World::prepare(&options);
    std::fs::rename(&path, world.path("idle")).unwrap();
    let config = std::fs::read_to_string(world.path("director.cfg")).unwrap();
    std::fs::write(world.path("director.cfg"), config.replace(&shown, &world.path("idle").display().to_string()))
        .unwrap();
    world
}

async fn start_application(world: &World, aid: i64) {
    let alice = alice(world);
    let started = world.post(Some(&alice), &format!("/startapp/{aid}"), &[]).await.json();
    assert!(started["operation_id"].is_string(), "{started}");
}

fn alice(world: &World) -> Credentials {
    world.certificate(&Subject::user(ALICE, "alice", "alice@example.org"), Lifetime::USER)
}

/// The user-data of the manager of an application, once its node is there and its address is recorded.
async fn invitation(world: &World, aid: i64) -> (String, Invitation) {
    let database = rusqlite::Connection::open(world.path("director.db")).unwrap();
    let tag = eventually("the node is placed", || async {
        let sql = "SELECT tag FROM node WHERE app_id = ?1 AND ip IS NOT NULL";
        database.query_row(sql, [aid], |row| row.get::<_, String>(0)).ok()
    })
    .await;
    let root = world.path("state/clouds/iaas/nodes").join(tag).join("root-fs");
    let text = std::fs::read_to_string(root.join("var/lib/cloud/seed/nocloud/user-data")).unwrap();
    let invitation = Invitation::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    (text, invitation)
}

/// A signing request for a subject; its key stays here.
fn request(subject: &Subject) -> String {
    conpaas::pki::CertificateRequest::make(subject).unwrap().0
}

async fn join(world: &World, tag: &str, token: &str, request: &str) -> Answer {
    let path = world.path(&format!("request-{tag}.pem"));
    std::fs::write(&path, request).unwrap();
    let form = FormBody::default().field("tag", tag).field("token", token).file("csr", &path);
    let answer = world.client(None).post_form(&world.endpoint, "/ca/join", &form).await.unwrap();
    Answer { status: answer.status, text: String::from_utf8_lossy(&answer.body).into_owned() }
}

#[tokio::test]
async fn a_token_is_good_for_one_node_and_one_key() {
    let mut world = world_of_idle_nodes(&[]);
    world.run(&[]);
    world.add_user("alice");
    let alice = alice(&world);
    world.post(Some(&alice), "/createapp", &[("name", "second")]).await;
    start_application(&world, 1).await;
    start_application(&world, 2).await;
    let (_, first) = invitation(&world, 1).await;
    let (_, second) = invitation(&world, 2).await;
    assert_ne!(first.token.as_str(), second.token.as_str());
    let subject = Subject::manager(ALICE, ApplicationId(1));
    let (own, stolen) = (request(&subject), request(&subject));
    let (tag, token) = (first.tag.as_str(), first.token.as_str());

    let mut refusals = vec![
        join(&world, tag, second.token.as_str(), &own).await,
        join(&world, second.tag.as_str(), token, &own).await,
        join(&world, "no-such-node", token, &own).await,
        join(&world, "..", token, &own).await,
        join(&world, tag, &"x".repeat(43), &own).await,
    ];
    let answer = join(&world, tag, token, &own).await;
    assert_eq!(answer.status, 200, "none of these refusals has used it up: {}", answer.text);
    let view = answer.json();
    assert_eq!(view["key_path"], "/etc/cpsmanager/certs/key.pem");
    let paths: Vec<&str> =
        view["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/etc/cpsmanager/certs/ca_cert.pem", "/etc/cpsmanager/certs/cert.pem", "/root/config.cfg"]);
    assert!(!answer.text.contains("PRIVATE KEY"));
    let certificate = certificate_of(&view);
    assert_eq!(certificate.identity().unwrap().subject, subject);
    assert!(view["files"][2]["text"].as_str().unwrap().contains("MY_IP"));

    assert_eq!(join(&world, tag, token, &own).await.status, 200, "an answer may be lost on its way");
    refusals.push(join(&world, tag, token, &stolen).await);
    world.kill();
    world.run(&[]);
    refusals.push(join(&world, tag, token, &stolen).await);
    assert_eq!(join(&world, tag, token, &own).await.status, 200, "the director may have died before it answered");
    world.post(Some(&alice), "/stopapp/1", &[]).await;
    refusals.push(join(&world, tag, token, &own).await);
    for refusal in refusals {
        assert_eq!(
            (refusal.status, refusal.text.as_str()),
            (403, "the token is not good for this node, or not any more")
        );
    }
    nothing_tells(&world, token);
    let log = world.log();
    for reason in ["used before with another key", "is of another node", "no such token", "not wanted any more"] {
        assert!(log.contains(reason), "{reason}: {log}");
    }
}

#[tokio::test]
async fn what_a_token_is_not_good_for() {
    let mut world = world_of_idle_nodes(&[("director.NODE_TOKEN_LIFETIME", "3s")]);
    world.run(&[]);
    world.add_user("alice");
    start_application(&world, 1).await;
    let (_, invitation) = invitation(&world, 1).await;
    let (tag, token) = (invitation.tag.as_str(), invitation.token.as_str());
    assert_eq!(join(&world, tag, token, "nonsense").await.status, 403);
    let director = join(&world, tag, token, &request(&Subject::director("x"))).await;
    assert_eq!(director.status, 403, "it is for this node's own subject: {}", director.text);
    for missing in ["tag", "token", "csr"] {
        let path = world.path("request.pem");
        std::fs::write(&path, request(&Subject::manager(ALICE, ApplicationId(1)))).unwrap();
        let mut form = FormBody::default();
        for (name, value) in [("tag", tag), ("token", token)].into_iter().filter(|(name, _)| *name != missing) {
            form = form.field(name, value);
        }
        if missing != "csr" {
            form = form.file("csr", &path);
        }
        let answer = world.client(None).post_form(&world.endpoint, "/ca/join", &form).await.unwrap();
        assert_eq!(answer.status, 400, "without {missing}");
    }
    let own = request(&Subject::manager(ALICE, ApplicationId(1)));
    eventually("the token expires", || async { (join(&world, tag, token, &own).await.status == 403).then_some(()) })
        .await;
    eventually("the log says so", || async { world.log().contains("the token has expired").then_some(()) }).await;
}

#[tokio::test]
async fn a_node_whose_address_is_not_known_yet_asks_again() {
    let mut world = world_of_idle_nodes(&[]);
    world.run(&[]);
    world.add_user("alice");
    start_application(&world, 1).await;
    let (_, invitation) = invitation(&world, 1).await;
    let (tag, token) = (invitation.tag.as_str(), invitation.token.as_str());
    let own = request(&Subject::manager(ALICE, ApplicationId(1)));
    let database = rusqlite::Connection::open(world.path("director.db")).unwrap();
    let ip: String = database.query_row("SELECT ip FROM node", [], |row| row.get(0)).unwrap();
    database.execute("UPDATE node SET ip = NULL", []).unwrap();
    assert_eq!(join(&world, tag, token, &own).await.status, 503);
    database.execute("UPDATE node SET ip = ?1", [ip]).unwrap();
    assert_eq!(join(&world, tag, token, &own).await.status, 200);
}

#[tokio::test]
async fn an_application_whose_nodes_are_all_invited_runs() {
    let world = World::start_with(&[("iaas.CONTEXT", "invitation")], &[]);
    world.add_user("alice");
    let alice = alice(&world);
    start_application(&world, 1).await;
    let manager = eventually("the manager runs", || async {
        let list = world.get(Some(&alice), "/listapp").await.json();
        (list[0]["status"] == "RUNNING").then(|| list[0]["manager"].as_str().unwrap().to_owned())
    })
    .await;
    world.post(Some(&alice), "/add/generic", &[("appid", "1")]).await;
    let client = conpaas::rpc::Client::new(Some(&alice), conpaas::rpc::PeerRule::ManagerOf(ALICE)).unwrap();
    let endpoint = conpaas::rpc::Endpoint { host: manager, port: 8443 };
    client
        .call(&endpoint, &RpcCall::post(0, "start_service").param("service_id", 1).param("cloud", "default"))
        .await
        .unwrap();
    eventually("the service runs", || async {
        let info = client.call(&endpoint, &RpcCall::get(1, "get_service_info")).await.ok()?;
        (info["state"] == "RUNNING").then_some(())
    })
    .await;
    assert_eq!(world.log().matches("a node has joined").count(), 2, "{}", world.log());
    // A node that is stopped from outside knows by then what it is.
    let nodes = world.path("state/clouds/iaas/nodes");
    for node in std::fs::read_dir(&nodes).unwrap() {
        let process = std::fs::read(node.unwrap().path().join("process.json")).unwrap();
        let process: Value = serde_json::from_slice(&process).unwrap();
        let pid = i32::try_from(process["pid"].as_i64().unwrap()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL).unwrap();
    }
    eventually("both are started again", || async {
        (world.log().matches("starting a node again").count() == 2).then_some(())
    })
    .await;
    eventually("the manager answers again", || async {
        client.call(&endpoint, &RpcCall::get(1, "get_service_info")).await.ok()
    })
    .await;
    assert_eq!(world.log().matches("a node has joined").count(), 2, "{}", world.log());
}

/// A node's directory, and `conpaas join` in it.
struct Node {
    root: PathBuf,
}

impl Node {
    fn new(world: &World) -> Node {
        let root = world.path("node");
        std::fs::create_dir(&root).unwrap();
        Node { root }
    }

    fn start(&self, words: &[&str], environment: &[(&str, &str)]) -> tokio::process::Child {
        let mut command = tokio::process::Command::new(CONPAAS);
        command.arg("join").arg("--root").arg(&self.root).args(words).envs(environment.iter().copied());
        command.env_remove("CONPAAS_CRASH_LOG").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true).spawn().unwrap()
    }

    async fn join(&self, words: &[&str], environment: &[(&str, &str)]) -> Output {
        self.start(words, environment).wait_with_output().await.unwrap()
    }

    fn assert_complete(&self) {
        let credentials = Credentials::load(&self.root.join("etc/cpsmanager/certs")).unwrap();
        credentials.private_key().unwrap();
        assert!(!self.root.join("var/lib/conpaas/join").exists());
        assert_eq!(mode(&self.root.join("etc/cpsmanager/certs/key.pem")), 0o600);
        assert_eq!(mode(&self.root.join("root/config.cfg")), 0o600);
        conpaas::config::ManagerConfig::read(&self.root).unwrap();
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// An address that no node of the world has.
fn spare_address(world: &World) -> Ipv4Addr {
    let own: Ipv4Addr = world.endpoint.host.parse().unwrap();
    let [a, b, c, _] = own.octets();
    Ipv4Addr::new(a, b, c, 100)
}

#[tokio::test]
async fn a_node_finds_its_invitation_at_every_sort_of_metadata_service() {
    for sort in [Sort::Sessions, Sort::Plain, Sort::OpenStack] {
        let mut world = world_of_idle_nodes(&[]);
        world.run(&[]);
        world.add_user("alice");
        start_application(&world, 1).await;
        let (text, invitation) = invitation(&world, 1).await;
        let metadata = Metadata::serve(spare_address(&world), 0, sort, &text).await;
        let node = Node::new(&world);
        let output = node.join(&["--source", "seed", "--source", &metadata.url], &[]).await;
        assert!(output.status.success(), "{sort:?}: {}", said(&output));
        node.assert_complete();
        let asked = metadata.requests.lock().unwrap().clone();
        assert!(asked[0].starts_with("put /latest/api/token "), "{asked:?}");
        // Once it knows what it is, it asks nobody.
        drop(metadata);
        world.kill();
        assert!(node.join(&["--limit", "0"], &[]).await.status.success());
        nothing_tells(&world, invitation.token.as_str());
    }
}

#[tokio::test]
async fn a_network_that_comes_late_is_waited_for_and_none_is_said() {
    let mut world = world_of_idle_nodes(&[]);
    world.run(&[]);
    world.add_user("alice");
    start_application(&world, 1).await;
    let (text, _) = invitation(&world, 1).await;
    let address = spare_address(&world);
    let url = format!("http://{address}:8169");
    let node = Node::new(&world);
    let output = node.join(&["--source", &url, "--limit", "1"], &[]).await;
    assert!(said(&output).contains("no invitation after 1 s: metadata service: cannot reach"), "{}", said(&output));
    let nothing = node.join(&["--limit", "0"], &[]).await;
    assert!(said(&nothing).contains("nor a metadata service has user-data"), "{}", said(&nothing));
    let other = Metadata::serve(address, 8170, Sort::Plain, "#!/bin/sh\necho hello\n").await;
    let output = node.join(&["--source", &other.url, "--limit", "0"], &[]).await;
    assert!(said(&output).contains("it is no invitation of a ConPaaS director"), "{}", said(&output));

    // Neither the service nor the director is there at first.
    world.kill();
    let child = node.start(&["--source", &url], &[]);
    tokio::task::yield_now().await;
    let metadata = Metadata::serve(address, 8169, Sort::Plain, &text).await;
    eventually("the node reads it", || async { (metadata.requests.lock().unwrap().len() >= 2).then_some(()) }).await;
    world.run(&[]);
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", said(&output));
    node.assert_complete();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_anywhere_joins_when_it_is_started_again() {
    let mut world = world_of_idle_nodes(&[]);
    world.run(&[]);
    world.add_user("alice");
    start_application(&world, 1).await;
    let (text, _) = invitation(&world, 1).await;
    // The token is good for one key, so one node goes through all of it.
    let metadata = Metadata::serve(spare_address(&world), 0, Sort::Sessions, &text).await;
    let node = Node::new(&world);
    let words = ["--source", metadata.url.as_str()];
    let mut points: Vec<String> = ["join.key_kept", "join.request_kept", "join.answered"].map(str::to_owned).to_vec();
    points.extend((1..=2).map(|n| format!("join.file_written#{n}")));
    for point in &points {
        let output = node.join(&words, &[("CONPAAS_CRASH_AT", point)]).await;
        assert_eq!(output.status.code(), None, "killed at {point}: {}", said(&output));
        assert!(!node.root.join("root/config.cfg").exists(), "{point}");
    }
    // The director dies with the token used and nothing answered.
    world.kill();
    world.run(&[("CONPAAS_CRASH_AT", "join.claimed")]);
    let child = node.start(&words, &[]);
    assert_eq!(world.wait_for_end(), None);
    world.run(&[]);
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", said(&output));
    node.assert_complete();
}

#[tokio::test]
async fn a_stranger_in_the_directors_place_gets_no_token() {
    let mut world = world_of_idle_nodes(&[]);
    world.run(&[]);
    world.add_user("alice");
    start_application(&world, 1).await;
    let (text, invitation) = invitation(&world, 1).await;
    world.kill();
    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = Authority::create(elsewhere.path()).unwrap();
    let credentials = stranger.issue(&Subject::director("x"), &[], Lifetime::DIRECTOR).unwrap();
    let tls = conpaas::rpc::server_config(&credentials, conpaas::rpc::ClientAuthentication::Optional).unwrap();
    let port = world.endpoint.port;
    let listener = tokio::net::TcpListener::bind((world.endpoint.host.as_str(), port)).await.unwrap();
    let tasks = conpaas::task::Tasks::new();
    let handler: conpaas::rpc::Handler = std::sync::Arc::new(|_| panic!("nobody asks a stranger anything"));
    let limits = conpaas::rpc::Limits::new(world.path("."));
    let tls = std::sync::Arc::new(std::sync::RwLock::new(tls));
    tasks.spawn("stranger", conpaas::rpc::serve(listener, tls, limits, handler, tasks.tracker(), tasks.stopping()));
    let metadata = Metadata::serve(spare_address(&world), 0, Sort::Plain, &text).await;
    let node = Node::new(&world);
    let output = node.join(&["--source", &metadata.url, "--limit", "1"], &[]).await;
    assert!(said(&output).contains("failed verification"), "{}", said(&output));
    assert!(!said(&output).contains(invitation.token.as_str()));
    tasks.stop(crate::support::wait::LIMIT).await;
}

fn certificate_of(view: &Value) -> Credentials {
    let text = |name: &str| {
        let files = view["files"].as_array().unwrap();
        let file = files.iter().find(|file| file["path"].as_str().unwrap().ends_with(name)).unwrap();
        file["text"].as_str().unwrap().to_owned()
    };
    Credentials { certificate_pem: text("/cert.pem"), key_pem: String::new(), authority_pem: text("/ca_cert.pem") }
}

/// Neither the log nor the database has the token.
fn nothing_tells(world: &World, token: &str) {
    for name in ["log", "director.db", "director.db-wal"] {
        let bytes = std::fs::read(world.path(name)).unwrap_or_default();
        assert!(!bytes.windows(token.len()).any(|window| window == token.as_bytes()), "{name} has the token");
    }
}
