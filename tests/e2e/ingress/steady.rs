//! No visitor notices that what is published changes, or that director and ingress start again.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::php::{Site, enable};
use super::super::world;
use super::house::{House, PI};
use crate::support::visitors::{Seen, Visitors};
use crate::support::wait::wait_until_within;

const LIMIT: Duration = Duration::from_secs(300);
/// As many requests, and 100,000 in the long form.
const N_REQUESTS: u64 = 20_000;

#[test]
fn no_request_fails_while_what_is_published_changes() {
    let image = world::engines_base();
    world::inside("e2e::ingress::steady::no_request_fails_while_what_is_published_changes", |state| async move {
        let mut house = House::new(&state, &image);
        for words in ["application create shop", "application start shop", "php add shop", "php start shop 1"] {
            house.client(words);
        }
        enable(&Site { nutshell: &house.nutshell, directory: &state }, "<?php echo $_POST['a'] ?? 'hello';\n");
        house.client("generic add shop");
        house.client("publish shop 1 --name shop --port 8001");
        house.await_page("8001", &[], "200");
        let address = format!("{PI}:8001").parse().expect("an address");
        let visitors = Visitors::come(&house.phone, address, &["/", "/style.css"]);
        let more = |what: &str, n: u64| {
            let before = visitors.seen().n_good;
            wait_until_within(LIMIT, "visitors come", || (visitors.seen().n_good >= before + n).then_some(()));
            let Seen { n_good, n_reopened, n_failed, longest, failures } = visitors.seen();
            let first = failures.first();
            eprintln!("{what}: {n_good} good, {n_reopened} reopened, {n_failed} failed, longest {longest:?} {first:?}");
        };
        more("before", 500);
        let n_all = if std::env::var_os("CONPAAS_TEST_LONG").is_some() { 5 * N_REQUESTS } else { N_REQUESTS };
        for words in ["publish shop 2 --port 8500", "publish shop 1 --name other", "unpublish shop 2"] {
            house.client(words);
            more(words, 1000);
        }
        house.client("php add_nodes --backend 1 --web 1 --proxy 1 shop 1");
        more("scaled out", 1000);
        for _ in 0..n_all / N_REQUESTS {
            house.client("php remove_nodes --backend 1 --web 1 --proxy 1 shop 1");
            more("scaled in", 1000);
            house.client("php add_nodes --backend 1 --web 1 --proxy 1 shop 1");
            more("scaled out again", 1000);
        }
        house.end_ingress(Signal::SIGTERM);
        more("without an ingress", 500);
        house.start_ingress();
        more("with an ingress again", 500);
        house.end_ingress(Signal::SIGKILL);
        house.start_ingress();
        more("after the ingress was killed", 500);
        let record = std::fs::read_to_string(state.join("nutshell/director.json")).expect("the director runs");
        let record: serde_json::Value = serde_json::from_str(&record).expect("it is JSON");
        let pid = record["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).expect("it names a process");
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it runs");
        more("without a director", 500);
        house.nutshell.succeed("up", &[]);
        house.client("publish shop 2 --port 8501");
        house.await_page("8501", &[], "503");
        more("with a director again", 500);
        more("at the end", n_all.saturating_sub(visitors.seen().n_good));
        let seen = visitors.go();
        assert_eq!(seen.n_failed, 0, "{seen:?}");
        assert!(seen.n_good >= n_all, "{seen:?}");
    });
}
