//! Answers of servers that are not to be trusted, as clients of this program take them: bounded in size and
//! time, and nothing else than an answer is one.

use std::net::Ipv4Addr;
use std::time::Duration;

use conpaas::pki::Subject;
use conpaas::rpc::{CallError, Client, Endpoint, PeerRule, RpcCall};
use serde_json::json;

use super::bench::{APPLICATION, Bench, PORT, USER};
use crate::support::hostile_server::{HostileServer, Reply};
use crate::support::wait::LIMIT;

const MANY: &[u8] = &[b'x'; 64 * 1024];

async fn answer_of(bench: &Bench, reply: Reply) -> (Result<serde_json::Value, CallError>, u64) {
    let (endpoint, client) = hostile(bench);
    let server = HostileServer::start(&endpoint, &bench.credentials(&Subject::agent(USER, APPLICATION)), reply).await;
    let call = RpcCall::get(0, "check_process");
    let answer = tokio::time::timeout(LIMIT, client.with_timeout(Duration::from_secs(2)).call(&endpoint, &call)).await;
    (answer.expect("no answer takes longer than the client bears"), server.n_sent())
}

fn hostile(bench: &Bench) -> (Endpoint, Client) {
    let address: Ipv4Addr = bench.address();
    let credentials = bench.credentials(&Subject::manager(USER, APPLICATION));
    let client = Client::new(Some(&credentials), PeerRule::Agent(USER, APPLICATION)).unwrap();
    (Endpoint { host: address.to_string(), port: PORT }, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_given_up_before_it_takes_memory() {
    let bench = Bench::new();
    for (name, reply) in [
        ("a body of unknown length", Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n", MANY)),
        ("a body that says its length", Reply::Endless(b"HTTP/1.1 200 OK\r\nContent-Length: 300000000\r\n\r\n", MANY)),
        ("a refusal", Reply::Endless(b"HTTP/1.1 500 No\r\n\r\n", MANY)),
        ("a head", Reply::Endless(b"HTTP/1.1 200 OK\r\n", b"X-More: and more and more and more\r\n")),
        ("a header", Reply::Endless(b"HTTP/1.1 200 OK\r\nX: ", MANY)),
    ] {
        let (answer, n_sent) = answer_of(&bench, reply).await;
        let error = answer.expect_err(name).to_string();
        assert!(error.len() < 1000, "{name}: {error}");
        // What lies in the kernel's buffers was sent, too.
        assert!(n_sent < 16 * 1024 * 1024, "{name}: {n_sent} bytes were taken");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_an_error_with_its_beginning() {
    let bench = Bench::new();
    let page = format!("<html>\u{1b}[2J{}", "y".repeat(100_000));
    for body in [page.as_str(), "", "true", "[]", "{}", "{\"error\": null, \"id\": 1}", "{\"result\": 1"] {
        let (answer, _) = answer_of(&bench, Reply::ok(body)).await;
        let error = answer.expect_err(body);
        assert!(matches!(error, CallError::Malformed { .. }), "{body:.40}: {error:?}");
        let text = error.to_string();
        assert!(text.len() < 1000 && !text.contains('\u{1b}') && text.contains("check_process"), "{text}");
    }
    let (answer, _) = answer_of(&bench, Reply::Errors(200_000)).await;
    match answer {
        Err(CallError::Remote(text)) => assert!(text.len() < 5000 && !text.contains('\u{1b}'), "{} bytes", text.len()),
        other => panic!("{other:?}"),
    }
    let (answer, _) = answer_of(&bench, Reply::ok("{\"error\": null, \"result\": {\"a\": 1}, \"id\": \"1\"}")).await;
    assert_eq!(answer.unwrap(), json!({"a": 1}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_dribbles_is_given_up() {
    let bench = Bench::new();
    let pause = Duration::from_millis(100);
    for first in [&b"HTTP/1.1 200 OK\r\nX: "[..], b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"] {
        let (answer, n_sent) = answer_of(&bench, Reply::Dribble(first, pause)).await;
        assert!(answer.is_err() && n_sent < 500, "{n_sent} bytes: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_no_manager_and_a_manager_no_agent() {
    let bench = Bench::new();
    let (endpoint, _) = hostile(&bench);
    let good = Reply::ok("{\"error\": null, \"result\": {}, \"id\": \"1\"}");
    let agent = bench.credentials(&Subject::agent(USER, APPLICATION));
    let server = HostileServer::start(&endpoint, &agent, good).await;
    let credentials = bench.credentials(&Subject::director("x"));
    let call = RpcCall::get(0, "check_process");
    for (rule, is_taken) in [
        (PeerRule::Manager(USER, APPLICATION), false),
        (PeerRule::ManagerOf(USER), false),
        (PeerRule::Director, false),
        (PeerRule::Agent(USER, APPLICATION), true),
    ] {
        let client = Client::new(Some(&credentials), rule.clone()).unwrap();
        assert_eq!(client.call(&endpoint, &call).await.is_ok(), is_taken, "{rule:?}");
    }
    assert_eq!(server.n_requests(), 1, "no request is told to the wrong one");
}
