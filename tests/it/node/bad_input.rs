//! What is wrong, huge, slow or hostile, against a manager and an agent: a
//! clear answer, nothing lost, and the node goes on. The director's part is
//! in `tests/it/director/bad_input.rs` and `tests/it/director/matrix.rs`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Credentials, Lifetime, Subject};
use conpaas::rpc::{Client, Endpoint, PeerRule, RpcCall, client_config};
use serde_json::{Value, json};

use super::bench::{APPLICATION, Bench, PORT, USER, endpoint, ok, refused, tar_of};
use super::world::World;
use crate::support::wait::{LIMIT, eventually};

const BOUNDARY: &str = "----------_BoUnDaRy_StRiNg_$";

/// Sends bytes over TLS and reads to the end, as an old client does.
fn raw(address: Ipv4Addr, who: &Credentials, request: &[u8]) -> String {
    let config = client_config(Some(who), PeerRule::AnyNode).unwrap();
    let name = rustls::pki_types::ServerName::try_from("conpaas.invalid").unwrap();
    let mut connection = rustls::ClientConnection::new(Arc::clone(&config), name).unwrap();
    let mut socket = TcpStream::connect((address, PORT)).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.set_write_timeout(Some(LIMIT)).unwrap();
    let mut stream = rustls::Stream::new(&mut connection, &mut socket);
    // The node may answer and close before it has read everything.
    let _closed_early = stream.write_all(request);
    let mut answer = Vec::new();
    let _reset_after_the_answer = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(content_type: &str, body: &[u8]) -> Vec<u8> {
    let n = body.len();
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {n}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn call(body: &Value) -> Vec<u8> {
    post("application/json", body.to_string().as_bytes())
}

fn multipart(body: &str) -> Vec<u8> {
    post(&format!("multipart/form-data; boundary={BOUNDARY}"), body.as_bytes())
}

fn part(name: &str, rest: &str, content: &str) -> String {
    format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{rest}\r\n\r\n{content}\r\n")
}

/// A name, what is sent, the status and a part of the answer.
type Row = (&'static str, Vec<u8>, u16, &'static str);

/// What every node says to it, manager or agent.
fn rows() -> Vec<Row> {
    let end = format!("--{BOUNDARY}--\r\n");
    let upload = |rest: &str, content: &str| {
        multipart(&(part("service_id", "", "0") + &part("method", "", "none") + &part("file", rest, content) + &end))
    };
    let mut not_utf8 = multipart(&(part("service_id", "", "??") + &end));
    let at = not_utf8.windows(2).position(|pair| pair == b"??").unwrap();
    not_utf8[at] = 0xff;
    let get =
        |query: &str| format!("GET {query} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n").into_bytes();
    vec![
        ("an unknown method", call(&json!({"service_id": 0, "method": "rm", "id": 1})), 404, "Method not found"),
        ("an unknown service", call(&json!({"service_id": 99, "method": "stop", "id": 1})), 404, "Service not found"),
        (
            "a service id of a wrong type",
            call(&json!({"service_id": [0], "method": "x", "id": 1})),
            400,
            "whole number",
        ),
        ("a service id too large", get("/?service_id=99999999999999999999&method=x&id=1"), 400, "whole number"),
        ("a method of a wrong type", call(&json!({"service_id": 0, "method": {}, "id": 1})), 400, "not a text"),
        (
            "parameters of a wrong type",
            get("/?service_id=0&method=check_process&id=1&params=7"),
            200,
            "object of type 'int' has no len()",
        ),
        (
            "a parameter that is not declared",
            get("/?service_id=0&method=check_process&id=1&params=%7B%22x%22:1%7D"),
            200,
            "Unexpected parameters",
        ),
        ("no JSON", post("application/json", b"{\"service_id\":"), 400, "malformed JSON"),
        ("JSON nested too deep", post("application/json", "[".repeat(100_000).as_bytes()), 400, "malformed JSON"),
        ("a huge call", post("application/json", &vec![b' '; 3 << 20]), 413, "larger than"),
        ("a path", get("/../../etc/passwd?service_id=0&method=check_process&id=1"), 404, "not found"),
        ("an unknown media type", post("text/plain", b"x"), 415, "unsupported format"),
        ("an unknown verb", b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), 415, "unsupported format"),
        (
            "an unknown verb of a known type",
            b"BREW / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\r\n".to_vec(),
            405,
            "invalid for this server",
        ),
        (
            "a head too long",
            format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(200_000)).into_bytes(),
            431,
            "",
        ),
        ("no HTTP at all", b"\x16\x03\x01 nonsense\r\n\r\n".to_vec(), 400, ""),
        (
            "multipart cut short",
            multipart(&format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb")),
            400,
            "malformed",
        ),
        ("multipart without a boundary", post("multipart/form-data", b"abc"), 400, "malformed"),
        ("multipart that is not UTF-8", not_utf8, 400, "not UTF-8"),
        (
            "a part whose head does not end",
            multipart(&format!("--{BOUNDARY}\r\nX: {}", "y".repeat(4 << 20))),
            400,
            "does not end",
        ),
        (
            "texts without end",
            multipart(&(part("a", "", &"x".repeat(3 << 20)) + &part("b", "", &"y".repeat(3 << 20)) + &end)),
            413,
            "larger than",
        ),
        ("too many parts", multipart(&(part("a", "", "b").repeat(300) + &end)), 400, "more than 256 fields"),
        ("an upload for an unknown method", upload("; filename=\"../../../etc/passwd\"", "x"), 404, "not found"),
        ("a head that never ends", b"GET / HTTP/1.1\r\nHost: x\r\n".to_vec(), 408, ""),
        (
            "a body that never comes",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{".to_vec(),
            408,
            "in time",
        ),
    ]
}

/// Sends all rows at once, because the slow ones take their time, and others are not to wait for them.
async fn hold_table(address: Ipv4Addr, who: &Credentials, uploads: &Path) {
    let running: Vec<_> = rows()
        .into_iter()
        .map(|(name, request, wanted, text)| {
            let who = who.clone();
            let answer = tokio::task::spawn_blocking(move || raw(address, &who, &request));
            async move { (name, answer.await.unwrap(), wanted, text) }
        })
        .collect();
    for (name, answer, wanted, text) in futures_util::future::join_all(running).await {
        let status: u16 = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        // Where HTTP itself is broken, hyper may close without an answer: never a hang, never a crash.
        let is_closed = answer.is_empty() && text.is_empty();
        assert!(is_closed || status == wanted, "{name}: wanted {wanted}, got {answer:.300}");
        assert!(
            is_closed || answer.to_lowercase().contains(&text.to_lowercase()),
            "{name}: wanted {text:?} in {answer:.600}"
        );
    }
    let left: Vec<_> = std::fs::read_dir(uploads).unwrap().flatten().map(|entry| entry.file_name()).collect();
    let left: Vec<_> = left.iter().filter(|name| name.to_string_lossy().starts_with("upload-")).collect();
    assert!(left.is_empty(), "uploads are left behind: {left:?}");
}

/// Everybody who must not come in, by certificate.
async fn hold_strangers(bench: &Bench, address: Ipv4Addr, are_refused: &[Subject]) {
    let check = || RpcCall::get(0, "check_process");
    for subject in are_refused {
        let status = super::bench::status(&bench.client(subject), address, check()).await;
        assert_eq!(status, 403, "{subject:?}");
    }
    let expired = bench.authority.issue(&Subject::manager(USER, APPLICATION), &[], Lifetime(Duration::ZERO)).unwrap();
    let expired = Client::new(Some(&expired), PeerRule::AnyNode).unwrap();
    eventually("an expired certificate is refused", async || {
        expired.call(&endpoint(address), &check()).await.err().map(drop)
    })
    .await;
    let without = Client::new(None, PeerRule::Unverified).unwrap();
    assert!(without.call(&endpoint(address), &check()).await.is_err(), "no certificate");
    let elsewhere = Bench::new();
    let mut foreign = elsewhere.credentials(&Subject::manager(USER, APPLICATION));
    foreign.authority_pem = bench.authority.certificate_pem().to_owned();
    let foreign = Client::new(Some(&foreign), PeerRule::AnyNode).unwrap();
    assert!(foreign.call(&endpoint(address), &check()).await.is_err(), "another authority's certificate");
}

/// Connections from one address that say nothing do not keep another address out.
async fn hold_flood(bench: &Bench, client: &Client, address: Ipv4Addr) {
    let source = bench.address();
    let mut idle = Vec::new();
    for _ in 0..200 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((source, 0).into()).unwrap();
        idle.extend(socket.connect((address, PORT).into()).await.ok());
    }
    assert!(idle.len() > 100, "the flood came through");
    for _ in 0..3 {
        let answer =
            tokio::time::timeout(Duration::from_secs(8), ok(client, address, RpcCall::get(0, "check_process")));
        assert_eq!(answer.await.expect("others are answered before the flood is given up"), json!({}));
    }
}

struct Agent {
    bench: Bench,
    address: Ipv4Addr,
    root: PathBuf,
}

impl Agent {
    fn lay() -> Self {
        let bench = Bench::new();
        let address = bench.address();
        let root = bench.lay_agent("agent", "generic", address, &Endpoint { host: "127.0.0.1".into(), port: 1 });
        Agent { bench, address, root }
    }

    fn update(&self, name: &str, archive: &[u8]) -> RpcCall {
        let path = self.bench.path(name);
        std::fs::write(&path, archive).unwrap();
        let call = RpcCall::upload(0, "update_code").param("filetype", "tar").param("codeVersionId", name);
        call.file("file", path, name)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_to_an_agent() {
    let agent = Agent::lay();
    let (bench, address) = (&agent.bench, agent.address);
    let pid = bench.start("agent", &agent.root, address, &[]);
    bench.await_up(address).await;
    let manager = bench.as_manager();
    ok(&manager, address, agent.update("good.tar", &tar_of(&[("run.sh", "exit 7")]))).await;
    let own = bench.credentials(&Subject::manager(USER, APPLICATION));
    hold_table(address, &own, &agent.root.join("var/tmp/cpsagent")).await;
    let strangers = [
        Subject::user(USER, "alice", "a@example.org"),
        Subject::manager(USER, ApplicationId(4)),
        Subject::agent(UserId(8), APPLICATION),
        Subject::agent(USER, ApplicationId(4)),
    ];
    hold_strangers(bench, address, &strangers).await;
    hold_flood(bench, &manager, address).await;
    for path in ["/etc/passwd", "../../../etc/passwd", "/root/config.cfg", "agent.out\0", "/etc/cpsagent/certs/key.pem"]
    {
        let error = refused(&manager, address, RpcCall::get(0, "get_log").param("filename", path)).await;
        assert!(error.starts_with("Failed to read log file"), "{path}: {error}");
    }
    for device in ["../sdb", "", "/dev/sda", "sdb\n", "-o"] {
        let call = RpcCall::post(0, "mount_volume").param("dev_name", device).param("vol_name", "v");
        let error = refused(&manager, address, call).await;
        assert!(error.contains("is not a device name"), "{device:?}: {error}");
    }
    assert!(!bench.wait_end(pid, Duration::ZERO), "the same process goes on");
    assert_eq!(std::fs::read(agent.root.join("var/cache/cpsagent/bin/run.sh")).unwrap(), b"exit 7", "nothing was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_to_a_manager() {
    let world = World::start(&[]).await;
    let sid = world.add("generic").await;
    let owner = world.bench.credentials(&Subject::user(USER, "alice", "a@example.org"));
    hold_table(world.address, &owner, &world.root.join("var/tmp/cpsmanager")).await;
    let strangers = [
        Subject::user(UserId(8), "mallory", "m@example.org"),
        Subject::manager(USER, ApplicationId(4)),
        Subject::manager(UserId(8), APPLICATION),
        Subject::agent(USER, APPLICATION),
    ];
    hold_strangers(&world.bench, world.address, &strangers).await;
    hold_flood(&world.bench, &world.bench.user(), world.address).await;
    for name in ["../../root/config.cfg", "/etc/passwd", "code-default/../../manager.db", "code-default\0"] {
        let call = RpcCall::get(sid, "download_code_version").param("codeVersionId", name);
        assert!(world.refused(call).await.contains("must be one of"), "{name}");
    }
    for sid in [json!("../x"), json!("1/../2"), json!(-1), json!(0), json!(99), json!([1])] {
        let call = RpcCall::upload(0, "upload_startup_script").param("sid", sid.to_string().trim_matches('"'));
        let script = world.bench.path("startup.sh");
        std::fs::write(&script, "exit 0").unwrap();
        let error = world.refused(call.file("script", script, "../../startup.sh")).await;
        assert!(error.contains("must be one of") || error.contains("Service 0 is"), "{sid}: {error}");
    }
    let evil = world.bench.path("evil.tar");
    std::fs::write(&evil, tar_of(&[("run.sh", "exit 0")])).unwrap();
    let call = RpcCall::upload(sid, "upload_code_version").file("code", evil, "../../\u{9b}2Jx.tar");
    world.ok(call).await;
    let versions = world.ok(RpcCall::get(sid, "list_code_versions")).await.to_string();
    assert!(versions.contains("\"2Jx.tar\"") && !versions.contains('\u{9b}'), "{versions}");
    assert_eq!(world.state(sid).await, "INIT", "nothing was lost");
    assert!(!world.bench.wait_end(world.pid, Duration::ZERO), "the same process goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_start_says_why() {
    let agent = Agent::lay();
    let console = || std::fs::read_to_string(agent.root.join("root/console")).unwrap();
    let taken = std::net::TcpListener::bind((agent.address, PORT)).unwrap();
    let pid = agent.bench.start("agent", &agent.root, agent.address, &[]);
    assert!(agent.bench.wait_end(pid, LIMIT));
    assert!(console().contains(&format!("cannot listen on {}:{PORT}", agent.address)), "{}", console());
    drop(taken);
    std::fs::remove_file(agent.root.join("etc/cpsagent/certs/key.pem")).unwrap();
    let pid = agent.bench.start("agent", &agent.root, agent.address, &[]);
    assert!(agent.bench.wait_end(pid, LIMIT));
    assert!(console().contains("key.pem"), "{}", console());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_keeps_a_node_from_talking_tls() {
    let agent = Agent::lay();
    let output = tokio::process::Command::new("faketime")
        .args(["1970-01-02 00:00:00", env!("CARGO_BIN_EXE_conpaas"), "agent", "-b", &agent.address.to_string()])
        .args(["-p", &PORT.to_string(), "--root"])
        .arg(&agent.root)
        .env("CONPAAS_NODE", agent.bench.tag(&agent.root))
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, output).await.expect("it ends").unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("1970"), "{text}");
}

/// A file system of `size` at `place` that is gone at the end of the test. Root only.
struct Small(PathBuf);

impl Small {
    fn mount(place: &Path, size: &str) -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            println!("skipped: only root can mount a disk that is full");
            return None;
        }
        std::fs::create_dir_all(place).unwrap();
        let data = format!("size={size}");
        nix::mount::mount(Some("tmpfs"), place, Some("tmpfs"), nix::mount::MsFlags::empty(), Some(data.as_str()))
            .unwrap();
        Some(Small(place.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _best_effort = nix::mount::umount2(&self.0, nix::mount::MntFlags::MNT_DETACH);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_no_code() {
    let world = World::start(&[]).await;
    let sid = world.add("generic").await;
    let repository = world.root.join(format!("var/cache/cpsmanager/code_repo/{sid}"));
    let Some(_disk) = Small::mount(&repository, "1m") else { return };
    let noise: String = (0..2_000_000).map(|_| char::from(rand::random_range(b' '..=b'~'))).collect();
    let (small, large) = (tar_of(&[("run.sh", "exit 0")]), tar_of(&[("run.sh", &noise)]));
    let archive = |name: &str, bytes: &[u8]| {
        let path = world.bench.path(name);
        std::fs::write(&path, bytes).unwrap();
        RpcCall::upload(sid, "upload_code_version").file("code", path, name)
    };
    let error = world.refused(archive("large.tar", &large)).await;
    assert!(error.contains("cannot keep the code version") && error.contains("No space"), "{error}");
    assert_eq!(std::fs::read_dir(&repository).unwrap().count(), 0, "nothing of it is left");
    world.ok(archive("small.tar", &small)).await;

    let agent = Agent::lay();
    let cache = agent.root.join("var/cache/cpsagent");
    let Some(_disk) = Small::mount(&cache, "1m") else { return };
    let pid = agent.bench.start("agent", &agent.root, agent.address, &[]);
    agent.bench.await_up(agent.address).await;
    let manager = agent.bench.as_manager();
    ok(&manager, agent.address, agent.update("small.tar", &small)).await;
    let error = refused(&manager, agent.address, agent.update("large.tar", &large)).await;
    assert!(error.contains("cannot unpack the archive") && error.contains("No space"), "{error}");
    assert_eq!(std::fs::read(cache.join("bin/run.sh")).unwrap(), b"exit 0", "the old code is as it was");
    ok(&manager, agent.address, agent.update("small.tar", &small)).await;
    // Its processes must not hold the disk when it is taken away.
    agent.bench.kill(pid);
    world.bench.kill(world.pid);
}
