//! What strangers and tenants do to each other at the director: places, passwords, disk and answers of nodes.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conpaas::model::{ApplicationId, UserId};
use conpaas::pki::{Credentials, Lifetime, Subject};
use conpaas::rpc::Endpoint;
use tokio::task::JoinSet;

use crate::support::ask_from::{ask_from, login, status};
use crate::support::director::{World, entries};
use crate::support::hold::{Held, Hold, hold};
use crate::support::hostile_server::{HostileServer, Reply};
use crate::support::wait::{LIMIT, eventually};

const ALICE: UserId = UserId(1);

/// An address of this world; those above 128 are nodes of its cluster.
fn address(world: &World, host: u8) -> Ipv4Addr {
    let [a, b, c, _] = world.endpoint.host.parse::<Ipv4Addr>().unwrap().octets();
    Ipv4Addr::new(a, b, c, host)
}

fn user(world: &World) -> Credentials {
    world.add_user("alice");
    world.certificate(&Subject::user(ALICE, "alice", "alice@example.org"), Lifetime::USER)
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_hold_their_places_keep_nobody_out() {
    let patience =
        [("director.MAX_CONNECTIONS", "32"), ("director.HEADER_TIMEOUT", "5m"), ("director.REQUEST_TIMEOUT", "5m")];
    let mut world = World::start_with(&patience, &[]);
    let alice = user(&world);
    let mallory = world.certificate(&Subject::user(UserId(2), "mallory", "m@example.org"), Lifetime::USER);
    // Nodes give themselves addresses; others have a few of their own.
    let sources = [129, 130, 131, 2, 3, 4].map(|host| address(&world, host));
    let mut held: Vec<Held> = Vec::new();
    for how in Hold::ALL {
        for source in sources {
            for who in [None, Some(&mallory)] {
                for _ in 0..12 {
                    held.extend(hold(source, &world.endpoint, who, how).await.ok());
                }
            }
        }
        let version = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n";
        for _ in 0..3 {
            let own = address(&world, 9);
            let known = tokio::time::timeout(LIMIT / 3, world.get(Some(&alice), "/user_config")).await;
            assert_eq!(known.expect("nobody waits for those").json()["username"], "alice", "{how:?}");
            let new = tokio::time::timeout(LIMIT / 3, ask_from(own, &world.endpoint, None, version)).await;
            assert!(new.expect("a newcomer neither").unwrap().ends_with("2.0.0"), "{how:?}");
        }
    }
    let mut n_left = 0;
    for held in &mut held {
        n_left += usize::from(!held.is_ended().await);
    }
    assert!(n_left <= 32, "{n_left} of {} are open still", held.len());
    assert!(world.is_running());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_keeps_out_nobody_at_another_address() {
    let world = World::start_with(&[("director.LOGIN_ATTEMPTS_PER_MINUTE", "1"), ("director.LOGIN_BURST", "3")], &[]);
    world.add_user("alice");
    let ask = async |host: u8, name: &str, password: &str| {
        ask_from(address(&world, host), &world.endpoint, None, &login(name, password)).await.unwrap()
    };
    for (guesser, n_counted) in [(2, 3), (129, 3)] {
        for n in 0..8 {
            let answer = ask(guesser, "alice", "guess").await;
            assert_eq!(status(&answer), if n < n_counted { 200 } else { 429 }, "guess {n} of .{guesser}: {answer}");
        }
        assert_eq!(status(&ask(guesser, "alice", "alice-secret").await), 429, "the right one waits at .{guesser}");
        for _ in 0..3 {
            let answer = ask(9, "alice", "alice-secret").await;
            assert!(status(&answer) == 200 && answer.contains("\"username\": \"alice\""), "{answer}");
        }
    }
    assert_eq!(status(&ask(130, "alice", "guess").await), 429, "a node may give itself any address");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_logins_lets_others_in() {
    let limits = [
        ("director.LOGIN_ATTEMPTS_PER_MINUTE", "12"),
        ("director.LOGIN_BURST", "6"),
        // A quarter of them may wait: fewer than the flood has.
        ("director.MAX_CONNECTIONS", "160"),
    ];
    let world = World::start_with(&limits, &[]);
    let alice = user(&world);
    let statuses = Arc::new(Mutex::new(Vec::new()));
    let mut flood = JoinSet::new();
    for n in 0..60u8 {
        let (source, endpoint, statuses) =
            (address(&world, 10 + n % 30), world.endpoint.clone(), Arc::clone(&statuses));
        flood.spawn(async move {
            for m in 0.. {
                let request = login(&format!("nobody{n}x{m}"), "guess");
                let answer = ask_from(source, &endpoint, None, &request).await.unwrap_or_default();
                statuses.lock().unwrap().push(status(&answer));
            }
        });
    }
    let is_on = || async { statuses.lock().unwrap().contains(&429).then_some(()) };
    eventually("the flood is told to wait", is_on).await;
    for _ in 0..3 {
        let answer =
            ask_from(address(&world, 9), &world.endpoint, None, &login("alice", "alice-secret")).await.unwrap();
        assert!(status(&answer) == 200 && answer.contains("\"username\": \"alice\""), "{answer}");
        assert_eq!(world.get(Some(&alice), "/user_credit").await.text, "50", "other requests do not wait");
    }
    flood.shutdown().await;
    let statuses = statuses.lock().unwrap();
    // One whose place was given to others has no answer.
    assert!(statuses.iter().all(|status| [0, 200, 429].contains(status)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_without_files_keeps_none() {
    let world = World::start();
    let alice = user(&world);
    let uploads = world.path("state/uploads");
    let part = |n_bytes: usize| {
        let file = "x".repeat(n_bytes);
        let body = format!(
            "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n{file}\r\n--B\r\n\
             Content-Disposition: form-data; name=\"name\"\r\n\r\nshop{n_bytes}\r\n--B--\r\n"
        );
        format!(
            "POST /createapp HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=B\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let own = address(&world, 9);
    let small = ask_from(own, &world.endpoint, Some(&alice), part(1000).as_bytes()).await.unwrap();
    assert!(small.contains("shop1000"), "a file that nobody asked for is passed over: {small}");
    // The head alone says that it is too large: the answer comes before any of it.
    let head = "POST /createapp HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=B\r\n\
                Content-Length: 50000000\r\n\r\n--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\nx";
    let running: Vec<_> = (0..10)
        .map(|_| {
            let (endpoint, alice) = (world.endpoint.clone(), alice.clone());
            tokio::spawn(async move { ask_from(own, &endpoint, Some(&alice), head.as_bytes()).await.unwrap() })
        })
        .collect();
    for one in running {
        let answer = one.await.unwrap();
        assert!(status(&answer) == 413 && answer.contains("larger than 131072 bytes"), "{answer}");
        assert!(answer.contains("text/plain") && !answer.contains('<'), "{answer}");
        assert_eq!(entries(&uploads), 0, "nothing was written");
    }
    assert_eq!(world.get(Some(&alice), "/listapp").await.json().as_array().map(Vec::len), Some(2));
}

/// Starts alice's application while `reply` is served where its manager should be; returns its end.
async fn start_beside(world: &World, subject: &Subject, reply: Reply) -> (serde_json::Value, HostileServer) {
    let alice = user(world);
    let endpoint = Endpoint { host: address(world, 129).to_string(), port: 8443 };
    let server = HostileServer::start(&endpoint, &world.certificate(subject, Lifetime::NODE), reply).await;
    let started = world.post(Some(&alice), "/startapp/1", &[]).await.json();
    let fields: Vec<&String> = started.as_object().into_iter().flatten().map(|(name, _)| name).collect();
    assert_eq!(fields, ["operation_id"], "nothing but what a client may wait for: {started}");
    let application = eventually("the application is in ERROR", || async {
        let application = world.get(Some(&alice), "/listapp").await.json()[0].clone();
        (application["status"] == "ERROR").then_some(application)
    });
    (application.await, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_node_fills_neither_memory_nor_log() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n";
    for reply in [Reply::Endless(head, &[b'x'; 64 * 1024]), Reply::Errors(10_000), Reply::Errors(3_000_000)] {
        let world = World::start_with(&[("director.NODE_START_TIMEOUT", "6s")], &[]);
        let shown = format!("{reply:.40?}");
        let (application, server) = start_beside(&world, &Subject::manager(ALICE, ApplicationId(1)), reply).await;
        assert!(server.n_requests() > 2, "{shown}: the director asked {} times", server.n_requests());
        let reason = application["reason"].as_str().unwrap();
        assert!(reason.len() < 4000 && !reason.contains('\u{1b}'), "{shown}: {reason}");
        let log = world.log();
        assert!(log.len() < 200_000 && !log.contains('\u{1b}'), "{shown}: a log of {} bytes", log.len());
        let peak = peak_kb(world.pid());
        assert!(peak < 120_000, "{shown}: the director took {peak} kB");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_answers_for_a_manager_is_not_believed() {
    let world = World::start_with(&[("director.NODE_START_TIMEOUT", "3s")], &[]);
    let good = Reply::ok("{\"error\": null, \"result\": {}, \"id\": \"1\"}");
    let (application, server) = start_beside(&world, &Subject::agent(ALICE, ApplicationId(1)), good).await;
    let reason = application["reason"].as_str().unwrap();
    assert!(reason.contains("failed verification"), "{reason}");
    assert_eq!(server.n_requests(), 0, "it is told nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_given_back_after_a_burst() {
    let world = World::start();
    world.add_user("alice");
    let at_rest = resident_kb(world.pid());
    for _ in 0..4 {
        let running: Vec<_> = (0..8u8)
            .map(|n| {
                let (source, endpoint) = (address(&world, 10 + n), world.endpoint.clone());
                tokio::spawn(async move { ask_from(source, &endpoint, None, &login("alice", "alice-secret")).await })
            })
            .collect();
        for one in running {
            assert_eq!(status(&one.await.unwrap().unwrap()), 200);
        }
    }
    let after = eventually("memory is given back", || async {
        let now = resident_kb(world.pid());
        (now < at_rest + 20_000).then_some(now)
    });
    let after = tokio::time::timeout(Duration::from_secs(30), after).await;
    assert!(after.is_ok(), "{at_rest} kB at rest, {} kB after", resident_kb(world.pid()));
}

fn resident_kb(pid: u32) -> u64 {
    status_line(pid, "VmRSS:")
}

fn peak_kb(pid: u32) -> u64 {
    status_line(pid, "VmHWM:")
}

fn status_line(pid: u32, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
