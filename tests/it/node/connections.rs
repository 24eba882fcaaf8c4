//! Connections that are kept between calls: how many there are, who may use one, and that they hold nothing up.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use conpaas::pki::{Lifetime, NodeNumber, Subject};
use conpaas::rpc::{Client, Endpoint, PeerRule, RpcCall};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use super::bench::{APPLICATION, Bench, PORT, USER, endpoint};

/// Passes connections on, and counts them.
struct Passage {
    endpoint: Endpoint,
    n_passed: Arc<AtomicUsize>,
}

impl Passage {
    async fn to(address: Ipv4Addr) -> Passage {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = Endpoint { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
        let n_passed = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&n_passed);
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let Ok(mut there) = TcpStream::connect((address, PORT)).await else { return };
                    let _one_of_them_closed = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                });
            }
        });
        Passage { endpoint, n_passed }
    }

    fn n(&self) -> usize {
        self.n_passed.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_serves_calls_one_after_the_other_for_whoever_may_call_then() {
    let bench = Bench::new();
    let address = bench.address();
    let root = bench.lay_agent("agent", "generic", address, &endpoint(bench.address()));
    let mut pid = bench.start("agent", &root, address, &[]);
    bench.await_up(address).await;
    let passage = Passage::to(address).await;
    let check = RpcCall::get(0, "check_process");
    let issued = bench.authority.issue_to_node(
        &Subject::manager(USER, APPLICATION),
        NodeNumber::new(3).unwrap(),
        Lifetime::NODE,
    );
    let removed_later = Client::new(Some(&issued.unwrap()), PeerRule::AnyNode).unwrap();
    for _ in 0..3 {
        removed_later.call(&passage.endpoint, &check).await.unwrap();
    }
    assert_eq!(passage.n(), 1);
    let other = bench.as_manager().keeping_none();
    for _ in 0..2 {
        other.call(&passage.endpoint, &check).await.unwrap();
    }
    assert_eq!(passage.n(), 3);

    // The node that was started anew is called on another connection.
    bench.kill(pid);
    pid = bench.start("agent", &root, address, &[]);
    bench.await_up(address).await;
    removed_later.call(&passage.endpoint, &check).await.unwrap();
    assert_eq!(passage.n(), 4);
    let told = RpcCall::post(0, "set_wanted_nodes").param("up_to", 9).param("numbers", json!([9]));
    bench.client(&Subject::director("x")).call(&endpoint(address), &told).await.unwrap();
    let refused = removed_later.call(&passage.endpoint, &check).await.unwrap_err().to_string();
    assert!(refused.contains("of a node that was removed"), "{refused}");
    assert_eq!(passage.n(), 4, "the connection of before");

    let asked = Instant::now();
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGTERM).unwrap();
    assert!(bench.wait_end(pid, Duration::from_secs(60)), "it ends");
    assert!(asked.elapsed() < Duration::from_secs(5), "no connection that waits holds it up");
}
