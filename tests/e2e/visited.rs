//! A site in real containers that visitors use without a pause while it changes.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::php::{Site, enable};
use super::world;
use crate::support::control_groups::groups;
use crate::support::enter;
use crate::support::nutshell::Nutshell;
use crate::support::visitors::{N_VISITORS, Seen, Visitors};
use crate::support::wait::wait_until_within;

/// A page that tells nothing to anybody, and takes forms.
const PAGE: &str = "<?php echo 'hello ', $_POST['a'] ?? '', \"\\n\";\n";
const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn no_request_fails_while_a_site_changes() {
    let image = world::engines_base();
    world::inside("e2e::visited::no_request_fails_while_a_site_changes", |state| async move {
        let (namespace, nutshell) = world::nutshell(&state, &state, &image);
        let (site, address) = begin(&nutshell, &state);
        let visitors = Visitors::come(&namespace, address, &["/", "/style.css"]);
        let more = |what: &str| {
            let before = visitors.seen().n_good;
            let came = || (visitors.seen().n_good > before + 200).then_some(());
            wait_until_within(LIMIT, "visitors see the site", came);
            let Seen { n_good, n_reopened, n_failed, longest, failures } = visitors.seen();
            let first = failures.first();
            eprintln!("{what}: {n_good} good, {n_reopened} reopened, {n_failed} failed, longest {longest:?} {first:?}");
        };
        more("before");
        loop {
            change_everything(&site, &more);
            if !is_long() || visitors.seen().n_good > 100_000 {
                break;
            }
        }
        let seen = visitors.go();
        assert_eq!(seen.n_failed, 0, "{seen:?}");
    });
}

#[test]
fn a_dead_node_is_made_anew_and_visitors_hardly_notice() {
    let image = world::engines_base();
    world::inside("e2e::visited::a_dead_node_is_made_anew_and_visitors_hardly_notice", |state| async move {
        let (namespace, nutshell) = world::nutshell(&state, &state, &image);
        let (site, address) = begin(&nutshell, &state);
        site.client("php add_nodes --backend 2 shop 1");
        let visitors = Visitors::come(&namespace, address, &["/", "/style.css"]);
        let backends = || {
            let nodes = site.client("php list_nodes shop 1");
            let ids = nodes.lines().filter(|line| line.contains("backend"));
            ids.filter_map(|line| line.split_whitespace().nth(4).map(str::to_owned)).collect::<Vec<_>>()
        };
        let before = backends();
        let wait_for_more = || {
            let n_before = visitors.seen().n_good;
            let came = || (visitors.seen().n_good > n_before + 200).then_some(());
            wait_until_within(LIMIT, "visitors see the site", came);
        };
        wait_for_more();
        kill(&state, before.last().expect("there are two"), "php-fpm");
        wait_for_more();
        let n_failed = visitors.seen().n_failed;
        assert!(n_failed <= N_VISITORS, "those under way may fail, and no more: {:?}", visitors.seen());
        let began = Instant::now();
        kill(&state, before.last().expect("there are two"), "");
        let history = || site.client("php get_history shop 1");
        let told = format!("Node {} does not answer, and is made anew", before[1]);
        wait_until_within(LIMIT, "the death is noticed", || history().contains(&told).then_some(()));
        eprintln!("noticed after {:?}", began.elapsed());
        let is_whole = || {
            let now = backends();
            (now.len() == 2 && !now.contains(&before[1]) && site.client("php get_state shop 1").contains("RUNNING"))
                .then_some(())
        };
        wait_until_within(LIMIT, "there are two backends again", is_whole);
        eprintln!("whole after {:?}", began.elapsed());
        let seen = visitors.go();
        eprintln!("{seen:?}");
        assert!(seen.n_failed <= n_failed + N_VISITORS, "those under way may fail, and no more: {seen:?}");

        // The first node plays all other roles: without it there is nobody to tell visitors anything.
        let first = site.client("php list_nodes shop 1");
        let first = first.lines().find(|line| line.contains("proxy")).expect("there is one").to_owned();
        let first: Vec<&str> = first.split_whitespace().collect();
        kill(&state, first[4], "");
        let is_another = || {
            let nodes = site.client("php list_nodes shop 1");
            let row = nodes.lines().find(|line| line.contains("proxy"))?;
            let words: Vec<&str> = row.split_whitespace().collect();
            let is_well = words[4] != first[4] && site.client("php get_state shop 1").contains("RUNNING");
            is_well.then(|| words[3].to_owned())
        };
        let proxy = wait_until_within(LIMIT, "there is another proxy", is_another);
        assert_eq!(site.fetch(&format!("http://{proxy}/"), 1), ["200 hello"]);

        site.client("php self_healing shop 1 off");
        let last = backends().pop().expect("there are two");
        kill(&state, &last, "");
        let told = format!("Node {last} does not answer; self-healing is off");
        wait_until_within(LIMIT, "the death is told", || history().contains(&told).then_some(()));
    });
}

#[test]
fn backends_come_when_visitors_wait_too_long() {
    let image = world::engines_base();
    world::inside("e2e::visited::backends_come_when_visitors_wait_too_long", |state| async move {
        let (namespace, nutshell) = world::nutshell(&state, &state, &image);
        let (site, address) = begin(&nutshell, &state);
        enable(&site, "<?php usleep(20000); echo 'slow';\n");
        assert!(site.client("php get_performance shop 1").contains("request_rate: 0 requests/s"));
        let visitors = Visitors::come(&namespace, address, &["/"]);
        let figures = || {
            let text = site.client("php metrics shop 1");
            let rate = text.lines().find(|line| line.starts_with("conpaas_requests_per_second{"))?;
            let rate: u64 = rate.rsplit(' ').next()?.parse().ok()?;
            (rate > 5).then_some(())
        };
        wait_until_within(LIMIT, "the visitors are counted", figures);
        let performance = site.client("php get_performance shop 1");
        let took = performance.lines().find_map(|line| line.strip_prefix("response_time: ")).expect("it is told");
        let took: u64 = took.trim_end_matches(" ms").parse().expect("it is a number");
        assert!(took >= 15, "a page takes 20 ms: {performance}");

        site.client("php enable_autoscaling shop 1 0 5 low --max-nodes 2");
        assert!(site.client("php get_php_config shop 1").contains("autoscaling: True"));
        let history = || site.client("php get_history shop 1");
        let is_grown = || (history().matches("Autoscaling: 1 more: answers take").count() == 2).then_some(());
        wait_until_within(LIMIT, "there are two backends", is_grown);
        let is_told = || history().contains("but there are 2 nodes, as many as are allowed").then_some(());
        wait_until_within(LIMIT, "the limit is told", is_told);
        site.client("php disable_autoscaling shop 1");
        let backends = site.nodes().into_iter().filter(|(role, _)| role == "backend").count();
        assert_eq!(backends, 2);
        let seen = visitors.go();
        assert_eq!(seen.n_failed, 0, "{seen:?}");
    });
}

/// Kills all processes of a node whose names begin with `program`; without one all at one moment, as a power cut does.
fn kill(state: &Path, node: &str, program: &str) {
    let number = node.rsplit('-').next().expect("it has a last part");
    let mark = format!("lxc.payload.{}{number}", enter::mark(&state.join("nutshell/clouds/iaas")));
    for group in groups(Path::new("/sys/fs/cgroup"), &mark) {
        let text = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        for pid in text.lines().filter_map(|line| line.parse().ok()) {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if name.starts_with(program) {
                let _gone_already = signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

/// Adds four nodes, enables code, changes settings and removes the nodes, and tells of each when it is done.
fn change_everything(site: &Site<'_>, done: &impl Fn(&str)) {
    for words in ["--backend 2", "--web 1 --proxy 1"] {
        site.client(&format!("php add_nodes {words} shop 1"));
        done(words);
    }
    for version in 0..n_times(10) {
        enable(site, &format!("{PAGE}// {version}\n"));
        done("enable");
    }
    for megabytes in 0..n_times(5) {
        site.client(&format!("php set_php_config shop 1 post_max_size {}M", megabytes + 9));
        done("settings");
    }
    for words in ["--backend 1", "--proxy 1 --web 1 --backend 1"] {
        site.client(&format!("php remove_nodes {words} shop 1"));
        done("remove");
    }
}

/// Whether the long form was asked for: ten new versions instead of three, and 100,000 requests.
fn is_long() -> bool {
    std::env::var_os("CONPAAS_TEST_LONG").is_some()
}

fn n_times(long: u32) -> u32 {
    if is_long() { long } else { 3 }
}

/// Starts a service with one node; returns its address.
fn begin<'a>(nutshell: &'a Nutshell, state: &'a Path) -> (Site<'a>, SocketAddr) {
    nutshell.succeed("up", &[]);
    let site = Site { nutshell, directory: state };
    for words in ["application create shop", "application start shop", "php add shop", "php start shop 1"] {
        site.client(words);
    }
    enable(&site, PAGE);
    let nodes = site.nodes();
    let address: IpAddr = nodes.first().expect("there is one").1.parse().expect("it is an address");
    (site, (address, 80).into())
}
